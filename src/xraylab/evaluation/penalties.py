"""The penalty of a logistic regression, chosen by inner folds of its training rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

__all__ = ["choose_penalty", "count_inner_folds"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_N_FOLDS = 5
_NEAREST = 1e-15  # to 0 and 1: a saturated probability has no finite loss


def count_inner_folds(targets: ArrayLike, groups: ArrayLike) -> int:
    """Return the number of inner folds: five, or fewer where a class has fewer groups.

    Parameters
    ----------
    targets, groups : (N,) array-like
        Class and group of each training row.

    Examples
    --------
    >>> count_inner_folds([0, 0, 0, 1, 1, 1], ["a", "b", "c", "d", "d", "e"])
    2
    """
    of_class = pd.Series(np.asarray(groups)).groupby(np.asarray(targets)).nunique()
    return min(_N_FOLDS, int(of_class.min()))


def choose_penalty(
    targets: Floats,
    folds: NDArray[np.int64],
    penalties: Sequence[float],
    predict: Callable[[Flags, Flags], Floats],
    weights: Floats,
) -> float:
    """Return the penalty with the least log loss over inner folds.

    Parameters
    ----------
    targets : (N,) ndarray of float64
        0 or 1.
    folds : (N,) ndarray of int
        Inner fold of each row. A fold without which one class is missing is left out.
    penalties : sequence of float
        Values of scikit-learn's ``C``, the strongest penalty first.
    predict : callable
        Takes which rows train (N,) and which are held out (N,); returns probabilities (P, M) of the held-out rows, one
        row per penalty.
    weights : (N,) ndarray of float64
        Weight of each row in the loss.

    Returns
    -------
    float
        Of equal penalties the strongest.

    Examples
    --------
    >>> def predict(train, held_out):
    ...     return np.stack([np.full(held_out.sum(), chance) for chance in (0.5, 0.9)])
    >>> choose_penalty(np.array([0.0, 1, 1, 0]), np.array([0, 0, 1, 1]), (0.1, 1.0), predict, np.ones(4))
    0.1
    """
    losses = np.zeros(len(penalties))
    for fold in np.unique(folds):
        held_out = folds == fold
        if targets[~held_out].min() == targets[~held_out].max():
            continue
        chance = predict(~held_out, held_out).clip(_NEAREST, 1 - _NEAREST)
        right = np.where(targets[held_out] == 1, chance, 1 - chance)
        losses -= np.log(right) @ weights[held_out]
    return penalties[int(np.argmin(losses))]
