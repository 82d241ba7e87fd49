"""The smaller tables of the page of an audit: clusters, the proposed split, and what was not read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .page_words import clean

__all__ = [
    "ClusterRow",
    "PartRow",
    "ReasonRow",
    "count_by_parts",
    "count_by_size",
    "count_moves",
    "count_parts",
    "count_reasons",
]

_PARTS = ("train", "val", "test")
_NO_PART = "none"
_MAX_ROWS = 30
_SIZES = (2, 3, 4, 5, 10, 50, 100)  # smallest of each row


@dataclass(frozen=True)
class ClusterRow:
    """Clusters that have something in common: their size, or the parts that they lie in."""

    what: str
    n_clusters: int
    n_films: int


@dataclass(frozen=True)
class PartRow:
    """Films of one part of the split, before and after."""

    part: str
    before: int
    after: int
    moved_in: int
    moved_out: int


@dataclass(frozen=True)
class ReasonRow:
    """Files or films with one reason, and one of them."""

    reason: str
    status: str
    n: int
    example: str


def count_by_size(clusters: pd.DataFrame) -> list[ClusterRow]:
    """Return how many clusters there are of each size; larger sizes are counted together.

    Examples
    --------
    >>> count_by_size(pd.DataFrame({"cluster": ["a", "a", "b", "b", "c", "c", "c"]}))
    [ClusterRow(what='2 films', n_clusters=2, n_films=4), ClusterRow(what='3 films', n_clusters=1, n_films=3)]
    """
    sizes = clusters["cluster"].value_counts().to_numpy()
    classes = np.searchsorted(_SIZES, sizes, side="right") - 1
    return [
        ClusterRow(_name_size(k), int((classes == k).sum()), int(sizes[classes == k].sum()))
        for k in np.unique(classes)
    ]


def count_by_parts(clusters: pd.DataFrame) -> list[ClusterRow]:
    """Return how many clusters lie in which parts, the most first; none where no part is known.

    Examples
    --------
    >>> count_by_parts(pd.DataFrame({"cluster": ["a", "a", "b", "b"], "split": ["train", "test", "test", "test"]}))
    [ClusterRow(what='test only', n_clusters=1, n_films=2), ClusterRow(what='train and test', n_clusters=1, n_films=2)]
    """
    if not clusters["split"].astype(bool).any():
        return []
    named = clusters["split"].where(clusters["split"].astype(bool), _NO_PART)
    by_cluster = named.groupby(clusters["cluster"])
    where = by_cluster.agg(lambda parts: _join(sorted(set(parts), key=_rank)))
    table = pd.DataFrame({"where": where, "n": by_cluster.size()}).groupby("where")["n"]
    counted = table.agg(["size", "sum"]).sort_values("size", ascending=False, kind="stable")
    return [
        ClusterRow(str(name), int(n), int(films))
        for name, n, films in counted.head(_MAX_ROWS).itertuples()
    ]


def count_parts(split: pd.DataFrame) -> list[PartRow]:
    """Return the films of each part before and after, and how many move.

    Parameters
    ----------
    split : DataFrame
        ``split`` and ``official_split`` of each film; empty where it is in no part.

    Examples
    --------
    >>> split = pd.DataFrame({"split": ["train", "train"], "official_split": ["train", "test"]})
    >>> [(row.part, row.before, row.after, row.moved_in) for row in count_parts(split)]
    [('train', 1, 2, 1), ('val', 0, 0, 0), ('test', 1, 0, 0)]
    """
    before, after = (
        split[name].where(split[name].astype(bool), _NO_PART)
        for name in ("official_split", "split")
    )
    moved = before != after
    others = set(after) | set(before)
    names = [*_PARTS, *sorted(others - {*_PARTS, _NO_PART}), *sorted(others & {_NO_PART})]
    counts = [each.value_counts() for each in (before, after, after[moved], before[moved])]
    return [
        PartRow(clean(name), *(int(each.get(name, 0)) for each in counts))
        for name in names[:_MAX_ROWS]
    ]


def count_moves(split: pd.DataFrame) -> list[ReasonRow]:
    """Return why films are in the parts that are proposed, the most frequent reason first.

    Films whose part has not changed have none.
    """
    moved = split[split["reason"].astype(bool)]
    return _count(moved["reason"], pd.Series("", index=moved.index), moved["image_id"])


def count_reasons(records: pd.DataFrame) -> list[ReasonRow]:
    """Return why files were not read as films, the most frequent reason first.

    Examples
    --------
    >>> records = pd.DataFrame({"image_id": ["a.png", "b.txt", "c.txt"], "status": ["ok", "ignored", "ignored"],
    ...                         "reason": ["", "is no image", "is no image"]})
    >>> count_reasons(records)
    [ReasonRow(reason='is no image', status='ignored', n=2, example='b.txt')]
    """
    left = records[records["status"] != "ok"]
    return _count(left["reason"], left["status"], left["image_id"])


def _count(reasons: pd.Series, status: pd.Series, image_ids: pd.Series) -> list[ReasonRow]:
    table = pd.DataFrame({"reason": reasons, "status": status, "image_id": image_ids})
    groups = table.groupby(["reason", "status"], sort=False)["image_id"].agg(["size", "first"])
    groups = groups.sort_values("size", ascending=False, kind="stable")
    rows = [
        ReasonRow(clean(reason), str(kind), int(n), clean(first, 100))
        for (reason, kind), n, first in groups.head(_MAX_ROWS).itertuples()
    ]
    rest = groups["size"].iloc[_MAX_ROWS:]
    if len(rest):
        rows.append(ReasonRow(f"{len(rest):,} other reasons", "", int(rest.sum()), ""))
    return rows


def _rank(part: str) -> tuple[int, str]:
    return (_PARTS.index(part) if part in _PARTS else len(_PARTS), part)


def _join(parts: list[str]) -> str:
    shown = [clean(each, 40) for each in parts]
    return f"{shown[0]} only" if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _name_size(k: int) -> str:
    if k == len(_SIZES) - 1:
        return f"{_SIZES[k]} films or more"
    least, most = _SIZES[k], _SIZES[k + 1] - 1
    return f"{least} films" if least == most else f"{least} to {most} films"
