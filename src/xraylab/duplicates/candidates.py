"""Which films are likely to be copies of each other: nearest neighbours by two kinds of signature.

Every signature is compared with every other by products of matrices, block by block, so that memory grows with the
films and not with their square (docs/decisions/0023 tells how long it takes, and why no index is used).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xraylab.duplicates.mellin import ZOOMS, sign_spectra
from xraylab.duplicates.polar import sign_films
from xraylab.duplicates.portrait import Portrait

__all__ = ["ABOUT_MIDDLE", "Candidates", "Signatures", "find_nearest", "sign_all"]

Rows = NDArray[np.int64]
FloatTable = NDArray[np.float32]

ABOUT_MIDDLE = -1
"""Instead of a zoom: the films are near as they are turned about the middle."""

_READ = 64  # films that a thread describes at once
_ROWS, _COLUMNS = 1024, 8192  # likenesses held at once
_GROUP = 16  # columns of which the likeliest is looked up first


@dataclass(frozen=True)
class Signatures:
    """What stays of N films when they are turned.

    Attributes
    ----------
    rings : (N, 640) ndarray of float16
        See `xraylab.duplicates.polar.sign_films`.
    spectra : (Z, N, 512) ndarray of float16
        By zoom, see `xraylab.duplicates.mellin.sign_spectra`.
    """

    rings: NDArray[np.float16]
    spectra: NDArray[np.float16]


@dataclass(frozen=True)
class Candidates:
    """Pairs of films that may be copies; arrays (P,), the likeliest first.

    Attributes
    ----------
    first, second : ndarray of int64
        The films; the first is the one that is enlarged.
    zoom : ndarray of int64
        Number of the zoom of the first, or `ABOUT_MIDDLE`.
    row : ndarray of int64
        The film for which the pair was listed.
    """

    first: Rows
    second: Rows
    zoom: Rows
    row: Rows


def sign_all(films: NDArray[np.uint8], rows: Rows, workers: int) -> Signatures:
    """Return the signatures of some films, read block by block.

    Examples
    --------
    >>> films = np.random.default_rng(0).integers(0, 255, (3, 64, 64), np.uint8)
    >>> signed = sign_all(films, np.array([0, 2]), workers=1)
    >>> signed.rings.shape, signed.spectra.shape
    ((2, 640), (4, 2, 512))
    """
    from joblib import Parallel, delayed

    signed = Signatures(
        np.zeros((len(rows), 640), np.float16), np.zeros((len(ZOOMS), len(rows), 512), np.float16)
    )

    def sign(start: int) -> None:
        for k in range(start, min(start + _READ, len(rows))):
            portrait = Portrait(films[rows[k]])
            signed.rings[k] = sign_films(portrait.rings)
            spectra = np.stack([portrait.spectrum(zoom) for zoom in ZOOMS])
            signed.spectra[:, k] = sign_spectra(spectra)

    Parallel(workers, prefer="threads")(
        delayed(sign)(start) for start in range(0, len(rows), _READ)
    )
    return signed


def find_nearest(signed: Signatures, rows: Rows, cluster: Rows, count: int) -> Candidates:
    """Return the films that are nearest to some, out of their clusters.

    Parameters
    ----------
    signed : Signatures
        Of N films.
    rows : (R,) ndarray of int64
        Films whose neighbours are looked for.
    cluster : (N,) ndarray of int64
        Films of one number are not compared.
    count : int
        Neighbours of each film by each kind of signature.

    Examples
    --------
    >>> films = np.random.default_rng(0).integers(0, 255, (3, 64, 64), np.uint8)
    >>> signed = sign_all(np.concatenate([films, np.rot90(films[1])[None]]), np.arange(4), workers=1)
    >>> near = find_nearest(signed, np.arange(4), np.arange(4), count=1)
    >>> sorted((int(near.first[0]), int(near.second[0])))
    [1, 3]
    """
    by_rings = _Nearest(len(rows), count)
    by_spectra = _Nearest(len(rows), count)
    for left in range(0, len(cluster), _COLUMNS):
        columns = slice(left, left + _COLUMNS)
        rings = signed.rings[columns].astype(np.float32).T
        spectra = [each[columns].astype(np.float32).T for each in signed.spectra]
        for top in range(0, len(rows), _ROWS):
            part = rows[top : top + _ROWS]
            same = cluster[part][:, None] == cluster[columns]
            likeness = signed.rings[part].astype(np.float32) @ rings
            by_rings.add(top, left, likeness, same)
            query = signed.spectra[0, part].astype(np.float32)
            likeness = query @ spectra[0]
            for each in spectra[1:]:
                np.maximum(likeness, query @ each, out=likeness)
            by_spectra.add(top, left, likeness, same)
    return _list(signed, rows, by_rings, by_spectra)


def _list(signed: Signatures, rows: Rows, by_rings: _Nearest, by_spectra: _Nearest) -> Candidates:
    """Join both lists, and look up at which zoom the spectra of two films were alike."""
    parts = []
    for nearest, spectral in ((by_rings, False), (by_spectra, True)):
        k, at = np.nonzero(nearest.likeness > 0)
        row, other, likeness = rows[k], nearest.column[k, at], nearest.likeness[k, at]
        zoom = np.full(len(row), ABOUT_MIDDLE)
        if spectral:
            zoom = np.array(
                [
                    int((signed.spectra[:, j] @ signed.spectra[0, i]).argmax())
                    for i, j in zip(row.tolist(), other.tolist(), strict=True)
                ],
                np.int64,
            )
        # without a zoom, a pair is the same in both orders
        swap = (zoom <= 0) & (row < other)
        first, second = np.where(swap, row, other), np.where(swap, other, row)
        parts.append(np.stack([first, second, zoom, row]).astype(np.float64))
        parts[-1] = np.concatenate([parts[-1], likeness[None].astype(np.float64)])
    first, second, zoom, row, likeness = np.concatenate(parts, axis=1)
    order = np.lexsort((zoom, second, first, -likeness))
    return Candidates(*(each[order].astype(np.int64) for each in (first, second, zoom, row)))


class _Nearest:
    """The likeliest columns of each row so far."""

    def __init__(self, rows: int, count: int) -> None:
        self.likeness = np.full((rows, count), -1.0, np.float32)
        self.column = np.zeros((rows, count), np.int64)

    def add(self, top: int, left: int, likeness: FloatTable, same: NDArray[np.bool_]) -> None:
        """Look through a block of likenesses."""
        likeness[same] = -1
        rows = slice(top, top + len(likeness))
        count = self.likeness.shape[1]
        column = _best_columns(likeness, count)
        value = np.take_along_axis(likeness, column, axis=1)
        value = np.concatenate([self.likeness[rows], value], axis=1)
        column = np.concatenate([self.column[rows], column + left], axis=1)
        best = np.argpartition(-value, count - 1, axis=1)[:, :count]
        self.likeness[rows] = np.take_along_axis(value, best, axis=1)
        self.column[rows] = np.take_along_axis(column, best, axis=1)


def _best_columns(likeness: FloatTable, count: int) -> Rows:
    """Return the columns of the greatest values of each row; those of a block hold the greatest of its groups."""
    rows, columns = likeness.shape
    groups = columns // _GROUP
    count = min(count, columns)
    if groups <= count:
        return np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    # the greatest are in the groups whose greatest are the greatest; groups interleave, so that maxima are vectorised
    whole = groups * _GROUP
    most = likeness[:, :whole].reshape(rows, _GROUP, groups).max(axis=1)
    group = np.argpartition(-most, count - 1, axis=1)[:, :count]
    column = (group[:, :, None] + groups * np.arange(_GROUP)).reshape(rows, -1)
    rest = np.broadcast_to(np.arange(whole, columns), (rows, columns - whole))
    column = np.concatenate([column, rest], axis=1)
    value = np.take_along_axis(likeness, column, axis=1)
    best = np.argpartition(-value, count - 1, axis=1)[:, :count]
    return np.take_along_axis(column, best, axis=1)
