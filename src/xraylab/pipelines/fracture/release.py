"""Any films → probability of a fracture, by the released network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.flow.params import ModelReleaseParams
from xraylab.flow.release import call_films, find_released, plot_predicted_films
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams

from .task import FractureTask

__all__ = ["plot_fractures", "predict_fractures"]


def predict_fractures(
    new_arrays: ArrayCache,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ModelReleaseParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every film; with folds, by the mean of the networks of all folds.

    Returns
    -------
    fractures : DataFrame
        As `xraylab.flow.release.call_films` gives it; ``fractured`` is the finding.
    rejected : DataFrame
        ``image_id, reason`` of every film that cannot be read.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    states = list(find_released(models, params.model, new_arrays).values())
    task = FractureTask(new_arrays, training)
    found = [task.predict(state, new_arrays.index, params.batch_size) for state in states]
    ids = new_arrays.index["image_id"].astype(str)
    return call_films(new_arrays, ids, np.stack(found), states, "fractured"), new_arrays.rejected


def plot_fractures(new_arrays: ArrayCache, fractures: pd.DataFrame) -> plots.Figure:
    """Draw up to twelve films with their probability, from the least to the most likely fractured."""

    def describe(row: Mapping[Any, Any]) -> str:
        return f"\np = {row['probability']:.2f}" + (", fractured" if row["fractured"] else "")

    title = "Predicted probability of a fracture"
    return plot_predicted_films(new_arrays, fractures, "probability", describe, title)
