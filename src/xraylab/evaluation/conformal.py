r"""Split conformal prediction intervals for grouped rows.

On calibration rows that the model has not seen, the interval's radius is a quantile of the
residual scores with the finite-sample correction: for K exchangeable scores, the :math:`\lceil
c\,(K + 1) \rceil`-th smallest covers a new one with a probability of at least c, whatever the
model and the noise.

Rows of one group are not exchangeable with rows of another, groups are. Each group therefore
weighs as one score, shared evenly among its rows (hierarchical conformal prediction), which holds
for a row of a **new** group and is split conformal where every group has one row. It needs no
random choice of a row for each group.

References ---------- Vovk V., Gammerman A., Shafer G. (2005), *Algorithmic Learning in a Random
World*, Springer. Lei J. et al. (2018), Distribution-free predictive inference for regression,
*JASA* 113(523), 1094-1111. Dunn R., Wasserman L., Ramdas A. (2022), Distribution-free prediction
sets for two-layer hierarchical models, *JASA* 118(544), 2491-2502. Lee Y., Barber R. F., Willett
R. (2023), Distribution-free inference with hierarchical data, arXiv:2306.06342.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.bootstrap import bootstrap_table

__all__ = [
    "ScoreKind",
    "add_intervals",
    "calibrate",
    "coverage_metrics",
    "least_groups",
    "prediction_interval",
    "residual_scores",
]

Floats = NDArray[np.float64]
ScoreKind = Literal["absolute", "relative"]

_ROUNDING = 1e-9  # sums of weights 1/N that are whole numbers on paper


def residual_scores(target: Floats, prediction: Floats, kind: ScoreKind) -> Floats:
    """Return how far each prediction is from its target.

    Parameters
    ----------
    target, prediction : (N,) ndarray
        Truth and prediction, in units of the target; > 0 for ``relative``.
    kind : {"absolute", "relative"}
        ``absolute``: abs(target - prediction). ``relative``: abs(log target - log prediction), for
        errors that grow with the target.

    Returns
    -------
    (N,) ndarray of float64
        Scores, >= 0.

    Raises
    ------
    ValueError
        If a value is missing or infinite, or one is not above 0 for ``relative``.

    Examples
    --------
    >>> residual_scores(np.array([1.0, 2.0]), np.array([1.5, 1.0]), "absolute").tolist()
    [0.5, 1.0]
    """
    target, prediction = _finite("target", target), _finite("prediction", prediction)
    if kind == "absolute":
        return np.asarray(np.abs(target - prediction))
    for name, values in (("target", target), ("prediction", prediction)):
        if (values <= 0).any():
            raise ValueError(
                f"a relative score needs values above 0: the least {name} is {values.min():g}"
            )
    return np.asarray(np.abs(np.log(target) - np.log(prediction)))


def calibrate(scores: Floats, group_ids: pd.Series, coverage: float) -> float:
    """Return the radius that covers a row of a new group with at least the wanted probability.

    Parameters
    ----------
    scores : (N,) ndarray
        Residual scores of rows that the model was not fitted to.
    group_ids : (N,) Series
        Group of each row.
    coverage : float
        Wanted probability, in (0, 1).

    Returns
    -------
    float
        The radius. It is **infinite** where there are too few groups for any finite one to hold:
        fewer than `least_groups`.

    Raises
    ------
    ValueError
        For no rows, a missing value or group, or a coverage that is no probability.

    Examples
    --------
    Of nine groups the ninth smallest score covers 90 %; of eight no finite one does:

    >>> scores = np.arange(1.0, 10.0)
    >>> calibrate(scores, pd.Series(range(9)), 0.9), calibrate(scores[:8], pd.Series(range(8)), 0.9)
    (9.0, inf)
    """
    _check_coverage(coverage)
    scores = _finite("scores", scores)
    if len(scores) == 0 or len(scores) != len(group_ids):
        raise ValueError(
            f"need one group per score, got {len(scores)} scores and {len(group_ids)} groups"
        )
    groups, names = pd.factorize(group_ids)
    if (groups < 0).any():
        raise ValueError(f"group_ids: {int((groups < 0).sum())} of {len(groups)} are missing")
    order = np.argsort(scores, kind="stable")
    weights = 1.0 / np.bincount(groups)[groups]
    reached = np.cumsum(weights[order]) >= coverage * (len(names) + 1) - _ROUNDING
    return float(scores[order][np.argmax(reached)]) if reached.any() else float("inf")


def least_groups(coverage: float) -> int:
    """Return the fewest groups that allow a finite radius: the least K with K >= c (K + 1).

    Examples
    --------
    >>> least_groups(0.9), least_groups(0.95)
    (9, 19)
    """
    _check_coverage(coverage)
    return int(np.ceil(coverage / (1 - coverage) - _ROUNDING))


def prediction_interval(
    prediction: Floats, radius: float, kind: ScoreKind
) -> tuple[Floats, Floats]:
    """Return the interval around each prediction.

    Parameters
    ----------
    prediction : (N,) ndarray
        Predictions; > 0 for ``relative``.
    radius : float
        As `calibrate` gives it; an infinite one gives the whole line (``absolute``) or all
        positive numbers (``relative``).
    kind : {"absolute", "relative"}
        prediction ± radius, or prediction · exp(± radius).

    Returns
    -------
    low, high : (N,) ndarray of float64
        Ends of the closed interval.

    Raises
    ------
    ValueError
        If a prediction is missing or infinite, or is not above 0 for ``relative``.

    Examples
    --------
    >>> low, high = prediction_interval(np.array([10.0, 20.0]), 2.0, "absolute")
    >>> low.tolist(), high.tolist()
    ([8.0, 18.0], [12.0, 22.0])
    """
    prediction = _finite("prediction", prediction)
    if kind == "absolute":
        return prediction - radius, prediction + radius
    if (prediction <= 0).any():
        raise ValueError(
            f"a relative interval needs predictions above 0: the least is {prediction.min():g}"
        )
    return prediction * np.exp(-radius), prediction * np.exp(radius)


def add_intervals(rows: pd.DataFrame, coverage: float, by: str) -> pd.DataFrame:
    """Give the predictions of one model an interval each, calibrated on its validation part, class by class.

    Parameters
    ----------
    rows : DataFrame
        ``split, group_id, target, prediction`` of one model and training.
    coverage : float
        Share of the targets that the intervals must hold.
    by : str
        Column of the classes that are calibrated separately, such as the sex.

    Returns
    -------
    DataFrame
        The rows with ``interval_low`` and ``interval_high``; nan for a class without a validation part.

    Examples
    --------
    >>> rows = pd.DataFrame({"split": ["val"] * 4 + ["test"], "group_id": list("abcde"), "sex": "F"})
    >>> rows = rows.assign(target=[0.0, 1.0, 2.0, 3.0, 4.0], prediction=[1.0, 2.0, 3.0, 4.0, 9.0])
    >>> add_intervals(rows, 0.5, by="sex")[["interval_low", "interval_high"]].iloc[-1].tolist()
    [8.0, 10.0]
    """
    rows = rows.assign(interval_low=np.nan, interval_high=np.nan)
    for name, part in rows.groupby(by):
        val = part[part["split"] == "val"]
        if val.empty:
            continue
        scores = residual_scores(val["target"].to_numpy(), val["prediction"].to_numpy(), "absolute")
        radius = calibrate(scores, val["group_id"], coverage)
        low, high = prediction_interval(part["prediction"].to_numpy(), radius, "absolute")
        here = rows[by] == name
        rows.loc[here, "interval_low"], rows.loc[here, "interval_high"] = low, high
    return rows


def coverage_metrics(rows: pd.DataFrame, n_resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Measure how often intervals hold their target, and how wide they are.

    Parameters
    ----------
    rows : (N, …) DataFrame
        With columns ``group_id, target, interval_low, interval_high``.
    n_resamples : int
        Bootstrap resamples of the groups; 0 for no interval.
    seed : int
        Seed of the resamples.

    Returns
    -------
    DataFrame
        ``metric, value, ci_low, ci_high, n`` with the rows ``coverage`` (share of the rows whose
        target lies in the closed interval) and ``interval_width`` (mean, in units of the target; an
        infinite one has no interval).

    Raises
    ------
    ValueError
        For no rows, a missing column or a missing value.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("ab"), "target": [1, 5]})
    >>> rows = rows.assign(interval_low=[0, 0], interval_high=[2, 4])
    >>> coverage_metrics(rows, n_resamples=0)[["metric", "value"]]
               metric  value
    0        coverage    0.5
    1  interval_width    3.0
    """
    columns = ["group_id", "target", "interval_low", "interval_high"]
    for column in columns:
        if column not in rows.columns:
            raise ValueError(
                f"rows lack the column '{column}'; they have {', '.join(map(str, rows.columns))}"
            )
        if rows[column].isna().any():
            raise ValueError(
                f"'{column}' is missing in {int(rows[column].isna().sum())} of {len(rows)} rows"
            )
    if rows.empty:
        raise ValueError("there are no rows to measure")
    held = rows["target"].between(rows["interval_low"], rows["interval_high"])
    table = pd.DataFrame(
        {"n": 1.0, "held": held, "width": rows["interval_high"] - rows["interval_low"]}
    )
    sums = table.astype(np.float64).groupby(rows["group_id"].to_numpy()).sum().to_numpy()
    with np.errstate(invalid="ignore"):  # an infinite width that a resample leaves out: 0 x inf
        return bootstrap_table(
            sums,
            lambda s: s[:, 1:] / s[:, :1],
            ("coverage", "interval_width"),
            n_resamples,
            seed,
            len(rows),
        )


def _check_coverage(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie in (0, 1), got {coverage}")


def _finite(name: str, values: Floats) -> Floats:
    values = np.asarray(values, np.float64)
    n_bad = int((~np.isfinite(values)).sum())
    if n_bad:
        raise ValueError(f"{name}: {n_bad} of {values.size} values are missing or infinite")
    return values
