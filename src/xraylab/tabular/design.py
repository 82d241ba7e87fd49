"""From tables to arrays: the features that a model uses, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "Features",
    "class_vector",
    "column_names",
    "read_features",
    "table_digest",
    "target_vector",
]

Floats = NDArray[np.float64]
Features: TypeAlias = "pd.DataFrame | NDArray[np.floating[Any]]"
"""A table with a name for each column, or an array without names."""

_AXES = 2


def column_names(features: Features, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the columns of a table that are used: those named, or all; none for an array."""
    if isinstance(features, pd.DataFrame):
        return tuple(names or map(str, features.columns))
    return ()


def read_features(
    features: Features,
    names: Sequence[str],
    where: str,
    log_names: Sequence[str] = (),
    allow_missing: bool = False,
) -> Floats:
    """Return the named columns of a table, logged where asked, or an array as it is.

    Parameters
    ----------
    features : (N, …) DataFrame or (N, F) ndarray
        The features; columns of a table that are not named are ignored.
    names : sequence of str
        Columns of a table to use, in order; none for an array.
    where : str
        What an error calls the features.
    log_names : sequence of str
        Those of `names` to take the natural logarithm of.
    allow_missing : bool
        Let missing values pass as nan, for models that know what to do with them.

    Returns
    -------
    (N, F) ndarray of float64
        In C order for a table, in its own order for an array.

    Raises
    ------
    ValueError
        If there are names for an array or none for a table, a column is missing or there twice, or values are missing,
        infinite, no numbers, or to be logged and not above 0.

    Examples
    --------
    >>> read_features(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), ["b"], "given").tolist()
    [[3.0], [4.0]]
    """
    if isinstance(features, pd.DataFrame) != bool(names):
        wanted = "a table with named columns" if names else "an array without names"
        given = "a table" if isinstance(features, pd.DataFrame) else "an array"
        raise ValueError(f"{where} features must be {wanted}, got {given}")
    if isinstance(features, pd.DataFrame):
        return _read_columns(features, names, where, log_names, allow_missing)
    values = np.asarray(features, np.float64)
    if values.ndim != _AXES:
        raise ValueError(f"{where} features must be (rows, features), got {values.shape}")
    _check_finite(values, f"{where} features", allow_missing)
    return values


def _read_columns(
    features: pd.DataFrame,
    names: Sequence[str],
    where: str,
    log_names: Sequence[str],
    allow_missing: bool,
) -> Floats:
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


def target_vector(features: Features, target: pd.Series, log: bool, where: str) -> Floats:
    """Return the target as an array, logged if asked, and check that it belongs to the features.

    Parameters
    ----------
    features : (N, …) DataFrame or (N, F) ndarray
        The features of the same rows.
    target : (N,) Series
        The target, on the index of a table, or in the order of an array.
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
    if len(target) != len(features) or (
        isinstance(features, pd.DataFrame) and not target.index.equals(features.index)
    ):
        raise ValueError(
            f"{where} features and target must lie on one index, got {len(features)} and {len(target)} rows"
            + (" in another order or of other rows" if len(features) == len(target) else "")
        )
    return _numbers(target, f"{where} target '{target.name}'", log)


def class_vector(features: Features, target: pd.Series, where: str) -> Floats:
    """Return the target of a classifier, 0 or 1, and check that it belongs to the features.

    Parameters
    ----------
    features, target, where
        As `target_vector` takes them.

    Returns
    -------
    (N,) ndarray of float64

    Raises
    ------
    ValueError
        As `target_vector` raises, and unless both classes are there and nothing else.
    """
    values = target_vector(features, target, False, where)
    if not {0.0, 1.0} == set(values.tolist()):
        raise ValueError(f"a classifier needs targets 0 and 1, got {sorted(set(values.tolist()))}")
    return values


def table_digest(features: pd.DataFrame, target: pd.Series, names: Sequence[Any]) -> str:
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
    _check_finite(values, what, allow_missing)
    if not log:
        return values
    if len(values) and values.min() <= 0:
        raise ValueError(
            f"{what} is to be logged, and is not above 0 in {int((values <= 0).sum())} of {len(values)} rows"
        )
    return np.asarray(np.log(values))


def _check_finite(values: Floats, what: str, allow_missing: bool) -> None:
    bad = np.isinf(values) if allow_missing else ~np.isfinite(values)
    if bad.any():
        problem = "infinite" if allow_missing else "missing or infinite"
        n_bad = int(bad.reshape(len(values), -1).any(axis=1).sum())
        verb = "is" if values.ndim == 1 else "are"
        raise ValueError(f"{what} {verb} {problem} in {n_bad} of {len(values)} rows")
