"""XGBoost and LightGBM: arrays in, the library's own text out, and predictions from that text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraylab.extras import require

__all__ = ["LIBRARIES", "BoostingLibrary", "fit_xgboost", "load_xgboost", "predict_xgboost"]

Floats = NDArray[np.float64]
Rows = tuple[Floats, Floats]


def fit_xgboost(
    design: Floats, target: Floats, options: dict[str, Any], watched: list[Rows] | None = None
) -> tuple[str, list[Floats]]:
    """Fit XGBoost.

    Parameters
    ----------
    design : (N, F) ndarray of float64
        Training features; nan for a missing value.
    target : (N,) ndarray of float64
        Training target.
    options : dict
        Keyword arguments of ``xgboost.XGBRegressor``.
    watched : list of (features, target), optional
        Rows whose ``eval_metric`` is recorded after each tree.

    Returns
    -------
    text : str
        The booster as XGBoost's JSON.
    curves : list of (T,) ndarray
        The metric after each tree, for each of `watched`.
    """
    from xgboost import XGBRegressor

    model = XGBRegressor(**options).fit(design, target, eval_set=watched, verbose=False)
    curves = []
    if watched:
        curves = [np.asarray(next(iter(each.values()))) for each in model.evals_result().values()]
    return model.get_booster().save_raw(raw_format="json").decode(), curves


def load_xgboost(text: str, n_threads: int = 1) -> Any:
    """Return the booster of XGBoost's JSON; ValueError if the text is no such booster."""
    xgboost = require("xgboost")
    booster = xgboost.Booster({"nthread": n_threads})
    try:
        booster.load_model(bytearray(text, "utf-8"))
    except xgboost.core.XGBoostError as error:
        raise ValueError(f"the booster is no XGBoost JSON: {str(error).splitlines()[0]}") from error
    return booster


def predict_xgboost(booster: Any, design: Floats) -> Floats:
    """Return the predictions (N,) of XGBoost's booster."""
    return np.asarray(booster.inplace_predict(design), np.float64)


def _fit_lightgbm(design: Floats, target: Floats, options: dict[str, Any]) -> str:
    from lightgbm import LGBMRegressor

    # deterministic: the same trees whatever the number of threads
    model = LGBMRegressor(**options, verbosity=-1, deterministic=True, force_row_wise=True)
    return str(model.fit(design, target).booster_.model_to_string())


def _load_lightgbm(text: str) -> Any:
    return require("lightgbm").Booster(model_str=text)


def _predict_lightgbm(booster: Any, design: Floats) -> Floats:
    return np.asarray(booster.predict(design, num_threads=1), np.float64)


@dataclass(frozen=True)
class BoostingLibrary:
    """What differs between the two libraries.

    Attributes
    ----------
    log_loss : str
        Name of the objective for a binary target.
    fit : callable
        Features, target and keyword arguments to the booster's text.
    load : callable
        The text to the library's booster.
    predict : callable
        A booster and features (N, F) to predictions (N,).
    """

    log_loss: str
    fit: Callable[[Floats, Floats, dict[str, Any]], str]
    load: Callable[[str], Any]
    predict: Callable[[Any, Floats], Floats]


LIBRARIES = {
    "xgboost": BoostingLibrary(
        log_loss="binary:logistic",
        fit=lambda design, target, options: fit_xgboost(design, target, options)[0],
        load=load_xgboost,
        predict=predict_xgboost,
    ),
    "lightgbm": BoostingLibrary(
        log_loss="binary",
        fit=_fit_lightgbm,
        load=_load_lightgbm,
        predict=_predict_lightgbm,
    ),
}
"""The libraries by the kind of model, which is the name of the package too."""
