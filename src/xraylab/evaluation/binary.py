"""Rows of a binary classifier, checked, and what is measured on their ranks.

References
----------
Hanley J. A., McNeil B. J. (1982), *Radiology* 143(1), 29-36: the area under the ROC curve is the share of the pairs of
one film of either class that are in order, ties by half. Davis J., Goadrich M. (2006), *ICML*, 233-240: two points of a
precision-recall curve are not joined by a straight line, so that its area is the average precision, a sum of steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.metrics import check_rows

__all__ = [
    "RANK_METRICS",
    "BinaryRows",
    "Weight",
    "check_binary_rows",
    "check_thresholds",
    "measure_ranks",
]

Floats = NDArray[np.float64]
Weight = Literal["row", "group"]

RANK_METRICS = ("auroc", "auprc", "sensitivity_at_90_specificity")

_FALSE_ALARMS = 0.1  # of the negative films, at a specificity of 90 %
_ROUNDING = 1e-9  # sums of weights 1/N that are whole numbers on paper


@dataclass(frozen=True)
class BinaryRows:
    """Rows of a binary classifier.

    Attributes
    ----------
    groups : (N,) ndarray of int64
        Group of each row, numbered from 0.
    target : (N,) ndarray of float64
        0 or 1.
    prediction : (N,) ndarray of float64
        Probability of class 1, in [0, 1].
    weight : (N,) ndarray of float64
        1, or 1 / (rows of the group), so that each group counts as one.
    """

    groups: NDArray[np.int64]
    target: Floats
    prediction: Floats
    weight: Floats

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.groups.max()) + 1

    @property
    def has_both_classes(self) -> bool:
        """Whether there is a row of either class."""
        return bool(self.target.min() < self.target.max())


def check_binary_rows(rows: pd.DataFrame, weight: Weight = "row") -> BinaryRows:
    """Check rows of ``group_id``, ``target`` and ``prediction``.

    Parameters
    ----------
    rows : (N, …) DataFrame
        ``target`` 0 or 1, ``prediction`` a probability in [0, 1].
    weight : {"row", "group"}
        Each row counts as one, or each group does and its rows share it.

    Raises
    ------
    ValueError
        For no rows, a missing column, a value that is missing, a target that is not 0 or 1, a prediction outside of
        [0, 1], or an unknown `weight`.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("aab"), "target": [0, 0, 1], "prediction": [0.1, 0.2, 0.9]})
    >>> check_binary_rows(rows, weight="group").weight.tolist()
    [0.5, 0.5, 1.0]
    """
    if weight not in get_args(Weight):
        raise ValueError(f"weight must be one of {', '.join(get_args(Weight))}, got {weight!r}")
    groups, target, prediction = check_rows(rows)
    for name, values, good, rule in (
        ("target", target, (target == 0) | (target == 1), "be 0 or 1"),
        ("prediction", prediction, (prediction >= 0) & (prediction <= 1), "lie in [0, 1]"),
    ):
        if not good.all():
            raise ValueError(
                f"'{name}' must {rule}: {int((~good).sum())} of {len(rows)} rows do not, such as {values[~good][0]:g}"
            )
    weights = np.ones(len(rows)) if weight == "row" else 1.0 / np.bincount(groups)[groups]
    return BinaryRows(groups, target, prediction, weights)


def check_thresholds(rows: pd.DataFrame, threshold: float | str) -> Floats:
    """Return the threshold (N,) of each row.

    Parameters
    ----------
    rows : (N, …) DataFrame
        The rows.
    threshold : float or str
        One for all, in [0, 1], or the name of the column that holds each row's own.

    Raises
    ------
    ValueError
        If the column is missing, or a threshold is missing or outside of [0, 1].

    Examples
    --------
    >>> check_thresholds(pd.DataFrame({"own": [0.2, 0.7]}), "own").tolist()
    [0.2, 0.7]
    """
    if isinstance(threshold, str):
        if threshold not in rows.columns:
            raise ValueError(
                f"rows lack the column '{threshold}'; they have {', '.join(map(str, rows.columns))}"
            )
        values = rows[threshold].to_numpy(np.float64, na_value=np.nan)
    else:
        values = np.full(len(rows), threshold, np.float64)
    bad = ~((values >= 0) & (values <= 1))
    if bad.any():
        raise ValueError(
            f"a threshold must lie in [0, 1]: {int(bad.sum())} of {len(rows)} do not, such as {values[bad][0]:g}"
        )
    return values


def measure_ranks(rows: BinaryRows) -> Callable[[Floats], Floats]:
    """Return a function of how often each group is drawn, counts (B, G), to the metrics (B, 3) of `RANK_METRICS`.

    Nothing is sorted again: a resample is a weighting of the rows. A metric is nan in a resample where a class that it
    needs has no row: the average precision needs a positive one, the others both.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("abc"), "target": [0, 1, 1], "prediction": [0.5, 0.4, 0.9]})
    >>> measure = measure_ranks(check_binary_rows(rows))
    >>> measure(np.ones((1, 3)))[0, 0].item()  # auroc: one of two pairs is in order
    0.5
    """
    order = np.argsort(-rows.prediction, kind="stable")
    falling = rows.prediction[order]
    # rows of one prediction are called positive together
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    groups, weight, target = rows.groups[order], rows.weight[order], rows.target[order]

    def measure(times: Floats) -> Floats:
        weights = times[:, groups] * weight
        true = np.cumsum(weights * target, axis=1)[:, last]
        false = np.cumsum(weights * (1 - target), axis=1)[:, last]
        positive, negative = true[:, -1], false[:, -1]
        gained = np.diff(true, axis=1, prepend=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            called = true + false
            precision = np.divide(true, called, out=np.zeros_like(true), where=called > 0)
            area = np.sum(np.diff(false, axis=1, prepend=0) * (true - gained / 2), axis=1)
            allowed = false <= (_FALSE_ALARMS + _ROUNDING) * negative[:, None]
            found = np.max(true * allowed, axis=1) / positive
            return np.stack(
                [
                    area / (positive * negative),
                    np.sum(gained * precision, axis=1) / positive,
                    np.where(negative > 0, found, np.nan),
                ],
                axis=1,
            )

    return measure
