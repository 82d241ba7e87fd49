"""Splits and folds of a cohort.

A hashed split belongs to a group (a patient, a family of duplicates), not to a row: it is a
function of the group's id and the seed alone, so that a new image never moves an old one, and
neither does the order of the rows. The random row split is here too, since that is what public
demos do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "NO_FOLD",
    "assign_folds",
    "assign_splits",
    "assign_stratified_folds",
    "assign_stratified_splits",
    "fold_groups_evenly",
    "fold_rows_at_random",
    "split_rows_at_random",
]

NO_FOLD = -1
"""Fold of a row where there are no folds."""

_UNIT_BITS = 53  # a float64 holds every multiple of 2**-53 in [0, 1)


def assign_splits(group_ids: pd.Series, fractions: Mapping[str, float], seed: int) -> pd.Series:
    """Assign each row the split of its group, by a hash of the group and the seed.

    Parameters
    ----------
    group_ids : (N,) Series
        Group of each row: text or whole numbers; ``1`` and ``"1"`` are one group.
    fractions : mapping of str to float
        Expected share of the **groups** in each split, such as ``{"train": 0.7, "val": 0.15,
        "test": 0.15}``; each in [0, 1], 1 in all. Their order is part of the split.
    seed : int
        Another seed gives another split.

    Returns
    -------
    (N,) Series of str
        Named ``split``, on the index of `group_ids`.

    Raises
    ------
    ValueError
        If the fractions are no shares, a group id is missing or a float, or a split stays empty.

    Examples
    --------
    >>> groups = pd.Series(["p1", "p1", "p2", "p3", "p4", "p5"])
    >>> splits = assign_splits(groups, {"train": 0.5, "test": 0.5}, seed=0)
    >>> splits.groupby(groups).nunique().tolist()
    [1, 1, 1, 1, 1]
    """
    names, shares = _check_fractions(fractions)
    keys, codes = _group_codes(group_ids)
    # The last split with a share takes what rounding leaves between the last edge and 1.
    edges = np.cumsum(shares)[: np.flatnonzero(shares)[-1]]
    chosen = np.searchsorted(edges, _hash_to_unit(keys, "split", seed), side="right")
    counts = np.bincount(chosen, minlength=len(names))
    empty = [
        name
        for name, share, count in zip(names, shares, counts, strict=True)
        if share and not count
    ]
    if empty:
        raise ValueError(
            f"split '{empty[0]}' is empty: the hash put none of {len(keys)} groups there "
            f"(fractions {dict(fractions)}, seed {seed}); "
            "give more groups, a larger fraction or another seed"
        )
    labels = np.array(names, dtype=object)[chosen]
    return pd.Series(labels[codes], index=group_ids.index, name="split", dtype="str")


def assign_folds(group_ids: pd.Series, n_folds: int, seed: int) -> pd.Series:
    """Assign each row the fold of its group, by a hash that is independent of that of the splits.

    Parameters
    ----------
    group_ids : (N,) Series
        Group of each row: text or whole numbers.
    n_folds : int
        Number of folds, >= 2.
    seed : int
        Another seed gives other folds.

    Returns
    -------
    (N,) Series of int64
        Named ``fold``, in 0 … n_folds - 1, on the index of `group_ids`.

    Raises
    ------
    ValueError
        If there are fewer than 2 folds, a group id is missing or a float, or a fold stays empty.

    Examples
    --------
    >>> groups = pd.Series(["p1", "p1", "p2", "p3", "p4"])
    >>> folds = assign_folds(groups, n_folds=2, seed=0)
    >>> bool(folds[0] == folds[1]), sorted(folds.unique().tolist())
    (True, [0, 1])
    """
    _check_fold_count(n_folds)
    keys, codes = _group_codes(group_ids)
    folds = np.floor(_hash_to_unit(keys, "fold", seed) * n_folds).astype(np.int64)
    empty = np.flatnonzero(np.bincount(folds, minlength=n_folds) == 0)
    if len(empty):
        raise ValueError(
            f"fold {empty[0]} is empty: the hash put none of {len(keys)} groups there "
            f"(n_folds {n_folds}, seed {seed}); give more groups, fewer folds or another seed"
        )
    return pd.Series(folds[codes], index=group_ids.index, name="fold")


def assign_stratified_folds(
    group_ids: pd.Series, strata: pd.Series, n_folds: int, seed: int
) -> pd.Series:
    """Assign folds that keep groups whole and the share of each stratum similar.

    The folds are scikit-learn's ``StratifiedGroupKFold``. Unlike hashed folds they depend on the
    whole cohort: a new group may move old ones.

    Parameters
    ----------
    group_ids : (N,) Series
        Group of each row: text or whole numbers.
    strata : (N,) Series
        Class or bin of each row, on the index of `group_ids`.
    n_folds : int
        Number of folds, >= 2.
    seed : int
        Seed of the shuffle.

    Returns
    -------
    (N,) Series of int64
        Named ``fold``, in 0 … n_folds - 1, on the index of `group_ids`.

    Raises
    ------
    ValueError
        If a group id or stratum is missing, or a stratum has fewer groups than there are folds.

    Examples
    --------
    Every fold has one group of each class:

    >>> groups, classes = pd.Series(list("aabcd")), pd.Series([1, 1, 1, 0, 0])
    >>> folds = assign_stratified_folds(groups, classes, n_folds=2, seed=0)
    >>> pd.crosstab(folds, classes, groups, aggfunc="nunique").to_numpy().tolist()
    [[1, 1], [1, 1]]
    """
    from sklearn.model_selection import StratifiedGroupKFold

    _check_fold_count(n_folds)
    _check_strata(group_ids, strata)
    _, codes = _group_codes(group_ids)
    groups_of = pd.Series(codes).groupby(strata.to_numpy()).nunique()
    if groups_of.min() < n_folds:
        raise ValueError(
            f"stratum '{groups_of.idxmin()}' has {groups_of.min()} groups, fewer than the "
            f"{n_folds} folds; join it to a neighbour or ask for fewer folds"
        )
    labels, _ = pd.factorize(strata, sort=True)
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    folds = np.full(len(codes), -1, np.int64)
    for fold, (_, rows) in enumerate(splitter.split(np.zeros(len(codes)), labels, codes)):
        folds[rows] = fold
    return pd.Series(folds, index=group_ids.index, name="fold")


def assign_stratified_splits(
    group_ids: pd.Series, strata: pd.Series, fractions: Mapping[str, float], seed: int
) -> pd.Series:
    """Assign each row the split of its group, so that each stratum has its share in every split.

    Groups of a stratum are put in the order of their hash, the same as in `assign_splits`, and dealt in that order. A
    new group moves only the old ones at the border between two splits.

    Parameters
    ----------
    group_ids : (N,) Series
        Group of each row: text or whole numbers.
    strata : (N,) Series
        Class or bin of each row, on the index of `group_ids`, one for all rows of a group. Strata of fewer groups than
        there are splits are taken together.
    fractions : mapping of str to float
        Wanted share of the **groups** of each stratum in each split, as `assign_splits` takes it. Shares are rounded,
        and a split with a share has a group of every stratum that has as many groups as there are splits.
    seed : int
        Another seed gives another split.

    Returns
    -------
    (N,) Series of str
        Named ``split``, on the index of `group_ids`. A split stays empty where there are fewer groups than splits.

    Raises
    ------
    ValueError
        If the fractions are no shares, a group id or stratum is missing, or a group lies in two strata.

    Examples
    --------
    >>> groups = pd.Series([f"p{k}" for k in range(8)])
    >>> classes = pd.Series([0, 0, 0, 0, 0, 0, 1, 1])
    >>> splits = assign_stratified_splits(groups, classes, {"train": 0.5, "test": 0.5}, seed=0)
    >>> pd.crosstab(classes, splits).to_numpy().tolist()
    [[3, 3], [1, 1]]
    """
    names, shares = _check_fractions(fractions)
    _check_strata(group_ids, strata)
    keys, codes = _group_codes(group_ids)
    own = pd.Series(strata.astype(str).to_numpy(), group_ids.astype(str), name="stratum")
    own = own[~pd.MultiIndex.from_arrays([own.index, own]).duplicated()].sort_index()
    if own.index.has_duplicates:
        raise ValueError(f"group '{own.index[own.index.duplicated()][0]}' lies in two strata")
    kinds = own.reset_index(drop=True)  # by the group, as the keys are
    sizes = kinds.map(kinds.value_counts())
    kinds = kinds.where(sizes >= np.count_nonzero(shares), "")
    order = np.lexsort((np.arange(len(keys)), _hash_to_unit(keys, "split", seed)))
    chosen = np.empty(len(keys), object)
    for _, members in pd.Series(order).groupby(kinds.to_numpy()[order]):
        counts = _share_out(len(members), shares)
        chosen[members.to_numpy()] = np.repeat(np.array(names, object), counts)
    return pd.Series(chosen[codes], index=group_ids.index, name="split", dtype="str")


def _share_out(n: int, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return whole numbers that sum to n: the largest remainders are rounded up, and no share is left without one."""
    counts = np.floor(shares * n + 1e-9).astype(np.int64)
    remainders = np.where(shares > 0, shares * n - counts, -1)
    counts[np.argsort(-remainders, kind="stable")[: n - counts.sum()]] += 1
    for empty in np.flatnonzero((counts == 0) & (shares > 0)):
        if n >= np.count_nonzero(shares):
            counts[np.argmax(counts)] -= 1
            counts[empty] += 1
    return counts


def fold_rows_at_random(n_rows: int, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold (N,) of each row, shuffled and blind to groups, as scikit-learn's ``KFold`` makes them.

    Raises
    ------
    ValueError
        If there are fewer rows than folds.

    Examples
    --------
    >>> sorted(fold_rows_at_random(4, 2, seed=0).tolist())
    [0, 0, 1, 1]
    """
    from sklearn.model_selection import KFold

    if n_rows < n_folds:
        raise ValueError(f"{n_folds} folds need as many rows, got {n_rows}")
    splitter = KFold(n_folds, shuffle=True, random_state=seed)
    return _folds_of(splitter.split(np.zeros(n_rows)), n_rows)


def fold_groups_evenly(group_ids: pd.Series, n_folds: int) -> NDArray[np.int64]:
    """Return folds (N,) of nearly equal size that keep groups whole, always the same, as ``GroupKFold`` makes them.

    Raises
    ------
    ValueError
        If there are fewer groups than folds.

    Examples
    --------
    >>> fold_groups_evenly(pd.Series(["a", "a", "b", "c"]), 2).tolist()
    [0, 0, 1, 1]
    """
    from sklearn.model_selection import GroupKFold

    if group_ids.nunique() < n_folds:
        raise ValueError(f"{n_folds} folds need as many groups, got {group_ids.nunique()}")
    n_rows = len(group_ids)
    return _folds_of(GroupKFold(n_folds).split(np.zeros(n_rows), groups=group_ids), n_rows)


def _folds_of(splits: Iterable[tuple[Any, Any]], n_rows: int) -> NDArray[np.int64]:
    folds = np.zeros(n_rows, np.int64)
    for fold, (_, rows) in enumerate(splits):
        folds[rows] = fold
    return folds


def split_rows_at_random(
    n_rows: int, test_fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split rows at random, blind to groups, as public demos do.

    Equal to scikit-learn's ``train_test_split(range(n_rows), test_size=…, random_state=seed)``,
    order included. Rows of one patient fall on both sides: use it for the ``published`` protocol
    only.

    Parameters
    ----------
    n_rows : int
        Number of rows, >= 2.
    test_fraction : float
        Share of the rows in the test set, in (0, 1).
    seed : int
        Seed of the shuffle.

    Returns
    -------
    train, test : ndarray of int64
        Row positions.

    Raises
    ------
    ValueError
        If either side would be empty.

    Examples
    --------
    >>> train, test = split_rows_at_random(10, test_fraction=0.2, seed=0)
    >>> len(train), len(test), sorted([*train.tolist(), *test.tolist()]) == list(range(10))
    (8, 2, True)
    """
    from sklearn.model_selection import train_test_split

    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must lie in (0, 1), got {test_fraction}")
    if n_rows - math.ceil(test_fraction * n_rows) < 1:
        raise ValueError(
            f"{n_rows} rows are too few: with a test part of {test_fraction:g} none would be left to train on"
        )
    train, test = train_test_split(np.arange(n_rows), test_size=test_fraction, random_state=seed)
    return np.asarray(train, np.int64), np.asarray(test, np.int64)


def _check_fold_count(n_folds: int) -> None:
    if n_folds < 2:  # noqa: PLR2004
        raise ValueError(f"n_folds must be at least 2, got {n_folds}")


def _check_strata(group_ids: pd.Series, strata: pd.Series) -> None:
    if not strata.index.equals(group_ids.index):
        raise ValueError("strata and group_ids must lie on one index, got two")
    if strata.isna().any():
        raise ValueError(f"strata: {int(strata.isna().sum())} of {len(strata)} are missing")


def _check_fractions(fractions: Mapping[str, float]) -> tuple[list[str], NDArray[np.float64]]:
    """Return names and shares of the splits."""
    names = list(fractions)
    shares = np.array([fractions[name] for name in names], np.float64)
    if not names or not np.all((shares >= 0) & (shares <= 1)) or abs(shares.sum() - 1) > 1e-9:  # noqa: PLR2004
        raise ValueError(
            f"fractions: each must lie in [0, 1] and all sum to 1, got {dict(fractions)}"
        )
    return names, shares


def _group_codes(group_ids: pd.Series) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct groups as text, and each row's position among them."""
    if group_ids.empty:
        raise ValueError("group_ids is empty: there is nothing to split")
    if group_ids.isna().any():
        raise ValueError(
            f"group_ids: {int(group_ids.isna().sum())} of {len(group_ids)} are missing"
        )
    if pd.api.types.is_float_dtype(group_ids.dtype):
        # '7' and '7.0' would hash to different splits.
        raise ValueError(f"group_ids must be text or whole numbers, got {group_ids.dtype}")
    codes, keys = pd.factorize(group_ids.astype(str), sort=True)
    return [str(key) for key in keys], np.asarray(codes, np.int64)


def _hash_to_unit(keys: list[str], purpose: str, seed: int) -> NDArray[np.float64]:
    """Map keys to [0, 1); the mapping must never change between releases."""
    units = np.empty(len(keys), np.float64)
    for row, key in enumerate(keys):
        digest = hashlib.blake2b(f"{purpose}:{seed}:{key}".encode(), digest_size=8).digest()
        units[row] = (int.from_bytes(digest, "big") >> (64 - _UNIT_BITS)) / 2**_UNIT_BITS
    return units
