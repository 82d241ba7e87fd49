"""What a film shows: its details at one contrast everywhere, and where it shows anything.

A border that is black or white, as where a film was padded to a square or turned, is no part of what is shown: its edge
would be the strongest detail of all, and would lie elsewhere in every copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["MIDDLE_PX", "SIDE_PX", "Band", "band_pass", "disc", "read_details", "show_film"]

Film = NDArray[np.uint8]
Mask = NDArray[np.uint8]
FloatImage = NDArray[np.float32]

SIDE_PX = 224
"""Edge to which films are brought before they are compared."""
MIDDLE_PX = 128
"""Edge at which candidates are looked for."""

_WIDE_PX = 6.0
_NOISE = 3.0  # grey levels of contrast below which nothing is amplified
_ROUNDING = 1e-3  # grey levels that are none
_FLAT = 8  # grey levels over which a row of the border may range
_BLACK, _WHITE = 4, 251
_LEAST_SHOWN = 0.2  # of the edge: what is left when the border is cut
_MARGIN = 0.024  # of the edge, beside a border: its edge blurs into it


@dataclass(frozen=True)
class Band:
    """What is kept of a film: details between two sizes, at one contrast everywhere.

    Attributes
    ----------
    fine_px, coarse_px : float
        Standard deviations of the two Gaussians whose difference is taken, in pixels of an edge of `SIDE_PX`.
    contrast_px : float
        Standard deviation of the neighbourhood by whose contrast it is divided.
    """

    fine_px: float
    coarse_px: float
    contrast_px: float


_BAND = Band(2.0, 10.0, 14.0)


def band_pass(film: Film, band: Band, side_px: int = SIDE_PX) -> FloatImage:
    """Keep a band of details, at one contrast everywhere, whatever the exposure and the grey scale.

    Parameters
    ----------
    film : (S, S) ndarray of uint8
        The film in [0, 255].
    band : Band
        What is kept.
    side_px : int
        Edge T of the result.

    Returns
    -------
    (T, T) ndarray of float32
        Details over their local standard deviation; near 0 where nothing is to be seen.

    Examples
    --------
    >>> flat = np.full((64, 64), 90, np.uint8)
    >>> details = band_pass(flat, Band(2.0, 10.0, 14.0))
    >>> details.shape, float(np.abs(details).max().round(3))
    ((224, 224), 0.0)
    """
    image = _resize(film, side_px).astype(np.float32)
    unit = side_px / SIDE_PX
    details = _blur(image, band.fine_px * unit) - _blur(image, band.coarse_px * unit)
    details[np.abs(details) < _ROUNDING] = 0
    variance = _blur(details * details, band.contrast_px * unit)
    return np.asarray(details / np.sqrt(variance + np.float32(_NOISE**2)), np.float32)


def show_film(film: Film, side_px: int = SIDE_PX, margin: float = _MARGIN) -> tuple[Film, Mask]:
    """Cut an even border off, and say where the film shows something.

    Parameters
    ----------
    film : (S, S) ndarray of uint8
        The film in [0, 255].
    side_px : int
        Edge T of the result.
    margin : float
        Width, as a share of the edge, of what is left out beside a border, as its edge blurs into it.

    Returns
    -------
    (T, T) ndarray of uint8
        The film at that size. An even border, of whichever grey, is filled with what lies beside it.
    (T, T) ndarray of uint8
        1 where the film shows something: not on its border, nor on what is black or white and hangs together with it,
        nor within the margin of these.

    Examples
    --------
    >>> film = np.zeros((64, 64), np.uint8)
    >>> film[8:56] = np.random.default_rng(0).integers(50, 200, (48, 64))
    >>> shown, mask = show_film(film, 64)
    >>> bool((shown[0] == film[8]).all()), int(mask[:, 32].sum()), int(mask[32, 32])
    (True, 44, 1)
    """
    image = _resize(film, side_px)
    mask = _inside(image)
    rows, columns = (np.flatnonzero(np.ptp(image, axis=axis) > _FLAT) for axis in (1, 0))
    if min(len(rows), len(columns)) >= _LEAST_SHOWN * side_px:
        top, end, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        around = int(top), int(side_px - end), int(left), int(side_px - right)
        whole = image[top:end, left:right]
        image = np.asarray(cv2.copyMakeBorder(whole, *around, cv2.BORDER_REPLICATE), np.uint8)
        mask = _pad(mask[top:end, left:right], around, 0)
    square = _square(2 * round(margin * side_px) + 1)
    return np.asarray(image, np.uint8), np.asarray(cv2.erode(mask, square), np.uint8)


def read_details(film: Film) -> tuple[FloatImage, FloatImage]:
    """Return the details by which candidates are looked for.

    Parameters
    ----------
    film : (S, S) ndarray of uint8
        The film in [0, 255].

    Returns
    -------
    (128, 128) ndarray of float32
        Details over their local standard deviation.
    (128, 128) ndarray of float32
        The same, fading out towards what shows nothing.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> details, faded = read_details(film)
    >>> details.shape, bool((np.abs(faded) <= np.abs(details) + 1e-5).all())
    ((128, 128), True)
    """
    image, mask = show_film(film, MIDDLE_PX)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2, borderType=cv2.BORDER_REPLICATE)
    details = band_pass(image, _BAND, MIDDLE_PX)
    return details, np.asarray(details * soft, np.float32)


@cache
def disc(side_px: int, share: float) -> Mask:
    """Return 1 within a disc about the middle whose radius is that share of half the edge.

    Examples
    --------
    >>> disc(4, 0.9).tolist()
    [[0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]]
    """
    y, x = np.mgrid[:side_px, :side_px] - (side_px - 1) / 2
    return np.asarray(np.hypot(x, y) <= share * side_px / 2, np.uint8)


def _inside(image: Film) -> Mask:
    """Return 0 where black or white hangs together with the edge of the film."""
    extreme = np.asarray((image <= _BLACK) | (image >= _WHITE), np.uint8)
    # a bridge of single pixels, as JPEG makes, does not lead into the film
    opened = np.asarray(cv2.morphologyEx(extreme, cv2.MORPH_OPEN, _square(3)), np.uint8)
    framed = _pad(opened, (1, 1, 1, 1), 1)
    cv2.floodFill(framed, None, (0, 0), 2)
    return np.asarray(framed[1:-1, 1:-1] != 2, np.uint8)  # noqa: PLR2004


def _pad(mask: Mask, around: tuple[int, int, int, int], value: int) -> Mask:
    padded = cv2.copyMakeBorder(mask, *around, cv2.BORDER_CONSTANT, value=value)
    return np.asarray(padded, np.uint8)


def _resize(film: Film, side_px: int) -> Film:
    if len(film) == side_px:
        return film
    method = cv2.INTER_AREA if len(film) > side_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(film, (side_px, side_px), interpolation=method), np.uint8)


def _blur(image: FloatImage, sigma_px: float) -> FloatImage:
    """Blur by a Gaussian; a wide one on a copy of a quarter of the size, eight times as fast."""
    side = len(image)
    if sigma_px < _WIDE_PX:
        blurred = cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(blurred, np.float32)
    small = cv2.resize(image, (side // 4, side // 4), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma_px / 4, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(blurred, (side, side)), np.float32)


@cache
def _square(side_px: int) -> Mask:
    return np.ones((side_px, side_px), np.uint8)
