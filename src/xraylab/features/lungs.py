r"""What a film looks like inside of the lungs, from film and mask.

=============================  ================================================================================
``lung_area``                  share of the film that is lung
``area_asymmetry``             (right - left) / (right + left), of the areas
``mean, std, skewness``        of the grey values inside of the lungs
``p10, p50, p90``              their percentiles
``entropy``                    of their histogram of 32 bins, in bits
``band_1 … band_8``            standard deviation of the film between Gaussian blurs of :math:`\sigma` and
                               :math:`2 \sigma` pixels of 128, inside of the lungs: texture by its size
``upper_minus_lower``          mean grey of the upper third of the lungs' rows less that of the lower third
``…_asymmetry``                right less left lung, of mean, std and bands; ``…_difference`` its absolute value
=============================  ================================================================================

Right is the patient's right: the image's left. A film without lung pixels, or with one lung only, has nan where a value does
not exist.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["LUNG_FEATURES", "measure_lungs"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

_SIGMAS = (1, 2, 4, 8)  # pixels of a film of _EDGE
_EDGE = 128
_BINS = 32
_SIDED = ("mean", "std", *(f"band_{sigma}" for sigma in _SIGMAS))

LUNG_FEATURES = (
    "lung_area", "area_asymmetry", "mean", "std", "skewness", "p10", "p50", "p90", "entropy",
    *(f"band_{sigma}" for sigma in _SIGMAS), "upper_minus_lower",
    *(f"{name}_{kind}" for name in _SIDED for kind in ("asymmetry", "difference")),
)  # fmt: skip
"""Names of what `measure_lungs` gives."""


def measure_lungs(film: Bytes, mask: Bytes) -> dict[str, float]:
    """Measure one film inside of its lungs.

    Parameters
    ----------
    film : (H, W) ndarray of uint8
        A prepared film in [0, 255].
    mask : (H, W) ndarray of uint8
        Above 0 in the lungs.

    Returns
    -------
    dict of str to float
        By the names of `LUNG_FEATURES`, grey values in [0, 1].

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if film.shape != mask.shape:
        raise ValueError(f"the film has shape {film.shape}, its mask {mask.shape}")
    inside = mask > 0
    found = dict.fromkeys(LUNG_FEATURES, float("nan"))
    found["lung_area"] = float(inside.mean())
    if not inside.any():
        return found
    grey = film.astype(np.float32) / np.float32(255)
    layers = {"grey": grey, **_bands(grey)}
    columns = np.flatnonzero(inside.any(axis=0))
    middle = (columns[0] + columns[-1] + 1) // 2
    sides = [inside.copy(), inside.copy()]
    sides[0][:, middle:] = False
    sides[1][:, :middle] = False
    values = grey[inside].astype(np.float64)
    counts = np.bincount((values * (_BINS - 1)).round().astype(int), minlength=_BINS)
    shares = counts[counts > 0] / counts.sum()
    centred = values - values.mean()
    deviation = float(centred.std())
    found |= _measure(layers, inside)
    found |= {
        "skewness": float((centred**3).mean() / deviation**3) if deviation else 0.0,
        **{f"p{share}": float(np.percentile(values, share)) for share in (10, 50, 90)},
        "entropy": max(0.0, float(-(shares * np.log2(shares)).sum())),
        "upper_minus_lower": _upper_minus_lower(grey, inside),
    }
    right, left = (int(side.sum()) for side in sides)
    found["area_asymmetry"] = (right - left) / (right + left)
    if right and left:
        of_right, of_left = (_measure(layers, side) for side in sides)
        for name in _SIDED:
            found[f"{name}_asymmetry"] = of_right[name] - of_left[name]
            found[f"{name}_difference"] = abs(of_right[name] - of_left[name])
    return found


def _bands(grey: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    scale = min(grey.shape) / _EDGE
    blurred = [
        np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma * scale), np.float32)
        for sigma in (*_SIGMAS, 2 * _SIGMAS[-1])
    ]
    return {
        f"band_{sigma}": fine - coarse
        for sigma, fine, coarse in zip(_SIGMAS, blurred[:-1], blurred[1:], strict=True)
    }


def _measure(
    layers: dict[str, NDArray[np.float32]], inside: NDArray[np.bool_]
) -> dict[str, float]:
    grey = layers["grey"][inside]
    found = {"mean": float(grey.mean(dtype=np.float64)), "std": float(grey.std(dtype=np.float64))}
    return found | {
        name: float(layer[inside].std(dtype=np.float64))
        for name, layer in layers.items()
        if name != "grey"
    }


def _upper_minus_lower(grey: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    rows = np.flatnonzero(inside.any(axis=1))
    first, third = int(rows[0]), max(1, (int(rows[-1]) + 1 - int(rows[0])) // 3)
    upper, lower = inside.copy(), inside.copy()
    upper[first + third :] = False
    lower[: int(rows[-1]) + 1 - third] = False
    if not upper.any() or not lower.any():
        return float("nan")
    return float(grey[upper].mean(dtype=np.float64) - grey[lower].mean(dtype=np.float64))
