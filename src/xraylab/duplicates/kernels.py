"""Compiled loops; in a module of their own, so that numba is loaded only when they are used."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["least_distances"]

Hashes = NDArray[np.uint64]


@njit(cache=True, parallel=True)
def least_distances(hashes: Hashes, start: int, stop: int) -> NDArray[np.int32]:
    """Return, for films start … stop - 1 against all later ones, the least distance and its turn (B, N, 2).

    Examples
    --------
    >>> hashes = np.array([0b1111, 0b0000, 0b0001], np.uint64).reshape(3, 1, 1)
    >>> least_distances(hashes, 0, 2)[:, 2, 0].tolist()  # of films 0 and 1 to film 2
    [3, 1]
    """
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
