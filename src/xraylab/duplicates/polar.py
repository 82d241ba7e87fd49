"""A film around its middle: what stays when it is turned, and by how much two films are turned against each other.

A turn about the middle shifts the film along the angle of polar coordinates. Of the Fourier series along the angle, the
magnitudes stay as they are, so that they find copies among many films by products of matrices; the phases tell the
angle, by circular cross-correlation. Rings are spaced by their logarithm: a change of scale shifts them. Only the
disc inscribed in the square is compared, which no turn cuts, however often a film was turned.

References
----------
Reddy B. S., Chatterji B. N. (1996), *IEEE Trans. Image Processing* 5(8), 1266-1271: turn and scale by log-polar
correlation. Casasent D., Psaltis D. (1976), *Applied Optics* 15(7), 1795-1799: magnitudes that stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SIDE_PX",
    "Band",
    "Turns",
    "band_pass",
    "correlate_turns",
    "describe_film",
    "sign_films",
]

FloatImage = NDArray[np.float32]
Spectra = NDArray[np.float16]

SIDE_PX = 224
"""Edge to which films are brought before they are compared."""

_RINGS, _ANGLES, _WAVES = 40, 256, 64
_INNER_PX, _OUTER_PX = 8.0, 102.0  # of SIDE_PX: the rim of the disc may lie beside a black corner
_STEP = np.log(_OUTER_PX / _INNER_PX) / (_RINGS - 1)


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
_WIDE_PX = 6.0
_SURE = 0.85  # a correlation that a film and its enlarged copy do not reach unscaled
_NOISE = 3.0  # grey levels of contrast below which nothing is amplified


@dataclass(frozen=True)
class Turns:
    """How pairs of films are turned against each other; arrays (P,).

    Attributes
    ----------
    similarity : ndarray of float64
        Greatest correlation, in [-1, 1].
    shift_rad : ndarray of float64
        Angle in the image's axes (x right, y down) by which points of the first are turned to lie on the second.
    mirrored : ndarray of bool
        Whether the second is then turned upside down as well.
    scale : ndarray of float64
        Distance from the middle in the second over that in the first.
    """

    similarity: NDArray[np.float64]
    shift_rad: NDArray[np.float64]
    mirrored: NDArray[np.bool_]
    scale: NDArray[np.float64]


def band_pass(film: NDArray[np.uint8], band: Band, side_px: int = SIDE_PX) -> FloatImage:
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
    shrinks = len(film) > side_px
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    image = cv2.resize(film, (side_px, side_px), interpolation=method).astype(np.float32)
    unit = side_px / SIDE_PX
    details = _blur(image, band.fine_px * unit) - _blur(image, band.coarse_px * unit)
    variance = _blur(details * details, band.contrast_px * unit)
    return np.asarray(details / np.sqrt(variance + np.float32(_NOISE**2)), np.float32)


def describe_film(film: NDArray[np.uint8]) -> Spectra:
    """Return the Fourier series along the angle on each ring of a film.

    Parameters
    ----------
    film : (S, S) ndarray of uint8
        The film in [0, 255].

    Returns
    -------
    (40, 64, 2) ndarray of float16
        Real and imaginary part by ring and wave number, weighted by area, of Euclidean norm 1; all 0 for a film
        without details. 10 kB.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> spectra = describe_film(film)
    >>> spectra.shape, round(float(np.linalg.norm(spectra.astype(float))), 2)
    ((40, 64, 2), 1.0)
    """
    x, y, weights = _rings()
    polar = cv2.remap(band_pass(film, _BAND), x, y, cv2.INTER_LINEAR)
    waves = np.fft.rfft(polar, axis=1)[:, :_WAVES] * weights[:, None]
    waves[:, 0] /= np.sqrt(2)  # so that the sum over all waves is half the correlation
    norm = float(np.linalg.norm(waves))
    if norm:
        waves /= norm
    return np.stack([waves.real, waves.imag], axis=-1).astype(np.float16)


def sign_films(spectra: Spectra) -> FloatImage:
    """Return what a turn and a mirror leave unchanged.

    Parameters
    ----------
    spectra : (N, 40, 64, 2) ndarray of float16
        As `describe_film` gives them.

    Returns
    -------
    (N, 640) ndarray of float32
        Root of the power in cells of two rings by two waves, of norm 1: the product of two is their likeness.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> first, turned = sign_films(np.stack([describe_film(film), describe_film(np.rot90(film))]))
    >>> round(float(first @ turned), 2)
    1.0
    """
    power = np.square(spectra, dtype=np.float32).sum(-1)
    cells = power.reshape(len(spectra), _RINGS // 2, 2, _WAVES // 2, 2).sum((2, 4))
    return np.asarray(np.sqrt(cells).reshape(len(spectra), -1), np.float32)


def correlate_turns(first: Spectra, second: Spectra, max_scale: float) -> Turns:
    """Find the turn, with or without mirror and change of scale, at which films are most similar.

    Parameters
    ----------
    first, second : (P, 40, 64, 2) ndarray of float16
        P pairs, as `describe_film` gives them.
    max_scale : float
        Scales are tried from 1 / `max_scale` to `max_scale`, in steps of 6.7 %.

    Returns
    -------
    Turns
        The best of each pair; the angle is interpolated between its 256 steps.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> first, second = (describe_film(each)[None] for each in (film, np.rot90(film)))
    >>> turns = correlate_turns(first, second, max_scale=1.0)
    >>> round(float(np.rad2deg(turns.shift_rad[0])) % 360), turns.mirrored.tolist()
    (270, [False])
    """
    a, b = (np.ascontiguousarray(s, np.float32).view(np.complex64)[..., 0] for s in (first, second))
    reach = int(np.log(max_scale) / _STEP + 0.5)
    best = Turns(np.full(len(a), -1.0), np.zeros(len(a)), np.zeros(len(a), bool), np.ones(len(a)))
    for rings in sorted(range(-reach, reach + 1), key=abs):
        open_ = np.flatnonzero(best.similarity < _SURE)  # another scale cannot be as good
        p = a[open_, max(0, -rings) : _RINGS - max(0, rings)].conj()
        q = b[open_, max(0, rings) : _RINGS - max(0, -rings)]
        norm = np.maximum(np.sqrt(_power(p) * _power(q)), np.finfo(np.float32).tiny)
        for mirrored, other in ((False, q), (True, q.conj())):
            waves = np.einsum("prk,prk->pk", p, other)
            curve = np.fft.irfft(waves, n=_ANGLES, axis=1) * (_ANGLES / 2) / norm[:, None]
            peak = curve.argmax(axis=1)
            top = curve[np.arange(len(open_)), peak]
            better = top > best.similarity[open_]
            rows = open_[better]
            best.similarity[rows] = top[better]
            best.shift_rad[rows] = _between(curve, peak)[better]
            best.mirrored[rows] = mirrored
            best.scale[rows] = np.exp(rings * _STEP)
    return best


def _power(spectra: NDArray[np.complex64]) -> NDArray[np.float64]:
    return np.asarray(np.square(np.abs(spectra)).sum((1, 2)), np.float64)


def _between(curve: NDArray[np.float64], peak: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the angle of each peak in radians, by a parabola through its neighbours."""
    rows = np.arange(len(curve))
    left, middle, right = (curve[rows, (peak + step) % _ANGLES] for step in (-1, 0, 1))
    bend = np.minimum(left - 2 * middle + right, -np.finfo(np.float32).tiny)
    return np.asarray(
        (peak + np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) * 2 * np.pi / _ANGLES
    )


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
def _rings() -> tuple[FloatImage, FloatImage, FloatImage]:
    """Return x and y (rings, angles) of the samples, and the root of each ring's area."""
    radius = np.geomspace(_INNER_PX, _OUTER_PX, _RINGS)[:, None]
    angle = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    middle = (SIDE_PX - 1) / 2
    x, y = middle + radius * np.cos(angle), middle + radius * np.sin(angle)
    # the width of a ring grows with its radius, and so its area with the square
    return x.astype(np.float32), y.astype(np.float32), radius[:, 0].astype(np.float32)
