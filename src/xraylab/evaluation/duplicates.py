"""Films that look alike, turned or not: found by the distance of their perceptual hashes.

Every pair is compared, which is quadratic in time and linear in memory: a million pairs take some milliseconds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["MAX_DISTANCE", "find_look_alikes", "name_looks"]

Hashes = NDArray[np.uint64]

MAX_DISTANCE = 32
"""Bits of 256 by which two hashes of one film may differ (docs/decisions/0007)."""

_BLOCK = 2048  # films compared at once with all later ones
_AXES = 3


def find_look_alikes(hashes: Hashes, max_distance: int = MAX_DISTANCE) -> pd.DataFrame:
    """List the pairs of films that look alike in any of the eight turns.

    Parameters
    ----------
    hashes : (N, T, W) ndarray of uint64
        W words a hash and T turns a film, the film as it is first, as
        `xraylab.imaging.fingerprint.perceptual_hashes` gives them.
    max_distance : int
        Bits that may differ.

    Returns
    -------
    DataFrame
        Columns ``first, second`` (positions, first < second), ``turn`` (of the second) and ``distance``, the nearest
        turn of each pair.
    """
    if hashes.ndim != _AXES:
        raise ValueError(f"hashes must be (films, turns, words), got shape {hashes.shape}")
    found = []
    for start in range(0, len(hashes), _BLOCK):
        least = _least_distances(hashes, start, min(start + _BLOCK, len(hashes)))
        rows, columns = np.nonzero(least[..., 0] <= max_distance)
        found.append(
            np.stack([rows + start, columns, least[rows, columns, 1], least[rows, columns, 0]])
        )
    pairs = np.concatenate(found, axis=1) if found else np.zeros((4, 0))
    names = ("first", "second", "turn", "distance")
    return pd.DataFrame(dict(zip(names, pairs.astype(np.int64), strict=True)))


def name_looks(image_ids: pd.Series, hashes: Hashes, max_distance: int = MAX_DISTANCE) -> pd.Series:
    """Give films that look alike, or are joined by a chain of such films, one name.

    Parameters
    ----------
    image_ids : (N,) Series of str
        Image ids.
    hashes : (N, T, W) ndarray of uint64
        Their perceptual hashes.
    max_distance : int
        Bits that may differ.

    Returns
    -------
    (N,) Series of str
        Named ``look``, on the index of `image_ids`: the first image id, in the order of text, of each family.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = find_look_alikes(hashes, max_distance)
    size = len(image_ids)
    edges = (np.ones(len(pairs)), (pairs["first"], pairs["second"]))
    _, family = connected_components(coo_array(edges, shape=(size, size)), directed=False)
    names = image_ids.astype(str).groupby(family).transform("min")
    return names.rename("look")


@njit(cache=True, parallel=True)
def _least_distances(hashes: Hashes, start: int, stop: int) -> NDArray[np.int32]:
    """Return, for films start … stop - 1 against all later ones, the least distance and its turn (B, N, 2)."""
    films, turns, words = hashes.shape
    least = np.full((stop - start, films, 2), 1 << 20, np.int32)
    for row in prange(start, stop):
        for column in range(row + 1, films):
            for turn in range(turns):
                distance = 0
                for word in range(words):
                    distance += int(_count_bits(hashes[row, 0, word] ^ hashes[column, turn, word]))
                if distance < least[row - start, column, 0]:
                    least[row - start, column, 0] = distance
                    least[row - start, column, 1] = turn
    return least


@njit(cache=True, inline="always")
def _count_bits(word: np.uint64) -> np.uint64:
    # Warren H. S., Hacker's Delight, fig. 5-2: sums of bits in parallel; compiles to one instruction
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)
