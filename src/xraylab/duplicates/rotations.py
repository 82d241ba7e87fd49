"""Copies of a film that is turned by any angle, mirrored, recompressed or cropped a little.

The search has three steps, each more expensive and stricter than the one before: candidates by products of matrices
(`xraylab.duplicates.polar`), the angle of a candidate by circular cross-correlation, and the proof by laying one film
upon the other (`xraylab.duplicates.registration`). The best candidates are tried first, and none within one cluster. A
film that found a copy is given new candidates outside its cluster, so that a cluster of any size is joined although
each film is compared with a few neighbours only. Memory is 13 kB per film, whatever its size.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from xraylab.duplicates.polar import Spectra, correlate_turns, describe_film, sign_films
from xraylab.duplicates.registration import (
    angle_of,
    compare_registered,
    compare_turned,
    measure_crossing,
    turn_matrix,
)
from xraylab.parameters import Parameters

__all__ = ["TurnedCopyParams", "find_turned_copies"]

Films = NDArray[np.uint8]
Pairs = NDArray[np.int64]
Matrix = NDArray[np.float64]
Proof = tuple[tuple[int, int], float, Matrix]

_COLUMNS = {
    "first": "int64",
    "second": "int64",
    "angle_deg": "float64",
    "mirrored": "bool",
    "similarity": "float64",
}
_AXES = 3
_BLOCK_CELLS = 1 << 23  # likenesses held at once
_BATCH = 256  # pairs that are tried before clusters are looked up again
_CHUNK = 16  # pairs that a thread takes at once


class TurnedCopyParams(Parameters):
    """When two films are copies of each other, and how much is tried to find out (docs/decisions/0010).

    Attributes
    ----------
    min_similarity : float
        Correlation of the fine details of two films, one moved onto the other, from which they are copies.
    min_straight_similarity : float
        The same, turned about the middle only, where the lines of one of them nearly all run one way: straight bones
        are all alike.
    max_straight_crossing : float
        Which films count as such, see `xraylab.duplicates.registration.measure_crossing`.
    min_polar_similarity : float
        Correlation of the films in polar coordinates from which a registration is tried.
    max_scale : float
        Largest enlargement that is tried; its inverse is the largest reduction.
    neighbours : int
        Candidates per film and round.
    workers : int
        Films or pairs processed at the same time, as joblib counts.
    """

    min_similarity: float = Field(0.9, ge=0.5, le=1)
    min_straight_similarity: float = Field(0.965, ge=0.5, le=1)
    max_straight_crossing: float = Field(0.15, ge=0, le=1)
    min_polar_similarity: float = Field(0.4, ge=0, le=1)
    max_scale: float = Field(1.22, ge=1, le=1.5)
    neighbours: int = Field(4, ge=1, le=64)
    workers: int = Field(-1, ge=-64, le=64)


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
        ``mirrored`` and ``similarity``: the first film, mirrored left to right where ``mirrored`` and then turned
        counter-clockwise by the angle, is the second. Each pair is proved. Their chains join every cluster; not all
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

    def __init__(self, films: Films, rows: NDArray[np.int64], params: TurnedCopyParams) -> None:
        self.films, self.rows, self.params = films, rows, params
        self.spectra, self.signatures = _describe(films, rows, params.workers)
        self.cluster = np.arange(len(rows))
        self.refused: set[tuple[int, int]] = set()
        self.found: list[tuple[int, int, float, bool, float]] = []

    def with_details(self) -> NDArray[np.int64]:
        """Return the films that show any details; the others are copies of nothing."""
        return np.flatnonzero(self.signatures.any(axis=1))

    def advance(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Try the nearest films of other clusters; return the rows that found a copy, for the next round."""
        pairs = self._nearest(rows)
        for start in range(0, len(pairs), _BATCH):
            batch = pairs[start : start + _BATCH]
            self._try(batch[self.cluster[batch[:, 0]] != self.cluster[batch[:, 1]]])
        joined = self.cluster[pairs[:, 0]] == self.cluster[pairs[:, 1]]
        return np.unique(pairs[joined, 0])

    def _nearest(self, rows: NDArray[np.int64]) -> Pairs:
        """Return (film, candidate), the likeliest pairs first."""
        count = min(self.params.neighbours, len(self.rows) - 1)
        if not count:
            return np.zeros((0, 2), np.int64)
        pairs, likenesses = [], []
        block = max(1, _BLOCK_CELLS // len(self.rows))
        for start in range(0, len(rows), block):
            part = rows[start : start + block]
            likeness = self.signatures[part] @ self.signatures.T
            likeness[self.cluster[part][:, None] == self.cluster] = -1
            nearest = np.argpartition(likeness, -count, axis=1)[:, -count:]
            pairs.append(np.stack([np.repeat(part, count), nearest.ravel()], axis=1))
            likenesses.append(np.take_along_axis(likeness, nearest, axis=1).ravel())
        listed, value = np.concatenate(pairs), np.concatenate(likenesses)
        order = np.lexsort((listed[:, 1], listed[:, 0], -value))
        return listed[order[value[order] > 0]]

    def _try(self, pairs: Pairs) -> None:
        """Prove or refuse pairs; join the clusters of those proved."""
        from joblib import Parallel, delayed

        pairs = np.unique(np.sort(pairs, axis=1), axis=0)
        new = [tuple(pair) not in self.refused for pair in pairs.tolist()]
        pairs = pairs[np.array(new, bool)]
        chunks = [pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK)]
        jobs = (delayed(self._prove)(chunk) for chunk in chunks)
        proofs = [
            proof
            for some in Parallel(self.params.workers, prefer="threads")(jobs)
            for proof in some
        ]
        self.refused.update(pair for pair, similarity, _ in proofs if not similarity)
        for (first, second), similarity, matrix in sorted(
            proofs, key=lambda proof: (-proof[1], proof[0])
        ):
            low, high = sorted((self.cluster[first], self.cluster[second]))
            if similarity and low != high:
                self.cluster[self.cluster == high] = low
                self.found.append((first, second, *angle_of(matrix), similarity))

    def _prove(self, pairs: Pairs) -> list[Proof]:
        """Return each pair, how similar it is (0 if no copies), and how the first maps to the second."""
        turns = correlate_turns(
            self.spectra[pairs[:, 0]], self.spectra[pairs[:, 1]], self.params.max_scale
        )
        proofs = []
        for k, (first, second) in enumerate(pairs.tolist()):
            turn = turn_matrix(turns.shift_rad[k], bool(turns.mirrored[k]), turns.scale[k])
            similarity = 0.0
            if turns.similarity[k] >= self.params.min_polar_similarity:
                films = self.films[self.rows[first]], self.films[self.rows[second]]
                similarity, turn = _compare(*films, turn, self.params)
            proofs.append(((first, second), similarity, turn))
        return proofs


def _compare(
    first: NDArray[np.uint8], second: NDArray[np.uint8], turn: Matrix, params: TurnedCopyParams
) -> tuple[float, Matrix]:
    """Return how similar two films are (0 when they are no copies), and how the first lies on the second."""
    if np.isclose(abs(np.linalg.det(turn)), 1):  # no change of scale
        similarity = compare_turned(first, second, turn)
        if similarity >= max(params.min_similarity, params.min_straight_similarity):
            return similarity, turn
        if similarity >= params.min_similarity and _cross(first, second, params):
            return similarity, turn
    similarity, registered = compare_registered(first, second, turn)
    # along a straight bone nothing holds a registration, so that it proves nothing
    if similarity >= params.min_similarity and _cross(first, second, params):
        return similarity, registered
    return 0.0, turn


def _cross(first: NDArray[np.uint8], second: NDArray[np.uint8], params: TurnedCopyParams) -> bool:
    return all(measure_crossing(film) > params.max_straight_crossing for film in (first, second))


def _describe(
    films: Films, rows: NDArray[np.int64], workers: int
) -> tuple[Spectra, NDArray[np.float32]]:
    """Return the spectra and signatures of all films, read block by block."""
    from joblib import Parallel, delayed

    run = Parallel(workers, prefer="threads", return_as="generator")
    blocks = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
    spectra, signatures = [], []
    for each in run(delayed(_describe_block)(films, block) for block in blocks):
        spectra.append(each)
        signatures.append(sign_films(each))
    if not blocks:
        return np.zeros((0, 1, 1, 2), np.float16), np.zeros((0, 1), np.float32)
    return np.concatenate(spectra), np.concatenate(signatures)


def _describe_block(films: Films, rows: NDArray[np.int64]) -> Spectra:
    return np.stack([describe_film(films[row]) for row in rows])
