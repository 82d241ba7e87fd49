"""Any films → lesions, their size and place, and the estimated ratio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.evaluation.decoding import mask_threshold
from xraylab.features.lesions import measure_lesions
from xraylab.flow.params import ReleaseParams
from xraylab.flow.release import (
    find_released,
    plot_predicted_masks,
    predict_masks,
    read_mask_on_grid,
    read_new_films,
)
from xraylab.imaging.array_cache import ArrayCache, LoadFilm
from xraylab.models.state import ModelState
from xraylab.tabular.kinds import restore_tabular_model
from xraylab.training.params import TrainingParams

from .params import CLINICAL_FEATURES, SegmentationParams
from .task import NETWORK

__all__ = ["describe_lesions", "plot_lesion_masks", "predict_lesions"]

Bytes = NDArray[np.uint8]


def predict_lesions(
    new_arrays: ArrayCache,
    models: dict[str, ModelState],
    training: TrainingParams,
    segmentation: SegmentationParams,
    params: ReleaseParams,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the lesions of every film at its own size: by the median over the networks of all folds.

    A film that was among those of the training is known to all networks but one.

    Returns
    -------
    dict of str to callable
        By image id a callable that gives the mask (H, W) of 0 and 1.

    Raises
    ------
    ValueError
        If the networks were trained on films prepared in another way.
    """
    states = list(find_released(models, NETWORK, new_arrays).values())
    threshold = partial(mask_threshold, threshold=segmentation.threshold)
    return predict_masks(new_arrays, states, params.batch_size, training, threshold)


def describe_lesions(
    lesion_masks: Mapping[str, LoadFilm],
    new_arrays: ArrayCache,
    cohort: pd.DataFrame,
    regressors: dict[str, ModelState],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure the predicted lesions of each film, and estimate the ratio that an annotator would draw.

    Features are measured on the networks' grid, as those were that the regressions were fitted to. What the clinical
    tables say is known of the films of the cohort, which are recognised by their content: another film of the same name
    is of another patient. Elsewhere it is missing, and the models know what to do with it.

    Returns
    -------
    lesions : DataFrame
        ``image_id, scaled_by``, the features of `xraylab.features.lesions`, the clinical columns, and
        ``estimated_<model>``.
    rejected : DataFrame
        ``image_id, reason`` of every film that cannot be read.
    """
    rows = [
        {**facts, **measure_lesions(read_mask_on_grid(mask, new_arrays.size_px))}
        for facts, mask in read_new_films(new_arrays, lesion_masks)
    ]
    clinical = cohort[["source", *CLINICAL_FEATURES]].drop_duplicates("source")
    sources = new_arrays.index["source"].to_numpy()
    lesions = pd.DataFrame(rows).assign(source=sources).merge(clinical, on="source", how="left")
    lesions = lesions.drop(columns="source")
    for name in CLINICAL_FEATURES:
        lesions[name] = lesions[name].astype(np.float64)
    for name, state in regressors.items():
        lesions[f"estimated_{name}"] = restore_tabular_model(state).predict(lesions)
    return lesions, new_arrays.rejected


def plot_lesion_masks(
    lesion_masks: Mapping[str, LoadFilm], new_arrays: ArrayCache, lesions: pd.DataFrame
) -> plots.Figure:
    """Draw predicted lesions over up to twelve films, from the smallest to the largest."""

    def describe(row: Mapping[Any, Any]) -> str:
        ratio, number = 100 * row["lesion_ratio"], row["num_lesions"]
        return f"{ratio:.1f} % of the film, {number:.0f} lesions"

    ranked = lesions.sort_values(["lesion_ratio", "image_id"])
    return plot_predicted_masks(new_arrays, lesion_masks, ranked, describe, "Predicted lesions")
