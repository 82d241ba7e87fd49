"""How similar two films are when one is moved onto the other: by a rotation alone, or registered.

References
----------
Evangelidis G. D., Psarakis E. Z. (2008), *IEEE TPAMI* 30(10), 1858-1865: registration by the enhanced correlation
coefficient, as ``cv2.findTransformECC`` does it.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.duplicates.polar import SIDE_PX, Band, band_pass

__all__ = ["angle_of", "compare_registered", "compare_turned", "measure_crossing", "turn_matrix"]

FloatImage = NDArray[np.float32]
Matrix = NDArray[np.float64]

_FINE = Band(
    1.4, 6.0, 10.0
)  # fine enough that two patients differ, coarse enough for noise and JPEG
_COARSE = Band(3.5, 10.0, 14.0)
_COARSE_PX = 64
_LEAST_COARSE = 0.75  # correlation of coarse details below which fine ones are not compared
_DISC = 0.92  # of the half edge
_LEAST_OVERLAP = 0.6  # of the disc, in both
_SCALE = 1.4  # largest, and its inverse, of a registration that is believed
_UNEVEN = 1.05  # largest ratio of its two axes: else one straight bone is pulled over any other
_FULL_TURN = 360.0
_STEPS = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 1e-4


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


def compare_turned(first: NDArray[np.uint8], second: NDArray[np.uint8], matrix: Matrix) -> float:
    """Return how similar two films are when one is moved onto the other.

    Parameters
    ----------
    first, second : (S, S) ndarray of uint8
        The films.
    matrix : (2, 2) or (2, 3) ndarray
        From points of the first to those of the second, both from the middle, in pixels of an edge of `SIDE_PX`.

    Returns
    -------
    float
        Correlation in [-1, 1] of their fine details over the part of the inscribed disc that both show; 0 when that
        is too small a part of it.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> quarter = turn_matrix(-np.pi / 2, mirrored=False)  # counter-clockwise: y points down
    >>> round(compare_turned(film, np.rot90(film), quarter), 2)
    1.0
    """
    a, b = band_pass(first, _FINE), band_pass(second, _FINE)
    return _correlate(a, b, _from_corner(matrix, SIDE_PX))


def compare_registered(
    first: NDArray[np.uint8], second: NDArray[np.uint8], matrix: Matrix
) -> tuple[float, Matrix]:
    """Register two films, and return how similar they are then and the affine map that was found.

    The map must keep the shape of what is shown: turn, mirror, shift and scale are free, a stretch in one direction is
    not.

    Parameters
    ----------
    first, second : (S, S) ndarray of uint8
        The films.
    matrix : (2, 2) ndarray
        Where to start, as in `compare_turned`.

    Returns
    -------
    float, (2, 3) ndarray
        As `compare_turned`; 0 and the start when no registration is found that keeps the shape.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> similarity, matrix = compare_registered(film, film, np.eye(2))
    >>> round(similarity, 2), matrix.round(2).tolist()
    (1.0, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    """
    a, b = (band_pass(film, _COARSE, _COARSE_PX) for film in (first, second))
    start = _from_corner(matrix, _COARSE_PX).astype(np.float32)
    try:
        likeness, found = cv2.findTransformECC(
            a, b, start.copy(), cv2.MOTION_AFFINE, _STEPS, _disc(_COARSE_PX), 1
        )
    except cv2.error:  # it does not converge, or nothing overlaps
        return 0.0, matrix
    if likeness < _LEAST_COARSE:
        return 0.0, matrix
    middle = np.full(2, (_COARSE_PX - 1) / 2)
    part = np.asarray(found[:, :2], np.float64)
    shift = (part @ middle + found[:, 2] - middle) * (SIDE_PX / _COARSE_PX)
    stretch = np.linalg.svd(part, compute_uv=False)
    if not 1 / _SCALE < stretch[1] <= stretch[0] < min(_SCALE, _UNEVEN * stretch[1]):
        return 0.0, matrix
    registered = np.column_stack([part, shift])
    return compare_turned(first, second, registered), registered


def measure_crossing(film: NDArray[np.uint8]) -> float:
    """Return how far the lines of a film run in more than one direction.

    Parameters
    ----------
    film : (S, S) ndarray of uint8
        The film.

    Returns
    -------
    float
        Ratio in [0, 1] of the eigenvalues of the structure tensor of its fine details over the inscribed disc: near 0
        for one straight bone, which any other straight bone resembles, 1 where no direction prevails, and for a film
        without details.

    References
    ----------
    Bigun J., Granlund G. H. (1987), *Proc. 1st ICCV*, 433-438.

    Examples
    --------
    >>> stripes = np.zeros((64, 64), np.uint8)
    >>> stripes[:, 24:40] = 200  # one straight bone
    >>> noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> round(measure_crossing(stripes), 2), measure_crossing(noise) > 0.5
    (0.0, True)
    """
    details = band_pass(film, _FINE)
    inside = _disc(SIDE_PX).astype(bool)
    x, y = (
        np.asarray(cv2.Sobel(details, cv2.CV_32F, *axis), np.float64)[inside]
        for axis in ((1, 0), (0, 1))
    )
    small, large = np.linalg.eigvalsh([[x @ x, x @ y], [x @ y, y @ y]])
    return float(max(small, 0.0) / large) if large > 0 else 1.0


def _from_corner(matrix: Matrix, side_px: int) -> Matrix:
    """Return the map (2, 3) between pixels counted from the corner."""
    middle = np.full(2, (side_px - 1) / 2)
    part = matrix[:, :2]
    shift = matrix[:, 2] * (side_px / SIDE_PX) if matrix.shape[1] > 2 else 0.0  # noqa: PLR2004
    return np.column_stack([part, middle - part @ middle + shift])


def _correlate(a: FloatImage, b: FloatImage, matrix: Matrix) -> float:
    size = (a.shape[1], a.shape[0])
    disc = _disc(len(a))
    laid = cv2.warpAffine(b, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    seen = cv2.warpAffine(disc, matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    both = (np.asarray(seen, np.uint8) & disc).astype(bool)
    if both.sum() < _LEAST_OVERLAP * disc.sum():
        return 0.0
    x, y = a[both], laid[both]
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt(float(x @ x) * float(y @ y)))
    return float(np.clip(float(x @ y) / norm, -1, 1)) if norm else 0.0


@cache
def _disc(side_px: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:side_px, :side_px] - (side_px - 1) / 2
    return np.asarray(np.hypot(x, y) <= _DISC * side_px / 2, np.uint8)
