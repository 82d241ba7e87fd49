"""Whether two films are copies of each other: the turn, the shift, and the proof."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xraylab.duplicates.candidates import ABOUT_MIDDLE
from xraylab.duplicates.mellin import ZOOMS, correlate_spectra
from xraylab.duplicates.placement import Pose, place_film
from xraylab.duplicates.polar import correlate_turns
from xraylab.duplicates.portrait import Portrait
from xraylab.duplicates.registration import Agreement, compare_films, register_films, turn_matrix
from xraylab.parameters import Parameters

__all__ = ["TurnedCopyParams", "match_films"]

Matrix = NDArray[np.float64]

_WORTH = 0.7  # similarity of fine details from which films are moved until they agree best
_SURE = 0.97  # similarity that is good enough as it is
_STILL_PX = 1.5  # a shift that is none


class TurnedCopyParams(Parameters):
    """When two films are copies of each other, and how much is tried to find out (docs/decisions/0010 and 0023).

    Attributes
    ----------
    min_similarity : float
        Correlation of the fine details of two films, one moved onto the other, from which they are copies.
    min_straight_similarity : float
        The same, where the lines of both films nearly all run one way: across the bone, straight bones are all alike.
    min_along_similarity : float
        Correlation of how their details change along the lines that prevail, which is needed as well.
    min_turned_along_similarity : float
        The same where a straight bone is turned about the middle of the film, and nothing else: it did not slide.
    max_straight_crossing : float
        Which films count as such, see `xraylab.duplicates.registration.Agreement`.
    min_polar_similarity : float
        Correlation of the films in polar coordinates from which one is laid upon the other.
    min_spectral_similarity : float
        The same of their spectra.
    min_placed_similarity : float
        Correlation of their coarse details, laid upon each other, from which fine details are compared.
    neighbours : int
        Candidates per film, round, and kind of signature.
    workers : int
        Films or pairs processed at the same time, as joblib counts.
    """

    min_similarity: float = Field(0.9, ge=0.5, le=1)
    min_straight_similarity: float = Field(0.96, ge=0.5, le=1)
    min_along_similarity: float = Field(0.65, ge=0, le=1)
    min_turned_along_similarity: float = Field(0.4, ge=0, le=1)
    max_straight_crossing: float = Field(0.15, ge=0, le=1)
    min_polar_similarity: float = Field(0.4, ge=0, le=1)
    min_spectral_similarity: float = Field(0.5, ge=0, le=1)
    min_placed_similarity: float = Field(0.55, ge=0, le=1)
    neighbours: int = Field(4, ge=1, le=64)
    workers: int = Field(-1, ge=-64, le=64)


def match_films(
    first: Portrait, second: Portrait, zoom: int, params: TurnedCopyParams
) -> Pose | None:
    """Return how the second film is a copy of the first; None if it is none.

    Parameters
    ----------
    first, second : Portrait
        The films.
    zoom : int
        Number of the zoom at which the spectrum of the first is alike to that of the second, or
        `xraylab.duplicates.candidates.ABOUT_MIDDLE` where they are turned about the middle.
    params : TurnedCopyParams
        When two films are copies.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> one, other = Portrait(film), Portrait(255 - np.rot90(film))
    >>> match = match_films(one, other, 0, TurnedCopyParams())
    >>> match.similarity > 0.95, match.inverted
    (True, True)
    """
    turn = _find_turn(first, second, zoom, params)
    if turn is None:
        return None
    pose = place_film(first.details, second.details, turn)
    if pose.similarity < params.min_placed_similarity:
        return None
    matrix = pose.matrix
    agreed = compare_films(first, second, matrix, params.min_similarity)
    if _WORTH <= abs(agreed.similarity) < _SURE:
        inverted = agreed.similarity < 0
        registered = register_films(first, second, matrix, inverted=inverted)
        if registered is not None:
            again = compare_films(first, second, registered, params.min_similarity)
            if abs(again.similarity) > abs(agreed.similarity):
                agreed, matrix = again, registered
    turned = zoom == ABOUT_MIDDLE and float(np.hypot(*matrix[:, 2])) < _STILL_PX
    if not _proves(agreed, params, turned=turned):
        return None
    return Pose(abs(agreed.similarity), matrix, agreed.similarity < 0)


def _find_turn(
    first: Portrait, second: Portrait, zoom: int, params: TurnedCopyParams
) -> Matrix | None:
    if zoom == ABOUT_MIDDLE:
        about = correlate_turns(first.rings, second.rings)
        if about.similarity < params.min_polar_similarity:
            return None
        return turn_matrix(about.shift_rad, about.mirrored)
    turn = correlate_spectra(first.spectrum(ZOOMS[zoom]), second.spectrum(1.0), ZOOMS[zoom])
    if turn.similarity < params.min_spectral_similarity:
        return None
    return turn_matrix(turn.shift_rad, turn.mirrored, turn.scale)


def _proves(agreed: Agreement, params: TurnedCopyParams, *, turned: bool) -> bool:
    """Return whether films that agree so far are copies: they must agree along their lines as well as across."""
    similarity, along = abs(agreed.similarity), agreed.along * np.sign(agreed.similarity)
    least, least_along = params.min_similarity, params.min_along_similarity
    if agreed.crossing <= params.max_straight_crossing:
        least = max(least, params.min_straight_similarity)
        if turned:
            least_along = min(least_along, params.min_turned_along_similarity)
    return bool(similarity >= least and along >= least_along)
