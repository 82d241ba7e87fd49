"""Films as they are published → cohort → split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from xraylab.duplicates.clusters import find_duplicate_clusters
from xraylab.evaluation.leakage import merge_duplicates
from xraylab.flow.cohort import describe_films, group_by_patient, plan_films
from xraylab.flow.split import check_classes, split_films
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.imaging.film_file import ignored_files
from xraylab.records.ids import plain_name
from xraylab.records.split_table import SplitTable

from .params import FractureCohortParams, ProtocolParams

__all__ = ["cache_films", "index_cohort", "split_cohort"]

_NUMBER = re.compile(r"(\d+)(?=[-. (]|$)")
_MANY = 10  # copies: such a family weighs on a metric by film


def cache_films(films: dict[str, LoadFilm], params: FractureCohortParams) -> CachePlan:
    """Plan the arrays of all films that lie in a folder of a split and a class.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by their path under the data set: ``…/<split>/<class>/<name>``.
    params : FractureCohortParams
        How folders are named and films prepared.

    Returns
    -------
    CachePlan
        What the cache decodes; a film in a folder that ``null`` stands for is rejected beforehand.

    Raises
    ------
    ValueError
        If no film lies in such a folder, a folder of the class or split has an unknown name, or all films are of one
        class.
    """
    _check_folders(films, params)
    reasons = {image_id: _misplaced(image_id, params) for image_id in films}
    used = {image_id: load for image_id, load in films.items() if not reasons[image_id]}
    left_out = {image_id: reason for image_id, reason in reasons.items() if reason}
    return plan_films(used, params, rejected={**ignored_files(films), **left_out})


def _folders(image_id: str) -> tuple[str, str]:
    """Return the folder of the split and that of the class, as `FractureCohortParams` spells them."""
    folders = ("", "", *PurePosixPath(image_id).parts[:-1])
    return plain_name(folders[-2]), plain_name(folders[-1])


def _misplaced(image_id: str, params: FractureCohortParams) -> str:
    _, label = _folders(image_id)
    return "" if params.classes[label] is not None else f"its folder '{label}' is left out"


def _check_folders(films: Iterable[str], params: FractureCohortParams) -> None:
    """Stop for a folder whose name is not known: whole classes would be left out."""
    counts = Counter(_folders(image_id) for image_id in films)
    if not counts:
        raise ValueError("there is no film in <split>/<class>/ (fracture_multi_region)")
    names_of = {"splits": list(params.splits), "classes": list(params.classes)}
    for place, (what, known) in enumerate(names_of.items()):
        unknown: Counter[str] = Counter()
        for names, n in counts.items():
            if names[place] not in known:
                unknown[names[place]] += n
        if unknown:
            words = ", ".join(f"'{name}' ({n} films)" for name, n in sorted(unknown.items()))
            raise ValueError(
                f"films lie in <split>/<class>/, and {words} is no folder of the {what} that are known: "
                f"{', '.join(sorted(known))}. Map others by fracture.cohort.{what}"
            )
    found = {params.classes[label] for _, label in counts} - {None}
    if len(found) < 2:  # noqa: PLR2004 - fractured and not
        words = ", ".join(
            f"'{split}/{label}' ({n})" for (split, label), n in sorted(counts.items())
        )
        raise ValueError(
            f"all {sum(counts.values())} films are of one class; their folders: {words}"
        )


def index_cohort(
    arrays: ArrayCache, params: FractureCohortParams
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """List what can be used: one row per film, with what it is known by and whose copy it is.

    Returns
    -------
    cohort : DataFrame
        ``image_id, group_id`` (the film itself, or all films of a patient where the files name patients),
        ``official_split, target`` (1: fractured), ``named_family`` (class and number in the file's name, a hint that
        is only compared with), ``height_px, width_px, source`` and ``digest`` (equal for equal files and equal
        pixels), ``duplicate_cluster`` (one name for all turned copies of a film), ``conflict`` (the same file lies in
        both classes), ``marker_fraction`` (of the film, burned-in letters), ``split, fold`` (still empty).
    copies : DataFrame
        ``image_id_a, image_id_b, angle_deg, mirrored, similarity``: pairs by which turned copies were joined.
    rejected : DataFrame
        ``image_id, reason``.
    """
    index = arrays.index
    ids = index["image_id"].astype(str)
    folders = [_folders(image_id) for image_id in ids]
    target = pd.Series([params.classes[label] for _, label in folders], index=ids.index)
    clusters, pairs = find_duplicate_clusters(ids, arrays.films, params.copies, index["digest"])
    cohort = describe_films(
        arrays,
        group_by_patient(arrays, params),
        clusters,
        official_split=[params.splits[split] for split, _ in folders],
        target=target.astype(float),
        named_family=_named_family(ids, target),
        conflict=target.groupby(index["source"]).transform("nunique") > 1,
        marker_fraction=_marker_fraction(arrays, params),
    )
    copies = pd.DataFrame(
        {
            "image_id_a": ids.to_numpy()[pairs["first"]],
            "image_id_b": ids.to_numpy()[pairs["second"]],
            **{name: pairs[name] for name in ("angle_deg", "mirrored", "similarity")},
        }
    )
    return cohort, copies, arrays.rejected


def _named_family(image_ids: pd.Series, target: pd.Series) -> pd.Series:
    number = image_ids.map(
        lambda image_id: found[1] if (found := _NUMBER.match(PurePosixPath(image_id).stem)) else ""
    )
    return (target.map({1: "fractured ", 0: "whole "}) + number).where(number != "", "")


def _marker_fraction(arrays: ArrayCache, params: FractureCohortParams) -> pd.Series:
    from joblib import Parallel, delayed

    from xraylab.imaging.markers import find_markers

    def measure(row: int) -> float:
        return float(find_markers(np.asarray(arrays.films[row]), params.markers).mean())

    digests = arrays.index["digest"]
    distinct = ~digests.duplicated()
    run = Parallel(n_jobs=params.workers, prefer="threads")
    found = run(delayed(measure)(row) for row in np.flatnonzero(distinct))
    return digests.map(dict(zip(digests[distinct], found, strict=True))).astype(float)


def split_cohort(
    all_films: pd.DataFrame, params: ProtocolParams, table: SplitTable | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split films under one protocol, or as a user's table says, and pass the split through the leak gate.

    Returns
    -------
    cohort : DataFrame
        As `xraylab.flow.split.split_films` gives it; ``unseen`` says that no copy of a test film is in the training or
        validation part. With ``groups`` a file that lies in both classes is in no part.
    leakage : DataFrame
        What the gate found.

    Raises
    ------
    ValueError
        If a part of the split would be empty, or a part that is trained on has one class.
    LeakError
        With ``on_leak: fail``, and in a table also with ``regroup``, if anything leaks.
    """
    cohort, leaks = split_films(
        all_films, params.split, params.seed, _strata(all_films), table=table
    )
    check_classes(cohort)
    arms = [_mark_unseen(rows) for _, rows in cohort.groupby("arm", sort=False)]
    return pd.concat(arms, ignore_index=True), leaks


def _strata(films: pd.DataFrame) -> pd.DataFrame:
    """Return what folds have their share of: each class, and families of many copies.

    By rows a fold would be filled by a single family of a hundred copies.
    """
    families = merge_duplicates(films)
    target = films["target"].groupby(families)
    return pd.DataFrame(
        {
            "target": (target.transform("mean") >= 0.5).astype(int),  # noqa: PLR2004 - most of its films
            "copies": np.where(target.transform("size") >= _MANY, "many", "few"),
        }
    )


def _mark_unseen(cohort: pd.DataFrame) -> pd.DataFrame:
    seen = set(cohort.loc[cohort["split"].isin(["train", "val"]), "group_id"])
    return cohort.assign(unseen=(cohort["split"] == "test") & ~cohort["group_id"].isin(seen))
