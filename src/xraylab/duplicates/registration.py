"""How similar two films are when one is moved onto the other: by a rotation alone, or registered.

References
----------
Evangelidis G. D., Psarakis E. Z. (2008), *IEEE TPAMI* 30(10), 1858-1865: registration by the enhanced correlation
coefficient, as ``cv2.findTransformECC`` does it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.duplicates.details import SIDE_PX
from xraylab.duplicates.portrait import COARSE_PX, Portrait

__all__ = ["Agreement", "angle_of", "compare_films", "register_films", "turn_matrix"]

FloatImage = NDArray[np.float32]
Matrix = NDArray[np.float64]

_LEAST_COARSE = 0.6  # correlation of coarse details below which fine ones are not compared
_LEAST_OVERLAP = 0.5  # of what the smaller of two films shows, seen in both
_LEAST_SEEN = 0.025  # of the film
_SCALE = 1.6  # largest, and its inverse, of a registration that is believed
_UNEVEN = 1.05  # largest ratio of its two axes: else one straight bone is pulled over any other
_FLEXIBLE = 1.2  # ratio up to which it is made even
_FULL_TURN = 360.0
_STEPS = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 1e-4


@dataclass(frozen=True)
class Agreement:
    """How far two films agree where one is moved onto the other.

    Attributes
    ----------
    similarity : float
        Correlation in [-1, 1] of their fine details over what both show; 0 when that is too little.
    along : float
        Correlation in [-1, 1] of how these change along the lines that prevail: of what a straight bone has that no
        other has, as its edges run along it.
    crossing : float
        How far the lines of what both show run in more than one direction: ratio in [0, 1] of the eigenvalues of the
        structure tensor (Bigun and Granlund 1987, *Proc. 1st ICCV*, 433-438), near 0 for one straight bone.
    """

    similarity: float
    along: float = 0.0
    crossing: float = 0.0


def turn_matrix(shift_rad: float, mirrored: bool, scale: float = 1.0) -> Matrix:
    """Return the matrix (2, 2) from points of the first film to those of the second, both from the middle.

    Examples
    --------
    >>> turn_matrix(np.pi / 2, mirrored=False).round(3).tolist()
    [[0.0, -1.0], [1.0, 0.0]]
    """
    turn = np.array(
        [[np.cos(shift_rad), -np.sin(shift_rad)], [np.sin(shift_rad), np.cos(shift_rad)]]
    )
    return np.asarray(scale * (np.diag([1.0, -1.0 if mirrored else 1.0]) @ turn), np.float64)


def angle_of(matrix: Matrix) -> tuple[float, bool]:
    """Return how a matrix turns a film.

    Parameters
    ----------
    matrix : (2, 2+) ndarray
        From points of the first film to those of the second (x right, y down).

    Returns
    -------
    float, bool
        Degrees in [0, 360) by which the first film, mirrored left to right before if so, is turned counter-clockwise
        to become the second; and whether it is mirrored.

    Examples
    --------
    >>> angle_of(turn_matrix(-np.pi / 2, mirrored=False))
    (90.0, False)
    """
    part = np.asarray(matrix[:, :2], np.float64)
    mirrored = bool(np.linalg.det(part) < 0)
    if mirrored:
        part = np.diag([1.0, -1.0]) @ part
    shift = np.rad2deg(np.arctan2(part[1, 0] - part[0, 1], part[0, 0] + part[1, 1]))
    # upside down is left to right, turned by 180 degrees; the image's y axis points down
    angle = float((180 + shift if mirrored else -shift) % _FULL_TURN)
    return (angle if angle < _FULL_TURN else 0.0), mirrored  # of a shift of nothing but rounding


def compare_films(
    first: Portrait, second: Portrait, matrix: Matrix, least: float = 0.0
) -> Agreement:
    """Return how far two films agree when one is moved onto the other.

    Parameters
    ----------
    first, second : Portrait
        The films.
    matrix : (2, 2) or (2, 3) ndarray
        From points of the first to those of the second, both from the middle, in pixels of an edge of `SIDE_PX`.
    least : float
        Similarity below which the rest is not looked at.

    Returns
    -------
    Agreement
        Below 0 where one film is the other inverted.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> quarter = turn_matrix(-np.pi / 2, mirrored=False)  # counter-clockwise: y points down
    >>> turned = compare_films(Portrait(film), Portrait(np.rot90(film)), quarter)
    >>> round(turned.similarity, 2), round(turned.along, 1), turned.crossing > 0.5
    (1.0, 1.0, True)
    """
    size = (SIDE_PX, SIDE_PX)
    from_corner = _from_corner(matrix, SIDE_PX)
    how = cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(second.mask, from_corner, size, flags=cv2.INTER_NEAREST | how)
    both = (np.asarray(seen, np.uint8) & first.mask).astype(bool)
    smaller = min(first.mask.sum(), second.mask.sum() / abs(np.linalg.det(matrix[:, :2])))
    if both.sum() < max(_LEAST_OVERLAP * smaller, _LEAST_SEEN * both.size):
        return Agreement(0.0)
    moved = cv2.warpAffine(second.fine, from_corner, size, flags=cv2.INTER_LINEAR | how)
    laid = np.asarray(moved, np.float32)
    similarity = _correlate(first.fine[both], laid[both])
    if abs(similarity) < least:
        return Agreement(similarity)
    return Agreement(similarity, *_cross(first.fine, laid, both))


def register_films(
    first: Portrait, second: Portrait, matrix: Matrix, *, inverted: bool
) -> Matrix | None:
    """Move one film onto another until they agree best.

    The map must keep the shape of what is shown: turn, mirror, shift and scale are free, a stretch in one direction is
    not.

    Parameters
    ----------
    first, second : Portrait
        The films.
    matrix : (2, 2) or (2, 3) ndarray
        Where to start, as in `compare_films`.
    inverted : bool
        Whether what is bright in one is dark in the other.

    Returns
    -------
    (2, 3) ndarray or None
        The map, as in `compare_films`; None when none is found that keeps the shape.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> one, other = Portrait(film), Portrait(255 - film)
    >>> bool(np.allclose(register_films(one, other, np.eye(2), inverted=True), np.eye(2, 3), atol=0.01))
    True
    """
    start = _from_corner(matrix, COARSE_PX).astype(np.float32)
    a, b = first.coarse * first.coarse_mask, second.coarse
    try:
        likeness, found = cv2.findTransformECC(
            -a if inverted else a, b, start, cv2.MOTION_AFFINE, _STEPS, second.coarse_mask, 1
        )
    except cv2.error:  # it does not converge, or nothing overlaps
        return None
    if likeness < _LEAST_COARSE:
        return None
    middle = np.full(2, (COARSE_PX - 1) / 2)
    part = np.asarray(found[:, :2], np.float64)
    shift = (part @ middle + found[:, 2] - middle) * (SIDE_PX / COARSE_PX)
    left, stretch, right = np.linalg.svd(part)
    if not 1 / _SCALE < stretch[1] <= stretch[0] < min(_SCALE, _FLEXIBLE * stretch[1]):
        return None
    if stretch[0] > _UNEVEN * stretch[1]:
        # the nearest map that keeps the shape, about the middle of what the first film shows
        y, x = np.nonzero(first.mask)
        about = np.array([x.mean(), y.mean()]) - (SIDE_PX - 1) / 2
        even = np.sqrt(stretch[0] * stretch[1]) * (left @ right)
        shift, part = shift + (part - even) @ about, even
    return np.column_stack([part, shift])


def _correlate(x: FloatImage, y: FloatImage) -> float:
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt(float(x @ x) * float(y @ y)))
    return float(np.clip(float(x @ y) / norm, -1, 1)) if norm else 0.0


def _cross(first: FloatImage, laid: FloatImage, both: NDArray[np.bool_]) -> tuple[float, float]:
    """Return how two films agree along the lines that prevail, and how far there are others."""
    x, y, u, v = (
        np.asarray(cv2.Sobel(details, cv2.CV_32F, *axis), np.float32)[both]
        for details in (first, laid)
        for axis in ((1, 0), (0, 1))
    )
    values, vectors = np.linalg.eigh(np.array([[x @ x, x @ y], [x @ y, y @ y]], np.float64))
    small, large = max(float(values[0]), 0.0), float(values[1])
    along = vectors[:, 0].astype(np.float32)
    agree = _correlate(along[0] * x + along[1] * y, along[0] * u + along[1] * v)
    return agree, (small / large if large > 0 else 1.0)


def _from_corner(matrix: Matrix, side_px: int) -> Matrix:
    """Return the map (2, 3) between pixels counted from the corner."""
    middle = np.full(2, (side_px - 1) / 2)
    part = matrix[:, :2]
    shift = matrix[:, 2] * (side_px / SIDE_PX) if matrix.shape[1] > 2 else 0.0  # noqa: PLR2004
    return np.column_stack([part, middle - part @ middle + shift])
