"""How the films of a cohort are split: the kinds of splits, and the one function that makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from xraylab.evaluation.leakage import OnLeak, check_leakage, merge_duplicates, pass_gate
from xraylab.evaluation.sites import list_sites
from xraylab.evaluation.splits import (
    NO_FOLD,
    assign_folds,
    assign_splits,
    assign_stratified_folds,
    fold_rows_at_random,
    split_rows_at_random,
)
from xraylab.flow.given_split import apply_table, say_unused
from xraylab.parameters import Parameters
from xraylab.records.split_table import SplitTable

__all__ = [
    "SINGLE",
    "FoldsSplit",
    "GroupsSplit",
    "OfficialSplit",
    "RowsSplit",
    "SitesSplit",
    "Split",
    "Strata",
    "check_classes",
    "fold_beside",
    "fold_name",
    "split_films",
    "split_groups",
    "split_rest",
]

SINGLE = "single"
"""The arm of a split that trains each model once; the others are ``fold_<k>``, a site or a model."""

_RANKS = {"train": 0, "val": 1, "test": 2}

Strata: TypeAlias = pd.DataFrame | None
"""What each part shall have its share of: one column per property, the most important first; None splits by a hash."""

Resplit: TypeAlias = Callable[[pd.Series], pd.Series]


class RowsSplit(Parameters):
    """Rows at random, blind to copies and patients, as public demos split.

    Attributes
    ----------
    val_fraction, test_fraction : float
        Share of the other rows that validates, and share of all rows that is tested.
    on_leak : {"report", "fail"}
        What the leak gate does.
    """

    kind: Literal["rows"] = "rows"
    val_fraction: float = Field(0.0, ge=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    on_leak: Literal["report", "fail"] = "report"


class FoldsSplit(Parameters):
    """Shuffled films in folds, blind to copies and patients, as public demos split.

    Attributes
    ----------
    n_folds : int
        Folds; each is tested by the training on all others.
    on_leak : {"report", "fail"}
        What the leak gate does.
    """

    kind: Literal["folds"] = "folds"
    n_folds: int = Field(5, ge=2, le=50)
    on_leak: Literal["report", "fail"] = "report"


class OfficialSplit(Parameters):
    """The parts as they are published, copies and all.

    Attributes
    ----------
    on_leak : {"report", "fail"}
        What the leak gate does.
    """

    kind: Literal["official"] = "official"
    on_leak: Literal["report", "fail"] = "report"


class GroupsSplit(Parameters):
    """Groups of films: all films of a patient, and all copies of a film, lie in one part.

    Attributes
    ----------
    n_folds : int
        0 makes one split by a hash of the group. With folds each group is tested once, in so many trainings.
    val_fraction, test_fraction : float
        Shares of the groups; with folds ``val_fraction`` of the groups that are not tested.
    use_official : bool
        Keep the official parts where films of all three are there. A group in several of them goes to the last.
    on_leak : {"regroup", "fail", "report"}
        What the leak gate does.
    """

    kind: Literal["groups"] = "groups"
    n_folds: int = Field(0, ge=0, le=100)
    val_fraction: float = Field(0.15, gt=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    use_official: bool = False
    on_leak: OnLeak = "regroup"

    @model_validator(mode="after")
    def _check(self) -> GroupsSplit:
        if self.n_folds == 1:
            raise ValueError("n_folds must be 0, or 2 and more, got 1")
        _check_fractions(self.val_fraction, self.test_fraction)
        return self


class SitesSplit(Parameters):
    """From one hospital to another: each site trains in turn and is tested on all others.

    Attributes
    ----------
    val_fraction, test_fraction : float
        Shares of the groups of the site that trains.
    on_leak : {"regroup", "fail", "report"}
        What the leak gate does.
    """

    kind: Literal["sites"] = "sites"
    val_fraction: float = Field(0.15, gt=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    on_leak: OnLeak = "regroup"

    @model_validator(mode="after")
    def _check(self) -> SitesSplit:
        _check_fractions(self.val_fraction, self.test_fraction)
        return self


Split: TypeAlias = Annotated[
    RowsSplit | FoldsSplit | OfficialSplit | GroupsSplit | SitesSplit, Field(discriminator="kind")
]
"""Any kind of split, chosen by its key ``kind``."""


def _check_fractions(val: float, test: float) -> None:
    if val + test >= 1:
        raise ValueError(f"val_fraction + test_fraction must be under 1, got {val} + {test}")


class _Arm(NamedTuple):
    """One training of a blind split: its name, its fold, and the part of each film."""

    name: str
    fold: int
    split: NDArray[np.str_]


def split_films(
    films: pd.DataFrame,
    split: Split,
    seed: int,
    strata: Strata = None,
    own_splits: Sequence[str] = (),
    table: SplitTable | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split films, and pass the split through the leak gate.

    Parameters
    ----------
    films : DataFrame
        One row per film, as `xraylab.flow.cohort.describe_films` gives it; where ``conflict`` is true (copies lie in
        several classes) a film is in no part, but under blind splits. ``official`` needs ``official_split``, ``sites``
        needs ``site``.
    split : Split
        Which kind, and its settings.
    seed : int
        Seed of the split.
    strata : DataFrame, optional
        What each part shall have its share of, on the index of `films`; without it groups are split by a hash.
    own_splits : sequence of str
        Under ``rows``: names of models that are each given a split of their own, as was published.
    table : SplitTable, optional
        The parts that a user gives. They are those of ``groups``, in one training whatever its folds
        (`xraylab.flow.given_split.apply_table`); the other kinds stay as they are.

    Returns
    -------
    cohort : DataFrame
        One row per film and training: ``arm`` names the training (``single``, ``fold_<k>``, the site that trains, or
        the model), ``fold`` its number (-1 without folds), ``split`` is ``train``, ``val``, ``test`` or empty, and
        ``group_id`` is the family of copies that intervals draw.
    leakage : DataFrame
        What the gate found, with the ``arm`` and the ``action`` that was taken.

    Raises
    ------
    ValueError
        If a part would be empty, or there is a single site.
    LeakError
        With ``on_leak: fail``, and in a table also with ``regroup``, if anything leaks.
    """
    if table is not None and isinstance(split, GroupsSplit):
        cohort, leaks_there = apply_table(films, table, split.on_leak)
        return cohort.assign(arm=SINGLE, fold=NO_FOLD), leaks_there.assign(arm=SINGLE)
    if table is not None:
        say_unused(table, split.kind)
    if isinstance(split, RowsSplit | FoldsSplit | OfficialSplit):
        found = [
            _report(films, arm, split.on_leak)
            for arm in _list_blind(films, split, seed, own_splits)
        ]
    else:
        found = list(_pass_gate(films, split, seed, strata))
    cohorts, leaks = zip(*found, strict=True)
    return pd.concat(cohorts, ignore_index=True), pd.concat(leaks, ignore_index=True)


def fold_name(fold: int) -> str:
    """Return the name of the training that tests a fold.

    Examples
    --------
    >>> fold_name(2), fold_name(-1)
    ('fold_2', 'single')
    """
    return SINGLE if fold == NO_FOLD else f"fold_{fold}"


def _list_blind(
    films: pd.DataFrame,
    split: RowsSplit | FoldsSplit | OfficialSplit,
    seed: int,
    own_splits: Sequence[str],
) -> Iterator[_Arm]:
    """Give the parts of each training of a split that is blind to groups."""
    n = len(films)
    if isinstance(split, OfficialSplit):
        parts = films["official_split"].to_numpy(str)
        for part in _RANKS:
            if part not in set(parts):
                raise ValueError(
                    f"split 'official': no film lies in a folder of the split '{part}'; set split.kind to 'groups'"
                )
        yield _Arm(SINGLE, NO_FOLD, parts)
    elif isinstance(split, FoldsSplit):
        folds = fold_rows_at_random(n, split.n_folds, seed)
        for fold in range(split.n_folds):
            yield _Arm(fold_name(fold), fold, np.where(folds == fold, "test", "train"))
    else:
        for number, name in enumerate(own_splits or (SINGLE,)):
            rest, test = split_rows_at_random(n, split.test_fraction, seed + number)
            parts = np.full(n, "train", object)
            parts[test] = "test"
            if split.val_fraction:
                parts[
                    rest[split_rows_at_random(len(rest), split.val_fraction, seed + number)[1]]
                ] = "val"
            yield _Arm(name, NO_FOLD, parts.astype(str))


def _report(
    films: pd.DataFrame, arm: _Arm, on_leak: Literal["report", "fail"]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Say what leaks in a blind split, and leave it as it is."""
    cohort = films.assign(
        split=pd.Series(arm.split, films.index, dtype="str"), arm=arm.name, fold=arm.fold
    )
    leaks = check_leakage(cohort, on_leak)
    # intervals draw families, whatever the split does
    cohort["group_id"] = merge_duplicates(cohort)
    return cohort, leaks.assign(arm=arm.name, action="reported")


def _pass_gate(
    films: pd.DataFrame, split: GroupsSplit | SitesSplit, seed: int, strata: Strata
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Split by group, once for each training; films in several classes are left out."""
    conflict = films["conflict"] if "conflict" in films else pd.Series(False, films.index)
    used, left_out = films[~conflict], films[conflict].assign(split="")
    if strata is not None:
        strata = strata[~conflict]
    for arm, (fold, resplit) in _list_resplits(used, split, seed, strata).items():
        cohort, leaks = pass_gate(used, split.on_leak, resplit)
        if split.on_leak != "regroup":
            cohort["group_id"] = merge_duplicates(cohort)
        whole = pd.concat([cohort, left_out]) if len(left_out) else cohort
        yield whole.assign(arm=arm, fold=fold), leaks.assign(arm=arm)


def _list_resplits(
    films: pd.DataFrame, split: GroupsSplit | SitesSplit, seed: int, strata: Strata
) -> dict[str, tuple[int, Resplit]]:
    """Return, by the name of each training, its fold and how groups become parts."""
    if isinstance(split, SitesSplit):
        return {
            site: (
                NO_FOLD,
                partial(
                    _split_site, own=films["site"] == site, split=split, seed=seed, strata=strata
                ),
            )
            for site in list_sites(films["site"])
        }
    if split.n_folds == 0:
        return {SINGLE: (NO_FOLD, _list_parts(films, split, seed))}
    return {
        fold_name(fold): (
            fold,
            partial(_split_fold, fold=fold, split=split, seed=seed, strata=strata),
        )
        for fold in range(split.n_folds)
    }


def _list_parts(films: pd.DataFrame, split: GroupsSplit, seed: int) -> Resplit:
    """Return how groups become parts: the official ones if they are wanted and all three are there, else by a hash."""
    if split.use_official:
        official = films["official_split"].map(_RANKS)
        if set(official) == set(_RANKS.values()):
            names = {rank: name for name, rank in _RANKS.items()}
            # a group with a test film is tested whole: the test part keeps its size, and trains nothing
            return lambda groups: official.groupby(groups).transform("max").map(names)
    return partial(split_groups, split=split, seed=seed)


def split_groups(groups: pd.Series, split: GroupsSplit | SitesSplit, seed: int) -> pd.Series:
    """Return the part (N,) of each row by a hash of its group.

    Examples
    --------
    >>> groups = pd.Series([f"patient {i}" for i in range(100)])
    >>> sorted(split_groups(groups, GroupsSplit(val_fraction=0.2), seed=1).unique())
    ['test', 'train', 'val']
    """
    val, test = split.val_fraction, split.test_fraction
    return assign_splits(groups, {"train": 1 - val - test, "val": val, "test": test}, seed)


def _split_fold(
    groups: pd.Series, fold: int, split: GroupsSplit, seed: int, strata: Strata
) -> pd.Series:
    """Test one fold."""
    n = split.n_folds
    folds = assign_folds(groups, n, seed) if strata is None else _deal(groups, strata, n, seed)
    # by a hash another draw for each fold, so that no group validates in all of them
    own_seed = seed + fold if strata is None else seed + 1
    return split_rest(groups, folds == fold, split.val_fraction, own_seed, strata)


def fold_beside(
    cohort: pd.DataFrame, n_folds: int, val_fraction: float, seed: int
) -> Iterator[pd.DataFrame]:
    """Give folds of the training and validation films of a single split: each group is tested once, by its hash.

    Parameters
    ----------
    cohort : DataFrame
        ``group_id, split`` of the single split; its test films, and those in no part, are in no fold.
    n_folds : int
        Folds.
    val_fraction : float
        Share of the groups that are not tested.
    seed : int
        Seed of the split; folds have another hash.
    """
    films = cohort[cohort["split"].isin(["train", "val"])]
    folds = assign_folds(films["group_id"], n_folds, seed)
    for fold in range(n_folds):
        own_seed = seed + 1 + fold  # another hash than that of the single split
        split = split_rest(films["group_id"], folds == fold, val_fraction, own_seed)
        yield films.assign(split=split, arm=fold_name(fold), fold=fold)


def split_rest(
    groups: pd.Series, tests: pd.Series, val_fraction: float, seed: int, strata: Strata = None
) -> pd.Series:
    """Return the part (N,) of each row where the test part is given: some of the other groups validate.

    Parameters
    ----------
    groups : (N,) Series
        Group of each row.
    tests : (N,) Series of bool
        Rows of the test part.
    val_fraction : float
        Share of the other groups that validates.
    seed : int
        Seed of the draw.
    strata : DataFrame, optional
        As `split_films` takes it.
    """
    rest = groups[~tests]
    if strata is None:
        fractions = {"train": 1 - val_fraction, "val": val_fraction}
        return assign_splits(rest, fractions, seed).reindex(groups.index).fillna("test")
    n_parts = max(2, round(1 / val_fraction))
    parts = _deal(rest, strata.loc[rest.index], n_parts, seed)
    chosen = pd.Series("test", index=groups.index, dtype="str")
    chosen[rest.index] = np.where(parts == 0, "val", "train")
    return chosen


def _split_site(
    groups: pd.Series, own: pd.Series, split: SitesSplit, seed: int, strata: Strata
) -> pd.Series:
    """Train on one site, test on a part of it and on all others; a copy at the other site tests nothing."""
    if strata is None:
        parts = split_groups(groups[own], split, seed).reindex(groups.index).fillna("test")
    else:
        n_parts = max(2, round(1 / split.test_fraction))
        tests = ~own
        tests[own] = _deal(groups[own], strata[own], n_parts, seed) == 0
        parts = split_rest(groups, tests, split.val_fraction, seed + 1, strata)
    parts[~own & groups.isin(set(groups[own]))] = ""
    return parts


def _deal(families: pd.Series, strata: pd.DataFrame, n_folds: int, seed: int) -> pd.Series:
    """Deal families to folds of like strata; the last property is dropped where some stratum is too small."""
    first = strata.astype(str).assign(family=families.astype(str)).drop_duplicates("family")
    names = list(strata.columns)
    while True:
        kinds = first[names[::-1]].agg(" ".join, axis=1)
        if len(names) == 1 or kinds.value_counts().min() >= n_folds:
            break
        names.pop()
    folds = assign_stratified_folds(first["family"], kinds, n_folds, seed)
    return families.astype(str).map(dict(zip(first["family"], folds, strict=True)))


def check_classes(cohort: pd.DataFrame) -> None:
    """Raise ValueError if the training or validation part of an arm holds films of one class only.

    Parameters
    ----------
    cohort : DataFrame
        ``arm, split, target``.
    """
    used = cohort[cohort["split"].isin(["train", "val"])]
    for (arm, part), rows in used.groupby(["arm", "split"], sort=False):
        if rows["target"].nunique() < 2:  # noqa: PLR2004
            raise ValueError(
                f"the part '{part}' of the training '{arm}' has {len(rows)} films of one class only; give more films, "
                "or other fractions"
            )
