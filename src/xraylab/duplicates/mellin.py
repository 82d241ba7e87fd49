"""The spectrum of a film in polar coordinates: what stays when a film is shifted as well as turned.

Where a film is cut on one side, its middle is another one, and no turn about the middle makes its copy. A shift leaves
the magnitudes of the two-dimensional spectrum as they are; a turn shifts them along the angle, and so the magnitudes of
the Fourier series along that angle stay (Fourier-Mellin). Inverted films have the same spectrum. What is lost at the
edges is covered by zooms: a film that shows more is compared by its inner part.

References
----------
Casasent D., Psaltis D. (1976), *Applied Optics* 15(7), 1795-1799. Reddy B. S., Chatterji B. N. (1996), *IEEE Trans.
Image Processing* 5(8), 1266-1271.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.duplicates.details import MIDDLE_PX

__all__ = ["ZOOMS", "SpectralTurn", "correlate_spectra", "describe_spectrum", "sign_spectra"]

FloatImage = NDArray[np.float32]
Waves = NDArray[np.complex64]

ZOOMS = (1.0, 1.12, 1.25, 1.4)
"""Zooms at which a film is described."""

_RINGS, _ANGLES, _WAVES = 32, 128, 32  # over half a turn: the other half is the same
_LOWEST, _HIGHEST = 4.0, 36.0  # cycles over the edge
_STEP = np.log(_HIGHEST / _LOWEST) / (_RINGS - 1)
_REACH = 1  # rings by which the scale may differ from that of the zoom
_TAPER = 0.35  # of the radius


@dataclass(frozen=True)
class SpectralTurn:
    """How the second film of a pair is turned against the first, but for half a turn and a shift.

    Attributes
    ----------
    similarity : float
        Correlation in [-1, 1] of the two spectra.
    shift_rad : float
        Angle in the image's axes (x right, y down) by which points of the first are turned to lie on the second.
    mirrored : bool
        Whether the second is then turned upside down as well.
    scale : float
        Distance of points in the second over that in the first.
    """

    similarity: float
    shift_rad: float
    mirrored: bool
    scale: float


def describe_spectrum(details: FloatImage, zoom: float = 1.0) -> Waves:
    """Return the Fourier series along the angle of the spectrum of a film.

    Parameters
    ----------
    details : (128, 128) ndarray of float32
        As `xraylab.duplicates.details.read_details` gives them, faded.
    zoom : float
        By how much the film is enlarged about its middle before.

    Returns
    -------
    (32, 32) ndarray of complex64
        By frequency and wave number; the sum of squares is the same for all frequencies, and 1 in all; 0 for a film
        without details.

    Examples
    --------
    >>> details = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    >>> waves = describe_spectrum(details)
    >>> waves.shape, round(float(np.linalg.norm(waves)), 2)
    ((32, 32), 1.0)
    """
    middle = (MIDDLE_PX - 1) / 2
    if zoom != 1:
        matrix = np.array(
            [[1 / zoom, 0, middle - middle / zoom], [0, 1 / zoom, middle - middle / zoom]]
        )
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        details = np.asarray(cv2.warpAffine(details, matrix, details.shape, flags=how), np.float32)
    spectrum = cv2.dft(details * window(), flags=cv2.DFT_COMPLEX_OUTPUT)
    size = np.sqrt(cv2.magnitude(spectrum[..., 0], spectrum[..., 1]))
    x, y = _rings()
    polar = cv2.remap(size, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    waves = np.fft.rfft(polar, axis=1)[:, 1 : _WAVES + 1]
    norm = np.sqrt(np.square(np.abs(waves)).sum(1, keepdims=True) * _RINGS)
    return np.asarray(waves / np.maximum(norm, np.finfo(np.float32).tiny), np.complex64)


def sign_spectra(waves: Waves) -> FloatImage:
    """Return what a turn, a mirror and a shift leave unchanged.

    Parameters
    ----------
    waves : (..., 32, 32) ndarray of complex64
        As `describe_spectrum` gives them.

    Returns
    -------
    (..., 512) ndarray of float32
        Fourth root of the power in cells of two frequencies, of norm 1: the product of two is their likeness.

    Examples
    --------
    >>> details = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    >>> one, turned = (sign_spectra(describe_spectrum(each)) for each in (details, np.rot90(details)))
    >>> round(float(one @ turned), 2)
    1.0
    """
    power = np.square(np.abs(waves))
    cells = power.reshape(*waves.shape[:-2], _RINGS // 2, 2, _WAVES).sum(-2)
    roots = np.sqrt(np.sqrt(cells)).reshape(*waves.shape[:-2], -1)
    norm = np.linalg.norm(roots, axis=-1, keepdims=True)
    return np.asarray(roots / np.maximum(norm, np.finfo(np.float32).tiny), np.float32)


def correlate_spectra(first: Waves, second: Waves, zoom: float = 1.0) -> SpectralTurn:
    """Find the turn, with or without mirror, at which two spectra are most similar.

    Parameters
    ----------
    first, second : (32, 32) ndarray of complex64
        As `describe_spectrum` gives them, the first at `zoom`, the second at 1.
    zoom : float
        Zoom of the first.

    Returns
    -------
    SpectralTurn
        The angle is interpolated between its 128 steps; a scale of up to 7 % beside the zoom is found.

    Examples
    --------
    >>> details = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    >>> first, second = (describe_spectrum(each) for each in (details, np.rot90(details)))
    >>> turn = correlate_spectra(first, second)
    >>> round(float(np.rad2deg(turn.shift_rad))) % 180, turn.mirrored
    (90, False)
    """
    best = SpectralTurn(-1.0, 0.0, False, zoom)
    padded = np.zeros((2, _WAVES + 1), np.complex64)
    for rings in range(-_REACH, _REACH + 1):
        a = first[max(0, -rings) : _RINGS - max(0, rings)].conj()
        b = second[max(0, rings) : _RINGS - max(0, -rings)]
        padded[0, 1:], padded[1, 1:] = (a * b).sum(0), (a * b.conj()).sum(0)
        curves = np.fft.irfft(padded, n=_ANGLES, axis=1) * (_ANGLES / 2 * _RINGS / len(a))
        mirrored, peak = divmod(int(curves.argmax()), _ANGLES)
        top = float(curves[mirrored, peak])
        if top > best.similarity:
            left, right = curves[mirrored, peak - 1], curves[mirrored, (peak + 1) % _ANGLES]
            bend = min(left - 2 * top + right, -np.finfo(np.float32).tiny)
            angle = (
                (peak + float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))) * np.pi / _ANGLES
            )
            # what is larger in the film is lower in the spectrum
            best = SpectralTurn(top, angle, bool(mirrored), float(zoom * np.exp(-rings * _STEP)))
    return best


@cache
def window() -> FloatImage:
    """Return weights (128, 128) that fade out towards the rim of the inscribed disc.

    Examples
    --------
    >>> round(float(window()[64, 64]), 2), float(window()[0, 0])
    (1.0, 0.0)
    """
    y, x = np.mgrid[:MIDDLE_PX, :MIDDLE_PX] - (MIDDLE_PX - 1) / 2
    rise = np.clip((1 - np.hypot(x, y) / (MIDDLE_PX / 2)) / _TAPER, 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * rise), np.float32)


@cache
def _rings() -> tuple[FloatImage, FloatImage]:
    """Return x and y (rings, angles) of the samples in the spectrum, whose origin is the corner."""
    radius = np.geomspace(_LOWEST, _HIGHEST, _RINGS)[:, None]
    angle = np.arange(_ANGLES) * np.pi / _ANGLES
    x, y = radius * np.cos(angle) % MIDDLE_PX, radius * np.sin(angle) % MIDDLE_PX
    return x.astype(np.float32), y.astype(np.float32)
