"""Files → films: every file is decoded once, and what it says is kept beside its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from xraylab.imaging.array_cache import CachePlan, LoadFilm
from xraylab.imaging.file_facts import describe_file
from xraylab.imaging.film import Film, FilmHeader
from xraylab.imaging.film_file import FilmFolder, ignored_files

from .folders import is_mask
from .params import AuditParams

__all__ = ["MASK", "plan_scan"]

MASK = "mask: its name or folder says so"
"""Reason of a file that is no film but a mask."""

_ROBUST = (1, 99)
_STEP = 8  # of the pixels along each axis: enough for percentiles


def plan_scan(films: dict[str, LoadFilm], params: AuditParams) -> CachePlan:
    """Plan the films of a folder: masks are set aside, everything else is decoded.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by their path (`xraylab.imaging.FilmFolder`).
    params : AuditParams
        How films are prepared.
    """
    masks = {image_id: MASK for image_id in films if is_mask(image_id)}
    if len(masks) == len(films):  # a folder of nothing but masks is looked at as it is
        masks = {}
    kept = FilmFolder(
        {image_id: load for image_id, load in films.items() if image_id not in masks},
        getattr(films, "ignored", {}),
    )
    return CachePlan(
        kept,
        rejected=ignored_files(kept),
        unpaired=masks,
        preprocess=params.preprocess,
        workers=params.workers,
        max_rejected_fraction=1.0,
        allow_empty=True,
        describe=describe_film,
    )


def describe_film(data: bytes, film: Film) -> dict[str, Any]:
    """Return what a file says of itself, and how much of the range of grey values its film uses."""
    header = film.header or FilmHeader()
    low, high = np.percentile(film.pixels[::_STEP, ::_STEP], _ROBUST)
    return {
        **describe_file(data)._asdict(),
        **header._asdict(),
        "grey_range": float(high - low),
    }
