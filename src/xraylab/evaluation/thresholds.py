"""The threshold of a classifier, chosen on a validation part.

References
----------
Youden W. J. (1950), Index for rating diagnostic tests, *Cancer* 3(1), 32-35: sensitivity + specificity - 1.
"""

from __future__ import annotations

import logging
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.binary import BinaryRows, Weight, check_binary_rows

__all__ = ["ThresholdRule", "choose_threshold"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
ThresholdRule = Literal["youden", "f1", "sensitivity_90", "specificity_90"]

_FLOOR = 0.9  # of the sensitivity or specificity that a rule holds
_ROUNDING = 1e-9  # sums of weights 1/N that are whole numbers on paper
_MIDDLE = 0.5


def choose_threshold(rows: pd.DataFrame, rule: ThresholdRule, weight: Weight = "row") -> float:
    """Choose a threshold on rows that the model was neither fitted to nor is tested on.

    The candidates lie half-way between neighbouring predictions, and at 0, where every film is positive; at most half
    of the way from the highest prediction to 1, where none is.

    Parameters
    ----------
    rows : (N, …) DataFrame
        With columns ``group_id``, ``target`` (0 or 1) and ``prediction`` (in [0, 1]): the validation part only.
    rule : {"youden", "f1", "sensitivity_90", "specificity_90"}
        ``youden``: the highest sensitivity + specificity. ``f1``: the highest F1. ``sensitivity_90``: the highest
        specificity at a sensitivity of at least 0.9. ``specificity_90``: the highest sensitivity at a specificity of
        at least 0.9. Of equal candidates the one nearest to 0.5, then the higher.
    weight : {"row", "group"}
        As `classification_metrics` takes it.

    Returns
    -------
    float
        In [0, 1]; a film is positive at prediction >= threshold. Where the rule finds nothing, a warning is logged:
        ``youden`` gives 0.5 if no candidate is better than chance, ``specificity_90`` the most specific candidate if
        none reaches 0.9 (too many films of class 0 share the prediction 1).

    Raises
    ------
    ValueError
        For an unknown rule, one class only, and as `check_binary_rows` raises.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("abcd"), "target": [0, 0, 1, 1]})
    >>> choose_threshold(rows.assign(prediction=[0.1, 0.2, 0.6, 0.9]), "youden")
    0.4
    """
    if rule not in get_args(ThresholdRule):
        raise ValueError(f"rule must be one of {', '.join(get_args(ThresholdRule))}, got {rule!r}")
    checked = check_binary_rows(rows, weight)
    if not checked.has_both_classes:
        raise ValueError(
            f"a threshold needs both classes: all {len(rows)} targets are {checked.target[0]:g}"
        )
    candidates = _candidates(checked.prediction)
    true, false = _called(checked, candidates, 1), _called(checked, candidates, 0)
    sensitivity, specificity = true / true[0], 1 - false / false[0]
    if rule == "youden":
        score = sensitivity + specificity - 1
        if score.max() <= _ROUNDING:
            logger.debug("no threshold of %d rows is better than chance; 0.5 is taken", len(rows))
            return _MIDDLE
    elif rule == "f1":
        score = 2 * true / (true + false + true[0])
    elif rule == "sensitivity_90":
        score = np.where(sensitivity >= _FLOOR - _ROUNDING, specificity, -np.inf)
    else:
        reached = specificity >= _FLOOR - _ROUNDING
        score = np.where(reached, sensitivity, -np.inf)
        if not reached.any():
            score = specificity
            logger.warning(
                "no threshold of %d rows has a specificity of 0.9; the highest is %.3g",
                len(rows), specificity.max(),
            )  # fmt: skip
    return _best(candidates, score)


def _candidates(prediction: Floats) -> Floats:
    distinct = np.unique(prediction)
    low, high = distinct, np.append(distinct[1:], 1.0)
    half = (low + high) / 2
    # between neighbouring floats there is nothing: the upper one itself cuts as well
    cuts = np.where(half > low, half, high)
    return np.concatenate([[0.0], cuts[cuts > low]])


def _called(rows: BinaryRows, candidates: Floats, target: int) -> Floats:
    """Return the weight (K,) of the rows of one class that each candidate calls positive; the first calls all."""
    order = np.argsort(rows.prediction, kind="stable")
    weights = np.where(rows.target == target, rows.weight, 0.0)[order]
    below = np.searchsorted(rows.prediction[order], candidates, side="left")
    return np.append(np.cumsum(weights[::-1])[::-1], 0.0)[below]


def _best(candidates: Floats, score: Floats) -> float:
    best = candidates[score >= score.max() - _ROUNDING]
    return float(best[np.lexsort((-best, np.abs(best - _MIDDLE)))[0]])
