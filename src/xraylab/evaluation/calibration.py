r"""Whether a probability means what it says, and how to correct one that does not.

References
----------
Naeini M. P., Cooper G. F., Hauskrecht M. (2015), Obtaining well calibrated probabilities using Bayesian binning,
*AAAI*, 2901-2907, and Guo C. et al. (2017), On calibration of modern neural networks, *ICML*, 1321-1330: the expected
calibration error :math:`\sum_b n_b / N \, |\bar p_b - \bar y_b|` over bins b, and temperature scaling. Platt J. (1999),
Probabilistic outputs for support vector machines, *Advances in Large Margin Classifiers*, 61-74. Wilson E. B. (1927),
*JASA* 22(158), 209-212: interval of a share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from xraylab.evaluation.binary import check_binary_rows
from xraylab.parameters import Parameters

__all__ = [
    "N_BINS",
    "BinStrategy",
    "Calibration",
    "CalibrationMethod",
    "apply_calibration",
    "assign_bins",
    "expected_calibration_error",
    "fit_calibration",
    "reliability_table",
]

Floats = NDArray[np.float64]
BinStrategy = Literal["equal_mass", "equal_width"]
CalibrationMethod = Literal["temperature", "platt"]

N_BINS = 10

_NEAREST = 1e-7  # to 0 and 1: a saturated float32 sigmoid has no finite logit
_TEMPERATURES = (0.05, 20.0)  # separated classes would give a temperature of 0


class Calibration(Parameters):
    """A map of probabilities: a line on their logits.

    Plain data: ``model_dump()`` gives a dict for JSON, ``Calibration(**data)`` reads it.

    Attributes
    ----------
    method : {"temperature", "platt"}
        How it was fitted.
    slope : float
        Factor of the logit: 1 / temperature.
    intercept : float
        Added to it; 0 for a temperature.
    """

    method: CalibrationMethod
    slope: float = Field(allow_inf_nan=False)
    intercept: float = Field(0.0, allow_inf_nan=False)

    def apply(self, probabilities: NDArray[np.floating]) -> Floats:
        """Return calibrated probabilities.

        Parameters
        ----------
        probabilities : ndarray
            In [0, 1], any shape; nearer than 1e-7 to 0 or 1 counts as 1e-7.

        Raises
        ------
        ValueError
            If one is missing or outside of [0, 1].
        """
        from scipy.special import expit

        values = np.asarray(probabilities, np.float64)
        bad = ~((values >= 0) & (values <= 1))
        if bad.any():
            raise ValueError(
                f"probabilities must lie in [0, 1]: {int(bad.sum())} of {values.size} do not, "
                f"such as {values[bad][0]:g}"
            )
        return np.asarray(expit(self.slope * _logit(values) + self.intercept), np.float64)


def apply_calibration(
    probabilities: NDArray[np.floating], stored: Mapping[str, Any] | None
) -> Floats:
    """Return probabilities as the card of a model calibrates them.

    Parameters
    ----------
    probabilities : ndarray
        In [0, 1], any shape.
    stored : mapping or None
        ``model_dump()`` of a `Calibration`; None changes nothing.

    Examples
    --------
    >>> apply_calibration(np.array([0.5]), {"method": "temperature", "slope": 2.0}).tolist()
    [0.5]
    """
    if stored is None:
        return np.asarray(probabilities, np.float64)
    return Calibration(**stored).apply(probabilities)


def fit_calibration(rows: pd.DataFrame, method: CalibrationMethod) -> Calibration:
    """Fit a calibration to rows that the model was not fitted to, by the likelihood of their targets.

    Parameters
    ----------
    rows : (N, …) DataFrame
        With columns ``group_id``, ``target`` (0 or 1) and ``prediction`` (in [0, 1]): a validation part.
    method : {"temperature", "platt"}
        ``temperature`` divides the logit by one number, held in [0.05, 20], and moves no film past 1/2. ``platt``
        fits slope and intercept, to targets that are drawn in from 0 and 1 as Platt does, so that the slope stays
        finite where the classes are separated.

    Returns
    -------
    Calibration
        The fitted map.

    Raises
    ------
    ValueError
        For an unknown method, one class only, and as `check_binary_rows` raises.

    Examples
    --------
    The model says 0.9 and is right on three films of four:

    >>> rows = pd.DataFrame({"group_id": range(8), "target": [1, 1, 1, 0, 0, 0, 0, 1]})
    >>> rows["prediction"] = [0.9] * 4 + [0.1] * 4
    >>> fitted = fit_calibration(rows, "temperature")
    >>> fitted.apply(np.array([0.1, 0.5, 0.9])).round(3).tolist()
    [0.25, 0.5, 0.75]
    """
    if method not in get_args(CalibrationMethod):
        raise ValueError(
            f"method must be one of {', '.join(get_args(CalibrationMethod))}, got {method!r}"
        )
    checked = check_binary_rows(rows)
    if not checked.has_both_classes:
        raise ValueError(
            f"a calibration needs both classes: all {len(rows)} targets are {checked.target[0]:g}"
        )
    logits = _logit(checked.prediction)
    fit = _fit_temperature if method == "temperature" else _fit_platt
    slope, intercept = fit(logits, checked.target)
    return Calibration(method=method, slope=slope, intercept=intercept)


def reliability_table(
    rows: pd.DataFrame, n_bins: int = N_BINS, strategy: BinStrategy = "equal_mass"
) -> pd.DataFrame:
    """Hold predicted probabilities against how often they come true, bin by bin.

    Parameters
    ----------
    rows : (N, …) DataFrame
        With columns ``group_id``, ``target`` (0 or 1) and ``prediction`` (in [0, 1]).
    n_bins : int
        Number of bins, >= 1.
    strategy : {"equal_mass", "equal_width"}
        Edges at quantiles of the predictions, or evenly from 0 to 1.

    Returns
    -------
    DataFrame
        ``bin`` (from 0), ``low, high`` (the bin holds low < prediction <= high; the first one low too), ``n``,
        ``mean_prediction``, ``share_positive`` and its 95 % Wilson interval ``ci_low, ci_high``, which takes rows for
        independent. Bins without a row are left out.

    Raises
    ------
    ValueError
        For no bin, an unknown strategy, and as `check_binary_rows` raises.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": range(4), "target": [0, 1, 1, 1]})
    >>> rows["prediction"] = [0.2, 0.3, 0.8, 0.9]
    >>> reliability_table(rows, n_bins=2)[["bin", "n", "mean_prediction", "share_positive"]]
       bin  n  mean_prediction  share_positive
    0    0  2             0.25             0.5
    1    1  2             0.85             1.0
    """
    from scipy.stats import binomtest

    checked = check_binary_rows(rows)
    bins, edges = assign_bins(checked.prediction, n_bins, strategy)
    table = []
    for number in np.unique(bins):
        inside = bins == number
        n, positive = int(inside.sum()), int(checked.target[inside].sum())
        wilson = binomtest(positive, n).proportion_ci(method="wilson")
        bounds = float(edges[number]), float(edges[number + 1])
        mean = float(checked.prediction[inside].mean())
        table.append((int(number), *bounds, n, mean, positive / n, wilson.low, wilson.high))
    names = "bin low high n mean_prediction share_positive ci_low ci_high"
    return pd.DataFrame(table, columns=names.split())


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Return the mean distance of prediction and share over the bins of a reliability table, weighted by their rows.

    Parameters
    ----------
    table : DataFrame
        As `reliability_table` gives it.

    Examples
    --------
    >>> table = pd.DataFrame({"mean_prediction": [0.2, 0.9], "share_positive": [0.3, 0.9], "n": [3, 1]})
    >>> round(expected_calibration_error(table), 3)
    0.075
    """
    distance = (table["mean_prediction"] - table["share_positive"]).abs()
    return float(np.average(distance, weights=table["n"]))


def assign_bins(
    prediction: Floats, n_bins: int = N_BINS, strategy: BinStrategy = "equal_mass"
) -> tuple[NDArray[np.int64], Floats]:
    """Return the bin (N,) of each prediction, and the edges (n_bins + 1,).

    The bins are those of scikit-learn's ``calibration_curve``. Equal predictions share a bin, so that some bins of
    equal mass may stay empty.

    Examples
    --------
    >>> bins, edges = assign_bins(np.array([0.1, 0.4, 0.6, 0.9]), n_bins=2, strategy="equal_width")
    >>> bins.tolist(), edges.tolist()
    ([0, 0, 1, 1], [0.0, 0.5, 1.0])
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    if strategy not in get_args(BinStrategy):
        raise ValueError(
            f"strategy must be one of {', '.join(get_args(BinStrategy))}, got {strategy!r}"
        )
    edges = np.linspace(0, 1, n_bins + 1)
    if strategy == "equal_mass":
        # to the last digit as scikit-learn has them: an edge may equal a prediction
        edges = np.asarray(np.percentile(prediction, edges * 100), np.float64)
    return np.searchsorted(edges[1:-1], prediction).astype(np.int64), edges


def _logit(probabilities: Floats) -> Floats:
    from scipy.special import logit

    return np.asarray(logit(np.clip(probabilities, _NEAREST, 1 - _NEAREST)), np.float64)


def _fit_temperature(logits: Floats, target: Floats) -> tuple[float, float]:
    from scipy.optimize import minimize_scalar

    signs = 1 - 2 * target
    fitted = minimize_scalar(
        lambda log_slope: float(np.logaddexp(0, signs * np.exp(log_slope) * logits).mean()),
        bounds=(-np.log(_TEMPERATURES[1]), -np.log(_TEMPERATURES[0])),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(np.exp(fitted.x)), 0.0


def _fit_platt(logits: Floats, target: Floats) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    n_positive = target.sum()
    n_negative = len(target) - n_positive
    soft = np.where(target == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    # a soft target is a row of either class, weighted
    line = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    line.fit(
        np.tile(logits, 2)[:, None],
        np.repeat([1, 0], len(target)),
        sample_weight=np.concatenate([soft, 1 - soft]),
    )
    return float(line.coef_[0, 0]), float(line.intercept_[0])
