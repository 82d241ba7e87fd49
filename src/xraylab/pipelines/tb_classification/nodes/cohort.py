"""Films, lung masks and clinical readings → cohort → split."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.duplicates.clusters import find_duplicate_clusters
from xraylab.evaluation.leakage import check_leakage, merge_duplicates, pass_gate
from xraylab.evaluation.sites import list_sites, site_of
from xraylab.evaluation.splits import NO_FOLD, assign_stratified_folds, split_rows_at_random
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm, digest_source
from xraylab.imaging.film_file import ignored_files
from xraylab.pipelines.tb_classification.params import CohortParams, ProtocolParams
from xraylab.records.groups import group_films, patients_of_files
from xraylab.records.readings import (
    Reading,
    join_readings,
    log_notes,
    parse_reading,
)
from xraylab.records.same_patients import patients_of_readings

__all__ = ["CLASS_NAMES", "cache_films", "index_cohort", "join_lungs", "split_cohort"]

logger = logging.getLogger(__name__)

CLASS_NAMES = ("normal", "tuberculosis")

_LABEL = re.compile(r"_([01])$")


def cache_films(
    films: dict[str, LoadFilm],
    lung_masks: dict[str, LoadFilm],
    lungs: pd.DataFrame,
    annotated_masks: dict[str, LoadFilm],
    params: CohortParams,
) -> CachePlan:
    """Plan the arrays of all films whose name says their class, with the lungs where there is a mask.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by image id.
    lung_masks : dict of str to callable
        Masks that a network has predicted; there may be none.
    lungs : DataFrame
        Of which film each of them is, see `join_lungs`.
    annotated_masks : dict of str to callable
        Masks of the data set, by their path; taken where no network has predicted one.
    params : CohortParams
        How films are prepared.

    Returns
    -------
    CachePlan
        What the cache decodes.

    Raises
    ------
    ValueError
        If no name says a class.
    """
    used = {image_id: load for image_id, load in films.items() if _LABEL.search(image_id)}
    if not used:
        first = next(iter(films), "")
        raise ValueError(
            f"no name among {len(films)} films ends in _0 or _1, its class; the first is '{first}'"
        )
    annotated: dict[str, list[LoadFilm]] = {image_id: [] for image_id in used}
    for name in sorted(annotated_masks):
        stem = PurePosixPath(name).name.removesuffix("_mask")
        annotated.setdefault(stem, []).append(annotated_masks[name])
    rejected = {
        image_id: "its name does not end in _0 or _1, its class"
        for image_id in films
        if image_id not in used
    }
    return CachePlan(
        used,
        annotated,
        {**ignored_files(films, annotated_masks), **rejected},
        params.preprocess,
        params.workers,
        params.max_rejected_fraction,
        masks_of_content=join_lungs(lung_masks, lungs),
    )


def join_lungs(
    lung_masks: Mapping[str, LoadFilm], lungs: pd.DataFrame
) -> dict[str, list[LoadFilm]]:
    """Return predicted masks by the content of the film that they were predicted from.

    Parameters
    ----------
    lung_masks : mapping of str to callable
        Lazy masks by image id.
    lungs : DataFrame
        ``image_id, source`` (digest of the film's file) and ``mask_digest`` (of the mask's file), as lung_segmentation
        writes them.

    Returns
    -------
    dict of str to list of callable
        One mask by the digest of its film's file. A mask that is not the one which the table speaks of, such as that
        of an interrupted run, is left out with a warning.
    """
    joined, changed = {}, []
    for image_id, source, digest in lungs[["image_id", "source", "mask_digest"]].itertuples(
        index=False
    ):
        load = lung_masks.get(image_id)
        if load is None or digest_source(load) != digest:
            changed.append(image_id)
        else:
            joined[source] = [load]
    if changed:
        logger.warning(
            "%d predicted lung masks are missing or changed since they were listed, such as '%s': not used",
            len(changed),
            changed[0],
        )
    return joined


def index_cohort(
    arrays: ArrayCache,
    lungs: pd.DataFrame,
    readings: Mapping[str, str],
    params: CohortParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List what can be used: one row a film, with what it is known by.

    Returns
    -------
    cohort : DataFrame
        ``image_id, group_id`` (all films of a patient, as readings, files and ``same_patients`` say), ``site, target``
        (1: tuberculosis), ``sex`` (F, M or empty), ``age_years`` (nan where unknown) and ``reading_note`` (what could
        not be read) of the clinical readings, ``height_px, width_px,
        spacing_mm, source, digest, duplicate_cluster`` (one name for all near-duplicates), ``conflict``
        (near-duplicates lie in both classes), ``mean_intensity, std_intensity`` (of the prepared film, in [0, 1]),
        ``lungs`` (``predicted, annotated``, or empty without a mask), ``lung_fraction``, ``split, fold`` (still empty).
    rejected : DataFrame
        ``image_id, reason``.
    """
    index = arrays.index
    ids = index["image_id"].astype(str)
    target = ids.str.extract(_LABEL, expand=False).astype(float)
    clusters, _ = find_duplicate_clusters(ids, arrays.hashes, params.max_hash_distance)
    texts = join_readings(list(ids), readings)
    facts = [parse_reading(texts[image_id]) if image_id in texts else Reading() for image_id in ids]
    log_notes({name: fact.note for name, fact in zip(ids, facts, strict=True)}, "The readings")
    patients = patients_of_files(index, params.patient_folder)
    patients |= patients_of_readings(ids, readings, params.same_patients)
    moments = np.array([(film.mean(), film.std()) for film in arrays.films]) / 255
    fraction = np.array([float(mask.mean()) for mask in arrays.masks])
    source = index["source"].str.split("+").str[0]
    kind = np.where(source.isin(lungs["source"]), "predicted", "annotated")
    cohort = pd.DataFrame(
        {
            "image_id": ids,
            "group_id": group_films(ids, patients),
            "site": site_of(ids, params.sites),
            "target": target,
            "sex": [fact.sex for fact in facts],
            "age_years": [fact.age_years for fact in facts],
            "reading_note": [fact.note for fact in facts],
            **{
                name: index[name]
                for name in ("height_px", "width_px", "spacing_mm", "digest", "scaled_by")
            },
            "source": source,
            "duplicate_cluster": clusters,
            "conflict": target.groupby(clusters).transform("nunique") > 1,
            "mean_intensity": moments[:, 0],
            "std_intensity": moments[:, 1],
            "lungs": np.where(fraction > 0, kind, ""),
            "lung_fraction": np.where(fraction > 0, fraction, np.nan),
            "split": "",
            "fold": NO_FOLD,
        }
    )
    return cohort, arrays.rejected


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
        One row a film and training; ``arm`` names the training: the model under ``rows``, ``fold_<k>`` under ``folds``,
        the site that trains under ``sites``. Near-duplicates that lie in both classes are in no split, but under
        ``rows``.
    leakage : DataFrame
        What the gate found, with the ``arm`` and the ``action`` that was taken.

    Raises
    ------
    ValueError
        If a part of the split would be empty or lacks a class, or ``sites`` finds a single one.
    LeakError
        With ``on_leak: fail``, if anything leaks.
    """
    if params.split == "rows":
        arms = [
            _split_at_random(all_films, name, number, params)
            for number, name in enumerate(params.models)
        ]
        return _joined(arms)
    films = all_films[~all_films["conflict"]]
    left_out = all_films[all_films["conflict"]].assign(split="")
    arms = []
    for arm, resplit in _list_splits(films, params).items():
        cohort, leaks = pass_gate(films, params.on_leak, resplit)
        fold = int(arm.removeprefix("fold_")) if params.split == "folds" else NO_FOLD
        whole = pd.concat([cohort, left_out]).assign(arm=arm, fold=fold)
        _check_parts(whole, arm)
        arms.append((whole, leaks.assign(arm=arm)))
    return _joined(arms)


def _joined(arms: list[tuple[pd.DataFrame, pd.DataFrame]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    cohorts, leaks = zip(*arms, strict=True)
    return pd.concat(cohorts, ignore_index=True), pd.concat(leaks, ignore_index=True)


def _split_at_random(
    films: pd.DataFrame, name: str, number: int, params: ProtocolParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split rows at random, another split for each model."""
    seed = params.seed + number
    rest, test = split_rows_at_random(len(films), params.test_fraction, seed)
    split = np.full(len(films), "train", object)
    split[test] = "test"
    if params.val_fraction:
        _, val = split_rows_at_random(len(rest), params.val_fraction, seed)
        split[rest[val]] = "val"
    cohort = films.assign(split=pd.Series(split, films.index, dtype="str"), arm=name)
    _check_parts(cohort, name)
    leaks = check_leakage(cohort, params.on_leak)
    # intervals draw families, whatever the split does
    cohort["group_id"] = merge_duplicates(cohort)
    return cohort, leaks.assign(arm=name, action="reported")


def _check_parts(cohort: pd.DataFrame, arm: str) -> None:
    for part, rows in cohort[cohort["split"].isin(["train", "val"])].groupby("split"):
        if rows["target"].nunique() < 2:  # noqa: PLR2004
            raise ValueError(
                f"the part '{part}' of the training '{arm}' has {len(rows)} films of one class only; give more films, "
                "or other fractions"
            )


def _list_splits(
    films: pd.DataFrame, params: ProtocolParams
) -> dict[str, Callable[[pd.Series], pd.Series]]:
    """Return, by the name of each training, how groups become splits."""
    # folds keep whole families apart whichever groups the gate begins with
    families = merge_duplicates(films)
    strata = films["site"] + " " + films["target"].astype(int).astype(str)
    if params.split == "folds":
        folds = _deal(families, strata, params.n_folds, params.seed)
        return {
            f"fold_{fold}": partial(
                _split_rest, tests=folds == fold, families=families, strata=strata, params=params
            )
            for fold in range(params.n_folds)
        }
    return {
        site: partial(
            _split_site, own=films["site"] == site, families=families, strata=strata, params=params
        )
        for site in list_sites(films["site"])
    }


def _split_rest(
    groups: pd.Series,
    tests: NDArray[np.bool_] | pd.Series,
    families: pd.Series,
    strata: pd.Series,
    params: ProtocolParams,
) -> pd.Series:
    """Test some films; of the others one part of about the validation's share validates."""
    split = pd.Series("test", index=groups.index, dtype="str")
    rest = groups.index[~np.asarray(tests)]
    n_parts = max(2, round(1 / params.val_fraction))
    parts = _deal(families[rest], strata[rest], n_parts, params.seed + 1)
    split[rest] = np.where(parts == 0, "val", "train")
    return split


def _split_site(
    groups: pd.Series,
    own: pd.Series,
    families: pd.Series,
    strata: pd.Series,
    params: ProtocolParams,
) -> pd.Series:
    """Train on one site, test on a part of it and on all others; a copy at the other site tests nothing."""
    n_parts = max(2, round(1 / params.test_fraction))
    parts = _deal(families[own], strata[own], n_parts, params.seed)
    tests = ~own
    tests[own] = parts == 0
    split = _split_rest(groups, tests, families, strata, params)
    split[~own & families.isin(set(families[own]))] = ""
    return split


def _deal(families: pd.Series, strata: pd.Series, n_folds: int, seed: int) -> pd.Series:
    """Deal families to folds of like sites and classes; of like classes alone where a stratum is too small for that."""
    first = pd.DataFrame({"family": families, "stratum": strata}).drop_duplicates("family")
    kind = first["stratum"]
    if kind.value_counts().min() < n_folds:
        kind = kind.str.rsplit(" ", n=1).str[-1]
    folds = assign_stratified_folds(first["family"].astype(str), kind, n_folds, seed)
    return families.map(dict(zip(first["family"], folds, strict=True)))
