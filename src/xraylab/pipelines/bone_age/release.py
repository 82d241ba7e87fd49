"""Any hand films and the released network → bone age in months, with an interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.flow.release import find_released, plot_predicted_films
from xraylab.flow.split import SINGLE
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.card import NOTICE
from xraylab.models.state import ModelState
from xraylab.records.delimited import LoadTable
from xraylab.training.params import TrainingParams

from .cohort import read_sexes
from .params import AgeCohortParams, AgeReleaseParams
from .task import AgeTask

__all__ = ["plot_bone_ages", "predict_bone_ages"]


def predict_bone_ages(
    new_arrays: ArrayCache,
    new_tables: Mapping[str, LoadTable],
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: AgeCohortParams,
    training: TrainingParams,
    params: AgeReleaseParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every film, for the sex that a table beside the films names.

    Parameters
    ----------
    new_arrays : ArrayCache
        The films.
    new_tables : mapping of str to callable
        Lazy tables beside them; see `read_sexes`.
    predictions : DataFrame
        Of the honest protocol: the width of its intervals on the test part is that of the new ones.
    models : dict of str to ModelState
        Of the honest protocol.
    cohort, training, params
        What tables and columns are called; machine; which model.

    Returns
    -------
    bone_ages : DataFrame
        ``image_id, scaled_by, model, sex, sex_from`` (``table``, ``parameter``, or ``unknown``: then there is a row
        for either), ``months, interval_low, interval_high, notice``.
    rejected : DataFrame
        ``image_id, reason`` of every film that cannot be read.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    (state,) = find_released(models, params.model, new_arrays).values()
    ids = new_arrays.index["image_id"].astype(str)
    wanted = _list_wanted(ids, new_tables, cohort, params)
    months = AgeTask(new_arrays, training).predict(state, wanted, params.batch_size)
    radius = wanted["sex"].map(_radii(predictions, params.model)).to_numpy(np.float64)
    table = wanted.assign(
        model=params.model,
        months=months,
        interval_low=months - radius,
        interval_high=months + radius,
        notice=NOTICE,
    )
    table.insert(1, "scaled_by", new_arrays.scaled_by(table["image_id"]))
    names = [name for name in table if name not in ("model", "sex", "sex_from")]
    order = [*names[:2], "model", "sex", "sex_from", *names[2:]]
    return table[order], new_arrays.rejected


def _list_wanted(
    image_ids: pd.Series,
    new_tables: Mapping[str, LoadTable],
    cohort: AgeCohortParams,
    params: AgeReleaseParams,
) -> pd.DataFrame:
    """Return one row per film and sex that it is predicted for."""
    told = read_sexes(image_ids.tolist(), new_tables, cohort)
    rows = []
    for image_id in image_ids:
        known = told.get(image_id)
        if known is not None:
            rows.append((image_id, known, "table"))
        elif params.sex is not None:
            rows.append((image_id, params.sex, "parameter"))
        else:
            rows += [(image_id, sex, "unknown") for sex in ("F", "M")]
    return pd.DataFrame(rows, columns=["image_id", "sex", "sex_from"], dtype="str")


def _radii(predictions: pd.DataFrame, model: str) -> dict[str, float]:
    """Return half the width of the intervals of each sex."""
    rows = predictions[(predictions["model"] == model) & (predictions["arm"] == SINGLE)]
    half = (rows["interval_high"] - rows["interval_low"]) / 2
    return {str(sex): float(value) for sex, value in half.groupby(rows["sex"]).first().items()}


def plot_bone_ages(new_arrays: ArrayCache, bone_ages: pd.DataFrame) -> plots.Figure:
    """Draw up to twelve films with their bone age, from the youngest to the oldest."""

    def describe(row: Mapping[Any, Any]) -> str:
        interval = f"({row['interval_low']:.0f} to {row['interval_high']:.0f})"
        return f" ({row['sex']})\n{row['months']:.0f} months {interval}"

    title = "Predicted bone age, with the interval"
    return plot_predicted_films(new_arrays, bone_ages, "months", describe, title)
