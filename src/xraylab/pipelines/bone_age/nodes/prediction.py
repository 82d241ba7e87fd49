"""Trained networks and baselines → predictions with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bone_age import restore_bone_age_network
from xraylab.models.state import ModelState
from xraylab.pipelines.bone_age.params import ProtocolParams
from xraylab.training.params import TrainingParams

from .fitting import list_trainings, model_key, sex_code

if TYPE_CHECKING:
    from torch import nn

__all__ = ["predict", "predict_months"]

_KEPT = ["image_id", "group_id", "arm", "split", "fold", "sex", "target"]


def predict(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ProtocolParams,
) -> pd.DataFrame:
    """Predict every film of the validation and test parts, by networks and by baselines that look at no bone.

    ``mean_age`` is the mean of the training films of the same sex; ``border_only`` a ridge regression on the border of
    the film, its size and the sex.

    Returns
    -------
    DataFrame
        One row a film and model: ``model, image_id, group_id, arm, split, fold, sex, target, prediction`` and
        ``interval_low, interval_high`` (months), calibrated on the validation part of each sex; nan without one.
    """
    tables = []
    for name, spec, arm, rows in list_trainings(cohort, params):
        held_out = rows[rows["split"] != "train"]
        found = predict_months(
            models[model_key(name, arm)], arrays.films, arrays.rows_of(held_out["image_id"]),
            held_out["sex"], spec.recipe.batch_size, training,
        )  # fmt: skip
        tables.append(held_out[_KEPT].assign(model=name, prediction=found))
    tables += _predict_baselines(arrays, cohort)
    together = [_add_intervals(table, params.coverage) for table in tables]
    joined = pd.concat(together, ignore_index=True)
    return joined[["model", *(column for column in joined if column != "model")]]


def predict_months(
    state: ModelState,
    films: NDArray[np.uint8],
    rows: NDArray[np.int64],
    sex: pd.Series,
    batch_size: int,
    training: TrainingParams,
    network: nn.Module | None = None,
) -> NDArray[np.float64]:
    """Return the bone age (N,) in months that a model gives for films of known sex.

    Parameters
    ----------
    state : ModelState
        The model.
    films : (M, S, S) ndarray of uint8
        Prepared films.
    rows : (N,) ndarray of int
        The films wanted.
    sex : (N,) Series
        ``M`` or ``F`` of each.
    batch_size : int
        Films at once.
    training : TrainingParams
        Machine.
    network : torch.nn.Module, optional
        The restored network, where it is asked more than once.
    """
    from xraylab.training.predict import predict_films

    card = state.card
    found = predict_films(
        restore_bone_age_network(state) if network is None else network, films, rows, batch_size,
        sex_code(sex), kind="number", views=card["views"], precision=training.precision,
        accelerator=training.accelerator,
    )  # fmt: skip
    months = np.asarray(found, np.float64) * card["target_sd"] + card["target_mean"]
    return np.asarray(months, np.float64)


def _predict_baselines(arrays: ArrayCache, cohort: pd.DataFrame) -> Iterator[pd.DataFrame]:
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from xraylab.evaluation.shortcut_features import border_pixels

    border = border_pixels(arrays.films)
    for _, rows in cohort.groupby("arm", sort=False):
        learn, held_out = rows[rows["split"] == "train"], rows[rows["split"] != "train"]
        means = learn.groupby("sex")["target"].mean()
        mean = held_out["sex"].map(means).fillna(learn["target"].mean())
        yield held_out[_KEPT].assign(model="mean_age", prediction=mean)
        x, x_held_out = (
            np.column_stack(
                [
                    border[arrays.rows_of(part["image_id"])],
                    part[["height_px", "width_px"]],
                    sex_code(part["sex"]),
                ]
            )
            for part in (learn, held_out)
        )
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 6, 13)))
        ridge.fit(x, learn["target"])
        yield held_out[_KEPT].assign(model="border_only", prediction=ridge.predict(x_held_out))


def _add_intervals(rows: pd.DataFrame, coverage: float) -> pd.DataFrame:
    """Give predictions of one model and training an interval each, by split conformal prediction within each sex."""
    from xraylab.evaluation.conformal import calibrate, prediction_interval, residual_scores

    rows = rows.assign(interval_low=np.nan, interval_high=np.nan)
    for sex, part in rows.groupby("sex"):
        val = part[part["split"] == "val"]
        if val.empty:
            continue
        scores = residual_scores(val["target"].to_numpy(), val["prediction"].to_numpy(), "absolute")
        radius = calibrate(scores, val["group_id"], coverage)
        low, high = prediction_interval(part["prediction"].to_numpy(), radius, "absolute")
        here = rows["sex"] == sex
        rows.loc[here, "interval_low"], rows.loc[here, "interval_high"] = low, high
    return rows
