r"""Metrics with intervals, from rows that anyone can compute again.

Rows of one group (a patient, one film at several doses) are not independent, so that every
interval is the 95 % percentile interval of a bootstrap that draws **groups** with replacement.
Metrics that are functions of sums over rows (:math:`R^2`, mean errors, shares) are drawn from the
sums of each group, at once for all resamples; any other callable is computed again on the rows of
each resample.

References
----------
Efron B., Tibshirani R. J. (1993), *An Introduction to the Bootstrap*, ch. 13 (percentile interval).
Field C. A., Welsh A. H. (2007), Bootstrapping clustered data, *JRSS B* 69(3), 369-390.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "DEFAULT_METRICS",
    "TIDY_COLUMNS",
    "bootstrap_counts",
    "bootstrap_groups",
    "bootstrap_table",
    "check_rows",
    "regression_metrics",
    "score_predictions",
    "tidy",
]

Floats = NDArray[np.float64]
RowMetric = Callable[[Floats, Floats], float]

DEFAULT_METRICS = ("r2", "mae", "rmse", "mse", "bias")
TIDY_COLUMNS = ("protocol", "model", "split", "metric", "value", "ci_low", "ci_high", "n")

_LEVELS = (2.5, 97.5)  # percentiles of a 95 % interval
_CHUNK = 4_000_000  # multiplicities held at once, 32 MB as float64
_SHARE = re.compile(r"share_within_(\d+)(pct)?")
_NAMES = (
    "r2, mae, rmse, mse, bias, relative_error_mean, relative_error_median, share_within_<x> (x in units "
    "of the target) or share_within_<x>pct"
)


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
        left out of it; the interval is nan for fewer than 2 groups and for 0 resamples.
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
        Numbers that `measure` holds for each resample, to bound its memory; None for one a group.

    Returns
    -------
    value, low, high : (M,) ndarray
        As `bootstrap_groups` gives them.
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
        Columns ``metric, value, ci_low, ci_high, n``.
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
        }
    )


def regression_metrics(
    rows: pd.DataFrame,
    metrics: Sequence[str] = DEFAULT_METRICS,
    n_resamples: int = 1000,
    seed: int = 0,
    extra: Mapping[str, RowMetric] | None = None,
) -> pd.DataFrame:
    """Measure predictions of a number, each metric with a 95 % interval by bootstrap over groups.

    Parameters
    ----------
    rows : (N, …) DataFrame
        With columns ``group_id``, ``target`` and ``prediction``.
    metrics : sequence of str
        ``r2``, ``mae``, ``rmse``, ``mse``, ``bias`` (mean of prediction - target),
        ``relative_error_mean`` and ``relative_error_median`` (of abs(prediction - target) /
        abs(target)), ``share_within_<x>`` (share of the rows with an error of at most x, in units
        of the target) and ``share_within_<x>pct`` (at most x % of the target).
    n_resamples : int
        Bootstrap resamples; 0 for no interval.
    seed : int
        Seed of the resamples; all metrics share them.
    extra : mapping of str to callable, optional
        Further metrics by name: ``(target, prediction)``, both (N,), to a float. They are computed
        on the rows of every resample.

    Returns
    -------
    DataFrame
        Columns ``metric, value, ci_low, ci_high, n``, one row a metric in the order asked for.
        ``n`` is the number of **rows**. The interval is nan with one group; ``r2`` is nan where
        the target is constant, and such resamples are left out of its interval.

    Raises
    ------
    ValueError
        For no rows, a missing column, a value that is missing or infinite, an unknown metric, or a
        relative error of a target of 0.
    """
    groups, target, prediction = check_rows(rows)
    extra = dict(extra or {})
    slow = dict(extra)
    if "relative_error_median" in metrics:
        slow["relative_error_median"] = _relative_error_median
    fast = [name for name in metrics if name not in slow]
    relative = [name for name in metrics if name.startswith("relative") or name.endswith("pct")]
    if relative and (target == 0).any():
        raise ValueError(
            f"'{relative[0]}' needs targets other than 0: {int((target == 0).sum())} of {len(target)} are 0"
        )
    found: dict[str, list[float]] = {}
    if fast:
        sums = _row_statistics(fast, target, prediction)
        per_group = np.stack([np.bincount(groups, column) for column in sums.T], axis=1)
        bounds = bootstrap_groups(
            per_group.astype(np.float64), partial(_reduce, fast), n_resamples, seed
        )
        found = {name: list(values) for name, *values in zip(fast, *bounds, strict=True)}
    for name, metric in slow.items():
        found[name] = _bootstrap_rows(metric, groups, target, prediction, n_resamples, seed)
    names = list(dict.fromkeys([*metrics, *extra]))
    table = pd.DataFrame([found[name] for name in names], columns=["value", "ci_low", "ci_high"])
    table.insert(0, "metric", names)
    return table.assign(n=len(target))


def score_predictions(
    predictions: pd.DataFrame,
    metrics: Sequence[str] = DEFAULT_METRICS,
    n_resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure a table of predictions, apart for each protocol, model and split.

    Parameters
    ----------
    predictions : (N, …) DataFrame
        With columns ``protocol, model, split, group_id, target, prediction``.
    metrics, n_resamples, seed
        As `regression_metrics` takes them.

    Returns
    -------
    DataFrame
        Columns `TIDY_COLUMNS`, in order of first appearance.
    """
    _check_columns(predictions, ("protocol", "model", "split"))
    return pd.concat(
        [
            tidy(
                str(protocol),
                str(model),
                str(split),
                regression_metrics(rows, metrics, n_resamples, seed),
            )
            for (protocol, model, split), rows in predictions.groupby(
                ["protocol", "model", "split"], sort=False, dropna=False
            )
        ],
        ignore_index=True,
    )


def tidy(protocol: str, model: str, split: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Put protocol, model and split before rows of ``metric, value, ci_low, ci_high, n``.

    Parameters
    ----------
    protocol, model, split : str
        What was measured.
    rows : DataFrame
        As `regression_metrics` gives them.

    Returns
    -------
    DataFrame
        Columns `TIDY_COLUMNS`.
    """
    return rows.assign(protocol=protocol, model=model, split=split).loc[:, list(TIDY_COLUMNS)]


def _check_columns(rows: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in rows.columns]
    if missing:
        raise ValueError(
            f"rows lack the column '{missing[0]}'; they have {', '.join(map(str, rows.columns))}"
        )
    if rows.empty:
        raise ValueError("there are no rows to measure")


def check_rows(rows: pd.DataFrame) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return groups (as numbers from 0), targets and predictions (N,) of rows, or name what is wrong with them.

    Raises
    ------
    ValueError
        For no rows, a missing column, and a value that is missing or infinite.
    """
    _check_columns(rows, ("group_id", "target", "prediction"))
    if rows["group_id"].isna().any():
        raise ValueError(
            f"'group_id' is missing in {int(rows['group_id'].isna().sum())} of {len(rows)} rows"
        )
    columns = []
    for name in ("target", "prediction"):
        column = rows[name].to_numpy(np.float64, na_value=np.nan)
        n_bad = int((~np.isfinite(column)).sum())
        if n_bad:
            raise ValueError(f"'{name}' is missing or infinite in {n_bad} of {len(rows)} rows")
        columns.append(column)
    groups, _ = pd.factorize(rows["group_id"])
    return np.asarray(groups, np.int64), columns[0], columns[1]


def _row_statistics(metrics: Sequence[str], target: Floats, prediction: Floats) -> Floats:
    """Return what each row adds to the sums: count, error, abs, square, target, target², then one a metric."""
    error = prediction - target
    # R² does not change with the origin of the target; far from it, the sums of squares would cancel.
    centred = target - target.mean()
    columns = [np.ones_like(error), error, np.abs(error), error**2, centred, centred**2]
    for name in metrics:
        share = _SHARE.fullmatch(name)
        if name == "relative_error_mean":
            columns.append(np.abs(error) / np.abs(target))
        elif share:
            limit = float(share[1])
            bound = limit / 100 * np.abs(target) if share[2] else limit
            columns.append((np.abs(error) <= bound).astype(np.float64))
        elif name in DEFAULT_METRICS:
            columns.append(np.zeros_like(error))
        else:
            raise ValueError(f"unknown metric '{name}'; valid metrics: {_NAMES}")
    return np.stack(columns, axis=1)


def _reduce(metrics: Sequence[str], sums: Floats) -> Floats:
    """Turn sums (B, 6 + M) as `_row_statistics` orders them into metrics (B, M)."""
    n, error, absolute, square, centred, centred_square = sums.T[:6]
    spread = centred_square - centred**2 / n
    # A constant target leaves rounding only.
    spread = np.where(spread > 1e-12 * centred_square, spread, np.nan)
    values = {
        "r2": 1 - square / spread,
        "mae": absolute / n,
        "rmse": np.sqrt(square / n),
        "mse": square / n,
        "bias": error / n,
    }
    return np.stack(
        [values.get(name, sums[:, 6 + i] / n) for i, name in enumerate(metrics)], axis=1
    )


def _relative_error_median(target: Floats, prediction: Floats) -> float:
    return float(np.median(np.abs(prediction - target) / np.abs(target)))


def _bootstrap_rows(
    metric: RowMetric,
    groups: NDArray[np.int64],
    target: Floats,
    prediction: Floats,
    n_resamples: int,
    seed: int,
) -> list[float]:
    """Compute any metric again on the rows of each resample of groups."""
    value = float(metric(target, prediction))
    n_groups = int(groups.max()) + 1
    if n_groups < 2 or n_resamples < 1:  # noqa: PLR2004
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
    if n_groups < 2 or n_resamples < 1:  # noqa: PLR2004
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
