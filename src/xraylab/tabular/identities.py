"""A target that can be computed from the features: what no split of the rows can mend."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

__all__ = ["find_identities"]

_TOLERANCE = 1e-6  # relative spread of a factor that is constant on paper


def find_identities(features: pd.DataFrame, target: pd.Series) -> list[str]:
    """List features, products and quotients of two features that give the target, but for a constant factor.

    Parameters
    ----------
    features : (N, F) DataFrame
        Numbers; rows with a missing value are left out, pair by pair.
    target : (N,) Series
        The target, on the index of `features`.

    Returns
    -------
    list of str
        Such as ``"num_lesions * mean_area"``. Rows where the target is 0 must be 0 in the expression too. Nothing is
        found in fewer than three rows with a target other than 0, or for a constant target: any expression fits those.
    """
    goal = target.to_numpy(np.float64)
    columns = {name: features[name].to_numpy(np.float64) for name in features.columns}
    expressions = dict(columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        for first, second in combinations(columns, 2):
            a, b = columns[first], columns[second]
            expressions[f"{first} * {second}"] = a * b
            expressions[f"{first} / {second}"] = a / b
            expressions[f"{second} / {first}"] = b / a
        return [name for name, values in expressions.items() if _is_proportional(values, goal)]


def _is_proportional(values: np.ndarray, goal: np.ndarray) -> bool:
    known = np.isfinite(values) & np.isfinite(goal)
    values, goal = values[known], goal[known]
    there = goal != 0
    if there.sum() < 3 or np.ptp(goal) == 0 or np.any(values[~there] != 0):  # noqa: PLR2004
        return False
    factor = values[there] / goal[there]
    if np.ptp(values) == 0:
        return False
    return bool(np.ptp(factor) <= _TOLERANCE * np.abs(factor).max())
