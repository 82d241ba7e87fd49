"""Films and masks → cohort → split."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from xraylab.duplicates.clusters import find_duplicate_clusters
from xraylab.evaluation.leakage import check_leakage, pass_gate
from xraylab.evaluation.sites import list_sites, site_of
from xraylab.evaluation.splits import NO_FOLD, assign_splits, split_rows_at_random
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.imaging.film_file import ignored_files
from xraylab.pipelines.lung_segmentation.params import CohortParams, ProtocolParams
from xraylab.records.groups import group_films, patients_of_files
from xraylab.records.same_patients import patients_of_readings

__all__ = ["cache_films", "index_cohort", "split_cohort"]


def cache_films(
    films: dict[str, LoadFilm], masks: dict[str, LoadFilm], params: CohortParams
) -> CachePlan:
    """Pair each film with its mask, or with its left and right masks, and plan their arrays.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by image id.
    masks : dict of str to callable
        Lazy masks by their path under the data set; the file is named as its film, with or without ``_mask``.
    params : CohortParams
        How films are prepared.

    Returns
    -------
    CachePlan
        What the cache decodes. Films without a mask and masks without a film are known to be of no use.

    Raises
    ------
    ValueError
        If no film has a mask.
    """
    of_film: dict[str, list[LoadFilm]] = {}
    for name in sorted(masks):
        of_film.setdefault(PurePosixPath(name).name.removesuffix("_mask"), []).append(masks[name])
    paired = {image_id: load for image_id, load in films.items() if image_id in of_film}
    if not paired:
        raise ValueError(
            f"none of {len(films)} films has a mask among {len(masks)}: a mask is named as its film, with or without "
            "'_mask'"
        )
    rejected = {image_id: "has no mask" for image_id in films if image_id not in of_film}
    return CachePlan(
        paired,
        {image_id: of_film[image_id] for image_id in paired},
        {**ignored_files(films, masks), **rejected},
        params.preprocess,
        params.workers,
        params.max_rejected_fraction,
        empty_masks="reject",
        unpaired={name: "is a mask without a film" for name in of_film if name not in films},
    )


def index_cohort(
    arrays: ArrayCache, readings: Mapping[str, str], params: CohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List what can be used: one row per film, with what it is known by.

    Parameters
    ----------
    arrays : ArrayCache
        The films that could be read.
    readings : mapping of str to str
        Clinical readings by the name of their film, which say what films are of one patient; there may be none.
    params : CohortParams
        Sites, patients, and when two films are near-duplicates.

    Returns
    -------
    cohort : DataFrame
        ``image_id, group_id`` (all films of a patient, as readings, files and ``same_patients`` say),
        ``site, tuberculosis`` (1, 0, or -1 where the name does not say),
        ``height_px, width_px, spacing_mm, source, digest, duplicate_cluster``, ``target`` (the share of the film
        that is lung), and ``split`` and ``fold``, still empty.
    rejected : DataFrame
        ``image_id, reason``.
    """
    index = arrays.index
    ids = index["image_id"].astype(str)
    clusters, _ = find_duplicate_clusters(ids, arrays.hashes, params.max_hash_distance)
    patients = patients_of_files(index, params.patient_folder)
    patients |= patients_of_readings(ids, readings, params.same_patients)
    label = ids.str.extract(r"_([01])$")[0]
    cohort = pd.DataFrame(
        {
            "image_id": ids,
            "group_id": group_films(ids, patients),
            "site": site_of(ids, params.sites),
            "tuberculosis": label.fillna("-1").astype(int),
            **{
                name: index[name]
                for name in ("height_px", "width_px", "spacing_mm", "digest", "scaled_by")
            },
            "source": index["source"].str.split("+").str[0],
            "duplicate_cluster": clusters,
            "target": [float(mask.mean()) for mask in arrays.masks],
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
        One row an example: that of the film, ``variant``, ``arm`` (the site that trains, empty but for ``sites``) and
        ``split``. Under ``rows`` each variant of a film is a row; otherwise variants are made in training and a film
        is one row an arm.
    leakage : DataFrame
        What the gate found, with the ``arm`` and the ``action`` that was taken.

    Raises
    ------
    ValueError
        If a part of the split would be empty, or ``sites`` finds a single one.
    LeakError
        With ``on_leak: fail``, if anything leaks.
    """
    if params.split == "rows":
        repeated = [all_films.assign(variant=variant, arm="") for variant in params.variants]
        cohort = pd.concat(repeated, ignore_index=True)
        _, held_out = split_rows_at_random(len(cohort), params.test_fraction, params.seed)
        cohort["split"] = np.where(np.isin(np.arange(len(cohort)), held_out), "test", "train")
        leaks = check_leakage(cohort, params.on_leak)
        return cohort, leaks.assign(arm="", action="reported")
    films = all_films.assign(variant="original", arm="")
    if params.split == "groups":
        cohort, leaks = pass_gate(films, params.on_leak, partial(_split_groups, params=params))
        return cohort, leaks.assign(arm="")
    arms = [_split_site(films.assign(arm=site), params) for site in list_sites(films["site"])]
    cohorts, leaks_of = zip(*arms, strict=True)
    return pd.concat(cohorts, ignore_index=True), pd.concat(leaks_of, ignore_index=True)


def _split_groups(groups: pd.Series, params: ProtocolParams) -> pd.Series:
    val, test = params.val_fraction, params.test_fraction
    return assign_splits(groups, {"train": 1 - val - test, "val": val, "test": test}, params.seed)


def _split_site(films: pd.DataFrame, params: ProtocolParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train on one site, test on a part of it and on all others; a copy at the other site tests nothing."""
    site = films["arm"].iloc[0]
    own = films["site"] == site

    def resplit(groups: pd.Series) -> pd.Series:
        split = pd.Series("test", index=groups.index)
        split[own] = _split_groups(groups[own], params)
        families_here = set(groups[own])
        split[~own & groups.isin(families_here)] = ""
        return split

    cohort, leaks = pass_gate(films, params.on_leak, resplit)
    return cohort, leaks.assign(arm=films["arm"].iloc[0])
