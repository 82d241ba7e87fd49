"""From tables to arrays: the columns that a model uses, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["design_matrix", "table_digest", "target_vector"]

Floats = NDArray[np.float64]


def design_matrix(
    features: pd.DataFrame,
    names: Sequence[str],
    log_names: Sequence[str],
    where: str,
    allow_missing: bool = False,
) -> Floats:
    """Return the named columns as an array, logged where asked.

    Parameters
    ----------
    features : (N, …) DataFrame
        The table; columns that are not named are ignored.
    names : sequence of str
        Columns to use, in order.
    log_names : sequence of str
        Those of `names` to take the natural logarithm of.
    where : str
        What an error calls the table.
    allow_missing : bool
        Let missing values pass as nan, for models that know what to do with them.

    Returns
    -------
    (N, F) ndarray of float64
        In C order.

    Raises
    ------
    ValueError
        If a column is missing or there twice, or holds values that are missing, infinite, no
        numbers, or to be logged and not above 0.
    """
    columns = []
    for name in names:
        n_there = int((features.columns == name).sum())
        if n_there != 1:
            there = ", ".join(map(str, features.columns))
            problem = "is missing" if n_there == 0 else f"is there {n_there} times"
            raise ValueError(f"{where} features: column '{name}' {problem}; columns: {there}")
        what = f"{where} feature '{name}'"
        columns.append(_numbers(features[name], what, name in log_names, allow_missing))
    return np.ascontiguousarray(np.stack(columns, axis=1))


def target_vector(features: pd.DataFrame, target: pd.Series, log: bool, where: str) -> Floats:
    """Return the target as an array, logged if asked, and check that it belongs to the features.

    Parameters
    ----------
    features : (N, …) DataFrame
        The features of the same rows.
    target : (N,) Series
        The target, on the index of `features`.
    log : bool
        Whether to take the natural logarithm.
    where : str
        What an error calls the table.

    Returns
    -------
    (N,) ndarray of float64

    Raises
    ------
    ValueError
        If the index differs, or values are missing, infinite, no numbers, or to be logged and not
        above 0.
    """
    if not target.index.equals(features.index):
        raise ValueError(
            f"{where} features and target must lie on one index, got {len(features)} and {len(target)} rows"
            + (" in another order or of other rows" if len(features) == len(target) else "")
        )
    return _numbers(target, f"{where} target '{target.name}'", log)


def table_digest(features: pd.DataFrame, target: pd.Series, names: Sequence[str]) -> str:
    """Return a BLAKE2b digest of the named columns and the target, row by row, blind to the index."""
    digest = hashlib.blake2b(digest_size=16)
    for column in (*(features[name] for name in names), target):
        digest.update(f"{column.name}\0".encode())
        digest.update(np.ascontiguousarray(column.to_numpy(np.float64)).tobytes())
    return digest.hexdigest()


def _numbers(column: pd.Series, what: str, log: bool, allow_missing: bool = False) -> Floats:
    try:
        values = column.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must hold numbers, got {column.dtype}: {error}") from error
    n_bad = int((np.isinf(values) if allow_missing else ~np.isfinite(values)).sum())
    if n_bad:
        problem = "infinite" if allow_missing else "missing or infinite"
        raise ValueError(f"{what} is {problem} in {n_bad} of {len(values)} rows")
    if not log:
        return values
    if len(values) and values.min() <= 0:
        raise ValueError(
            f"{what} is to be logged, and is not above 0 in {int((values <= 0).sum())} of {len(values)} rows"
        )
    return np.asarray(np.log(values))
