"""The leak gate: what is on both sides of a split, and what to do about it.

A leak is a key that two splits share. Each kind of leak is one key column of the cohort, so that a
new kind is one more column and one more line in `LEAK_KINDS`. Work and memory grow with the number
of images, never with the number of pairs. The column ``duplicate_cluster``, of near-duplicates in any orientation, is
made before, by `xraylab.duplicates.clusters.find_duplicate_clusters`, which compares all pairs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import combinations
from typing import Literal, get_args

import pandas as pd

from xraylab.records.groups import join_keys

__all__ = [
    "LEAK_COLUMNS",
    "LEAK_KINDS",
    "LeakError",
    "OnLeak",
    "check_leakage",
    "describe_leaks",
    "find_leaks",
    "merge_duplicates",
    "pass_gate",
    "regroup",
]

logger = logging.getLogger(__name__)

OnLeak = Literal["fail", "regroup", "report"]

LEAK_KINDS = {
    "same_group": "group_id",
    "same_bytes": "source",
    "same_pixels": "digest",
    "near_duplicate": "duplicate_cluster",
}
"""Key column of each kind of leak. A cohort need not have those of equal content."""

LEAK_COLUMNS = (
    "kind", "key", "split_a", "split_b", "image_id_a", "image_id_b", "group_id_a", "group_id_b",
    "n_images_a", "n_images_b", "n_pairs",
)  # fmt: skip

_COLUMN_TYPES = {name: "int64" if name.startswith("n_") else "str" for name in LEAK_COLUMNS}
_SHOWN = 5  # pairs that an error names


class LeakError(ValueError):
    """Images on both sides of a split."""


def find_leaks(cohort: pd.DataFrame) -> pd.DataFrame:
    """List what two splits share.

    Parameters
    ----------
    cohort : (N, …) DataFrame
        One row per image, with columns ``image_id``, ``group_id``, ``split`` (empty text: in no
        split) and, to find equal content, ``source`` (digest of the file), ``digest`` (of the
        decoded pixels) or ``duplicate_cluster`` (one name for all copies of a film); what is
        missing is compared with nothing. An image may have more than one row (one per dose, say), in one
        group.

    Returns
    -------
    DataFrame
        One row for each (kind, key, pair of splits), worst first, with columns `LEAK_COLUMNS`: the
        kind (``same_group``, ``same_pixels``), the shared group or digest, the two splits, an
        example from each side (image and its group), the rows on each side and their product, the
        leaking pairs. Empty without a leak.

    Raises
    ------
    ValueError
        If a column is missing, a value of ``image_id``, ``group_id`` or ``split`` is missing, or
        an image is in two groups.

    Examples
    --------
    >>> cohort = pd.DataFrame({"image_id": list("abc"), "group_id": ["p", "p", "q"]})
    >>> cohort["split"] = ["train", "test", "test"]
    >>> find_leaks(cohort)[["kind", "key", "split_a", "split_b", "image_id_a", "image_id_b"]]
             kind key split_a split_b image_id_a image_id_b
    0  same_group   p    test   train          b          a
    """
    _check_cohort(cohort, ("image_id", "group_id", "split"))
    found = [
        _shared_keys(cohort, kind, column)
        for kind, column in LEAK_KINDS.items()
        if column in cohort.columns
    ]
    none = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _COLUMN_TYPES.items()})
    leaks = pd.concat([none, *(table for table in found if table is not None)], ignore_index=True)
    return leaks.astype(_COLUMN_TYPES).sort_values(
        ["n_pairs", "kind", "key", "split_a", "split_b"],
        ascending=[False, True, True, True, True],
        ignore_index=True,
    )


def check_leakage(cohort: pd.DataFrame, on_leak: OnLeak) -> pd.DataFrame:
    """Find the leaks of a cohort, and stop at them if `on_leak` says so.

    Parameters
    ----------
    cohort : DataFrame
        As `find_leaks` takes it.
    on_leak : {"fail", "regroup", "report"}
        ``fail`` raises. ``report`` and ``regroup`` return what was found; for ``regroup`` the
        caller then calls `regroup`.

    Returns
    -------
    DataFrame
        As `find_leaks` gives it.

    Raises
    ------
    LeakError
        For ``fail``, if there is a leak: the message names the worst pairs and what to do.
    ValueError
        For another `on_leak`, and as `find_leaks` raises.

    Examples
    --------
    >>> cohort = pd.DataFrame({"image_id": list("ab"), "group_id": ["p", "p"]})
    >>> cohort["split"] = ["train", "test"]
    >>> check_leakage(cohort, "report")["kind"].tolist()
    ['same_group']
    """
    if on_leak not in get_args(OnLeak):  # a gate never fails open
        raise ValueError(f"on_leak must be one of {', '.join(get_args(OnLeak))}, got {on_leak!r}")
    leaks = find_leaks(cohort)
    if on_leak == "fail" and len(leaks):
        raise LeakError(
            f"images are on both sides of a split: {describe_leaks(leaks)}. Split by group, or set on_leak to "
            "'regroup' (duplicates become one group and the split is made again) or to 'report'"
        )
    return leaks


def describe_leaks(leaks: pd.DataFrame) -> str:
    """Return in words how much leaks, and the worst pairs.

    Parameters
    ----------
    leaks : DataFrame
        As `find_leaks` gives it, with at least one row.

    Examples
    --------
    >>> cohort = pd.DataFrame({"image_id": list("ab"), "group_id": ["p", "p"], "split": ["train", "test"]})
    >>> describe_leaks(find_leaks(cohort))
    "same_group: 1 keys, 1 pairs. Worst: 'b' (test) and 'a' (train), same_group 'p'"
    """
    counts = leaks.groupby("kind")["n_pairs"].agg(["size", "sum"])
    summary = "; ".join(
        f"{kind}: {row['size']} keys, {row['sum']} pairs" for kind, row in counts.iterrows()
    )
    examples = "; ".join(
        f"'{row.image_id_a}' ({row.split_a}) and '{row.image_id_b}' ({row.split_b}), "
        f"{row.kind} '{row.key}'"
        for row in leaks.head(_SHOWN).itertuples()
    )
    return f"{summary}. Worst: {examples}"


def merge_duplicates(cohort: pd.DataFrame) -> pd.Series:
    """Join groups that share content into one family.

    Groups A and B with a film in common, and B and C with another, are one family.

    Parameters
    ----------
    cohort : (N, …) DataFrame
        With the column ``group_id`` and at least one of equal content, see `LEAK_KINDS`; what is missing joins
        nothing.

    Returns
    -------
    (N,) Series of str
        Named ``group_id``, on the cohort's index: for each row the first id, in the order of text,
        of its family. A group without a duplicate keeps its id.

    Raises
    ------
    ValueError
        If a column or a group id is missing.

    Examples
    --------
    >>> cohort = pd.DataFrame({"group_id": ["p", "q", "q", "r"], "digest": ["1", "1", "2", "3"]})
    >>> merge_duplicates(cohort).tolist()
    ['p', 'p', 'p', 'r']
    """
    _check_cohort(cohort, ("group_id",))
    content = _content_columns(cohort)
    if not content:
        raise ValueError(
            f"cohort lacks a column of content ({', '.join(list(LEAK_KINDS.values())[1:])}); "
            f"it has {', '.join(map(str, cohort.columns))}"
        )
    keys = [cohort[column] for column in content]
    return join_keys(cohort["group_id"], keys).rename("group_id")


def regroup(cohort: pd.DataFrame, resplit: Callable[[pd.Series], pd.Series]) -> pd.DataFrame:
    """Join duplicates into families, split again by family, and check that nothing leaks any more.

    Parameters
    ----------
    cohort : DataFrame
        As `find_leaks` takes it.
    resplit : callable
        Group ids to splits on the same index, such as
        ``lambda groups: assign_splits(groups, fractions, seed)``.

    Returns
    -------
    DataFrame
        The cohort with new columns ``group_id`` and ``split``.

    Raises
    ------
    LeakError
        If the new split leaks: `resplit` does not keep a group whole.

    Examples
    --------
    >>> cohort = pd.DataFrame({"image_id": list("abc"), "group_id": list("pqr"), "digest": list("112")})
    >>> cohort["split"] = ["train", "test", "test"]
    >>> regroup(cohort, lambda groups: groups.map({"p": "train", "r": "test"}))["split"].tolist()
    ['train', 'train', 'test']
    """
    groups = merge_duplicates(cohort) if _content_columns(cohort) else cohort["group_id"]
    split_again = cohort.assign(group_id=groups, split=resplit(groups))
    check_leakage(split_again, "fail")
    return split_again


def pass_gate(
    cohort: pd.DataFrame, on_leak: OnLeak, resplit: Callable[[pd.Series], pd.Series]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a cohort by group, look for leaks, and split again by family if `on_leak` says so.

    Parameters
    ----------
    cohort : DataFrame
        As `find_leaks` takes it; its column ``split`` is made here.
    on_leak : {"fail", "regroup", "report"}
        What is done about a leak.
    resplit : callable
        As `regroup` takes it.

    Returns
    -------
    cohort : DataFrame
        With its split; under ``regroup`` copies are one group and nothing leaks.
    leaks : DataFrame
        As `find_leaks` gives it for the split by group, with the ``action`` that was taken.

    Raises
    ------
    LeakError
        With ``on_leak: fail``, if anything leaks.

    Examples
    --------
    >>> cohort = pd.DataFrame({"image_id": list("abc"), "group_id": list("pqr"), "digest": list("112")})
    >>> by_group = {"p": "train", "q": "test", "r": "test"}
    >>> split, leaks = pass_gate(cohort, "regroup", lambda groups: groups.map(by_group))
    >>> split["split"].tolist(), leaks[["kind", "action"]].to_numpy().tolist()
    (['train', 'train', 'test'], [['same_pixels', 'regrouped']])
    """
    split = cohort.assign(split=resplit(cohort["group_id"]))
    leaks = check_leakage(split, on_leak)
    action = "reported"
    if on_leak == "regroup":
        split, action = regroup(split, resplit), "regrouped"
    if len(leaks):
        first = leaks.iloc[0]
        logger.warning(
            "The leak gate found %d leaks, such as '%s' and '%s' (%s); %s",
            len(leaks), first["image_id_a"], first["image_id_b"], first["kind"], action,
        )  # fmt: skip
    return split, leaks.assign(action=action)


def _content_columns(cohort: pd.DataFrame) -> list[str]:
    return [name for name in LEAK_KINDS.values() if name != "group_id" and name in cohort.columns]


def _check_cohort(cohort: pd.DataFrame, columns: tuple[str, ...]) -> None:
    for column in columns:
        if column not in cohort.columns:
            raise ValueError(
                f"cohort lacks the column '{column}'; it has {', '.join(map(str, cohort.columns))}"
            )
        n_missing = int(cohort[column].isna().sum())
        if n_missing:
            raise ValueError(f"cohort: '{column}' is missing in {n_missing} of {len(cohort)} rows")
    if "image_id" in columns and "group_id" in columns:
        n_groups = cohort.groupby("image_id")["group_id"].nunique()
        if (n_groups > 1).any():
            raise ValueError(
                f"cohort: image '{n_groups.idxmax()}' is in {n_groups.max()} groups, not in one"
            )


def _shared_keys(cohort: pd.DataFrame, kind: str, column: str) -> pd.DataFrame | None:
    """Return one row for each key and pair of splits that share it; None without any."""
    table = pd.DataFrame(
        {
            "key": cohort[column],
            "split": cohort["split"].astype(str),
            "image_id": cohort["image_id"],
            "group_id": cohort["group_id"],
        }
    )
    table = table[(table["split"] != "") & table["key"].notna()]
    table = table.astype({"key": str}).sort_values(["key", "split", "image_id"])
    by_split = table.groupby(["key", "split"], as_index=False).agg(
        image_id=("image_id", "first"),
        group_id=("group_id", "first"),
        n_images=("image_id", "size"),
    )
    by_split = by_split[by_split.duplicated("key", keep=False)]
    pairs = [
        by_split[by_split["split"] == a].merge(
            by_split[by_split["split"] == b], on="key", suffixes=("_a", "_b")
        )
        for a, b in combinations(sorted(by_split["split"].unique()), 2)
    ]
    if not pairs:
        return None
    leaks: pd.DataFrame = pd.concat(pairs, ignore_index=True)
    leaks = leaks.assign(kind=kind, n_pairs=leaks["n_images_a"] * leaks["n_images_b"])
    return leaks.loc[:, list(LEAK_COLUMNS)]
