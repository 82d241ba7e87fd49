"""Films and masks → cohort → split."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from xraylab.evaluation.sites import site_of
from xraylab.flow.cohort import (
    describe_films,
    find_clusters,
    group_by_patient,
    masks_by_film,
    plan_films,
)
from xraylab.flow.params import SitedCohortParams
from xraylab.flow.split import RowsSplit, split_films
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.imaging.film_file import ignored_files
from xraylab.records.split_table import SplitTable

from .params import ProtocolParams

__all__ = ["cache_films", "index_cohort", "split_cohort"]


def cache_films(
    films: dict[str, LoadFilm], masks: dict[str, LoadFilm], params: SitedCohortParams
) -> CachePlan:
    """Pair each film with its mask, or with its left and right masks, and plan their arrays.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by image id.
    masks : dict of str to callable
        Lazy masks by their path under the data set; the file is named as its film, with or without ``_mask``.
    params : SitedCohortParams
        How films are prepared.

    Returns
    -------
    CachePlan
        What the cache decodes. Films without a mask and masks without a film are rejected beforehand.

    Raises
    ------
    ValueError
        If no film has a mask.
    """
    of_film = masks_by_film(masks)
    paired = {image_id: load for image_id, load in films.items() if image_id in of_film}
    if not paired:
        raise ValueError(
            f"none of {len(films)} films has a mask among {len(masks)}: a mask is named as its film, with or without "
            "'_mask'"
        )
    rejected = {image_id: "has no mask" for image_id in films if image_id not in of_film}
    return plan_films(
        paired,
        params,
        masks={image_id: of_film[image_id] for image_id in paired},
        rejected={**ignored_files(films, masks), **rejected},
        empty_masks="reject",
        unpaired={name: "is a mask without a film" for name in of_film if name not in films},
    )


def index_cohort(
    arrays: ArrayCache, readings: Mapping[str, str], params: SitedCohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List what can be used: one row per film, with what it is known by.

    Parameters
    ----------
    arrays : ArrayCache
        The films that could be read.
    readings : mapping of str to str
        Clinical readings by the name of their film, which say what films are of one patient; there may be none.
    params : SitedCohortParams
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
    ids = arrays.index["image_id"].astype(str)
    cohort = describe_films(
        arrays,
        group_by_patient(arrays, params, readings),
        find_clusters(arrays, params),
        site=site_of(ids, params.sites),
        tuberculosis=ids.str.extract(r"_([01])$")[0].fillna("-1").astype(int),
        target=[float(mask.mean()) for mask in arrays.masks],
    )
    return cohort, arrays.rejected


def split_cohort(
    all_films: pd.DataFrame, params: ProtocolParams, table: SplitTable | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split films under one protocol, or as a user's table says, and pass the split through the leak gate.

    Returns
    -------
    cohort : DataFrame
        As `xraylab.flow.split.split_films` gives it, with the ``variant`` of each example. Under ``rows`` each variant
        of a film is a row; otherwise variants are made in training.
    leakage : DataFrame
        What the gate found.

    Raises
    ------
    ValueError
        If a part of the split would be empty, or ``sites`` finds a single one.
    LeakError
        With ``on_leak: fail``, and in a table also with ``regroup``, if anything leaks.
    """
    variants = params.variants if isinstance(params.split, RowsSplit) else ("original",)
    examples = pd.concat([all_films.assign(variant=each) for each in variants], ignore_index=True)
    return split_films(examples, params.split, params.seed, table=table)
