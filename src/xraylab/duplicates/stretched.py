"""Films that were padded to a square, and the same stretched to it: copies are often squashed to another shape."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.imaging.preprocess import cut_padding

__all__ = ["StretchedFilms", "join_stretched", "list_stretched"]

Films = NDArray[np.uint8]
Rows = NDArray[np.int64]

_SAME_SHAPE = 0.05  # of the logarithm of the aspect ratio: below it films have one shape


def list_stretched(shapes: NDArray[np.floating]) -> Rows:
    """Return the films that are worth a look when they are stretched: none where all films have one shape.

    Parameters
    ----------
    shapes : (N, 2) ndarray
        Height and width of each film's own.

    Returns
    -------
    (M,) ndarray of int64
        Those that are not square.

    Examples
    --------
    >>> list_stretched(np.array([[100.0, 100.0], [100.0, 80.0]])).tolist()
    [1]
    >>> list_stretched(np.array([[100.0, 80.0], [200.0, 160.0]])).tolist()
    []
    """
    aspect = np.log(shapes[:, 0] / shapes[:, 1])
    if not len(aspect) or np.ptp(aspect) <= _SAME_SHAPE:
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.abs(aspect) > _SAME_SHAPE)


class StretchedFilms:
    """Padded films, and after them some of these stretched to the square; each is made when it is asked for.

    Parameters
    ----------
    films : (N, S, S) ndarray of uint8
        Films in the middle of a square of zeros.
    shapes : (N, 2) ndarray
        Height and width of each film's own.
    rows : (M,) ndarray of int64
        Films that are given once more, stretched.

    Examples
    --------
    >>> film = np.zeros((100, 100), np.uint8)
    >>> film[:, 25:75] = 200
    >>> both = StretchedFilms(film[None], np.array([[2.0, 1.0]]), np.array([0]))
    >>> both.shape, both[0].mean(), both[1].mean()
    ((2, 100, 100), np.float64(100.0), np.float64(200.0))
    """

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, films: Films, shapes: NDArray[np.floating], rows: Rows) -> None:
        self._films, self._shapes, self._rows = films, shapes, rows
        edge = films.shape[1]
        self.shape: tuple[int, int, int] = (len(films) + len(rows), edge, edge)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: int) -> Films:
        """Return one film (S, S)."""
        if row < len(self._films):
            return np.asarray(self._films[row])
        own = int(self._rows[row - len(self._films)])
        height, width = map(float, self._shapes[own])
        part = cut_padding(np.asarray(self._films[own]), height, width)
        return np.asarray(cv2.resize(part, self.shape[1:]), np.uint8)


def join_stretched(pairs: pd.DataFrame, rows: Rows, n_films: int) -> pd.DataFrame:
    """Return pairs of films and stretched films as pairs of films, the most similar of each.

    Parameters
    ----------
    pairs : DataFrame
        ``first, second, similarity`` and more, as positions in `StretchedFilms`.
    rows : (M,) ndarray of int64
        The films that were stretched.
    n_films : int
        Films without the stretched ones.

    Examples
    --------
    >>> pairs = pd.DataFrame({"first": [0, 0, 1], "second": [1, 2, 2], "similarity": [0.9, 0.95, 0.99]})
    >>> join_stretched(pairs, np.array([1]), 2)[["first", "second", "similarity"]].to_numpy().tolist()
    [[0.0, 1.0, 0.95]]
    """
    places = np.concatenate([np.arange(n_films), rows])
    own = pairs.assign(first=places[pairs["first"]], second=places[pairs["second"]])
    own = own[own["first"] != own["second"]]
    # a pair is listed with its first film first; what is turned is turned back
    swapped = own["first"] > own["second"]
    if swapped.any():
        own = own.copy()
        own.loc[swapped, ["first", "second"]] = own.loc[swapped, ["second", "first"]].to_numpy()
        if "angle_deg" in own:
            turned_back = swapped & ~own["mirrored"].astype(bool)
            own.loc[turned_back, "angle_deg"] = -own.loc[turned_back, "angle_deg"] % 360
    best = own.sort_values("similarity", ascending=False, kind="stable")
    best = best.drop_duplicates(["first", "second"])
    return best.sort_values(["first", "second"], ignore_index=True)
