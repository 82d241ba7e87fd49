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
_CANDIDATES = 8  # nearest films looked at for each neighbour wanted, since a family counts once


@dataclass(frozen=True)
class Neighbours:
    """The nearest films of N films, the nearest first, each of another family.

    Attributes
    ----------
    rows : (N, K) ndarray of int64
        Positions of the neighbours; -1 where there are fewer.
    similarity : (N, K) ndarray of float32
        Cosine of the standardised features, in [-1, 1]; nan where there is no neighbour.
    """

    rows: Rows
    similarity: Features

    @property
    def counts(self) -> Rows:
        """Return how many neighbours each film has (N,)."""
        return np.asarray((self.rows >= 0).sum(axis=1), np.int64)


def find_neighbours(
    features: NDArray[np.floating[Any]], groups: pd.Series, n_neighbours: int
) -> Neighbours:
    """Find the nearest films of other families by the cosine of standardised features.

    Parameters
    ----------
    features : (N, F) ndarray
        Features of films.
    groups : (N,) Series
        Family of each film. No neighbour is of a film's own family, and no two are of one.
    n_neighbours : int
        Neighbours wanted; fewer are found where there are fewer families, or one family fills what is nearest.

    Examples
    --------
    >>> features = np.array([[0.0, 1], [0.1, 1], [0.2, 1], [5, -3]])
    >>> find_neighbours(features, pd.Series(list("aabc")), 1).rows[:2].tolist()
    [[2], [2]]
    """
    codes = np.asarray(pd.factorize(groups)[0], np.int64)
    n = len(codes)
    rows = np.full((n, n_neighbours), -1, np.int64)
    similarity = np.full((n, n_neighbours), np.nan, np.float32)
    if n < 2:  # noqa: PLR2004
        return Neighbours(rows, similarity)
    directions = _standardise(features)
    n_candidates = min(n, _CANDIDATES * n_neighbours)
    for start in range(0, n, _BLOCK):
        part = slice(start, min(start + _BLOCK, n))
        alike = directions[part] @ directions.T
        alike[codes[part, None] == codes[None]] = -np.inf
        candidates = np.argpartition(alike, n - n_candidates, axis=1)[:, n - n_candidates :]
        values = np.take_along_axis(alike, candidates, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        candidates = np.take_along_axis(candidates, order, axis=1)
        values = np.take_along_axis(values, order, axis=1)
        chosen = _first_of_families(codes[candidates], np.isfinite(values), n_neighbours)
        film, place = np.nonzero(chosen)
        column = (np.cumsum(chosen, axis=1) - 1)[film, place]
        rows[start + film, column] = candidates[film, place]
        similarity[start + film, column] = values[film, place]
    return Neighbours(rows, similarity)


def _standardise(features: NDArray[np.floating[Any]]) -> Features:
    """Return features with a mean of 0 and a deviation of 1 over films, and then a length of 1 for each film."""
    values = np.asarray(features, np.float32)
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    values = (values - mean) / np.where(deviation > 0, deviation, np.float32(1))
    length = np.asarray(np.linalg.norm(values, axis=1, keepdims=True), np.float32)
    return np.asarray(values / np.where(length > 0, length, 1), np.float32)


def _first_of_families(families: Rows, usable: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """Return which candidates (B, C) are the first of their family, at most n of each film."""
    film = np.arange(len(families))[:, None]
    keys = film * (int(families.max()) + 1) + families
    first = ~pd.Series(keys.ravel()).duplicated().to_numpy().reshape(families.shape)
    first &= usable
    return np.asarray(first & (np.cumsum(first, axis=1) <= n), np.bool_)
