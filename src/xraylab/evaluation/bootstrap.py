"""95 % intervals by a bootstrap that draws **groups** with replacement.

Rows of one group (a patient, one film at several doses) are not independent. Values that are functions of sums over
rows (:math:`R^2`, mean errors, shares) are drawn from the sums of each group, at once for all resamples; functions of
how often each group is drawn from its counts; any other callable is computed again on the rows of each resample.

References
----------
Efron B., Tibshirani R. J. (1993), *An Introduction to the Bootstrap*, ch. 13 (percentile interval).
Field C. A., Welsh A. H. (2007), Bootstrapping clustered data, *JRSS B* 69(3), 369-390.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "FEW_GROUPS",
    "RowMetric",
    "bootstrap_counts",
    "bootstrap_groups",
    "bootstrap_rows",
    "bootstrap_table",
]

Floats = NDArray[np.float64]

RowMetric = Callable[[Floats, Floats], float]
"""``(target, prediction)``, both (N,), to a number."""

FEW_GROUPS = 10
"""An interval from fewer groups than these is not to be relied on, and is marked where it is shown."""

_LEAST_GROUPS = 3  # one or two groups say nothing about others
_LEVELS = (2.5, 97.5)  # percentiles of a 95 % interval
_CHUNK = 4_000_000  # multiplicities held at once, 32 MB as float64


def bootstrap_groups(
    statistics: Floats, reduce: Callable[[Floats], Floats], n_resamples: int, seed: int
) -> tuple[Floats, Floats, Floats]:
    """Bootstrap functions of sums over groups.

    Parameters
    ----------
    statistics : (G, K) ndarray
        K sums over the rows of each of G groups, such as the number of rows and the sum of errors.
    reduce : callable
        Sums ``(B, K)`` to M values ``(B, M)``, row by row; nan where a value does not exist.
    n_resamples : int
        Resamples of G groups each, drawn with replacement; 0 for no interval.
    seed : int
        Seed of the draws.

    Returns
    -------
    value, low, high : (M,) ndarray
        The values on all groups and their 95 % percentile interval. Resamples without a value are
        left out of it; the interval is nan for one or two groups and for 0 resamples.

    Examples
    --------
    The mean over rows of three groups, from the number of rows and their sum in each group:

    >>> sums = np.array([[1.0, 4.0], [2.0, 8.0], [1.0, 4.0]])
    >>> value, low, high = bootstrap_groups(sums, lambda s: s[:, 1:] / s[:, :1], 100, seed=0)
    >>> value.item(), low.item(), high.item()
    (4.0, 4.0, 4.0)
    """
    statistics = np.asarray(statistics, np.float64)
    value = np.asarray(reduce(statistics.sum(axis=0, keepdims=True))[0], np.float64)
    low, high = _interval(
        lambda times: reduce(times @ statistics), len(statistics), len(value), n_resamples, seed
    )
    return value, low, high


def bootstrap_counts(
    measure: Callable[[Floats], Floats],
    n_groups: int,
    n_resamples: int,
    seed: int,
    n_cells: int | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Bootstrap functions of how often each group was drawn, for values that are no functions of sums.

    Parameters
    ----------
    measure : callable
        Counts ``(B, G)``, how often each of G groups is in each of B resamples, to M values ``(B, M)``, row by row;
        nan where a value does not exist. Counts of 1 give the value itself.
    n_groups, n_resamples, seed
        As `bootstrap_groups` takes them; one seed draws the same resamples in both.
    n_cells : int, optional
        Numbers that `measure` holds for each resample, to bound its memory; None for one per group.

    Returns
    -------
    value, low, high : (M,) ndarray
        As `bootstrap_groups` gives them.

    Examples
    --------
    >>> target = np.array([4.0, 4.0, 4.0])
    >>> mean = lambda times: (times @ target / times.sum(axis=1))[:, None]
    >>> [bound.item() for bound in bootstrap_counts(mean, 3, 100, seed=0)]
    [4.0, 4.0, 4.0]
    """
    value = np.asarray(measure(np.ones((1, n_groups)))[0], np.float64)
    low, high = _interval(measure, n_groups, len(value), n_resamples, seed, n_cells)
    return value, low, high


def bootstrap_table(
    statistics: Floats,
    reduce: Callable[[Floats], Floats],
    names: Sequence[str],
    n_resamples: int,
    seed: int,
    n: int | None = None,
) -> pd.DataFrame:
    """Bootstrap as `bootstrap_groups` does, and return the M values as rows of a table.

    Parameters
    ----------
    statistics, reduce, n_resamples, seed
        As `bootstrap_groups` takes them.
    names : sequence of str
        Names of the M values.
    n : int, optional
        What the values were measured on, for the column ``n``; None for the number of groups.

    Returns
    -------
    DataFrame
        Columns ``metric, value, ci_low, ci_high, n, n_groups``.

    Examples
    --------
    >>> sums = np.array([[1.0, 4.0], [2.0, 8.0], [1.0, 4.0]])
    >>> bootstrap_table(sums, lambda s: s[:, 1:] / s[:, :1], ["mean"], 100, seed=0)
      metric  value  ci_low  ci_high  n  n_groups
    0   mean    4.0     4.0      4.0  3         3
    """
    value, low, high = bootstrap_groups(statistics, reduce, n_resamples, seed)
    if len(value) != len(names):
        raise ValueError(
            f"reduce gives {len(value)} values for {len(names)} names: {', '.join(names)}"
        )
    return pd.DataFrame(
        {
            "metric": list(names),
            "value": value,
            "ci_low": low,
            "ci_high": high,
            "n": len(statistics) if n is None else n,
            "n_groups": len(statistics),
        }
    )


def bootstrap_rows(
    metric: RowMetric,
    groups: NDArray[np.int64],
    target: Floats,
    prediction: Floats,
    n_resamples: int,
    seed: int,
) -> list[float]:
    """Compute any metric again on the rows of each resample of groups.

    Parameters
    ----------
    metric : callable
        ``(target, prediction)``, both (N,), to a number; nan where there is none.
    groups : (N,) ndarray of int
        Group of each row, 0 … G - 1.
    target, prediction : (N,) ndarray
        Truth and prediction.
    n_resamples, seed
        As `bootstrap_groups` takes them.

    Returns
    -------
    list of float
        The value on all rows and its 95 % percentile interval, as `bootstrap_groups` gives them.

    Examples
    --------
    >>> error = lambda target, prediction: float(np.abs(target - prediction).max())
    >>> ones = np.ones(4)
    >>> bootstrap_rows(error, np.arange(4), ones, 3 * ones, 50, seed=0)
    [2.0, 2.0, 2.0]
    """
    value = float(metric(target, prediction))
    n_groups = int(groups.max()) + 1
    if n_groups < _LEAST_GROUPS or n_resamples < 1:
        return [value, np.nan, np.nan]
    rng = np.random.default_rng(seed)
    draws = np.empty((n_resamples, 1))
    for i in range(n_resamples):
        times = _draw_multiplicities(rng, n_groups, 1)[0].astype(np.int64)
        rows = np.repeat(np.arange(len(groups)), times[groups])
        draws[i] = metric(target[rows], prediction[rows])
    low, high = _percentiles(draws)
    return [value, float(low[0]), float(high[0])]


def _interval(
    measure: Callable[[Floats], Floats],
    n_groups: int,
    n_values: int,
    n_resamples: int,
    seed: int,
    n_cells: int | None = None,
) -> tuple[Floats, Floats]:
    if n_groups < _LEAST_GROUPS or n_resamples < 1:
        return np.full(n_values, np.nan), np.full(n_values, np.nan)
    rng = np.random.default_rng(seed)
    draws = []
    at_once = max(1, _CHUNK // (n_cells or n_groups))
    for start in range(0, n_resamples, at_once):
        draws.append(
            measure(_draw_multiplicities(rng, n_groups, min(at_once, n_resamples - start)))
        )
    return _percentiles(np.concatenate(draws))


def _draw_multiplicities(rng: np.random.Generator, n_groups: int, n_resamples: int) -> Floats:
    """Return how often each of G groups falls into each of B resamples: (B, G)."""
    drawn = rng.integers(n_groups, size=(n_resamples, n_groups))
    drawn += n_groups * np.arange(n_resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n_groups)
    return counts.reshape(n_resamples, n_groups).astype(np.float64)


def _percentiles(draws: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % percentile interval of (B, M) draws, without the draws that have no value."""
    low, high = np.full((2, draws.shape[1]), np.nan)
    for column in range(draws.shape[1]):
        known = draws[np.isfinite(draws[:, column]), column]
        if len(known):
            low[column], high[column] = np.percentile(known, _LEVELS)
    return low, high
