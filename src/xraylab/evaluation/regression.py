"""Regressions side by side: what a model gains over a baseline, and how each fold does alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xraylab.evaluation.bootstrap import bootstrap_table
from xraylab.evaluation.metrics import tidy

__all__ = ["r2_gains", "tabulate_folds"]


def r2_gains(
    rows: pd.DataFrame, baseline: str, others: Sequence[str], n_resamples: int, seed: int
) -> pd.DataFrame:
    """Measure how much R² each model gains over a baseline, on the same rows and resamples.

    Parameters
    ----------
    rows : DataFrame
        Predictions of one protocol: ``model, group_id, target, prediction``, each model in the same order of rows.
    baseline : str
        The model that is subtracted.
    others : sequence of str
        Models that are left out.
    n_resamples, seed : int
        Bootstrap over groups.

    Returns
    -------
    DataFrame
        Tidy metrics ``r2_gain`` of the split ``test``, with an empty protocol; none without the baseline.

    Examples
    --------
    >>> rows = pd.DataFrame({"model": ["m"] * 3 + ["b"] * 3, "group_id": [*"abc", *"abc"]})
    >>> rows = rows.assign(target=[0.0, 1.0, 2.0] * 2, prediction=[0.0, 1.0, 2.0, 1.0, 1.0, 1.0])
    >>> r2_gains(rows, "b", (), n_resamples=0, seed=0)[["model", "value"]].to_numpy().tolist()
    [['m', 1.0]]
    """
    base = rows[rows["model"] == baseline]
    tables: list[pd.DataFrame] = []
    for model, own in rows.groupby("model", sort=False):
        if base.empty or model in (baseline, *others) or len(own) != len(base):
            continue
        target = own["target"].to_numpy(np.float64)
        centred = target - target.mean()
        errors = ((each["prediction"].to_numpy() - target) ** 2 for each in (base, own))
        sums = pd.DataFrame({"n": 1.0, "gain": np.subtract(*errors), "centred": centred})
        sums["square"] = centred**2
        per_group = sums.groupby(own["group_id"].to_numpy()).sum().to_numpy()
        table = bootstrap_table(per_group, _gain, ("r2_gain",), n_resamples, seed, n=len(own))
        tables.append(tidy("", str(model), "test", table))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _gain(sums: np.ndarray) -> np.ndarray:
    n, gain, centred, square = sums.T
    spread = square - centred**2 / n
    return np.asarray((gain / np.where(spread > 1e-12 * square, spread, np.nan))[:, None])


def tabulate_folds(predictions: pd.DataFrame) -> pd.DataFrame:
    """Measure every fold alone, as public demos print it.

    Parameters
    ----------
    predictions : DataFrame
        ``protocol, model, fold, target, prediction``.

    Returns
    -------
    DataFrame
        ``protocol, model, fold, n, r2, rmse, mse``; R² is missing where the target of a fold does not vary.

    Examples
    --------
    >>> rows = pd.DataFrame({"protocol": "honest", "model": "m", "fold": [0, 0], "target": [1.0, 3.0]})
    >>> tabulate_folds(rows.assign(prediction=[1.0, 2.0])).to_numpy().tolist()
    [['honest', 'm', 0, 2, 0.5, 0.7071067811865476, 0.5]]
    """
    rows = []
    keys = ["protocol", "model", "fold"]
    for (protocol, model, fold), part in predictions.groupby(keys, sort=False):
        error = part["prediction"] - part["target"]
        spread = float(((part["target"] - part["target"].mean()) ** 2).sum())
        mse = float((error**2).mean())
        r2 = 1 - float((error**2).sum()) / spread if spread > 0 else np.nan
        row = {"protocol": protocol, "model": model, "fold": fold, "n": len(part)}
        rows.append({**row, "r2": r2, "rmse": mse**0.5, "mse": mse})
    return pd.DataFrame(rows)
