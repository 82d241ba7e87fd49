r"""Is a simulated exposure like a true one? Three measurements where the truth is known.

1. *Local variance against mean*: the variance of the counts about their known mean, in bins of that mean.
2. *Normalised noise power spectrum* of a uniform field, radially averaged (IEC 62220-1-1:2015):
   :math:`\mathrm{NNPS}(f) = \langle|\mathrm{DFT}(y - \bar y)|^2\rangle / (n^2\,\bar y^2)` in pixel².
3. *Variance after the generalised Anscombe transform*, which is 1 for Poisson-Gaussian noise of the stated gain
   (Starck, Murtagh and Bijaoui 1998; Borges et al. 2016):
   :math:`f(y) = \tfrac{2}{g}\sqrt{g\,y + \tfrac38 g^2 + \sigma_e^2}`.

Every number is kept per realisation, so that an interval can be drawn over realisations.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.dose.detector import Detector, blur, expose, noise_gain
from xraylab.dose.noise import noise_key
from xraylab.dose.simulate import reduce_dose

__all__ = [
    "AGREEMENT",
    "agreement_statistics",
    "anscombe",
    "measure_agreement",
    "measure_noise_curve",
    "measure_spectrum",
    "radial_mean",
    "reduce_agreement",
    "verify_local_variance",
    "verify_spectrum",
]

FloatImage = NDArray[np.float32]
AGREEMENT = ("local_variance_error", "nnps_error", "anscombe_variance")
N_BINS = 12
_ROI_PX, _N_RINGS = 64, 16  # of the noise power spectrum
_SUMS = ("n", "sum_squares", "anscombe_sum", "anscombe_sum_squares")


def anscombe(counts: FloatImage, detector: Detector) -> NDArray[np.float64]:
    """Stabilise the variance of counts (H, W) to 1 by the generalised Anscombe transform.

    Examples
    --------
    >>> detector = Detector(blur_sigma_px=0, electronic_noise=0)
    >>> counts = np.random.default_rng(0).poisson(100, (200, 200)).astype(np.float32)
    >>> round(float(anscombe(counts, detector).var()), 1)
    1.0
    """
    gain = noise_gain(detector)
    inner = gain * counts.astype(np.float64) + 0.375 * gain**2 + detector.electronic_noise**2
    return (2.0 / gain) * np.sqrt(np.maximum(inner, 0.0))


def measure_noise_curve(
    counts: FloatImage, expected: FloatImage, detector: Detector, edges: NDArray[np.float64]
) -> pd.DataFrame:
    """Measure the noise of one exposure in bins of its known mean.

    Parameters
    ----------
    counts : (H, W) ndarray of float32
        Counts of the exposure, in quanta.
    expected : (H, W) ndarray of float32
        Their known mean.
    detector : Detector
        The detector, for the Anscombe transform.
    edges : (B + 1,) ndarray
        Edges of the bins of the mean, in quanta.

    Returns
    -------
    DataFrame
        One row per bin that holds pixels: ``bin, n, sum_mean, sum_squares, anscombe_sum, anscombe_sum_squares``.

    Examples
    --------
    >>> expected = np.full((200, 200), 100, np.float32)
    >>> counts = np.random.default_rng(0).poisson(expected).astype(np.float32)
    >>> curve = measure_noise_curve(counts, expected, Detector(), np.array([50.0, 150.0]))
    >>> round(float(curve["sum_squares"][0] / curve["n"][0]), -1)  # the variance is the mean
    100.0
    """
    index = np.digitize(expected.reshape(-1), edges) - 1
    inside = (index >= 0) & (index < len(edges) - 1)
    residual = (counts.astype(np.float64) - expected).reshape(-1)
    stabilised = (anscombe(counts, detector) - anscombe(expected, detector)).reshape(-1)

    def bin_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
        binned = np.bincount(index[inside], values[inside], minlength=len(edges) - 1)
        return np.asarray(binned, np.float64)

    n = bin_sum(np.ones_like(residual))
    table = pd.DataFrame(
        {
            "bin": np.arange(len(n)),
            "n": n,
            "sum_mean": bin_sum(expected.reshape(-1).astype(np.float64)),
            "sum_squares": bin_sum(residual**2),
            "anscombe_sum": bin_sum(stabilised),
            "anscombe_sum_squares": bin_sum(stabilised**2),
        }
    )
    return table[table["n"] > 0].reset_index(drop=True)


def radial_mean(
    spectrum: NDArray[np.float64], n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average a two-dimensional spectrum over rings of equal spatial frequency.

    Parameters
    ----------
    spectrum : (N, N) ndarray
        Power at the frequencies of ``numpy.fft.fftfreq(N)``, not shifted.
    n_bins : int
        Rings between 0 and the Nyquist frequency of 0.5 cycles per pixel; the axes u = 0 and v = 0, where
        trends of the field remain, are left out.

    Returns
    -------
    frequency, power : (n_bins,) ndarrays
        Centre of each ring in cycles per pixel, and the mean power in it.

    Examples
    --------
    >>> frequency, power = radial_mean(np.full((16, 16), 3.0), n_bins=2)
    >>> frequency.tolist(), power.tolist()
    ([0.125, 0.375], [3.0, 3.0])
    """
    frequency = np.fft.fftfreq(spectrum.shape[0])
    radius = np.hypot(frequency[:, None], frequency[None, :])
    index = np.floor(radius / 0.5 * n_bins).astype(int)
    valid = (index < n_bins) & (frequency[:, None] != 0) & (frequency[None, :] != 0)
    total = np.bincount(index[valid], spectrum[valid], minlength=n_bins)
    count = np.bincount(index[valid], minlength=n_bins)
    return (np.arange(n_bins) + 0.5) / n_bins * 0.5, total / count


def measure_spectrum(
    counts: FloatImage, expected: float, roi_px: int, n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the radial NNPS of a uniform exposure.

    Parameters
    ----------
    counts : (H, W) ndarray of float32
        Counts of a uniform field with the known mean ``expected``, in quanta.
    expected : float
        That mean.
    roi_px : int
        Edge of the square regions, which overlap by half as IEC 62220-1-1 asks.
    n_bins : int
        Rings of the radial mean.

    Returns
    -------
    frequency, nnps : (n_bins,) ndarrays
        Cycles per pixel, and NNPS in pixel squared.

    Examples
    --------
    White noise of 100 quanta has a flat spectrum of 1 / 100:

    >>> counts = np.random.default_rng(0).poisson(100, (256, 256)).astype(np.float32)
    >>> _, nnps = measure_spectrum(counts, 100.0, roi_px=32, n_bins=2)
    >>> nnps.round(3).tolist()
    [0.01, 0.01]
    """
    step = roi_px // 2
    residual = counts.astype(np.float64) / expected - 1.0
    windows = np.lib.stride_tricks.sliding_window_view(residual, (roi_px, roi_px))[::step, ::step]
    power = np.zeros((roi_px, roi_px))
    for row in windows:
        power += (np.abs(np.fft.fft2(row)) ** 2).sum(axis=0)
    power /= windows.shape[0] * windows.shape[1] * roi_px**2
    return radial_mean(power, n_bins)


def verify_local_variance(
    optical_depths: list[FloatImage],
    dose_fractions: tuple[float, ...],
    detector: Detector,
    seed: int,
) -> pd.DataFrame:
    """Compare the noise of true and simulated exposures of known anatomy.

    Parameters
    ----------
    optical_depths : list of (H, W) ndarray of float32
        One anatomy a realisation.
    dose_fractions : tuple of float
        Doses in (0, 1) to compare at.
    detector : Detector
        The detector.
    seed : int
        Seed of all noise.

    Returns
    -------
    DataFrame
        Columns ``dose_fraction, source, realisation`` and those of `measure_noise_curve`; ``source`` is ``exposed``
        (a true exposure at the dose) or ``simulated`` (made from a true full-dose exposure).

    Examples
    --------
    >>> depths = [np.full((32, 32), 1.0, np.float32) + np.linspace(0, 1, 32, dtype=np.float32)]
    >>> curves = verify_local_variance(depths, (0.5,), Detector(), seed=0)
    >>> curves["source"].unique().tolist()
    ['exposed', 'simulated']
    """
    rows = []
    for realisation, depth in enumerate(optical_depths):
        full_mean = blur(np.float32(detector.photons_per_pixel) * np.exp(-depth), detector)
        full = expose(depth, 1.0, np.random.default_rng([seed, realisation, 0]), detector)
        low, high = np.percentile(full_mean, [1, 99])
        edges = np.geomspace(float(low), float(high), N_BINS + 1)
        for step, dose in enumerate(dose_fractions, start=1):
            rng = np.random.default_rng([seed, realisation, step])
            pair = {
                "exposed": expose(depth, dose, rng, detector),
                "simulated": reduce_dose(
                    full, dose, noise_key(seed, f"anatomy {realisation}", f"{dose:g}"), detector
                ),
            }
            for source, counts in pair.items():
                curve = measure_noise_curve(
                    counts, np.float32(dose) * full_mean, detector, dose * edges
                )
                rows.append(
                    curve.assign(dose_fraction=dose, source=source, realisation=realisation)
                )
    return pd.concat(rows, ignore_index=True)


def verify_spectrum(
    size_px: int,
    n_realisations: int,
    depth: float,
    dose_fractions: tuple[float, ...],
    detector: Detector,
    seed: int,
) -> pd.DataFrame:
    """Compare the NNPS of true and simulated exposures of a uniform field of an optical depth.

    Returns
    -------
    DataFrame
        Columns ``dose_fraction, source, realisation, frequency`` (cycles per pixel) and ``nnps`` (pixel²).

    Examples
    --------
    >>> spectra = verify_spectrum(128, 1, 1.0, (0.5,), Detector(), seed=0)
    >>> spectra.groupby("source").size().to_dict()
    {'exposed': 16, 'simulated': 16}
    """
    field = np.full((size_px, size_px), depth, np.float32)
    expected = detector.photons_per_pixel * float(np.exp(-depth))
    rows = []
    for realisation in range(n_realisations):
        full = expose(field, 1.0, np.random.default_rng([seed, 1, realisation, 0]), detector)
        for step, dose in enumerate(dose_fractions, start=1):
            rng = np.random.default_rng([seed, 1, realisation, step])
            pair = {
                "exposed": expose(field, dose, rng, detector),
                "simulated": reduce_dose(
                    full, dose, noise_key(seed, f"field {realisation}", f"{dose:g}"), detector
                ),
            }
            for source, counts in pair.items():
                frequency, nnps = measure_spectrum(counts, dose * expected, _ROI_PX, _N_RINGS)
                rows.append(
                    pd.DataFrame({"frequency": frequency, "nnps": nnps}).assign(
                        dose_fraction=dose, source=source, realisation=realisation
                    )
                )
    return pd.concat(rows, ignore_index=True)


def agreement_statistics(
    curves: pd.DataFrame, spectra: pd.DataFrame, dose_fraction: float
) -> NDArray[np.float64]:
    """Collect what each realisation measured at one dose.

    Parameters
    ----------
    curves, spectra : DataFrame
        What `verify_local_variance` and `verify_spectrum` return.
    dose_fraction : float
        The dose.

    Returns
    -------
    (R, K) ndarray
        One row per realisation; sums over rows are what `reduce_agreement` reads: for each bin of the mean the pixels,
        the exposed and the simulated sum of squares and the two Anscombe sums, then for each ring the exposed and
        the simulated NNPS.

    Examples
    --------
    >>> depths = [np.full((32, 32), 1.0, np.float32) + np.linspace(0, 1, 32, dtype=np.float32)] * 2
    >>> curves = verify_local_variance(depths, (0.5,), Detector(), seed=0)
    >>> spectra = verify_spectrum(128, 2, 1.0, (0.5,), Detector(), seed=0)
    >>> agreement_statistics(curves, spectra, 0.5).shape  # 5 numbers per bin, 2 per ring
    (2, 92)
    """
    at_dose = curves[curves["dose_fraction"] == dose_fraction]
    noise = at_dose.pivot_table(
        index="realisation", columns=["source", "bin"], values=list(_SUMS), fill_value=0.0
    )
    parts = [
        noise["n"]["simulated"],
        noise["sum_squares"]["exposed"],
        noise["sum_squares"]["simulated"],
    ]
    parts += [noise["anscombe_sum"]["simulated"], noise["anscombe_sum_squares"]["simulated"]]
    power = spectra[spectra["dose_fraction"] == dose_fraction].pivot_table(
        index="realisation", columns=["source", "frequency"], values="nnps"
    )
    rings = [power["exposed"], power["simulated"]]
    return np.concatenate(
        [
            np.stack(parts, axis=1).reshape(len(noise), -1),
            np.stack(rings, axis=1).reshape(len(power), -1),
        ],
        axis=1,
    )


def reduce_agreement(sums: NDArray[np.float64], n_bins: int) -> NDArray[np.float64]:
    r"""Reduce sums of `agreement_statistics` to the three numbers of `AGREEMENT`.

    Parameters
    ----------
    sums : (B, K) ndarray
        Sums over realisations, one row per resample.
    n_bins : int
        Bins of the mean.

    Returns
    -------
    (B, 3) ndarray
        ``local_variance_error``: mean over pixels of \|simulated / exposed - 1\| of the variance in their bin;
        ``nnps_error``: mean over rings of \|simulated / exposed - 1\|;
        ``anscombe_variance``: pooled variance of the stabilised simulated counts, 1 where the noise is right.

    Examples
    --------
    One bin and one ring that agree: variance 4 in both, and a stabilised variance of 1:

    >>> sums = np.array([[10.0, 40.0, 40.0, 0.0, 10.0, 0.01, 0.01]])
    >>> reduce_agreement(sums, n_bins=1).tolist()
    [[0.0, 0.0, 1.0]]
    """
    n, exposed, simulated, first, second = np.moveaxis(
        sums[:, : 5 * n_bins].reshape(len(sums), 5, n_bins), 1, 0
    )
    ring_exposed, ring_simulated = np.moveaxis(
        sums[:, 5 * n_bins :].reshape(len(sums), 2, -1), 1, 0
    )
    local = np.average(np.abs(simulated / exposed - 1.0), weights=n, axis=1)
    nnps = np.abs(ring_simulated / ring_exposed - 1.0).mean(axis=1)
    within = (second - first**2 / n).sum(axis=1) / n.sum(axis=1)
    return np.stack([local, nnps, within], axis=1)


def measure_agreement(statistics: NDArray[np.float64], n_bins: int) -> pd.DataFrame:
    """Measure the agreement over all realisations, with 95 % intervals.

    The intervals are value ± 1.96 jackknife standard errors over realisations, cut at 0: a mean of absolute
    values grows with noise, so that the percentiles of a bootstrap would lie above it.

    Parameters
    ----------
    statistics : (R, K) ndarray
        What `agreement_statistics` returns, R >= 2.
    n_bins : int
        Bins of the mean.

    Returns
    -------
    DataFrame
        ``metric, value, ci_low, ci_high, n``, one row each of `AGREEMENT`; n is the number of realisations.

    Examples
    --------
    >>> sums = np.array([[10.0, 40.0, 40.0, 0.0, 10.0, 0.01, 0.01]] * 3)
    >>> measure_agreement(sums, n_bins=1)[["metric", "value", "n"]]
                     metric  value  n
    0  local_variance_error    0.0  3
    1            nnps_error    0.0  3
    2     anscombe_variance    1.0  3
    """
    n = len(statistics)
    total = statistics.sum(axis=0, keepdims=True)
    value = reduce_agreement(total, n_bins)[0]
    without_one = reduce_agreement(total - statistics, n_bins)
    spread = ((without_one - without_one.mean(axis=0)) ** 2).sum(axis=0)
    error = 1.96 * np.sqrt((n - 1) / n * spread)
    return pd.DataFrame(
        {
            "metric": AGREEMENT,
            "value": value,
            "ci_low": np.maximum(value - error, 0.0),
            "ci_high": value + error,
            "n": n,
        }
    )
