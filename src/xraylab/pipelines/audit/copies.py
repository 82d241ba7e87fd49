"""Check 2: copies of films, in any orientation, and where they lie."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from xraylab.duplicates.clusters import find_duplicate_clusters
from xraylab.evaluation.leakage import merge_duplicates
from xraylab.imaging.array_cache import ArrayCache

from .findings import Finding, tabulate_findings
from .hidden import hide_ids
from .params import AuditParams
from .words import count_films

__all__ = ["check_copies", "find_copies"]

FIRST, BYTES, PIXELS, NEAR = "first", "same bytes", "same pixels", "near-duplicate"

_COLUMNS = (
    *("cluster", "image_id", "kind", "copy_of", "angle_deg", "mirrored", "similarity"),
    *("split", "label", "patient"),
)


class _Link(NamedTuple):
    """How a film is known to be a copy: of which one, and how it is turned."""

    of: int
    kind: str
    angle_deg: float = 0.0
    mirrored: bool = False
    similarity: float = 1.0


def find_copies(
    records: pd.DataFrame, arrays: ArrayCache, salt: str, params: AuditParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find clusters of copies, and join patients and copies to families.

    Parameters
    ----------
    records : DataFrame
        One row per file found.
    arrays : ArrayCache
        The films.
    salt : str
        Hides ids of patients.
    params : AuditParams
        ``copies``: when two films are copies. A blank film is a copy of none.

    Returns
    -------
    grouped : DataFrame
        The records with ``duplicate_cluster`` (the first image id of the film's cluster) and the ``group_id`` of its
        family.
    clusters : DataFrame
        One row per film that has a copy: ``cluster`` (1 for the largest), ``image_id, kind`` (``first``, ``same
        bytes``, ``same pixels`` or ``near-duplicate``), ``copy_of``; where that film, mirrored left to right if
        ``mirrored`` and then turned counter-clockwise by ``angle_deg``, is this one, with what ``similarity``;
        ``split, label, patient`` (hidden).
    """
    films = records[records["status"] == "ok"].sort_values("row")
    ids = films["image_id"].reset_index(drop=True)
    shows = (films["grey_range"] >= params.files.blank_range).reset_index(drop=True)
    digests = films["digest"].reset_index(drop=True).where(shows)
    shapes = films[["height_px", "width_px"]].to_numpy(np.float64)
    clusters, pairs = find_duplicate_clusters(ids, arrays.films, params.copies, digests, shapes)
    by_id = pd.Series(clusters.to_numpy(), index=ids.to_numpy())
    named = records["image_id"].map(by_id).fillna("").astype("str")
    grouped = records.assign(duplicate_cluster=named)
    is_film = grouped["status"] == "ok"
    families = merge_duplicates(grouped.loc[is_film, ["group_id", "duplicate_cluster"]])
    grouped.loc[is_film, "group_id"] = families
    return grouped, _list_clusters(films.reset_index(drop=True), clusters, pairs, salt)


def _list_clusters(
    films: pd.DataFrame, clusters: pd.Series, pairs: pd.DataFrame, salt: str
) -> pd.DataFrame:
    sizes = clusters.value_counts()
    wanted = sizes[sizes > 1]
    order = sorted(wanted.index, key=lambda name: (-wanted[name], name))
    numbers = {name: k + 1 for k, name in enumerate(order)}
    members = clusters[clusters.isin(set(order))].groupby(clusters).groups
    edges: dict[int, list[_Link]] = {}
    for pair in pairs.to_dict("records"):
        first, second = int(pair["first"]), int(pair["second"])
        angle, mirrored = float(pair["angle_deg"]), bool(pair["mirrored"])
        similarity = float(pair["similarity"])
        edges.setdefault(first, []).append(_Link(second, NEAR, angle, mirrored, similarity))
        # turned back; a mirror takes itself back
        back = angle if mirrored else -angle % 360
        edges.setdefault(second, []).append(_Link(first, NEAR, back, mirrored, similarity))
    rows: list[dict[str, Any]] = []
    for name in order:
        places = sorted(map(int, members[name]))
        for place, link in _link(places, films, edges).items():
            rows.append(
                {
                    "cluster": numbers[name],
                    "image_id": films["image_id"].iloc[place],
                    **link._asdict(),
                    "copy_of": "" if link.kind == FIRST else films["image_id"].iloc[link.of],
                    "split": films["split"].iloc[place],
                    "label": _label(films, place),
                    "patient": films["patient"].iloc[place],
                }
            )
    table = pd.DataFrame(rows, columns=[*_COLUMNS])
    kinds = {
        "cluster": "int64",
        "angle_deg": "float64",
        "similarity": "float64",
        "mirrored": "bool",
    }
    table = table.astype({name: kinds.get(name, "str") for name in _COLUMNS})
    return table.assign(patient=hide_ids(table["patient"], salt))


def _link(
    places: list[int], films: pd.DataFrame, edges: dict[int, list[_Link]]
) -> dict[int, _Link]:
    """Return how each film of a cluster is linked to another one; the first to none."""
    equal: dict[str, int] = {}  # the first film with these bytes or pixels
    links: dict[int, _Link] = {}
    apart: list[int] = []
    for place in places:
        source, digest = (str(films[name].iloc[place]) for name in ("source", "digest"))
        same = next(
            ((equal[k], kind) for k, kind in ((source, BYTES), (digest, PIXELS)) if k in equal),
            None,
        )
        equal.setdefault(source, place)
        equal.setdefault(digest, place)
        if same is None:
            apart.append(place)
        else:
            links[place] = _Link(*same)
    # the others are reached from the first by pairs that were compared
    found = {apart[0]: _Link(apart[0], FIRST)}
    waiting = deque([apart[0]])
    while waiting:
        place = waiting.popleft()
        for link in edges.get(place, []):
            if link.of not in found and link.of not in links:
                found[link.of] = link._replace(of=place)
                waiting.append(link.of)
    return dict(sorted({**links, **found}.items()))


def _label(films: pd.DataFrame, place: int) -> str:
    target = films["target"].iloc[place]
    return str(films["label"].iloc[place]) if np.isnan(target) else f"{target:g}"


def check_copies(
    records: pd.DataFrame, clusters: pd.DataFrame, params: AuditParams
) -> pd.DataFrame:
    """Say which copies lie in several parts, under several labels, or under several patients.

    Parameters
    ----------
    records, clusters : DataFrame
        As `find_copies` gives them.
    params : AuditParams
        Not looked at; a node takes its parameters last.

    Returns
    -------
    DataFrame
        Findings, as `tabulate_findings` gives them.
    """
    n_films = int((records["status"] == "ok").sum())
    found = [
        *_across_parts(records, clusters, n_films),
        *_across(
            clusters, "label", n_films, "label_conflicts", "error",
            "{films} lie with a copy under another label.",
            "Find out which label is right, and remove the other film. Until then leave both out: split.csv does.",
        ),
        *_across(
            clusters, "patient", n_films, "copies_across_patients", "warning",
            "{films} lie with a copy under the id of another patient.",
            "Treat these patients as one, as split.csv does, or find out which id is right.",
        ),
        *_within(clusters, n_films),
    ]  # fmt: skip
    return tabulate_findings(found)


def _across_parts(records: pd.DataFrame, clusters: pd.DataFrame, n_films: int) -> Iterator[Finding]:
    known = clusters[clusters["split"] != ""]
    crossing = known[known.groupby("cluster")["split"].transform("nunique") > 1]
    if not len(crossing):
        return
    parts = records.loc[records["status"] == "ok", "split"].value_counts()
    said = []
    for part, others in (("test", "train or val"), ("val", "train")):
        here = crossing[crossing["split"] == part]
        trained = crossing.loc[crossing["split"].isin(others.split(" or ")), "cluster"]
        n_leaking = int(here["cluster"].isin(set(trained)).sum())
        if n_leaking:
            words = "the training or validation part" if part == "test" else "the training part"
            said.append(f"{n_leaking:,} of {parts[part]:,} {part} films have one in {words}")
    more = f" {'; '.join(said)}." if said else ""
    title = f"{count_films(len(crossing))} lie with a copy in another part.{more}"
    yield Finding(
        "copies", "copies_across_parts", "error", title, len(crossing), n_films,
        "A model is tested on films that it has seen. Split again with all copies of a film in one part: split.csv is "
        "such a split.",
        list(_pairs(crossing, "split")), crossing["image_id"].tolist(),
    )  # fmt: skip


def _across(
    clusters: pd.DataFrame, column: str, n_films: int, finding: str, severity: Any, title: str, advice: str
) -> Iterator[Finding]:  # fmt: skip
    known = clusters[clusters[column] != ""]
    crossing = known[known.groupby("cluster")[column].transform("nunique") > 1]
    if len(crossing):
        yield Finding(
            "copies", finding, severity, title.format(films=count_films(len(crossing))),
            len(crossing), n_films, advice, list(_pairs(crossing, column)), crossing["image_id"].tolist(),
        )  # fmt: skip


def _within(clusters: pd.DataFrame, n_films: int) -> Iterator[Finding]:
    """Say how many films are copies of others in the same part: they weigh more than others."""
    again = clusters[clusters.duplicated(["cluster", "split"])]
    if not len(again):
        return
    sizes = clusters["cluster"].value_counts()
    kinds = clusters.loc[clusters["kind"] != FIRST, "kind"].value_counts()
    said = ", ".join(f"{n:,} {kind}" for kind, n in kinds.items())
    examples = [
        rows["image_id"].head(2).tolist() for _, rows in clusters.groupby("cluster", sort=True)
    ]
    yield Finding(
        "copies", "copies_within_parts", "warning",
        f"{count_films(len(again))} are copies of others in the same part ({said} in all). "
        f"{count_films(len(sizes), 'cluster')}, the largest of {count_films(int(sizes.max()))}.",
        len(again), n_films,
        "Copies weigh more than other films in training and in figures: keep one of each, or weigh a cluster as one "
        "film and draw intervals by cluster.",
        examples, again["image_id"].tolist(),
    )  # fmt: skip


def _pairs(crossing: pd.DataFrame, column: str) -> Iterator[list[str]]:
    """Give, for each cluster, two films that differ in a column."""
    for _, rows in crossing.groupby("cluster", sort=True):
        firsts = rows.drop_duplicates(column)
        yield next(list(pair) for pair in combinations(firsts["image_id"], 2))
