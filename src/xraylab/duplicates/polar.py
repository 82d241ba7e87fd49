"""A film around its middle: what stays when it is turned, and by how much two films are turned against each other.

A turn about the middle shifts the film along the angle of polar coordinates. Of the Fourier series along the angle, the
magnitudes stay as they are, so that they find copies among many films by products of matrices; the phases tell the
angle, by circular cross-correlation. Only the disc inscribed in the square is compared, which no turn cuts, however
often a film was turned.

References
----------
Reddy B. S., Chatterji B. N. (1996), *IEEE Trans. Image Processing* 5(8), 1266-1271: turn by polar correlation.
Casasent D., Psaltis D. (1976), *Applied Optics* 15(7), 1795-1799: magnitudes that stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.duplicates.details import MIDDLE_PX

__all__ = ["Turns", "correlate_turns", "describe_film", "sign_films"]

FloatImage = NDArray[np.float32]
Spectra = NDArray[np.complex64]

_RINGS, _ANGLES, _WAVES = 40, 256, 64
_INNER_PX, _OUTER_PX = 4.6, 58.3  # of MIDDLE_PX: the rim of the disc may lie beside a black corner


@dataclass(frozen=True)
class Turns:
    """How the second film of a pair is turned about its middle against the first.

    Attributes
    ----------
    similarity : float
        Correlation in [0, 1].
    shift_rad : float
        Angle in the image's axes (x right, y down) by which points of the first are turned to lie on the second.
    mirrored : bool
        Whether the second is then turned upside down as well.
    inverted : bool
        Whether what is bright in one is dark in the other.
    """

    similarity: float
    shift_rad: float
    mirrored: bool
    inverted: bool


def describe_film(details: FloatImage) -> Spectra:
    """Return the Fourier series along the angle on each ring of a film.

    Parameters
    ----------
    details : (128, 128) ndarray of float32
        As `xraylab.duplicates.details.read_details` gives them.

    Returns
    -------
    (40, 64) ndarray of complex64
        By ring and wave number, weighted by area, of Euclidean norm 1; all 0 for a film without details.

    Examples
    --------
    >>> details = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    >>> spectra = describe_film(details)
    >>> spectra.shape, round(float(np.linalg.norm(spectra)), 2)
    ((40, 64), 1.0)
    """
    x, y, weights = _rings()
    polar = cv2.remap(details, x, y, cv2.INTER_LINEAR)
    waves = np.fft.rfft(polar, axis=1)[:, :_WAVES] * weights[:, None]
    waves[:, 0] /= np.sqrt(2)  # so that the sum over all waves is half the correlation
    norm = float(np.linalg.norm(waves))
    if norm:
        waves /= norm
    return np.asarray(waves, np.complex64)


def sign_films(spectra: Spectra) -> FloatImage:
    """Return what a turn and a mirror leave unchanged.

    Parameters
    ----------
    spectra : (..., 40, 64) ndarray of complex64
        As `describe_film` gives them.

    Returns
    -------
    (..., 640) ndarray of float32
        Root of the power in cells of two rings by two waves, of norm 1: the product of two is their likeness.

    Examples
    --------
    >>> details = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    >>> first, turned = (sign_films(describe_film(each)) for each in (details, np.rot90(details)))
    >>> round(float(first @ turned), 2)
    1.0
    """
    power = np.square(np.abs(spectra))
    cells = power.reshape(*spectra.shape[:-2], _RINGS // 2, 2, _WAVES // 2, 2).sum((-3, -1))
    return np.asarray(np.sqrt(cells).reshape(*spectra.shape[:-2], -1), np.float32)


def correlate_turns(first: Spectra, second: Spectra) -> Turns:
    """Find the turn, with or without mirror, at which two films are most similar, inverted or not.

    Parameters
    ----------
    first, second : (40, 64) ndarray of complex64
        As `describe_film` gives them.

    Returns
    -------
    Turns
        The best; the angle is interpolated between its 256 steps.

    Examples
    --------
    >>> details = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    >>> turn = correlate_turns(*(describe_film(each) for each in (details, -np.rot90(details))))
    >>> round(float(np.rad2deg(turn.shift_rad))) % 360, turn.mirrored, turn.inverted
    (270, False, True)
    """
    conjugate = first.conj()
    waves = np.stack([(conjugate * second).sum(0), (conjugate * second.conj()).sum(0)])
    curves = np.fft.irfft(waves, n=_ANGLES, axis=1) * (_ANGLES / 2)
    mirrored, peak = divmod(int(np.abs(curves).argmax()), _ANGLES)
    inverted = bool(curves[mirrored, peak] < 0)
    curve = -curves[mirrored] if inverted else curves[mirrored]
    left, top, right = (float(curve[(peak + step) % _ANGLES]) for step in (-1, 0, 1))
    bend = min(left - 2 * top + right, -float(np.finfo(np.float32).tiny))
    between = min(max(0.5 * (left - right) / bend, -0.5), 0.5)
    return Turns(top, (peak + between) * 2 * np.pi / _ANGLES, bool(mirrored), inverted)


@cache
def _rings() -> tuple[FloatImage, FloatImage, FloatImage]:
    """Return x and y (rings, angles) of the samples, and the root of each ring's area."""
    radius = np.geomspace(_INNER_PX, _OUTER_PX, _RINGS)[:, None]
    angle = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    middle = (MIDDLE_PX - 1) / 2
    x, y = middle + radius * np.cos(angle), middle + radius * np.sin(angle)
    # the width of a ring grows with its radius, and so its area with the square
    return x.astype(np.float32), y.astype(np.float32), radius[:, 0].astype(np.float32)
