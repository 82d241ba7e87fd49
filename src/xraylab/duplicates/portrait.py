"""All that is compared of one film, made when it is first asked for."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.duplicates.details import (
    SIDE_PX,
    Band,
    band_pass,
    disc,
    read_details,
    show_film,
)
from xraylab.duplicates.mellin import Waves, describe_spectrum
from xraylab.duplicates.polar import Spectra, describe_film

__all__ = ["COARSE_PX", "Portrait"]

FloatImage = NDArray[np.float32]

COARSE_PX = 128
"""Edge at which films are registered."""

# fine enough that two patients differ, coarse enough for noise and JPEG
_FINE = Band(1.4, 6.0, 10.0)
_COARSE = Band(2.0, 8.0, 12.0)
_DISC = 0.92  # of the half edge
_MARGIN = 0.04  # fine details are changed as far as the contrast of a border reaches


class Portrait:
    """What is compared of one film.

    Parameters
    ----------
    film : (S, S) ndarray of uint8
        The film in [0, 255].

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> portrait = Portrait(film)
    >>> portrait.fine.shape, portrait.coarse.shape, portrait.spectrum(1.0).shape
    ((224, 224), (128, 128), (32, 32))
    """

    def __init__(self, film: NDArray[np.uint8]) -> None:
        self.film = film
        self._spectra: dict[float, Waves] = {}

    @cached_property
    def _details(self) -> tuple[FloatImage, FloatImage]:
        return read_details(self.film)

    @property
    def details(self) -> FloatImage:
        """Details (128, 128) by which candidates are looked for, of what the film shows."""
        return self._details[1]

    @cached_property
    def rings(self) -> Spectra:
        """Fourier series (40, 64) along the rings of the film, whether black or not: a gamma may make it so."""
        return describe_film(self._details[0])

    def spectrum(self, zoom: float) -> Waves:
        """Return the Fourier series (32, 32) along the rings of the spectrum."""
        if zoom not in self._spectra:
            self._spectra[zoom] = describe_spectrum(self.details, zoom)
        return self._spectra[zoom]

    @cached_property
    def _shown(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        image, mask = show_film(self.film, margin=_MARGIN)
        return image, mask & disc(SIDE_PX, _DISC)

    @property
    def mask(self) -> NDArray[np.uint8]:
        """1 in the part (224, 224) of the inscribed disc where the film shows something."""
        return self._shown[1]

    @cached_property
    def fine(self) -> FloatImage:
        """Fine details (224, 224): the proof."""
        return band_pass(self._shown[0], _FINE)

    @cached_property
    def coarse(self) -> FloatImage:
        """Coarse details (128, 128), by which films are registered."""
        return band_pass(self._shown[0], _COARSE, COARSE_PX)

    @cached_property
    def coarse_mask(self) -> NDArray[np.uint8]:
        """The mask at that size."""
        size = (COARSE_PX, COARSE_PX)
        return np.asarray(cv2.resize(self.mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
