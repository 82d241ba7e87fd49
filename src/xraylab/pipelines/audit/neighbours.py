"""The nearest films of other families, by the features of an encoder; memory does not grow with the pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Neighbours", "find_neighbours"]

Features = NDArray[np.float32]
Rows = NDArray[np.int64]

_BLOCK = 512  # films compared with all others at once


@dataclass(frozen=True)
class Neighbours:
    """The nearest films of N films, the nearest first, no two of one family and none of the film's own.

    Attributes
    ----------
    rows : (N, K) ndarray of int64
        Positions of the neighbours.
    similarity : (N, K) ndarray of float32
        Cosine of the standardised features, in [-1, 1].
    distance : (N, K) ndarray of float32
        Euclidean distance of the standardised features, in deviations of one feature.
    """

    rows: Rows
    similarity: Features
    distance: Features


def find_neighbours(
    features: NDArray[np.floating[Any]], groups: pd.Series, n_neighbours: int
) -> Neighbours:
    """Find the nearest films of other families by the cosine of standardised features.

    Parameters
    ----------
    features : (N, F) ndarray
        Features of films.
    groups : (N,) Series
        Family of each film.
    n_neighbours : int
        Neighbours wanted; one for each other family where there are fewer.

    Returns
    -------
    Neighbours
        Of each family the nearest film.

    Examples
    --------
    >>> features = np.array([[0.0, 1], [0.1, 1], [0.2, 1], [5, -3]])
    >>> find_neighbours(features, pd.Series(list("aabc")), 1).rows.tolist()
    [[2], [2], [1], [2]]
    """
    codes = np.asarray(pd.factorize(groups)[0], np.int64)
    n_families = int(codes.max(initial=-1)) + 1
    kept = max(0, min(n_neighbours, n_families - 1))
    rows = np.zeros((len(codes), kept), np.int64)
    similarity = np.zeros((len(codes), kept), np.float32)
    if not kept:
        return Neighbours(rows, similarity, similarity)
    order = np.argsort(codes, kind="stable")  # families side by side
    ends = np.cumsum(np.bincount(codes))
    starts = ends - np.bincount(codes)
    directions, lengths = _standardise(np.asarray(features, np.float32)[order])
    for start in range(0, len(codes), _BLOCK):
        part = slice(start, start + _BLOCK)
        alike = directions[part] @ directions.T
        best = np.maximum.reduceat(alike, starts, axis=1)
        best[np.arange(len(best)), codes[order[part]]] = -np.inf
        families = np.argpartition(best, n_families - kept, axis=1)[:, n_families - kept :]
        values = np.take_along_axis(best, families, axis=1)
        by_value = np.argsort(-values, axis=1, kind="stable")
        families = np.take_along_axis(families, by_value, axis=1)
        rows[part] = _nearest_films(alike, families, starts, ends)
        similarity[part] = np.take_along_axis(values, by_value, axis=1)
    squares = (
        lengths[:, None] ** 2
        + lengths[rows] ** 2
        - 2 * lengths[:, None] * lengths[rows] * similarity
    )
    back = np.argsort(order)
    distance = np.sqrt(np.maximum(squares, 0)).astype(np.float32)
    return Neighbours(order[rows][back], similarity[back], distance[back])


def _nearest_films(alike: Features, families: Rows, starts: Rows, ends: Rows) -> Rows:
    """Return the nearest film (B, K) of each of the families (B, K), whose films lie side by side."""
    films = starts[families]
    for film, place in np.argwhere(ends[families] - films > 1):
        family = families[film, place]
        films[film, place] += int(alike[film, starts[family] : ends[family]].argmax())
    return films


def _standardise(values: Features) -> tuple[Features, Features]:
    """Return features with a mean of 0 and a deviation of 1, as directions (N, F) and lengths (N,)."""
    deviation = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, np.float32(1))
    lengths = np.asarray(np.linalg.norm(values, axis=1), np.float32)
    directions = values / np.where(lengths > 0, lengths, 1)[:, None]
    return np.asarray(directions, np.float32), lengths
