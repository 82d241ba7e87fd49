r"""Texture of a film: noise, sharpness, entropy and brightness, measured in one pass.

With `p` the film in [0, 1], ``u = trunc(255 p)`` its grey levels and ``L`` their Laplacian
``[[0, 1, 0], [1, -4, 1], [0, 1, 0]]`` (border mirrored without repeating the edge), the published features are

==================  ==============================================================================
``noise_var``       population variance of L, in squared grey levels
``sharpness``       mean of abs(L), in grey levels
``entropy``         Shannon entropy of the 256-bin histogram of u, in bits, 0 to 8
``mean_intensity``  mean of p
``std_intensity``   population standard deviation of p
==================  ==============================================================================

They follow the dose of one film well and that of another film badly, because anatomy has edges of its own and
because quantum noise depends on the signal. The extended features are

=====================  ===========================================================================
``noise_sigma``        noise standard deviation on the scale of p, Immerkaer's estimate over the film
``noise_sigma_local``  noise standard deviation at mid-grey, from the noise-level function (below)
``gradient_entropy``   Shannon entropy, in bits, of the histogram of the Sobel magnitude of u in bins
                       of 2 Sobel units, that is of a quarter of a grey level per pixel
``local_snr``          median over tiles of mean(p) / noise standard deviation, at most 227,020
=====================  ===========================================================================

**Tiles** are 32 by 32 pixels of the film without its outermost pixels; the last row and column of tiles take the
remainder. The noise standard deviation of a tile is Immerkaer's,
:math:`\hat\sigma = \sqrt{\pi/2}\;\overline{|N * p|}/6` with N = [[1, -2, 1], [-2, 4, -2], [1, -2, 1]], whose
zero response to planes keeps anatomy out. It assumes white noise: a detector's blur lowers it by a factor that
does not depend on dose. Tiles with a mean within two grey levels of black or white hold clipped noise and are
left out, unless there are no others.

**noise_sigma_local.** A film is the logarithm of quanta: by Beer and Lambert a pixel of value p holds
:math:`d N_0 e^{-A p}` of them, so that quantum noise has the variance :math:`e^{A p} / (A^2 d N_0)`, which is
log-linear in p. Noise that does not depend on the signal is log-linear too, with slope 0. The estimate takes the
median over tiles of :math:`\log\sigma` in 16 equally filled classes of p, fits a line to them with Gaussian weights of
width 0.15 about p = 1/2, and reads it there; for a film without such greys, on the line up to half of the film's
range beyond it (the approach of Liu et al. and of Foi et al., with their law for linear sensors replaced by that of
films). A film of fewer than 16 tiles, or with all classes within 0.05, gives the median over tiles. Noise below the
rounding error of 16 bits, 1/(65535 sqrt(12)), counts as that, here and in ``local_snr``.

Measured on 32 public chest films, taken as anatomy, exposed by `xraylab.dose.detector` at 1 to 1/16 of full dose
and rounded to 8 bits; the spread is that between films, in octaves (factors of 2) of dose:

=====================  ================  ======
feature                rank correlation  spread
=====================  ================  ======
``noise_sigma_local``  0.98              0.07
``local_snr``          0.97              0.39
``noise_sigma``        0.93              0.61
``sharpness``          0.92              0.61
``noise_var``          0.90              0.70
``gradient_entropy``   0.81              0.99
``entropy``            0.15              10
=====================  ================  ======

The median over tiles without the noise-level function has 0.76 octaves, and a noise-level function linear in p read
by its slope 0.56. Medians of absolute deviations within tiles gave no better figures than Immerkaer's mean.

References
----------
Immerkaer J. (1996), Fast noise variance estimation, *Computer Vision and Image Understanding* 64(2), 300-302.
Liu C. et al. (2006), Noise estimation from a single image, *Proc. CVPR*, 901-908.
Foi A. et al. (2008), Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data,
*IEEE Transactions on Image Processing* 17(10), 1737-1754.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXTENDED_FEATURES", "PUBLISHED_FEATURES", "measure_texture"]

PUBLISHED_FEATURES: tuple[str, ...] = (
    "noise_var",
    "sharpness",
    "entropy",
    "mean_intensity",
    "std_intensity",
)
"""The features of the public demo, in its order."""

EXTENDED_FEATURES: tuple[str, ...] = (
    "noise_sigma",
    "noise_sigma_local",
    "gradient_entropy",
    "local_snr",
)
"""What is measured beyond them."""

_SMALLEST = 3
_IMMERKAER = float(np.sqrt(np.pi / 2) / 6)
_SMALLEST_SIGMA = 1 / (65535 * float(np.sqrt(12)))
_CLIPPED = 2 / 255
_MID_GREY = 0.5
_WEIGHT_WIDTH = 0.15
_CLASSES, _FEWEST_CLASSES, _TILES_PER_CLASS = 16, 4, 4
_SMALLEST_CONTRAST = 0.05  # a film of less shows no slope of noise against p


def measure_texture(
    film: NDArray[np.float32], which: Literal["published", "all"] = "all"
) -> dict[str, float]:
    """Measure the texture of a film.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        Film in [0, 1], at least 3 by 3 pixels.
    which : {"published", "all"}, default "all"
        ``PUBLISHED_FEATURES`` alone, or with ``EXTENDED_FEATURES``, which takes about three times as long.

    Returns
    -------
    dict of str to float
        The features by name, in the order of the tuples. Each is finite.

    Raises
    ------
    ValueError
        If the film is not a two-dimensional float32 array of at least 3 by 3 pixels in [0, 1], or holds NaN.

    Examples
    --------
    >>> import numpy as np
    >>> spot = np.zeros((3, 3), np.float32)
    >>> spot[1, 1] = 1
    >>> round(measure_texture(spot, "published")["mean_intensity"], 4)
    0.1111
    """
    from xraylab.features.kernels import scan_film

    if which not in ("published", "all"):
        raise ValueError(f"which must be 'published' or 'all', got {which!r}")
    film = _checked(film)
    extended = which == "all"
    scan = scan_film(film, extended)
    bad_row, moments, laplacian, levels, gradients, tile_noise, tile_level = scan
    if bad_row >= 0:
        raise ValueError(_describe_bad_pixel(film, bad_row))
    size = film.size
    total, absolute, squared = (int(value) for value in laplacian)
    mean_shift = moments[0] / size
    features = {
        "noise_var": (size * squared - total**2) / size**2,  # whole numbers: nothing cancels
        "sharpness": absolute / size,
        "entropy": _entropy(levels),
        "mean_intensity": float(film[0, 0]) + float(mean_shift),
        "std_intensity": float(np.sqrt(max(moments[1] / size - mean_shift**2, 0.0))),
    }
    if extended:
        pixels = _tile_pixels(film.shape, tile_noise.shape)
        sigma = (_IMMERKAER * tile_noise / pixels).ravel()
        level = (tile_level / pixels).ravel()
        features["noise_sigma"] = float(_IMMERKAER * tile_noise.sum() / pixels.sum())
        unclipped = (level > _CLIPPED) & (level < 1 - _CLIPPED)
        if unclipped.any():
            sigma, level = sigma[unclipped], level[unclipped]
        features["noise_sigma_local"] = _noise_at_mid_grey(level, sigma)
        features["gradient_entropy"] = _entropy(gradients)
        features["local_snr"] = float(np.median(level / np.maximum(sigma, _SMALLEST_SIGMA)))
    return features


def _checked(film: Any) -> NDArray[np.float32]:
    """Return the film C-contiguous, or say what it lacks; the range of its values is checked by the scan."""
    if not isinstance(film, np.ndarray) or film.dtype != np.float32:
        kind = film.dtype if isinstance(film, np.ndarray) else type(film).__name__
        raise ValueError(f"a film must be a float32 array, got {kind}")
    if film.ndim != 2:  # noqa: PLR2004
        raise ValueError(f"a film must have 2 axes (H, W), got shape {film.shape}")
    if min(film.shape) < _SMALLEST:
        raise ValueError(f"a film must have at least 3 x 3 pixels, got shape {film.shape}")
    return np.ascontiguousarray(film)


def _describe_bad_pixel(film: NDArray[np.float32], row: int) -> str:
    column = int(np.flatnonzero(~((film[row] >= 0) & (film[row] <= 1)))[0])
    return f"a film must lie in [0, 1], got {film[row, column]!s} at row {row}, column {column}"


def _entropy(counts: NDArray[np.int64]) -> float:
    """Shannon entropy of a histogram, in bits."""
    share = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(share * np.log2(share)).sum()))


def _tile_pixels(film_shape: tuple[int, ...], tiles: tuple[int, ...]) -> NDArray[np.float64]:
    """Pixels of each tile, as `xraylab.features.kernels.scan_film` lays them out."""
    from xraylab.features.kernels import TILE

    sides = []
    for length, count in zip(film_shape, tiles, strict=True):
        side = np.full(count, float(TILE))
        side[-1] = length - 2 - (count - 1) * TILE
        sides.append(side)
    return np.outer(sides[0], sides[1])


def _median(values: NDArray[np.float64]) -> float:
    """Median of a few values: `numpy.median` spends ten times as long on its own generality."""
    ordered = np.sort(values)
    return float(0.5 * (ordered[(values.size - 1) // 2] + ordered[values.size // 2]))


def _noise_at_mid_grey(level: NDArray[np.float64], sigma: NDArray[np.float64]) -> float:
    """Read the noise-level function of tiles at p = 1/2, see the head of this module."""
    if not sigma.any():
        return 0.0
    count = min(_CLASSES, level.size // _TILES_PER_CLASS)
    if count >= _FEWEST_CLASSES:
        classes = np.array_split(np.argsort(level, kind="stable"), count)
        grey = np.array([_median(level[tiles]) for tiles in classes])
        contrast = np.ptp(grey)
        if contrast > _SMALLEST_CONTRAST:
            log_sigma = np.log(np.maximum(sigma, _SMALLEST_SIGMA))
            noise = np.array([_median(log_sigma[tiles]) for tiles in classes])
            near = np.clip(_MID_GREY, grey[0], grey[-1])
            weight = np.exp(
                -0.25 * ((grey - near) / _WEIGHT_WIDTH) ** 2
            )  # of a residual, not of its square
            slope, intercept = np.polyfit(grey, noise, 1, w=weight)
            read_at = np.clip(_MID_GREY, grey[0] - contrast / 2, grey[-1] + contrast / 2)
            return float(np.exp(intercept + slope * read_at))
    return float(np.median(sigma))
