"""Films and masks at a network's size, decoded once and mapped into memory.

A cache is a folder: ``films.u8`` and, where there are masks, ``masks.u8`` are the arrays (N, S, S) of uint8 one after
the other, ``index.parquet`` names each row, ``rejected.parquet`` what could not be used, ``card.json`` says how it was
made. A film is known by the digest of its files and by the preprocessing: a cache that is written again keeps the rows
that it holds already and decodes only what is new.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.imaging.cache_parts import CARD, CacheWriter, find_interrupted, read_parts
from xraylab.imaging.errors import UnreadableRadiograph
from xraylab.imaging.film import Film
from xraylab.imaging.film_file import (
    IGNORED,
    FilmFile,
    LoadFilm,
    digest_bytes,
    ignored_files,
    read_loaded,
    with_voi,
)
from xraylab.imaging.fingerprint import HASH_BITS, TURNS, digest_pixels, perceptual_hashes
from xraylab.imaging.preprocess import MaskSizeError, PreprocessParams, prepare_film, prepare_mask
from xraylab.imaging.progress import show_progress

__all__ = [
    "ArrayCache",
    "CachePlan",
    "LoadFilm",
    "digest_source",
    "hold_arrays",
    "read_cache",
    "write_cache",
]

logger = logging.getLogger(__name__)

_FORMAT = 3  # raise it when the same parameters give other arrays or another index
EMPTY_MASK = "its mask is empty"
"""Reason of a film that cannot be used without a mask."""
_INDEX, _REJECTED = "index.parquet", "rejected.parquet"
_FACTS = (
    *("source", "height_px", "width_px", "spacing_mm"),
    *("scaled_by", "patient_id", "digest", "hashes"),
)

Describe = Callable[[bytes, Film], dict[str, Any]]


@dataclass(frozen=True)
class CachePlan:
    """What a cache is made of; nothing is read until the cache is written.

    Attributes
    ----------
    films : mapping of str to callable
        Lazy films by image id.
    masks : mapping of str to list of callable
        Lazy masks of a film, joined to one; empty where a film needs none.
    rejected : mapping of str to str
        Films that are rejected beforehand, with the reason; a reason that begins with
        `xraylab.imaging.film_file.IGNORED` counts for nothing.
    unpaired : mapping of str to str
        Masks, boxes and labels without a film, with the reason: listed, and no films.
    preprocess : PreprocessParams
        What is done to each film and mask.
    workers : int
        Films decoded at once, as joblib counts.
    max_rejected_fraction : float
        Stop when more than this share of the films is left out, for whatever reason.
    allow_empty : bool
        Whether there may be no film at all.
    empty_masks : {"accept", "keep", "reject"}
        What a mask without foreground means: nothing to be said (there may be no mask of every film), a film without
        what is drawn elsewhere, or a film that cannot be used. Unless they are accepted, most masks may not be empty.
    masks_of_content : mapping of str to list of callable
        Lazy masks by the digest of their film's file (`digest_source`), taken before those by image id: masks that were
        made from a film belong to its content, whatever a film is called.
    describe : callable, optional
        Gives further columns of the index, from the bytes of a film's file and its header.
    """

    films: Mapping[str, LoadFilm]
    masks: Mapping[str, list[LoadFilm]] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    preprocess: PreprocessParams = field(default_factory=PreprocessParams)
    workers: int = -1
    max_rejected_fraction: float = 0.2
    allow_empty: bool = False
    empty_masks: Literal["accept", "keep", "reject"] = "accept"
    masks_of_content: Mapping[str, list[LoadFilm]] = field(default_factory=dict)
    unpaired: Mapping[str, str] = field(default_factory=dict)
    describe: Describe | None = None


@dataclass(frozen=True)
class ArrayCache:
    """A written cache; its arrays stay on disk and are mapped when they are used.

    Attributes
    ----------
    folder : str
        Where it is stored.
    index : (N, …) DataFrame
        One row per array, in order: ``image_id``, the ``path`` of its file (empty where there is none), the digest of
        its files (``source``), its own size (``height_px, width_px``), ``spacing_mm`` (row spacing, nan where
        unknown), ``scaled_by`` and ``patient_id`` (see `xraylab.imaging.Film`), the ``digest`` of its pixels, and
        ``hashes``, its perceptual hashes as 256 bytes (see the attribute of that name); then what `CachePlan.describe`
        has said.
    rejected : DataFrame
        ``image_id, reason``.
    preprocess : dict
        How films were prepared, as JSON.
    """

    folder: str
    index: pd.DataFrame
    rejected: pd.DataFrame
    preprocess: dict[str, Any]

    @property
    def size_px(self) -> int:
        """Edge of the arrays."""
        return int(self.preprocess["size_px"])

    @cached_property
    def films(self) -> NDArray[np.uint8]:
        """The films (N, S, S) in [0, 255], mapped read-only."""
        return self._map("films.u8")

    @cached_property
    def masks(self) -> NDArray[np.uint8]:
        """The masks (N, S, S) of 0 and 1, mapped read-only; only where films have masks."""
        return self._map("masks.u8")

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """The perceptual hashes (N, 8, 4) of `xraylab.imaging.fingerprint.perceptual_hashes`."""
        packed = b"".join(self.index["hashes"])
        words = np.frombuffer(packed, np.uint64).reshape(len(self.index), TURNS, HASH_BITS // 64)
        return (
            words.copy()
        )  # numba would compile its loops once more for an array that is read-only

    def rows_of(self, image_ids: pd.Series) -> NDArray[np.int64]:
        """Return the row of each image id.

        Raises
        ------
        KeyError
            If an image is not in the cache.
        """
        rows = self._ids.get_indexer(pd.Index(image_ids))
        if (rows < 0).any():
            raise KeyError(f"'{np.asarray(image_ids)[rows < 0][0]}' is not among the cached films")
        return np.asarray(rows, np.int64)

    def scaled_by(self, image_ids: pd.Series) -> NDArray[Any]:
        """Return by what each film was scaled (`xraylab.imaging.Film`)."""
        return np.asarray(self.index["scaled_by"].to_numpy()[self.rows_of(image_ids)])

    def row_of(self, image_id: str) -> int:
        """Return the row of one image, or raise KeyError."""
        return int(self.rows_of(pd.Series([image_id]))[0])

    @cached_property
    def _ids(self) -> pd.Index[Any]:
        # kept, since it holds the hash table by which a row is found
        ids: pd.Index[Any] = pd.Index(self.index["image_id"])
        return ids

    def _map(self, name: str) -> NDArray[np.uint8]:
        shape = (len(self.index), self.size_px, self.size_px)
        if not len(self.index):
            return np.zeros(shape, np.uint8)
        return np.memmap(Path(self.folder) / name, np.uint8, mode="r", shape=shape)

    def __getstate__(self) -> dict[str, Any]:
        # a mapped array would cross to another process as a copy
        return {k: v for k, v in self.__dict__.items() if k not in ("films", "masks", "_ids")}


def hold_arrays(
    films: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    image_ids: pd.Series,
    preprocess: Mapping[str, Any],
) -> ArrayCache:
    """Return a cache of films that are in memory, for what reads a cache.

    Parameters
    ----------
    films, masks : (N, S, S) ndarray of uint8
        Prepared films, and masks of 0 and 1.
    image_ids : (N,) Series of str
        The name of each.
    preprocess : mapping
        How they were prepared.

    Examples
    --------
    >>> films = np.zeros((1, 16, 16), np.uint8)
    >>> hold_arrays(films, films, pd.Series(["a"]), {"size_px": 16}).row_of("a")
    0
    """
    index = pd.DataFrame({"image_id": image_ids, "source": image_ids})
    cache = ArrayCache("", index, pd.DataFrame(columns=["image_id", "reason"]), dict(preprocess))
    cache.__dict__.update(films=films, masks=masks)
    return cache


def read_cache(folder: str) -> ArrayCache:
    """Open a cache.

    Raises
    ------
    FileNotFoundError
        If the folder holds none.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> films = {"a": lambda: np.ones((20, 30), np.float32)}
    >>> with TemporaryDirectory() as folder:
    ...     write_cache(CachePlan(films), f"{folder}/cache")
    ...     read_cache(f"{folder}/cache").index[["image_id", "height_px", "width_px"]]
      image_id  height_px  width_px
    0        a         20        30
    """
    place = Path(folder)
    card = json.loads((place / CARD).read_text(encoding="utf-8"))
    return ArrayCache(
        str(place),
        pd.read_parquet(place / _INDEX),
        pd.read_parquet(place / _REJECTED),
        dict(card["preprocess"]),
    )


def write_cache(plan: CachePlan, folder: str) -> None:
    """Decode, prepare and store every film of a plan, in one pass and with the memory of a few films.

    The folder appears whole, by a rename. Films that an older cache in its place holds already are copied, not
    decoded.

    Raises
    ------
    ValueError
        If there is no film, or more than ``max_rejected_fraction`` cannot be read, naming the first.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> films = {"a": lambda: np.ones((20, 30), np.float32)}
    >>> with TemporaryDirectory() as folder:
    ...     write_cache(CachePlan(films, preprocess=PreprocessParams(size_px=16)), f"{folder}/cache")
    ...     read_cache(f"{folder}/cache").films.shape
    (1, 16, 16)
    """
    place = Path(folder)
    interrupted = find_interrupted(place)
    card = _card(plan)
    old = _Old([place, *([interrupted] if interrupted else [])], card)
    rejected = {**ignored_files(plan.films), **plan.rejected}
    empty: list[str] = []
    with CacheWriter(place, card, bool(plan.masks)) as writer:
        for image_id, facts, film, mask, reason in _prepare_all(plan, old):
            if reason:
                rejected[image_id] = reason
                continue
            path = getattr(plan.films[image_id], "path", "")
            writer.add({"image_id": image_id, "path": path, **facts}, film, mask)
            empty += [image_id] if plan.masks and not mask.any() else []
        index = writer.table()
    try:
        empty += [image_id for image_id, reason in rejected.items() if reason == EMPTY_MASK]
        _check_empty(plan, empty)
        _check(plan, len(index), rejected)
        _finish(plan, index, rejected, writer)
        old.close()
        shutil.rmtree(place, ignore_errors=True)
        os.replace(writer.folder, place)
    finally:
        shutil.rmtree(writer.folder, ignore_errors=True)
        if interrupted:
            shutil.rmtree(interrupted, ignore_errors=True)


def _finish(
    plan: CachePlan, index: pd.DataFrame, rejected: dict[str, str], writer: CacheWriter
) -> None:
    """Write the tables of a cache whose arrays are written."""
    if not len(index):
        index = pd.DataFrame(columns=["image_id", "path", *_FACTS])
    _warn_of_scaling(index)
    index.to_parquet(writer.folder / _INDEX)
    listed = {**plan.unpaired, **rejected}
    table = pd.DataFrame(sorted(listed.items()), columns=["image_id", "reason"], dtype="str")
    table.to_parquet(writer.folder / _REJECTED)
    writer.clear_parts()


def _card(plan: CachePlan) -> dict[str, Any]:
    preprocess = plan.preprocess.model_dump(mode="json")
    facts = {"format": _FORMAT, "preprocess": preprocess, "masks": bool(plan.masks)}
    described = {} if plan.describe is None else {"described": True}
    return {**facts, "empty_masks": plan.empty_masks, **described}


def _check(plan: CachePlan, n_read: int, rejected: dict[str, str]) -> None:
    """Stop where too many films are left out, or all."""
    if plan.allow_empty and not plan.films:
        return
    left_out = [name for name, reason in rejected.items() if not reason.startswith(IGNORED)]
    n_films = n_read + len(left_out)
    if len(left_out) > plan.max_rejected_fraction * n_films or not n_read:
        first = next(iter(left_out), "")
        raise ValueError(
            f"{len(left_out)} of {n_films} films cannot be used"
            + (f", such as '{first}' ({rejected[first]})" if first else "")
            + f"; max_rejected_fraction is {plan.max_rejected_fraction}"
        )


def _check_empty(plan: CachePlan, empty: list[str]) -> None:
    """Stop where most masks are empty: they are drawn in a way that is not understood, or are of other films.

    A network that predicts nothing would be right about all of them.
    """
    if plan.empty_masks == "accept" or not empty:
        return
    if len(empty) > len(plan.films) / 2:
        raise ValueError(
            f"{len(empty)} of {len(plan.films)} masks are empty, such as that of '{empty[0]}': most films must have "
            "something drawn. Look into the mask files: foreground is what is not 0"
        )
    logger.warning(
        "%d of %d masks are empty at %d px, such as that of '%s'",
        len(empty),
        len(plan.films),
        plan.preprocess.size_px,
        empty[0],
    )


def _warn_of_scaling(index: pd.DataFrame) -> None:
    """Say how many films use only a small part of what their files could hold, and were spread over [0, 1]."""
    scaled_by = index["scaled_by"].astype(str)
    spread = index[scaled_by.str.startswith(("bits_", "percentiles"))]
    if len(spread):
        kinds = ", ".join(sorted(spread["scaled_by"].unique()))
        logger.warning(
            "%d of %d films use a small part of the range of their files and are scaled by %s (column scaled_by), such "
            "as '%s'",
            len(spread),
            len(index),
            kinds,
            spread["image_id"].iloc[0],
        )


Prepared = tuple[str, dict[str, Any], NDArray[np.uint8], NDArray[np.uint8], str]
_NOTHING = np.zeros((0, 0), np.uint8)


def _prepare_all(plan: CachePlan, old: _Old) -> Iterator[Prepared]:
    from joblib import Parallel, delayed

    run = Parallel(plan.workers, prefer="threads", return_as="generator", pre_dispatch="2*n_jobs")
    films = with_voi(plan.films, plan.preprocess.apply_voi)
    jobs = (delayed(_prepare)(image_id, films[image_id], plan, old) for image_id in sorted(films))
    yield from show_progress(run(jobs), len(films))


def _prepare(image_id: str, load: LoadFilm, plan: CachePlan, old: _Old) -> Prepared:
    """Return the facts and arrays of one film, or the reason why it cannot be used."""
    try:
        data = load.read_bytes() if isinstance(load, FilmFile) else b""
        content = digest_bytes(data) if data else digest_source(load)
        load_masks = plan.masks_of_content.get(content) or plan.masks.get(image_id, [])
        source = "+".join((content, *(digest_source(each) for each in load_masks)))
        known = old.find(source)
        if known is not None:
            return image_id, *known, ""
        whole = load.decode(data) if isinstance(load, FilmFile) else read_loaded(load)
        film = whole.pixels
        facts: dict[str, Any] = {
            "source": source,
            "height_px": film.shape[0],
            "width_px": film.shape[1],
            "spacing_mm": math.nan if whole.spacing_mm is None else float(whole.spacing_mm[0]),
            "scaled_by": whole.scaled_by,
            "patient_id": whole.patient_id,
            "digest": digest_pixels(film),
        }
        masks = _load_masks(load_masks)
        if plan.empty_masks == "reject" and masks and not any(each.any() for each in masks):
            return image_id, {}, _NOTHING, _NOTHING, EMPTY_MASK
        mask = prepare_mask(masks, film.shape, plan.preprocess)
        small = prepare_film(film, plan.preprocess)
        facts["hashes"] = perceptual_hashes(small).tobytes()
        facts |= plan.describe(data, whole) if plan.describe is not None else {}
    except (UnreadableRadiograph, MaskSizeError) as error:
        return image_id, {}, _NOTHING, _NOTHING, getattr(error, "reason", str(error))
    return image_id, facts, small, mask, ""


def _load_masks(load_masks: list[LoadFilm]) -> list[NDArray[np.float32]]:
    try:
        return [each() for each in load_masks]
    except UnreadableRadiograph as error:
        name = error.path.rsplit("/", 1)[-1]
        raise UnreadableRadiograph(error.path, f"its mask '{name}' {error.reason}") from error


def digest_source(load: LoadFilm) -> str:
    """Return the digest of a film's file; of its pixels where the film is made, not read.

    Examples
    --------
    >>> film = np.ones((2, 2), np.float32)
    >>> digest_source(lambda: film) == digest_pixels(film)
    True
    """
    digest = getattr(load, "digest", None)
    return str(digest()) if digest is not None else digest_pixels(load())


class _Old:
    """What is known already: the cache in the place of a new one, and what an interrupted run has left of one."""

    def __init__(self, folders: list[Path], card: dict[str, Any]) -> None:
        self.rows: dict[str, tuple[ArrayCache, int]] = {}
        self.has_masks = bool(card["masks"])
        for folder in folders:
            try:
                if json.loads((folder / CARD).read_text(encoding="utf-8")) != card:
                    continue  # made in another way
                cache = self._open(folder)
                sources = enumerate(cache.index["source"])
            except (OSError, ValueError, KeyError):
                continue  # none, or a broken one: all is decoded
            self.rows |= {source: (cache, row) for row, source in sources}

    @staticmethod
    def _open(folder: Path) -> ArrayCache:
        if (folder / _INDEX).is_file():
            return read_cache(str(folder))
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        return ArrayCache(str(folder), read_parts(folder), pd.DataFrame(), card["preprocess"])

    def find(
        self, source: str
    ) -> tuple[dict[str, Any], NDArray[np.uint8], NDArray[np.uint8]] | None:
        """Return what is known of a film."""
        if source not in self.rows:
            return None
        cache, row = self.rows[source]
        facts = cache.index.iloc[row].to_dict()
        mask = cache.masks[row] if self.has_masks else _NOTHING
        known = {str(k): value for k, value in facts.items() if k not in ("image_id", "path")}
        return known, np.asarray(cache.films[row]), np.asarray(mask)

    def close(self) -> None:
        """Let go of the mapped files."""
        for cache, _ in self.rows.values():
            cache.__dict__.pop("films", None)
            cache.__dict__.pop("masks", None)
