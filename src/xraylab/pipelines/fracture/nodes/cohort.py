"""Films as they are published → cohort → split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from xraylab.duplicates.clusters import find_duplicate_clusters
from xraylab.evaluation.leakage import check_leakage, merge_duplicates, pass_gate
from xraylab.evaluation.splits import NO_FOLD, assign_splits, assign_stratified_folds
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.imaging.film_file import ignored_files
from xraylab.pipelines.fracture.params import CohortParams, ProtocolParams, plain_name
from xraylab.records.groups import group_films, patients_of_files

__all__ = ["cache_films", "index_cohort", "split_cohort"]

_NUMBER = re.compile(r"(\d+)(?=[-. (]|$)")
_MANY = 10  # copies: such a family weighs on a metric by film
_WHOLE = "single"  # the arm of a split without folds


def cache_films(films: dict[str, LoadFilm], params: CohortParams) -> CachePlan:
    """Plan the arrays of all films that lie in a folder of a split and a class.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by their path under the data set: ``…/<split>/<class>/<name>``.
    params : CohortParams
        How folders are named and films prepared.

    Returns
    -------
    CachePlan
        What the cache decodes; a film in a folder that ``null`` stands for is known to be of no use.

    Raises
    ------
    ValueError
        If no film lies in such a folder, a folder of the class or split has an unknown name, or all films are of one
        class.
    """
    _check_folders(films, params)
    reasons = {image_id: _misplaced(image_id, params) for image_id in films}
    used = {image_id: load for image_id, load in films.items() if not reasons[image_id]}
    return CachePlan(
        used,
        rejected={
            **ignored_files(films),
            **{image_id: reason for image_id, reason in reasons.items() if reason},
        },
        preprocess=params.preprocess,
        workers=params.workers,
        max_rejected_fraction=params.max_rejected_fraction,
    )


def _folders(image_id: str) -> tuple[str, str]:
    """Return the folder of the split and that of the class, as `CohortParams` spells them."""
    folders = ("", "", *PurePosixPath(image_id).parts[:-1])
    return plain_name(folders[-2]), plain_name(folders[-1])


def _misplaced(image_id: str, params: CohortParams) -> str:
    _, label = _folders(image_id)
    return "" if params.classes[label] is not None else f"its folder '{label}' is left out"


def _check_folders(films: Iterable[str], params: CohortParams) -> None:
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
    arrays: ArrayCache, params: CohortParams
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """List what can be used: one row a film, with what it is known by and whose copy it is.

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
    distinct = ~index["digest"].duplicated()
    clusters, pairs = find_duplicate_clusters(ids, arrays.films, params.copies, index["digest"])
    labels = target.groupby(index["source"]).transform("nunique")
    cohort = pd.DataFrame(
        {
            "image_id": ids,
            "group_id": group_films(ids, patients_of_files(index, params.patient_folder)),
            "official_split": [params.splits[split] for split, _ in folders],
            "target": target.astype(float),
            "named_family": _named_family(ids, target),
            **{
                name: index[name]
                for name in ("height_px", "width_px", "source", "digest", "scaled_by")
            },
            "duplicate_cluster": clusters,
            "conflict": labels > 1,
            "marker_fraction": _marker_fraction(arrays, distinct, params),
            "split": "",
            "fold": NO_FOLD,
        }
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


def _marker_fraction(arrays: ArrayCache, distinct: pd.Series, params: CohortParams) -> pd.Series:
    from joblib import Parallel, delayed

    from xraylab.imaging.markers import find_markers

    def measure(row: int) -> float:
        return float(find_markers(np.asarray(arrays.films[row]), params.markers).mean())

    run = Parallel(n_jobs=params.workers, prefer="threads")
    found = run(delayed(measure)(row) for row in np.flatnonzero(distinct))
    by_digest = dict(zip(arrays.index.loc[distinct, "digest"], found, strict=True))
    return arrays.index["digest"].map(by_digest).astype(float)


def split_cohort(
    all_films: pd.DataFrame, params: ProtocolParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split films under one protocol, and pass the split through the leak gate.

    Parameters
    ----------
    all_films : DataFrame
        As `index_cohort` gives it.
    params : ProtocolParams
        The protocol.

    Returns
    -------
    cohort : DataFrame
        One row a film, or one a film and fold (``arm`` names the training that the row belongs to). ``group_id`` is
        the family of copies; ``unseen`` says that no copy of the film is in the training or validation part. With
        ``groups`` a film that lies in both classes is in no split.
    leakage : DataFrame
        What the gate found, with the ``arm`` and the ``action`` that was taken.

    Raises
    ------
    ValueError
        If a part of the split would be empty.
    LeakError
        With ``on_leak: fail``, if anything leaks.
    """
    if params.split == "official":
        return _split_officially(all_films, params)
    films = all_films[~all_films["conflict"]]
    left_out = all_films[all_films["conflict"]].assign(split="", unseen=False)
    arms, leaks_of = [], []
    for arm, resplit in _list_splits(films, params).items():
        cohort, leaks = pass_gate(films, params.on_leak, resplit)
        if params.on_leak != "regroup":
            cohort["group_id"] = merge_duplicates(cohort)
        fold = NO_FOLD if arm == _WHOLE else int(arm.removeprefix("fold_"))
        whole = pd.concat([_mark_unseen(cohort), left_out])
        arms.append(whole.assign(arm=arm, fold=fold))
        leaks_of.append(leaks.assign(arm=arm))
    return pd.concat(arms, ignore_index=True), pd.concat(leaks_of, ignore_index=True)


def _split_officially(
    films: pd.DataFrame, params: ProtocolParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    cohort = films.assign(split=films["official_split"], arm=_WHOLE)
    for part in ("train", "val", "test"):
        if not (cohort["split"] == part).any():
            raise ValueError(
                f"split 'official': no film lies in a folder of the split '{part}'; set split to 'groups'"
            )
    leaks = check_leakage(cohort, params.on_leak)
    # intervals draw families, whatever the folders say
    cohort["group_id"] = merge_duplicates(cohort)
    return _mark_unseen(cohort), leaks.assign(action="reported", arm=_WHOLE)


def _mark_unseen(cohort: pd.DataFrame) -> pd.DataFrame:
    seen = set(cohort.loc[cohort["split"].isin(["train", "val"]), "group_id"])
    return cohort.assign(unseen=(cohort["split"] == "test") & ~cohort["group_id"].isin(seen))


def _list_splits(
    films: pd.DataFrame, params: ProtocolParams
) -> dict[str, Callable[[pd.Series], pd.Series]]:
    """Return, by the name of each training, how groups become splits."""
    val, test = params.val_fraction, params.test_fraction
    if params.n_folds == 0:
        fractions = {"train": 1 - val - test, "val": val, "test": test}
        return {_WHOLE: lambda groups: assign_splits(groups, fractions, params.seed)}
    # the folds keep whole families apart whichever groups the gate begins with
    families = merge_duplicates(films)
    folds = _fold_families(families, films["target"], params.n_folds, params.seed)
    return {
        f"fold_{fold}": partial(_split_fold, tests=folds == fold, films=films, params=params)
        for fold in range(params.n_folds)
    }


def _split_fold(
    groups: pd.Series, tests: pd.Series, films: pd.DataFrame, params: ProtocolParams
) -> pd.Series:
    """Test one fold; of the others one part of about the validation's share validates, both classes in it."""
    split = pd.Series("test", index=groups.index)
    rest = groups[~tests]
    n_parts = max(2, round(1 / params.val_fraction))
    parts = _fold_families(rest, films.loc[rest.index, "target"], n_parts, params.seed)
    split[~tests] = np.where(parts == 0, "val", "train")
    return split


def _fold_families(families: pd.Series, target: pd.Series, n_folds: int, seed: int) -> pd.Series:
    """Deal families to folds, so that each has its share of each class and of families of many copies.

    By rows a fold would be filled by a single family of a hundred copies.
    """
    table = target.groupby(families).agg(["mean", "size"])
    label = (table["mean"] >= 0.5).map({True: "fractured", False: "whole"})  # noqa: PLR2004 - most of its films
    kind = label + (table["size"] >= _MANY).map({True: " of many", False: " of few"})
    fewest = kind.groupby(label).transform(lambda kinds: kinds.value_counts().min())
    strata = kind.where(fewest >= n_folds, label)
    ids = pd.Series(table.index.astype(str), index=table.index)
    folds = assign_stratified_folds(ids, strata, n_folds, seed)
    return families.map(folds)
