"""Clusters of copies: one name for a film and all its copies, whichever way they are found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.duplicates.hash_distance import MAX_HASH_DISTANCE, find_near_duplicates
from xraylab.duplicates.rotations import TurnedCopyParams, find_turned_copies
from xraylab.duplicates.stretched import StretchedFilms, join_stretched, list_stretched

__all__ = ["find_duplicate_clusters", "join_copies"]


def find_duplicate_clusters(
    image_ids: pd.Series,
    films: NDArray[Any],
    rule: int | TurnedCopyParams = MAX_HASH_DISTANCE,
    digests: pd.Series | None = None,
    shapes: NDArray[np.floating] | None = None,
) -> tuple[pd.Series, pd.DataFrame]:
    """Give films that are copies of each other, directly or by a chain of copies, one name.

    Parameters
    ----------
    image_ids : (N,) Series of str
        Image ids.
    films : (N, T, W) ndarray of uint64 or (N, S, S) ndarray of uint8
        What the rule compares: perceptual hashes in T turns, as `xraylab.imaging.array_cache.ArrayCache.hashes`, or
        the films themselves, in [0, 255].
    rule : int or TurnedCopyParams
        When two films are copies. A number: their hashes differ by at most that many bits in one of the turns
        (`xraylab.duplicates.hash_distance`). Parameters: one film matches the other when it is turned by any angle
        (`xraylab.duplicates.rotations`).
    digests : (N,) Series, optional
        A key, such as the digest of the pixels, that is equal for films known to be equal. A missing one is equal to
        none.
    shapes : (N, 2) ndarray, optional
        Height and width of each film's own, where films were padded to squares. Films that are not square are then
        compared stretched to the square, too: a copy may be squashed to another shape. Without it films are compared
        as they are.

    Returns
    -------
    clusters : (N,) Series of str
        Named ``duplicate_cluster``, on the index of `image_ids`: the first image id, in the order of text, of each
        cluster. A film without a copy is a cluster of its own.
    pairs : DataFrame
        The pairs that joined the clusters, by position: as `find_near_duplicates` or `find_turned_copies` returns
        them.

    Raises
    ------
    ValueError
        If the lengths differ, or the films are not what the rule compares.

    Examples
    --------
    The hashes of ``b`` and ``c`` differ in one bit of 64:

    >>> hashes = np.array([0b1111, 0b0000, 0b0001], np.uint64).reshape(3, 1, 1)
    >>> clusters, pairs = find_duplicate_clusters(pd.Series(["a", "b", "c"]), hashes, rule=1)
    >>> clusters.tolist()
    ['a', 'b', 'b']
    >>> pairs[["first", "second", "distance"]].to_numpy().tolist()
    [[1, 2, 1]]
    """
    if len(films) != len(image_ids):
        raise ValueError(f"{len(image_ids)} image ids need as many films, got {len(films)}")
    if isinstance(rule, TurnedCopyParams):
        pairs = _find_turned(films, rule, digests, shapes)
    else:
        pairs = find_near_duplicates(films, rule)
    return join_copies(image_ids, pairs, digests), pairs


def _find_turned(
    films: NDArray[np.uint8],
    rule: TurnedCopyParams,
    digests: pd.Series | None,
    shapes: NDArray[np.floating] | None,
) -> pd.DataFrame:
    rows = np.zeros(0, np.int64) if shapes is None else list_stretched(shapes)
    if digests is not None:  # of equal films the first is compared, stretched or not
        rows = rows[(digests.isna() | ~digests.duplicated()).to_numpy()[rows]]
    if shapes is None or not len(rows):
        return find_turned_copies(films, rule, digests)
    keys = pd.Series([None] * len(films), dtype=object) if digests is None else digests
    both = pd.concat([keys, pd.Series([None] * len(rows), dtype=object)], ignore_index=True)
    stretched: Any = StretchedFilms(films, shapes, rows)  # read film by film, as an array is
    return join_stretched(find_turned_copies(stretched, rule, both), rows, len(films))


def join_copies(
    image_ids: pd.Series, pairs: pd.DataFrame, digests: pd.Series | None = None
) -> pd.Series:
    """Join pairs of copies to clusters, each with one name.

    Parameters
    ----------
    image_ids : (N,) Series of str
        Image ids.
    pairs : DataFrame
        Copies by their positions, in the columns ``first`` and ``second``.
    digests : (N,) Series, optional
        A key, such as the digest of the pixels, that is equal for films known to be equal. A missing one is equal to
        none.

    Returns
    -------
    (N,) Series of str
        Named ``duplicate_cluster``, on the index of `image_ids`: the first image id, in the order of text, of each
        cluster.

    Examples
    --------
    >>> pairs = pd.DataFrame({"first": [0, 1], "second": [1, 3]})
    >>> join_copies(pd.Series(["d", "c", "b", "a"]), pairs).tolist()
    ['a', 'a', 'b', 'a']
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(image_ids)
    starts, ends = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    if digests is not None:
        codes = pd.factorize(digests)[0]
        has_key = np.flatnonzero(codes >= 0)
        first_of = pd.Series(has_key).groupby(codes[has_key]).transform("min").to_numpy()
        starts, ends = np.concatenate([starts, has_key]), np.concatenate([ends, first_of])
    graph = coo_array((np.ones(len(starts)), (starts, ends)), shape=(size, size))
    _, cluster = connected_components(graph, directed=False)
    return image_ids.astype(str).groupby(cluster).transform("min").rename("duplicate_cluster")
