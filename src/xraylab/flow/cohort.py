"""From films to the rows of a cohort: what every data set has in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from xraylab.duplicates.clusters import find_duplicate_clusters
from xraylab.evaluation.splits import NO_FOLD
from xraylab.flow.params import CohortParams, HashedCohortParams, SitedCohortParams
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.records.groups import group_films, patients_of_files
from xraylab.records.same_patients import patients_of_readings

__all__ = [
    "describe_films",
    "find_clusters",
    "group_by_patient",
    "masks_by_film",
    "plan_films",
]


def plan_films(films: Mapping[str, LoadFilm], params: CohortParams, **options: Any) -> CachePlan:
    """Plan the arrays of films, prepared as a cohort's parameters say.

    Parameters
    ----------
    films : mapping of str to callable
        Lazy films by image id.
    params : CohortParams
        How films are prepared, and how many may be left out.
    **options
        As `xraylab.imaging.array_cache.CachePlan` takes them: masks, what is rejected beforehand.
    """
    return CachePlan(
        films,
        preprocess=params.preprocess,
        workers=params.workers,
        max_rejected_fraction=params.max_rejected_fraction,
        **options,
    )


def masks_by_film(masks: Mapping[str, LoadFilm]) -> dict[str, list[LoadFilm]]:
    """Return lazy masks by the id of their film: a mask is named as its film, with or without ``_mask``.

    Examples
    --------
    >>> found = masks_by_film({"left/a_mask": min, "right/a_mask": max, "b": sum})
    >>> {image_id: len(masks) for image_id, masks in found.items()}
    {'b': 1, 'a': 2}
    """
    of_film: dict[str, list[LoadFilm]] = {}
    for name in sorted(masks):
        of_film.setdefault(PurePosixPath(name).name.removesuffix("_mask"), []).append(masks[name])
    return of_film


def find_clusters(arrays: ArrayCache, params: HashedCohortParams) -> pd.Series:
    """Return the cluster (N,) of each film: one name for all its near-duplicates in any orientation."""
    ids = arrays.index["image_id"].astype(str)
    return find_duplicate_clusters(ids, arrays.hashes, params.max_hash_distance)[0]


def group_by_patient(
    arrays: ArrayCache, params: CohortParams, readings: Mapping[str, str] | None = None
) -> pd.Series:
    """Return the group (N,) of each film: all films of a patient, as files, readings and parameters say.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    params : CohortParams
        Which folder is a patient's; of several hospitals also which films are of one patient.
    readings : mapping of str to str, optional
        Clinical readings by the name of their film.
    """
    ids = arrays.index["image_id"].astype(str)
    patients = patients_of_files(arrays.index, params.patient_folder)
    if isinstance(params, SitedCohortParams):
        patients |= patients_of_readings(ids, readings or {}, params.same_patients)
    return group_films(ids, patients)


def describe_films(
    arrays: ArrayCache, groups: pd.Series, clusters: pd.Series, **facts: Any
) -> pd.DataFrame:
    """Return one row per film that could be read, with what every cohort says of it.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    groups : (N,) Series of str
        All films of a patient are one group.
    clusters : (N,) Series of str
        One name for all copies of a film.
    **facts
        Further columns: what this data set knows of a film.

    Returns
    -------
    DataFrame
        ``image_id, group_id``, the facts, ``height_px, width_px, spacing_mm, source`` and ``digest`` (equal for equal
        files and equal pixels), ``scaled_by, duplicate_cluster``, and ``split`` and ``fold``, still empty.
    """
    index = arrays.index
    return pd.DataFrame(
        {
            "image_id": index["image_id"].astype(str),
            "group_id": groups,
            **facts,
            **{name: index[name] for name in ("height_px", "width_px", "spacing_mm")},
            "source": index["source"].str.split("+").str[0],  # of the film, without its masks
            **{name: index[name] for name in ("digest", "scaled_by")},
            "duplicate_cluster": clusters,
            "split": "",
            "fold": NO_FOLD,
        }
    )
