"""Near-duplicate films in any quarter turn, found by the distance of their perceptual hashes.

Every pair is compared, which is quadratic in time and linear in memory: a million pairs take some milliseconds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["MAX_HASH_DISTANCE", "find_near_duplicates"]

Hashes = NDArray[np.uint64]

MAX_HASH_DISTANCE = 32
"""Bits of 256 by which the hashes of two copies may differ (docs/decisions/0007)."""

_BLOCK = 2048  # films that are compared at once with all later ones
_AXES = 3


def find_near_duplicates(hashes: Hashes, max_distance: int = MAX_HASH_DISTANCE) -> pd.DataFrame:
    """List the pairs of films whose perceptual hashes are near in any of the eight turns.

    Parameters
    ----------
    hashes : (N, T, W) ndarray of uint64
        W words per hash and T turns per film, the film as it is first, as
        `xraylab.imaging.fingerprint.perceptual_hashes` returns them.
    max_distance : int
        Bits that may differ.

    Returns
    -------
    DataFrame
        One row per pair, with columns ``first, second`` (positions, first < second), ``turn`` (of the second film) and
        ``distance`` (bits), both of the nearest turn.

    Raises
    ------
    ValueError
        If the hashes are not uint64 of shape (N, T, W).

    Examples
    --------
    Three films, one turn and one word of 64 bits each; the last two differ in one bit:

    >>> hashes = np.array([0b1111, 0b0000, 0b0001], np.uint64).reshape(3, 1, 1)
    >>> find_near_duplicates(hashes, max_distance=1)
       first  second  turn  distance
    0      1       2     0         1
    """
    from xraylab.duplicates.kernels import least_distances

    if hashes.ndim != _AXES or hashes.dtype != np.uint64:
        raise ValueError(
            f"hashes must be uint64 of (films, turns, words), got {hashes.dtype} of {hashes.shape}"
        )
    found = []
    for start in range(0, len(hashes), _BLOCK):
        least = least_distances(hashes, start, min(start + _BLOCK, len(hashes)))
        rows, columns = np.nonzero(least[..., 0] <= max_distance)
        found.append(
            np.stack([rows + start, columns, least[rows, columns, 1], least[rows, columns, 0]])
        )
    pairs = np.concatenate(found, axis=1) if found else np.zeros((4, 0))
    names = ("first", "second", "turn", "distance")
    return pd.DataFrame(dict(zip(names, pairs.astype(np.int64), strict=True)))
