"""Copies of a film that is turned by any angle, mirrored, recompressed, inverted, enlarged or cropped.

The search has three steps, each more expensive and stricter than the one before: candidates by products of matrices
(`xraylab.duplicates.candidates`), turn, scale and shift of a candidate by correlation
(`xraylab.duplicates.placement`), and the proof by laying one film upon the other (`xraylab.duplicates.matching`). The
best candidates are tried first, and none within one cluster. A film that found a copy is given new candidates outside
its cluster, so that a cluster of any size is joined although each film is compared with a few neighbours only. Memory
is 5 kB per film, whatever its size; films are read from where they are mapped.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.duplicates.candidates import find_nearest, sign_all
from xraylab.duplicates.matching import TurnedCopyParams, match_films
from xraylab.duplicates.placement import Pose
from xraylab.duplicates.portrait import Portrait
from xraylab.duplicates.registration import angle_of

__all__ = ["TurnedCopyParams", "find_turned_copies"]

Films = NDArray[np.uint8]
Rows = NDArray[np.int64]
Pair = tuple[int, int, int]

_COLUMNS = {
    "first": "int64",
    "second": "int64",
    "angle_deg": "float64",
    "mirrored": "bool",
    "inverted": "bool",
    "similarity": "float64",
}
_AXES = 3
_BATCH, _BATCHES = (
    256,
    16,
)  # candidates that are tried before clusters are looked up again; or parts of all
_CHUNK = 32  # candidates that a thread takes at once


def find_turned_copies(
    films: Films, params: TurnedCopyParams, digests: pd.Series | None = None
) -> pd.DataFrame:
    """Find the films that are copies of each other, turned by any angle, mirrored or not.

    Parameters
    ----------
    films : (N, S, S) ndarray of uint8
        Films in [0, 255], in memory or mapped.
    params : TurnedCopyParams
        When two films are copies.
    digests : (N,) Series, optional
        A key, such as the digest of the pixels, that is equal for films known to be equal: only the first of them is
        compared. A missing one is equal to none.

    Returns
    -------
    DataFrame
        One row per pair, with columns ``first, second`` (positions, first < second), ``angle_deg`` in [0, 360),
        ``mirrored``, ``inverted`` (what is bright in one is dark in the other) and ``similarity``: the first film,
        mirrored left to right where ``mirrored`` and then turned counter-clockwise by the angle, is the second, or a
        part of it. Each pair is proved. Their chains join every cluster; not all
        pairs of a cluster are listed.

    Raises
    ------
    ValueError
        If the films are not bytes of shape (N, S, S), or there are more or less digests than films.

    Examples
    --------
    A film of two blocks, a film of noise, and the first film turned counter-clockwise by 90 degrees:

    >>> blocks = np.zeros((64, 64), np.uint8)
    >>> blocks[8:32, 8:56], blocks[12:20, 40:60] = 120, 250
    >>> noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> films = np.stack([blocks, noise, np.rot90(blocks)])
    >>> found = find_turned_copies(films, TurnedCopyParams(workers=1))
    >>> found[["first", "second", "mirrored"]].to_numpy().tolist()
    [[0, 2, False]]
    >>> round(float(found["angle_deg"][0]))
    90
    """
    if films.ndim != _AXES or films.shape[1] != films.shape[2] or films.dtype != np.uint8:
        raise ValueError(f"films must be (N, S, S) of uint8, got {films.shape} of {films.dtype}")
    rows = np.arange(len(films))
    if digests is not None:
        if len(digests) != len(films):
            raise ValueError(f"{len(films)} films need as many digests, got {len(digests)}")
        rows = rows[(digests.isna() | ~digests.duplicated()).to_numpy()]
    search = _Search(films, rows, params)
    open_rows = search.with_details()
    while len(open_rows):
        open_rows = search.advance(open_rows)
    found = pd.DataFrame(search.found, columns=list(_COLUMNS)).astype(_COLUMNS)
    return found.assign(first=rows[found["first"]], second=rows[found["second"]])


class _Search:
    """The state of a search among some rows of the films; numbers are positions among these rows."""

    def __init__(self, films: Films, rows: Rows, params: TurnedCopyParams) -> None:
        self.films, self.rows, self.params = films, rows, params
        self.signed = sign_all(films, rows, params.workers)
        self.cluster = np.arange(len(rows))
        self.refused: set[Pair] = set()
        self.found: list[tuple[int, int, float, bool, bool, float]] = []

    def with_details(self) -> Rows:
        """Return the films that show any details; the others are copies of nothing."""
        return np.flatnonzero(self.signed.rings.any(axis=1))

    def advance(self, rows: Rows) -> Rows:
        """Try the nearest films of other clusters; return the rows that found a copy, for the next round."""
        near = find_nearest(self.signed, rows, self.cluster, self.params.neighbours)
        size = max(_BATCH, len(near.row) // _BATCHES)
        for start in range(0, len(near.row), size):
            part = slice(start, start + size)
            first, second = near.first[part], near.second[part]
            apart = self.cluster[first] != self.cluster[second]
            self._try(np.stack([first, second, near.zoom[part]], axis=1)[apart])
        joined = self.cluster[near.first] == self.cluster[near.second]
        return np.unique(near.row[joined])

    def _try(self, pairs: Rows) -> None:
        """Prove or refuse pairs; join the clusters of those proved."""
        from joblib import Parallel, delayed

        listed = sorted({(i, j, zoom) for i, j, zoom in pairs.tolist()} - self.refused)
        chunks = [listed[start : start + _CHUNK] for start in range(0, len(listed), _CHUNK)]
        jobs = (delayed(self._prove)(chunk) for chunk in chunks)
        proofs = [
            proof
            for some in Parallel(self.params.workers, prefer="threads")(jobs)
            for proof in some
        ]
        self.refused.update(set(listed) - {pair for pair, _ in proofs})
        for (first, second, _), match in sorted(
            proofs, key=lambda each: (-each[1].similarity, each[0])
        ):
            low, high = sorted((self.cluster[first], self.cluster[second]))
            if low != high:
                self.cluster[self.cluster == high] = low
                self._list(first, second, match)

    def _list(self, first: int, second: int, match: Pose) -> None:
        part = match.matrix[:, :2]
        if first > second:
            first, second = second, first
            part = np.asarray(np.linalg.inv(part), np.float64)
        self.found.append((first, second, *angle_of(part), match.inverted, match.similarity))

    def _prove(self, pairs: list[Pair]) -> list[tuple[Pair, Pose]]:
        """Return the pairs that are copies, and how."""
        portraits: dict[int, Portrait] = {}
        proofs = []
        for pair in pairs:
            for each in pair[:2]:
                if each not in portraits:
                    portraits[each] = Portrait(self.films[self.rows[each]])
            match = match_films(portraits[pair[0]], portraits[pair[1]], pair[2], self.params)
            if match is not None:
                proofs.append((pair, match))
        return proofs
