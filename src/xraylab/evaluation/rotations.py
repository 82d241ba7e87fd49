"""Copies of a film that is turned by any angle, mirrored, recompressed, cropped a little: found and joined to families.

Three steps, each dearer and stricter than the one before: candidates by products of matrices
(`xraylab.evaluation.polar`), the angle of a candidate by circular cross-correlation, and the proof by laying one film
upon the other (`xraylab.evaluation.registration`). Candidates are tried best first, and not at all when they are one
family already; whoever found kin asks again for candidates outside of the family, so that a family of any size is
joined though each film asks for a few neighbours only. Memory is 13 kB a film, whatever its size.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from xraylab.evaluation.duplicates import join_copies
from xraylab.evaluation.polar import Spectra, correlate_turns, describe_film, sign_films
from xraylab.evaluation.registration import (
    angle_of,
    compare_registered,
    compare_turned,
    measure_crossing,
    turn_matrix,
)
from xraylab.parameters import Parameters

__all__ = ["TurnedCopyParams", "find_turned_copies", "name_families"]

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
_BATCH = 256  # pairs between two looks at who is kin already
_CHUNK = 16  # pairs that a thread takes at once


class TurnedCopyParams(Parameters):
    """When two films are one, and how much is tried to find that out (docs/decisions/0010).

    Attributes
    ----------
    min_similarity : float
        Correlation of the fine details of two films, one laid upon the other, from which they are one.
    min_straight_similarity : float
        The same, turned about the middle only, where the lines of one of them nearly all run one way: straight bones
        are all alike.
    max_straight_crossing : float
        What counts as such a film, see `xraylab.evaluation.registration.measure_crossing`.
    min_polar_similarity : float
        Correlation of the films in polar coordinates from which a registration is tried.
    max_scale : float
        Largest enlargement, and its inverse, that is looked for.
    neighbours : int
        Candidates of a film, in each round.
    workers : int
        Films or pairs worked on at once, as joblib counts.
    """

    min_similarity: float = Field(0.9, ge=0.5, le=1)
    min_straight_similarity: float = Field(0.965, ge=0.5, le=1)
    max_straight_crossing: float = Field(0.15, ge=0, le=1)
    min_polar_similarity: float = Field(0.4, ge=0, le=1)
    max_scale: float = Field(1.22, ge=1, le=1.5)
    neighbours: int = Field(4, ge=1, le=64)
    workers: int = Field(-1, ge=-64, le=64)


def find_turned_copies(
    films: Films, params: TurnedCopyParams, known: pd.Series | None = None
) -> pd.DataFrame:
    """Find the films that are copies of each other, turned by any angle, mirrored or not.

    Parameters
    ----------
    films : (N, S, S) ndarray of uint8
        Films in [0, 255], in memory or mapped.
    params : TurnedCopyParams
        When two films are one.
    known : (N,) Series, optional
        A key, such as the digest of the pixels, that is equal for films known to be equal: one of them is looked at.
        A missing one is equal to none.

    Returns
    -------
    DataFrame
        Columns ``first, second`` (positions, first < second), ``angle_deg`` in [0, 360), ``mirrored`` and
        ``similarity``: the first, mirrored left to right before where ``mirrored``, and turned counter-clockwise by
        the angle, is the second. Each pair is proved; there are just so many that their chains join every family, not
        all pairs of a family.

    Raises
    ------
    ValueError
        If the films are not bytes of shape (N, S, S), or there are more or less keys than films.
    """
    if films.ndim != _AXES or films.shape[1] != films.shape[2] or films.dtype != np.uint8:
        raise ValueError(f"films must be (N, S, S) of uint8, got {films.shape} of {films.dtype}")
    rows = np.arange(len(films))
    if known is not None:
        if len(known) != len(films):
            raise ValueError(f"{len(films)} films need as many known keys, got {len(known)}")
        rows = rows[(known.isna() | ~known.duplicated()).to_numpy()]
    search = _Search(films, rows, params)
    asking = search.with_details()
    while len(asking):
        asking = search.ask(asking)
    found = pd.DataFrame(search.found, columns=list(_COLUMNS)).astype(_COLUMNS)
    return found.assign(first=rows[found["first"]], second=rows[found["second"]])


def name_families(
    image_ids: pd.Series, films: Films, params: TurnedCopyParams, known: pd.Series | None = None
) -> pd.Series:
    """Give films that are copies of each other, or are joined by a chain of copies, one name.

    Parameters
    ----------
    image_ids : (N,) Series of str
        Image ids.
    films : (N, S, S) ndarray of uint8
        Their films.
    params : TurnedCopyParams
        When two films are one.
    known : (N,) Series, optional
        As `find_turned_copies` takes it.

    Returns
    -------
    (N,) Series of str
        Named ``look``, on the index of `image_ids`: the first image id, in the order of text, of each family.

    Raises
    ------
    ValueError
        If the lengths differ, and as `find_turned_copies` raises.
    """
    if len(films) != len(image_ids):
        raise ValueError(f"{len(image_ids)} image ids need as many films, got {len(films)}")
    return join_copies(image_ids, find_turned_copies(films, params, known), known)


class _Search:
    """What is known of the films at some rows while candidates are tried; numbers are places among the rows."""

    def __init__(self, films: Films, rows: NDArray[np.int64], params: TurnedCopyParams) -> None:
        self.films, self.rows, self.params = films, rows, params
        self.spectra, self.signatures = _describe(films, rows, params.workers)
        self.family = np.arange(len(rows))
        self.refused: set[tuple[int, int]] = set()
        self.found: list[tuple[int, int, float, bool, float]] = []

    def with_details(self) -> NDArray[np.int64]:
        """Return the films that show something; the others are copies of nothing."""
        return np.flatnonzero(self.signatures.any(axis=1))

    def ask(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Try the nearest films of other families; return the rows that found kin, to ask again."""
        pairs = self._nearest(rows)
        for start in range(0, len(pairs), _BATCH):
            batch = pairs[start : start + _BATCH]
            self._try(batch[self.family[batch[:, 0]] != self.family[batch[:, 1]]])
        kin = self.family[pairs[:, 0]] == self.family[pairs[:, 1]]
        return np.unique(pairs[kin, 0])

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
            likeness[self.family[part][:, None] == self.family] = -1
            nearest = np.argpartition(likeness, -count, axis=1)[:, -count:]
            pairs.append(np.stack([np.repeat(part, count), nearest.ravel()], axis=1))
            likenesses.append(np.take_along_axis(likeness, nearest, axis=1).ravel())
        asked, value = np.concatenate(pairs), np.concatenate(likenesses)
        order = np.lexsort((asked[:, 1], asked[:, 0], -value))
        return asked[order[value[order] > 0]]

    def _try(self, pairs: Pairs) -> None:
        """Prove or refuse pairs; join the families of those proved."""
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
            low, high = sorted((self.family[first], self.family[second]))
            if similarity and low != high:
                self.family[self.family == high] = low
                self.found.append((first, second, *angle_of(matrix), similarity))

    def _prove(self, pairs: Pairs) -> list[Proof]:
        """Return each pair, how alike it is, 0 when it is not one film, and how the first lies on the second."""
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
    """Return how alike two films are, 0 when they are not one, and how the first lies on the second."""
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
    """Return spectra and signatures of all films, reading one after the other."""
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
