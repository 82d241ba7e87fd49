"""Films that look alike, turned or not: found by the distance of their perceptual hashes.

Every pair is compared, which is quadratic in time and linear in memory: a million pairs take some milliseconds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["MAX_DISTANCE", "find_look_alikes", "join_copies", "name_looks"]

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
    from xraylab.evaluation.kernels import least_distances

    if hashes.ndim != _AXES:
        raise ValueError(f"hashes must be (films, turns, words), got shape {hashes.shape}")
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
    return join_copies(image_ids, find_look_alikes(hashes, max_distance))


def join_copies(
    image_ids: pd.Series, pairs: pd.DataFrame, known: pd.Series | None = None
) -> pd.Series:
    """Give films that are copies of each other, or are joined by a chain of copies, one name.

    Parameters
    ----------
    image_ids : (N,) Series of str
        Image ids.
    pairs : DataFrame
        Copies by their positions, in the columns ``first`` and ``second``.
    known : (N,) Series, optional
        A key, such as the digest of the pixels, that is equal for films known to be equal; a missing one is equal to
        none.

    Returns
    -------
    (N,) Series of str
        Named ``look``, on the index of `image_ids`: the first image id, in the order of text, of each family.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(image_ids)
    starts, ends = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    if known is not None:
        codes = pd.factorize(known)[0]
        has_key = np.flatnonzero(codes >= 0)
        first_of = pd.Series(has_key).groupby(codes[has_key]).transform("min").to_numpy()
        starts, ends = np.concatenate([starts, has_key]), np.concatenate([ends, first_of])
    graph = coo_array((np.ones(len(starts)), (starts, ends)), shape=(size, size))
    _, family = connected_components(graph, directed=False)
    return image_ids.astype(str).groupby(family).transform("min").rename("look")
