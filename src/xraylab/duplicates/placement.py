"""Where one film lies upon another whose turn and scale are known: the shift, by correlation of all shifts at once."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.duplicates.details import MIDDLE_PX, SIDE_PX
from xraylab.duplicates.mellin import window

__all__ = ["Pose", "place_film"]

FloatImage = NDArray[np.float32]
Matrix = NDArray[np.float64]

_LOOKS, _NEAR_PX = 3, 0.5  # until what is added to the shift is small


@dataclass(frozen=True)
class Pose:
    """How one film lies upon another.

    Attributes
    ----------
    similarity : float
        Correlation in [0, 1] of their details.
    matrix : (2, 3) ndarray
        From points of the first to those of the second, both from the middle, in pixels of an edge of 224.
    inverted : bool
        Whether what is bright in one is dark in the other.
    """

    similarity: float
    matrix: Matrix
    inverted: bool


def place_film(first: FloatImage, second: FloatImage, turn: Matrix) -> Pose:
    """Find the shift, and which half turn, at which a turned film lies best upon another.

    Films fade out towards the rim, each about its own middle; so it is done again about one middle.

    Parameters
    ----------
    first, second : (128, 128) ndarray of float32
        As `xraylab.duplicates.details.read_details` gives them, faded.
    turn : (2, 2) ndarray
        From points of the first film to those of the second, both from the middle, but for half a turn and a shift.

    Returns
    -------
    Pose
        The best of all shifts.

    Examples
    --------
    >>> details = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    >>> pose = place_film(details, -np.roll(details, 8, axis=1), np.eye(2))
    >>> pose.matrix.round().tolist(), pose.inverted
    ([[1.0, 0.0, 14.0], [0.0, 1.0, 0.0]], True)
    """
    pose = Pose(0.0, np.column_stack([turn, np.zeros(2)]), inverted=False)
    for _ in range(_LOOKS):
        start = pose.matrix[:, 2]
        pose = _place(first, second, pose.matrix)
        if np.hypot(*(pose.matrix[:, 2] - start)) < _NEAR_PX:
            break
    return pose


def _place(first: FloatImage, second: FloatImage, start: Matrix) -> Pose:
    size = (MIDDLE_PX, MIDDLE_PX)
    turn, moved = start[:, :2], start[:, 2]
    middle = np.full(2, (MIDDLE_PX - 1) / 2)
    from_corner = np.column_stack([turn, middle - turn @ middle + moved * (MIDDLE_PX / SIDE_PX)])
    laid = cv2.warpAffine(second, from_corner, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    a, b = first * window(), laid * window()
    norm = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    best = Pose(0.0, start, inverted=False)
    if not norm:
        return best
    spectra = cv2.dft(a), cv2.dft(b)
    for half in (False, True):
        # half a turn about the middle conjugates the spectrum, and moves the film by one pixel
        product = cv2.mulSpectrums(*spectra, 0, conjB=not half)
        curve = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)
        low, high, low_at, high_at = cv2.minMaxLoc(curve)
        inverted = -low > high
        similarity = max(-low, high) / norm
        if similarity > best.similarity:
            x, y = low_at if inverted else high_at
            at = _between(np.asarray(-curve if inverted else curve, np.float32), x, y)
            shift = (at + half + MIDDLE_PX // 2) % MIDDLE_PX - MIDDLE_PX // 2
            part = -turn if half else turn
            back = moved - part @ shift * (SIDE_PX / MIDDLE_PX)
            best = Pose(similarity, np.column_stack([part, back]), inverted)
    return best


def _between(curve: FloatImage, x: int, y: int) -> NDArray[np.float64]:
    """Return x and y of a peak, by parabolas through its neighbours."""
    top = curve[y, x]
    found = []
    for position, sides in (
        (x, (curve[y, x - 1], curve[y, (x + 1) % MIDDLE_PX])),
        (y, (curve[y - 1, x], curve[(y + 1) % MIDDLE_PX, x])),
    ):
        bend = min(sides[0] - 2 * top + sides[1], -np.finfo(np.float32).tiny)
        found.append(position + float(np.clip(0.5 * (sides[0] - sides[1]) / bend, -0.5, 0.5)))
    return np.array(found)
