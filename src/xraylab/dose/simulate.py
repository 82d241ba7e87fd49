r"""Lower-dose films from full-dose films, by two recipes.

``additive`` is what the public demo does: the film is darkened by a factor and white noise of a fixed standard
deviation is added,

.. math:: p' = \mathrm{clip}(s\,p + \mathcal N(0, \sigma^2), 0, 1).

``quantum`` is physically sound. A full-dose exposure has the variance :math:`g\,m + \sigma_e^2` at a mean of
:math:`m` counts, where :math:`g` is the noise gain of the detector's blur. Scaled by the dose fraction :math:`d`
it keeps only :math:`d^2` of that, while a true exposure at :math:`d` has :math:`g\,d\,m + \sigma_e^2`. What is
missing is added: a signal-dependent part of variance :math:`d(1-d)\,N` before the blur, and a white electronic part,

.. math:: y_d = d\,y + h * \big(\sqrt{d(1-d)\,N}\; z_1\big) + \sqrt{1-d^2}\,\sigma_e\,z_2 ,

with :math:`N` the quanta at each pixel, estimated by the counts themselves (unbiased, so the mean variance is exact).

References
----------
Borges L. R. et al. (2016), *Medical Physics* 43(6), 2704-2714: signal-dependent noise injection with a
variance-stabilising transform.
Borges L. R. et al. (2017), *Proc. SPIE* 10132: noise correlated by the detector, electronic noise.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xraylab.dose.detector import Detector, blur, counts_to_film, film_to_counts
from xraylab.dose.noise import normal_quantiles, stream_key
from xraylab.parameters import Parameters

__all__ = [
    "RECIPES",
    "Exposure",
    "Recipe",
    "reduce_dose",
    "simulate",
    "simulate_additive",
    "simulate_quantum",
]

FloatImage = NDArray[np.float32]
Recipe = Literal["additive", "quantum"]
RECIPES: tuple[Recipe, ...] = ("additive", "quantum")


class Exposure(Parameters):
    """All that it takes to make one simulated exposure of a film, again and anywhere.

    Attributes
    ----------
    recipe : {"additive", "quantum"}
        How the lower dose is simulated.
    level : str
        Name of the level, unique for a film and recipe; part of the noise key.
    scale : float
        Factor on the film (additive); 1 for quantum.
    noise_std : float
        Standard deviation of the added noise on the film's [0, 1] scale (additive); 0 for quantum.
    dose_fraction : float
        Dose relative to the full-dose film, in (0, 1]. The additive recipe has no dose of its own; as in the
        public demo its scale stands for it.
    noise_key : int
        Key of the noise, from `xraylab.dose.noise.noise_key`.
    match_mean : bool
        Whether the mean of the film is brought back (quantum).
    detector : Detector
        Detector and film characteristic (quantum).
    """

    recipe: Recipe
    level: str = Field(min_length=1)
    scale: float = Field(1.0, gt=0, le=1)
    noise_std: float = Field(0.0, ge=0, le=1)
    dose_fraction: float = Field(1.0, gt=0, le=1)
    noise_key: int = Field(0, ge=0, lt=2**64)
    match_mean: bool = True
    detector: Detector = Detector()


def simulate_additive(
    film: FloatImage, scale: float, noise_std: float, key: int, out: FloatImage | None = None
) -> FloatImage:
    """Darken a film and add white noise, as the public demo does.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        Film in [0, 1], C-contiguous.
    scale : float
        Factor on the film, in (0, 1].
    noise_std : float
        Standard deviation of the noise on the film's [0, 1] scale.
    key : int
        Noise key from `xraylab.dose.noise.noise_key`.
    out : (H, W) ndarray of float32, optional
        Buffer for the result, so that a loop over films allocates nothing.

    Returns
    -------
    (H, W) ndarray of float32
        ``clip(film * scale + noise_std * z, 0, 1)``.

    Examples
    --------
    >>> film = np.float32([[0.5, 1.0]])
    >>> simulate_additive(film, scale=0.5, noise_std=0, key=1).tolist()
    [[0.25, 0.5]]
    """
    from xraylab.dose.kernels import add_noise

    film = np.ascontiguousarray(film, np.float32)
    out = np.empty_like(film) if out is None else out
    add_noise(
        film.reshape(-1),
        np.float32(scale),
        np.float32(noise_std),
        np.uint64(key),
        normal_quantiles(),
        out.reshape(-1),
    )
    return out


def reduce_dose(
    counts: FloatImage, dose_fraction: float, key: int, detector: Detector
) -> FloatImage:
    """Turn the counts of a full-dose exposure into those of an exposure at a dose fraction.

    Parameters
    ----------
    counts : (H, W) ndarray of float32
        Counts of the full-dose exposure, in quanta.
    dose_fraction : float
        Dose relative to full dose, in (0, 1]; 1 returns the counts unchanged.
    key : int
        Noise key from `xraylab.dose.noise.noise_key`.
    detector : Detector
        The detector that made the exposure.

    Returns
    -------
    (H, W) ndarray of float32
        Counts in quanta whose mean is ``dose_fraction`` times that of the input and whose variance and noise
        power spectrum are those of a true exposure at that dose.

    Raises
    ------
    ValueError
        If the dose fraction lies outside of (0, 1].

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(1000, (200, 200)).astype(np.float32)
    >>> quarter = reduce_dose(counts, 0.25, 1, Detector(blur_sigma_px=0, electronic_noise=0))
    >>> round(float(quarter.mean())), round(float(quarter.var()), -1)  # as of Poisson noise
    (250, 250.0)
    """
    from xraylab.dose.kernels import scaled_normal

    if not 0 < dose_fraction <= 1:
        raise ValueError(f"dose_fraction must lie in (0, 1], got {dose_fraction}")
    if dose_fraction == 1:
        return counts
    d = np.float32(dose_fraction)
    variance = np.ascontiguousarray(counts, np.float32) * (d * (1 - d))
    quantum = np.empty_like(variance)
    scaled_normal(variance.reshape(-1), np.uint64(key), normal_quantiles(), quantum.reshape(-1))
    reduced = blur(quantum, detector)
    reduced += d * counts
    if detector.electronic_noise > 0:
        missing = np.float32(np.sqrt(1 - dose_fraction**2) * detector.electronic_noise)
        white = np.full_like(variance, missing**2)
        scaled_normal(
            white.reshape(-1),
            np.uint64(stream_key(key, 1)),
            normal_quantiles(),
            quantum.reshape(-1),
        )
        reduced += quantum
    return reduced


def simulate_quantum(
    film: FloatImage,
    dose_fraction: float,
    key: int,
    detector: Detector,
    match_mean: bool = True,
    out: FloatImage | None = None,
) -> FloatImage:
    """Simulate the film of a lower-dose exposure.

    The film is linearised to counts, brought to the lower dose by `reduce_dose`, and turned into a film again.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        Full-dose film in [0, 1], bone bright.
    dose_fraction : float
        Dose relative to the film's own, in (0, 1].
    key : int
        Noise key from `xraylab.dose.noise.noise_key`.
    detector : Detector
        Detector and film characteristic. For a film whose exposure is unknown these are an assumption, and the
        dose is relative to it.
    match_mean : bool, default True
        Bring the mean of the film back, as the exposure normalisation of a real system does, so that brightness
        does not give the dose away. Without it the film is normalised to the full-dose open beam and brightens by
        ``-ln(dose_fraction) / log_range``.
    out : (H, W) ndarray of float32, optional
        Buffer for the result.

    Returns
    -------
    (H, W) ndarray of float32
        Film in [0, 1].

    Examples
    --------
    >>> film = np.full((64, 64), 0.5, np.float32)
    >>> low = simulate_quantum(film, 0.1, key=1, detector=Detector())
    >>> round(float(low.mean()), 3), bool(low.std() > 0)
    (0.5, True)
    """
    film = np.asarray(film, np.float32)
    counts = reduce_dose(film_to_counts(film, detector), dose_fraction, key, detector)
    simulated = counts_to_film(counts, dose_fraction if match_mean else 1.0, detector)
    if match_mean and dose_fraction < 1:
        # The logarithm of noisy counts is biased by -var/(2 m^2); what is left after the division by the
        # dose is a shift that a real system's histogram-based normalisation removes as well.
        shift = np.float32(film.mean(dtype=np.float64) - simulated.mean(dtype=np.float64))
        np.clip(simulated + shift, 0.0, 1.0, out=simulated)
    if out is None:
        return simulated
    np.copyto(out, simulated)
    return out


def simulate(film: FloatImage, exposure: Exposure, out: FloatImage | None = None) -> FloatImage:
    """Simulate one exposure of a film by its own recipe.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        Full-dose film in [0, 1], bone bright.
    exposure : Exposure
        What to simulate.
    out : (H, W) ndarray of float32, optional
        Buffer for the result, so that a loop over films allocates nothing.

    Returns
    -------
    (H, W) ndarray of float32
        The simulated film in [0, 1].

    Examples
    --------
    >>> exposure = Exposure(recipe="additive", level="half", scale=0.5, dose_fraction=0.5)
    >>> simulate(np.float32([[0.5, 1.0]]), exposure).tolist()
    [[0.25, 0.5]]
    """
    key = exposure.noise_key
    if exposure.recipe == "additive":
        return simulate_additive(film, exposure.scale, exposure.noise_std, key, out)
    return simulate_quantum(
        film, exposure.dose_fraction, key, exposure.detector, exposure.match_mean, out
    )
