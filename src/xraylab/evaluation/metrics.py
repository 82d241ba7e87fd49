"""Metrics of a number with intervals, from rows that anyone can compute again.

Intervals are those of `xraylab.evaluation.bootstrap`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.bootstrap import RowMetric, bootstrap_groups, bootstrap_rows

__all__ = [
    "DEFAULT_METRICS",
    "TIDY_COLUMNS",
    "check_rows",
    "regression_metrics",
    "score_predictions",
    "tidy",
]

Floats = NDArray[np.float64]

DEFAULT_METRICS = ("r2", "mae", "rmse", "mse", "bias")
TIDY_COLUMNS = (
    "protocol",
    "model",
    "split",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "n_groups",
)

_SHARE = re.compile(r"share_within_(\d+)(pct)?")
_NAMES = (
    "r2, mae, rmse, mse, bias, relative_error_mean, relative_error_median, share_within_<x> (x in units "
    "of the target) or share_within_<x>pct"
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
        Columns ``metric, value, ci_low, ci_high, n, n_groups``, one row per metric in the given order.
        ``n`` is the number of **rows**. The interval is nan with one or two groups; ``r2`` is nan where
        the target is constant, and such resamples are left out of its interval.

    Raises
    ------
    ValueError
        For no rows, a missing column, a value that is missing or infinite, an unknown metric, or a
        relative error of a target of 0.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("abc"), "target": [1, 2, 3], "prediction": [1, 2, 6]})
    >>> regression_metrics(rows, ["mae", "bias"], n_resamples=0)[["metric", "value", "n"]]
      metric  value  n
    0    mae    1.0  3
    1   bias    1.0  3
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
        found[name] = bootstrap_rows(metric, groups, target, prediction, n_resamples, seed)
    names = list(dict.fromkeys([*metrics, *extra]))
    table = pd.DataFrame([found[name] for name in names], columns=["value", "ci_low", "ci_high"])
    table.insert(0, "metric", names)
    return table.assign(n=len(target), n_groups=int(groups.max()) + 1)


def score_predictions(
    predictions: pd.DataFrame,
    metrics: Sequence[str] = DEFAULT_METRICS,
    n_resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure a table of predictions, separately for each protocol, model and split.

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

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("abc"), "target": [1, 2, 3], "prediction": [1, 2, 6]})
    >>> rows = rows.assign(protocol="honest", model="mean", split="test")
    >>> score_predictions(rows, ["mae"], n_resamples=0)[["protocol", "split", "metric", "value"]]
      protocol split metric  value
    0   honest  test    mae    1.0
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
    """Put protocol, model and split before rows of ``metric, value, ci_low, ci_high, n, n_groups``.

    Parameters
    ----------
    protocol, model, split : str
        What was measured.
    rows : DataFrame
        As `regression_metrics` gives them; the number of groups is missing where nothing was drawn by group.

    Returns
    -------
    DataFrame
        Columns `TIDY_COLUMNS`.

    Examples
    --------
    >>> rows = pd.DataFrame({"metric": ["mae"], "value": [1.0], "ci_low": [0.5], "ci_high": [2.0], "n": [9]})
    >>> tidy("honest", "mean", "test", rows)[["protocol", "model", "split", "metric", "value"]]
      protocol model split metric  value
    0   honest  mean  test    mae    1.0
    """
    n_groups = rows.get("n_groups", np.nan)
    named = rows.assign(protocol=protocol, model=model, split=split, n_groups=n_groups)
    return named.astype({"n_groups": np.float64}).loc[:, list(TIDY_COLUMNS)]


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

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": ["b", "a", "b"], "target": [1, 2, 3], "prediction": [1, 2, 4]})
    >>> groups, target, prediction = check_rows(rows)
    >>> groups.tolist(), target.tolist()
    ([0, 1, 0], [1.0, 2.0, 3.0])
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
