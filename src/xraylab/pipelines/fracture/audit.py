"""What is wrong with the set: copies, conflicts, unreadable files, burned-in markers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.imaging.array_cache import ArrayCache
from xraylab.imaging.film_file import IGNORED
from xraylab.records.ids import plain_name

from .params import CLASS_NAMES, FractureCohortParams

__all__ = ["KINDS", "audit_files", "plot_copies"]

UNIQUE, EXACT, TURNED = "unique", "exact copy in the split", "turned copy in the split"
EXACT_OF_TRAIN, TURNED_OF_TRAIN = "exact copy of a training film", "turned copy of a training film"
UNREADABLE = "unreadable"
KINDS = (UNIQUE, EXACT, TURNED, EXACT_OF_TRAIN, TURNED_OF_TRAIN, UNREADABLE)

_PAIRS_SHOWN = 6
_LEAST_TURN_DEG = 20.0  # below it a turned copy looks like an exact one


def audit_files(
    cohort: pd.DataFrame, rejected: pd.DataFrame, params: FractureCohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count what each split of the published set really holds.

    Parameters
    ----------
    cohort, rejected : DataFrame
        As `index_cohort` gives them.
    params : FractureCohortParams
        How folders are named.

    Returns
    -------
    audit : DataFrame
        ``split, label, kind, n``: every file once. A copy of a training film is one whose film or a turned copy of it
        is in the training part; within a split the first file of a family is unique and the others are its copies.
    summary : DataFrame
        ``name, value``: files, unreadable, unique files, families, exact copies across splits, test films without a
        copy in training or validation, label conflicts, share of films with a burned-in marker, and how the families
        found agree with those of the file names, pair by pair.
    """
    kinds = _kind_of(cohort)
    readable = pd.DataFrame(
        {
            "split": cohort["official_split"],
            "label": cohort["target"].map(dict(enumerate(CLASS_NAMES))),
            "kind": kinds,
        }
    )
    unread = pd.DataFrame(list(_unreadable(rejected, params)), columns=["split", "label", "kind"])
    counts = pd.concat([readable, unread]).value_counts(["split", "label", "kind"])
    audit = counts.rename("n").reset_index()
    place = [audit[c].map({v: i for i, v in enumerate(o)}) for c, o in _ORDERS.items()]
    audit = audit.iloc[np.lexsort([each.to_numpy() for each in place[::-1]])]
    return audit.reset_index(drop=True), _summarise(cohort, len(unread))


_ORDERS: dict[str, tuple[str, ...]] = {
    "split": ("train", "val", "test"),
    "label": CLASS_NAMES,
    "kind": KINDS,
}


def _kind_of(cohort: pd.DataFrame) -> pd.Series:
    train = cohort["official_split"] == "train"
    sources, clusters = (set(cohort.loc[train, key]) for key in ("source", "duplicate_cluster"))
    repeated = {
        key: cohort.duplicated(["official_split", key]) for key in ("source", "duplicate_cluster")
    }
    conditions = [
        ~train & cohort["source"].isin(sources),
        ~train & cohort["duplicate_cluster"].isin(clusters),
        repeated["source"],
        repeated["duplicate_cluster"],
    ]
    choices = [EXACT_OF_TRAIN, TURNED_OF_TRAIN, EXACT, TURNED]
    return pd.Series(np.select(conditions, choices, UNIQUE), index=cohort.index)


def _unreadable(
    rejected: pd.DataFrame, params: FractureCohortParams
) -> Iterator[tuple[str, str, str]]:
    read = rejected[~rejected["reason"].astype(str).str.startswith(IGNORED)]
    for image_id in read["image_id"].astype(str):
        *_, split, label, _ = ("", "", *PurePosixPath(image_id).parts)
        part = params.splits.get(plain_name(split))
        target = params.classes.get(plain_name(label))
        if part is not None and target is not None:
            yield part, CLASS_NAMES[target], UNREADABLE


def _summarise(cohort: pd.DataFrame, n_unread: int) -> pd.DataFrame:
    test = cohort["official_split"] == "test"
    before = cohort[~test]
    precision, recall = _agreement(cohort)
    values: dict[str, float] = {
        "files": len(cohort) + n_unread,
        "unreadable files": n_unread,
        "unique files": cohort["source"].nunique(),
        "unique images": cohort["digest"].nunique(),
        "families": cohort["duplicate_cluster"].nunique(),
        "test films": int(test.sum()),
        "test films with an exact copy in training": int(
            (
                test
                & cohort["source"].isin(cohort.loc[cohort["official_split"] == "train", "source"])
            ).sum()
        ),
        "test films without any copy in training or validation": int(
            (test & ~cohort["duplicate_cluster"].isin(before["duplicate_cluster"])).sum()
        ),
        "files that lie in both classes": int(cohort["conflict"].sum()),
        "share of films with a burned-in marker": float((cohort["marker_fraction"] > 0).mean()),
        "share of fractured films with a burned-in marker": _marked(cohort, 1),
        "share of whole films with a burned-in marker": _marked(cohort, 0),
        "pairs of one family by file name that are found": recall,
        "pairs found that are one family by file name": precision,
    }
    return pd.DataFrame({"name": list(values), "value": list(map(float, values.values()))})


def _marked(cohort: pd.DataFrame, target: int) -> float:
    part = cohort.loc[cohort["target"] == target, "marker_fraction"]
    return float((part > 0).mean()) if len(part) else float("nan")


def _agreement(cohort: pd.DataFrame) -> tuple[float, float]:
    """Return pairwise precision and recall of the families found against those of file names."""
    named = cohort[cohort["named_family"] != ""]
    n_found, n_named, n_both = (
        float((sizes * (sizes - 1) / 2).sum())
        for sizes in (
            named.groupby(keys).size()
            for keys in ("duplicate_cluster", "named_family", ["duplicate_cluster", "named_family"])
        )
    )
    nan = float("nan")
    return (n_both / n_found if n_found else nan), (n_both / n_named if n_named else nan)


def plot_copies(arrays: ArrayCache, cohort: pd.DataFrame, copies: pd.DataFrame) -> plots.Figure:
    """Draw test films beside the training films that they are copies of, the strongest turns first."""
    pairs = [*_exact_pairs(cohort), *_turned_pairs(cohort, copies)][:_PAIRS_SHOWN]
    shown = []
    for image_id_a, image_id_b, words in pairs:
        films = (np.asarray(arrays.films[arrays.row_of(each)]) for each in (image_id_a, image_id_b))
        film_a, film_b = films
        labels = (PurePosixPath(each).name for each in (image_id_a, image_id_b))
        label_a, label_b = labels
        shown.append((f"train: {label_a}", film_a, f"test: {label_b}", film_b, words))
    if not shown:
        return plots.plot_message("No film of the test part is a copy of one that trains.")
    return plots.plot_copies(shown)


def _describe_turn(row: dict[Any, Any]) -> str:
    mirrored = ", mirrored" if row["mirrored"] else ""
    return f"turned by {row['turn']:.0f}°{mirrored}, similarity {row['similarity']:.2f}"


def _exact_pairs(cohort: pd.DataFrame) -> list[tuple[str, str, str]]:
    split = cohort["official_split"]
    train = cohort[split == "train"].drop_duplicates("source")
    both = train.merge(cohort[split == "test"].drop_duplicates("duplicate_cluster"), on="source")
    return [
        (a, b, "the same bytes")
        for a, b in both[["image_id_x", "image_id_y"]]
        .head(_PAIRS_SHOWN // 3)
        .itertuples(index=False)
    ]


def _turned_pairs(cohort: pd.DataFrame, copies: pd.DataFrame) -> list[tuple[str, str, str]]:
    facts = cohort.set_index("image_id")[["official_split", "duplicate_cluster"]]
    pairs: list[dict[Any, Any]] = []
    for row in copies.to_dict("records"):
        ids = row["image_id_a"], row["image_id_b"]
        splits = [facts.loc[each, "official_split"] for each in ids]
        if sorted(splits) == ["test", "train"]:
            first, second = ids if splits[0] == "train" else ids[::-1]
            pairs.append(
                {
                    **row,
                    "a": first,
                    "b": second,
                    "duplicate_cluster": facts.loc[first, "duplicate_cluster"],
                }
            )
    table = pd.DataFrame(pairs, columns=[*copies, "a", "b", "duplicate_cluster"])
    turn = (table["angle_deg"].astype(float) + 180) % 360 - 180
    far = turn.abs() > _LEAST_TURN_DEG
    table = table.assign(turn=turn, far=far).sort_values(["far", "similarity"], ascending=False)
    table = table.drop_duplicates("duplicate_cluster")
    return [
        (
            row["a"],
            row["b"],
            _describe_turn(row),
        )
        for row in table.to_dict("records")
    ]
