"""Films, lung masks and clinical readings → cohort → split."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from xraylab.evaluation.sites import site_of
from xraylab.flow.cohort import (
    describe_films,
    find_clusters,
    group_by_patient,
    masks_by_film,
    plan_films,
)
from xraylab.flow.split import check_classes, split_films
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm, digest_source
from xraylab.imaging.film_file import ignored_files
from xraylab.records.readings import (
    Reading,
    join_readings,
    log_notes,
    parse_reading,
)
from xraylab.records.split_table import SplitTable

from .params import ProtocolParams, TbCohortParams

__all__ = ["cache_films", "index_cohort", "join_lungs", "split_cohort"]

logger = logging.getLogger(__name__)

_LABEL = re.compile(r"_([01])$")


def cache_films(
    films: dict[str, LoadFilm],
    lung_masks: dict[str, LoadFilm],
    lungs: pd.DataFrame,
    annotated_masks: dict[str, LoadFilm],
    params: TbCohortParams,
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
    params : TbCohortParams
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
    rejected = {
        image_id: "its name does not end in _0 or _1, its class"
        for image_id in films
        if image_id not in used
    }
    return plan_films(
        used,
        params,
        masks={**{image_id: [] for image_id in used}, **masks_by_film(annotated_masks)},
        rejected={**ignored_files(films, annotated_masks), **rejected},
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
    params: TbCohortParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List what can be used: one row per film, with what it is known by.

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
    ids = arrays.index["image_id"].astype(str)
    target = ids.str.extract(_LABEL, expand=False).astype(float)
    clusters = find_clusters(arrays, params)
    texts = join_readings(list(ids), readings)
    facts = [parse_reading(texts[image_id]) if image_id in texts else Reading() for image_id in ids]
    log_notes({name: fact.note for name, fact in zip(ids, facts, strict=True)}, "The readings")
    moments = np.array([(film.mean(), film.std()) for film in arrays.films]) / 255
    fraction = np.array([float(mask.mean()) for mask in arrays.masks])
    cohort = describe_films(
        arrays,
        group_by_patient(arrays, params, readings),
        clusters,
        site=site_of(ids, params.sites),
        target=target,
        sex=[fact.sex for fact in facts],
        age_years=[fact.age_years for fact in facts],
        reading_note=[fact.note for fact in facts],
        conflict=target.groupby(clusters).transform("nunique") > 1,
        mean_intensity=moments[:, 0],
        std_intensity=moments[:, 1],
        lung_fraction=np.where(fraction > 0, fraction, np.nan),
    )
    kind = np.where(cohort["source"].isin(lungs["source"]), "predicted", "annotated")
    return cohort.assign(lungs=np.where(fraction > 0, kind, "")), arrays.rejected


def split_cohort(
    all_films: pd.DataFrame, params: ProtocolParams, table: SplitTable | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split films under one protocol, or as a user's table says, and pass the split through the leak gate.

    Returns
    -------
    cohort : DataFrame
        As `xraylab.flow.split.split_films` gives it: under ``rows`` an arm for each model, under ``groups`` folds of
        like sites and classes. Near-duplicates that lie in both classes are in no part, but under ``rows``.
    leakage : DataFrame
        What the gate found.

    Raises
    ------
    ValueError
        If a part of the split would be empty or lacks a class, or ``sites`` finds a single one.
    LeakError
        With ``on_leak: fail``, and in a table also with ``regroup``, if anything leaks.
    """
    strata = pd.DataFrame({"target": all_films["target"].astype(int), "site": all_films["site"]})
    cohort, leaks = split_films(
        all_films, params.split, params.seed, strata, list(params.models), table
    )
    check_classes(cohort)
    return cohort, leaks
