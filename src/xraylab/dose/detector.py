r"""The digital detector: from X-ray quanta to counts, from counts to a film and back.

The model is the linear one of quantum-limited digital radiography. A pixel of an exposure at the dose
fraction :math:`d` holds

.. math:: y_d = h * \mathrm{Poisson}(d\,N) + \mathcal N(0, \sigma_e^2),
          \qquad N = N_0\,e^{-\tau},

where :math:`N_0` is the number of quanta a pixel detects in the open beam at full dose, :math:`\tau` the
optical depth of the anatomy, :math:`h` the detector's point spread and :math:`\sigma_e` the electronic
noise, in quanta. The film is the logarithm of the counts, normalised to the open beam, with bone bright
(MONOCHROME2): :math:`p = -\ln(y_d / (d N_0)) / A`, clipped to [0, 1], where :math:`A` is the range of optical
depth that the film spans.

References
----------
Borges L. R. et al. (2016), Method for simulating dose reduction in digital mammography using the Anscombe
transformation, *Medical Physics* 43(6), 2704-2714.
Borges L. R. et al. (2017), Method for inserting noise in digital mammography to simulate reduction in
radiation dose, *Proc. SPIE* 10132.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xraylab.parameters import Parameters

__all__ = [
    "Detector",
    "blur",
    "counts_to_film",
    "expose",
    "film_to_counts",
    "noise_gain",
    "point_spread",
]

FloatImage = NDArray[np.float32]


class Detector(Parameters):
    """A digital X-ray detector at full dose.

    Attributes
    ----------
    photons_per_pixel : float
        Quanta that a pixel detects in the open beam at full dose.
    blur_sigma_px : float
        Standard deviation of the Gaussian point spread, in pixels; 0 for none.
    electronic_noise : float
        Standard deviation of the additive electronic noise, in quanta; it does not depend on dose.
    log_range : float
        Optical depth that maps to the film value 1; 0 maps to 0 (the open beam, black).
    """

    photons_per_pixel: float = Field(20_000.0, gt=1, le=1e8)
    blur_sigma_px: float = Field(0.7, ge=0, le=5)
    electronic_noise: float = Field(5.0, ge=0, le=1e4)
    log_range: float = Field(4.8, gt=0, le=15)


def point_spread(detector: Detector) -> NDArray[np.float32]:
    """Return the one-dimensional point spread of the detector, summing to 1.

    Parameters
    ----------
    detector : Detector
        The detector whose Gaussian blur is asked for.

    Returns
    -------
    (2 r + 1,) ndarray of float32
        Samples at whole pixels out to r = ceil(4 sigma); ``[1.0]`` without blur.

    Examples
    --------
    >>> spread = point_spread(Detector(blur_sigma_px=0.7))
    >>> len(spread), round(float(spread.sum()), 4)
    (7, 1.0)
    """
    if detector.blur_sigma_px == 0:
        return np.ones(1, np.float32)
    radius = int(np.ceil(4 * detector.blur_sigma_px))
    x = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (x / detector.blur_sigma_px) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float32)


def noise_gain(detector: Detector) -> float:
    """Return the factor by which the blur lowers the variance of white noise: the sum of h squared.

    Examples
    --------
    >>> noise_gain(Detector(blur_sigma_px=0)), round(noise_gain(Detector(blur_sigma_px=1)), 3)
    (1.0, 0.08)
    """
    return float((point_spread(detector).astype(np.float64) ** 2).sum() ** 2)


def blur(image: FloatImage, detector: Detector) -> FloatImage:
    """Blur an (H, W) image with the detector's point spread, mirrored at the border.

    Examples
    --------
    >>> image = np.full((3, 3), 7, np.float32)
    >>> blur(image, Detector()).round(3).tolist()[0]
    [7.0, 7.0, 7.0]
    """
    if detector.blur_sigma_px == 0:
        return image
    kernel = point_spread(detector)
    return np.asarray(
        cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    )


def expose(
    optical_depth: FloatImage, dose_fraction: float, rng: np.random.Generator, detector: Detector
) -> FloatImage:
    """Make a true exposure of known anatomy.

    Parameters
    ----------
    optical_depth : (H, W) ndarray of float32
        Line integral of the attenuation along each ray, >= 0, dimensionless.
    dose_fraction : float
        Dose relative to the detector's full dose, in (0, 1].
    rng : numpy.random.Generator
        The source of quantum and electronic noise.
    detector : Detector
        The detector.

    Returns
    -------
    (H, W) ndarray of float32
        Counts in quanta; a few may be below 0 where electronic noise exceeds the signal.

    Examples
    --------
    >>> depth = np.zeros((64, 64), np.float32)  # the open beam
    >>> counts = expose(depth, 0.5, np.random.default_rng(0), Detector(photons_per_pixel=1000))
    >>> round(float(counts.mean()) / 500, 2)
    1.0
    """
    mean_quanta = (
        dose_fraction * detector.photons_per_pixel * np.exp(-optical_depth.astype(np.float64))
    )
    counts = blur(rng.poisson(mean_quanta).astype(np.float32), detector)
    noise = rng.standard_normal(counts.shape, np.float32)
    return np.asarray(counts + np.float32(detector.electronic_noise) * noise, np.float32)


def counts_to_film(counts: FloatImage, dose_fraction: float, detector: Detector) -> FloatImage:
    """Turn counts of an exposure at a dose fraction into a film in [0, 1], bone bright.

    Counts under half a quantum are read as half a quantum, so that the logarithm exists.

    Examples
    --------
    >>> detector = Detector(photons_per_pixel=1000, log_range=2)
    >>> counts_to_film(np.float32([[1000 / np.e]]), 1.0, detector).round(3).tolist()
    [[0.5]]
    """
    reference = np.float32(dose_fraction * detector.photons_per_pixel)
    depth = -np.log(np.maximum(counts, np.float32(0.5)) / reference)
    return np.asarray(np.clip(depth / np.float32(detector.log_range), 0.0, 1.0), np.float32)


def film_to_counts(film: FloatImage, detector: Detector) -> FloatImage:
    """Linearise a full-dose film in [0, 1], bone bright, to counts in quanta (H, W).

    Examples
    --------
    >>> detector = Detector(photons_per_pixel=1000, log_range=2)
    >>> film_to_counts(np.float32([[0, 0.5]]), detector).round().tolist()
    [[1000.0, 368.0]]
    """
    scale = np.float32(detector.photons_per_pixel)
    return np.asarray(scale * np.exp(np.float32(-detector.log_range) * film), np.float32)
