"""Any hand films and the released network → bone age in months, with an interval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.models.card import NOTICE, check_preparation
from xraylab.models.state import ModelState
from xraylab.pipelines.bone_age.params import CohortParams, ReleaseParams
from xraylab.records.delimited import LoadTable
from xraylab.training.params import TrainingParams

from .cohort import read_sexes
from .fitting import model_key
from .prediction import predict_months
from .split import SINGLE

__all__ = ["cache_new_films", "plot_bone_ages", "predict_bone_ages"]

_SHOWN = 12


def cache_new_films(
    new_films: dict[str, LoadFilm], cohort: CohortParams, params: ReleaseParams
) -> CachePlan:
    """Plan the arrays of films to be read, prepared as the network's own were; there may be none."""
    return CachePlan(
        new_films,
        preprocess=cohort.preprocess,
        workers=cohort.workers,
        max_rejected_fraction=params.max_rejected_fraction,
        allow_empty=True,
    )


def predict_bone_ages(
    new_arrays: ArrayCache,
    new_tables: Mapping[str, LoadTable],
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: CohortParams,
    training: TrainingParams,
    params: ReleaseParams,
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
    key = model_key(params.model, SINGLE)
    if key not in models:
        raise ValueError(
            f"release.model '{params.model}' is none of the trained {', '.join(models)}"
        )
    state = models[key]
    check_preparation(params.model, state.card, new_arrays.preprocess)
    wanted = _list_wanted(new_arrays.index["image_id"].astype(str), new_tables, cohort, params)
    rows = new_arrays.rows_of(wanted["image_id"]) if len(wanted) else np.zeros(0, np.int64)
    months = predict_months(
        state, new_arrays.films, rows, wanted["sex"], params.batch_size, training
    )
    radius = wanted["sex"].map(_radii(predictions, params.model)).to_numpy(np.float64)
    table = wanted.assign(
        model=params.model,
        months=months,
        interval_low=months - radius,
        interval_high=months + radius,
        notice=NOTICE,
    )
    table.insert(1, "scaled_by", new_arrays.scaled_by(table["image_id"]))
    order = [
        "image_id",
        "scaled_by",
        "model",
        "sex",
        "sex_from",
        "months",
        "interval_low",
        "interval_high",
        "notice",
    ]
    return table[order], new_arrays.rejected


def _list_wanted(
    image_ids: pd.Series,
    new_tables: Mapping[str, LoadTable],
    cohort: CohortParams,
    params: ReleaseParams,
) -> pd.DataFrame:
    """Return one row a film and sex that it is asked for."""
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
    ranked = bone_ages.sort_values(["months", "image_id"]).drop_duplicates("image_id")
    if ranked.empty:
        return plots.plot_message("There was no film to read: name a folder with --params films=…")
    places = np.linspace(0, len(ranked) - 1, min(_SHOWN, len(ranked))).round().astype(int)
    panels = []
    for row in ranked.iloc[places].to_dict("records"):
        label = (
            f"{PurePosixPath(row['image_id']).name} ({row['sex']})\n{row['months']:.0f} months "
            f"({row['interval_low']:.0f} to {row['interval_high']:.0f})"
        )
        panels.append((label, np.asarray(new_arrays.films[new_arrays.row_of(row["image_id"])])))
    return plots.plot_film_grid(panels, "Predicted bone age, with the interval")
