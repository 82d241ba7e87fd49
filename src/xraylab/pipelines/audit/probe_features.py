"""What each probe may see of a film: facts of its file, or pixels that show little or nothing of a disease."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.shortcut_features import border_pixels, intensity_features
from xraylab.imaging.array_cache import ArrayCache
from xraylab.imaging.markers import find_markers
from xraylab.imaging.preprocess import cut_padding

__all__ = [
    "FILE_PROBES",
    "PIXEL_PROBES",
    "file_features",
    "film_statistics",
    "pixel_features",
]

Features = NDArray[np.float32]
Films = NDArray[np.uint8]

_BLOCK = 64  # films read at once
_TOP = 255
_CELLS = 8  # edge of the smallest film
_LEAST_EDGE = 8  # pixels that a marker can be looked for on
_MOST_VALUES = 20  # of a category; rarer ones count as one

FILE_PROBES: dict[str, tuple[str, ...]] = {
    "file size": ("file_bytes",),
    "image size": ("width_px", "height_px", "aspect"),
    "format": ("format",),
    "bit depth": ("bits", "channels"),
    "JPEG quality": ("jpeg_quality",),
    "colour": ("colour", "camera"),
    "metadata": ("manufacturer", "kvp", "view", "modality", "photometric", "scaled_by"),
    "site": ("site",),
    "part": ("split",),
    "sex": ("sex",),
    "age": ("age_years",),
}
"""Columns that each probe of a file's facts sees."""

PIXEL_PROBES = ("border", "grey values", "markers", "film of 8 × 8")
"""Probes of pixels."""


def film_statistics(records: pd.DataFrame, arrays: ArrayCache) -> pd.DataFrame:
    """Return how bright each film is, in one pass, a block of films at a time.

    Parameters
    ----------
    records : DataFrame
        One row per file.
    arrays : ArrayCache
        The films.

    Returns
    -------
    DataFrame
        ``image_id, brightness, contrast``: mean and standard deviation of the grey values without the padding, in
        [0, 1], one row per film.
    """
    films = records[records["status"] == "ok"]
    values = [
        (film.mean(), film.std())
        for block in _blocks(films, arrays)
        for film in map(cut_padding, *block)
    ]
    table = np.asarray(values, np.float64).reshape(-1, 2) / _TOP
    columns = {"image_id": films["image_id"].astype(str).to_numpy()}
    return pd.DataFrame({**columns, "brightness": table[:, 0], "contrast": table[:, 1]})


def file_features(films: pd.DataFrame, arrays: ArrayCache) -> dict[str, Features]:
    """Return the features (N, F) that each of `FILE_PROBES` sees; categories are one column per value.

    Parameters
    ----------
    films : (N, …) DataFrame
        Rows of the records.
    arrays : ArrayCache
        Their index may say by what each film was scaled.
    """
    table = films.assign(aspect=films["width_px"] / films["height_px"])
    scaled = arrays.index.get("scaled_by")
    rows = films["row"].to_numpy(np.int64)
    table["scaled_by"] = "" if scaled is None else scaled.to_numpy()[rows]
    return {name: _encode(table[list(columns)]) for name, columns in FILE_PROBES.items()}


def _encode(table: pd.DataFrame) -> Features:
    """Return numbers as they are, and one column for each of the frequent values of a category."""
    columns = []
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            columns.append(column.to_numpy(np.float32, na_value=np.nan)[:, None])
            continue
        values = column.fillna("").astype(str)
        frequent = values.value_counts().index[:_MOST_VALUES]
        columns.append((values.to_numpy()[:, None] == frequent.to_numpy()[None]).astype(np.float32))
    return np.concatenate(columns, axis=1)


def pixel_features(
    films: pd.DataFrame, arrays: ArrayCache, border_fraction: float, workers: int
) -> dict[str, Features]:
    """Return the features (N, F) that each of `PIXEL_PROBES` sees, in one pass, a block of films at a time.

    Padding is cut off first: what it tells is the shape of the film, which is a probe of its own.

    Parameters
    ----------
    films : (N, …) DataFrame
        Rows of the records.
    arrays : ArrayCache
        The films.
    border_fraction : float
        Width of the border, as a fraction of the edge.
    workers : int
        Blocks at once, as joblib counts.
    """
    from joblib import Parallel, delayed

    run = Parallel(workers, prefer="threads", pre_dispatch="2*n_jobs")
    blocks = _blocks(films, arrays)
    found = run(delayed(_see)(block, border_fraction) for block in blocks)
    return {
        name: np.concatenate([each[i] for each in found]) for i, name in enumerate(PIXEL_PROBES)
    }


Block = tuple[Films, NDArray[np.float64], NDArray[np.float64]]


def _blocks(films: pd.DataFrame, arrays: ArrayCache) -> Iterator[Block]:
    """Yield films with their heights and widths; both are 1 where a film was not padded, or nobody knows."""
    rows = films["row"].to_numpy(np.int64)
    padded = arrays.preprocess.get("aspect") == "pad"
    shape = ["height_px", "width_px"]
    stored = set(shape) <= set(
        arrays.index.columns
    )  # as decoded: a file may say that it lies on its side
    table = arrays.index.iloc[rows] if stored else films
    sizes = table[shape].to_numpy(np.float64)
    known = np.isfinite(sizes).all(axis=1, keepdims=True) & (sizes > 0).all(axis=1, keepdims=True)
    sizes = np.where(known & padded, sizes, 1.0)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        yield np.asarray(arrays.films[rows[part]]), sizes[part, 0], sizes[part, 1]


def _see(block: Block, border_fraction: float) -> tuple[Features, ...]:
    cropped = list(map(cut_padding, *block))
    edge = block[0].shape[1]
    square = np.stack([np.asarray(cv2.resize(each, (edge, edge)), np.uint8) for each in cropped])
    small = [cv2.resize(each, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA) for each in cropped]
    return (
        border_pixels(square, border_fraction),
        intensity_features(square[:, ::2, ::2]),  # every fourth pixel is enough for percentiles
        np.stack([_place_markers(each) for each in cropped]),
        np.stack(small).reshape(len(small), -1).astype(np.float32) / np.float32(_TOP),
    )


def _place_markers(film: Films) -> Features:
    """Return the share of a film that burned-in markers cover, and where they are: row and column in [0, 1]."""
    none = np.array([0, np.nan, np.nan], np.float32)
    if min(film.shape) < _LEAST_EDGE:
        return none
    rows, columns = np.nonzero(find_markers(np.ascontiguousarray(film)))
    if not len(rows):
        return none
    height, width = film.shape
    places = [len(rows) / film.size, rows.mean() / height, columns.mean() / width]
    return np.array(places, np.float32)
