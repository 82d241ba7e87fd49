r"""What a film looks like inside of the lungs, from film and mask.

The film is cut to the bounding box of the lungs and brought to 128 by 128 pixels. There each grey value is replaced
by its rank among the pixels of the lungs, in [0, 1], so that exposure and film curve do not count, only patterns do.

==============================  ===============================================================================
``lung_area``                   share of the film that is lung
``area_asymmetry``              (right - left) / (right + left), of the areas
``band_1 … band_8``             standard deviation inside of the lungs of what lies between Gaussian blurs of
                                :math:`\sigma` and :math:`2 \sigma` pixels: texture by its size
``upper_minus_lower``           mean of the upper third of the lungs less that of the lower third
``…_asymmetry, …_difference``   right less left lung, of mean, deviation and bands, and its absolute value
``lbp<r>_<zone>_<k>``           shares of the ten uniform local binary patterns of radius r in each of six zones
``grey_<zone>_<k>``             shares of the pixels of a zone in eight bins of rank
``gradient_<zone>_<k>``         and in eight bins of the slope of the ranks
==============================  ===============================================================================

Right is the patient's right: the image's left. Zones are the thirds of each half of the box, within the lungs; all
shares of a zone without lung are 0. A film with one lung only has nan where a value does not exist, one without lungs
everywhere but in ``lung_area``.

References
----------
Jaeger S. et al. (2014), Automatic tuberculosis screening using chest radiographs, *IEEE Transactions on Medical
Imaging* 33(2), 233-245: histograms of greys, gradients and local binary patterns in the lungs. Ojala T. et al.
(2002), Multiresolution gray-scale and rotation invariant texture classification with local binary patterns, *IEEE
TPAMI* 24(7).
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["LUNG_FEATURES", "measure_lungs"]

Bytes = NDArray[np.uint8]
Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

_EDGE = 128
_SIGMAS = (1, 2, 4, 8)
_RADII, _PATTERNS, _POINTS = (1, 2, 4), 10, 8
_BINS, _STEEPEST = 8, 0.16  # of the histograms; slope of ranks a pixel
_ROWS, _SIDES = ("upper", "middle", "lower"), ("right", "left")
_SIDED = ("mean", "std", *(f"band_{sigma}" for sigma in _SIGMAS))
_ZONES = tuple(f"{row}_{side}" for row in _ROWS for side in _SIDES)

LUNG_FEATURES = (
    "lung_area", "area_asymmetry", *(f"band_{sigma}" for sigma in _SIGMAS), "upper_minus_lower",
    *(f"{name}_{kind}" for name in _SIDED for kind in ("asymmetry", "difference")),
    *(f"lbp{radius}_{zone}_{k}" for radius in _RADII for zone in _ZONES for k in range(_PATTERNS)),
    *(f"{kind}_{zone}_{k}" for kind in ("grey", "gradient") for zone in _ZONES for k in range(_BINS)),
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
        By the names of `LUNG_FEATURES`.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> film, mask = np.zeros((2, 32, 32), np.uint8)
    >>> mask[8:24, 4:12], mask[8:24, 20:28] = 1, 1
    >>> found = measure_lungs(film, mask)
    >>> found["lung_area"], found["area_asymmetry"]
    (0.25, 0.0)
    """
    if film.shape != mask.shape:
        raise ValueError(f"the film has shape {film.shape}, its mask {mask.shape}")
    found = dict.fromkeys(LUNG_FEATURES, float("nan"))
    found["lung_area"] = float((mask > 0).mean())
    if not (mask > 0).any():
        return found
    ranks, inside = _cut(film, mask)
    layers = {"grey": ranks, **_bands(ranks)}
    half = inside.copy(), inside.copy()
    half[0][:, _EDGE // 2 :] = False
    half[1][:, : _EDGE // 2] = False
    right, left = (int(side.sum()) for side in half)
    whole = _measure(layers, inside)
    found |= {name: whole[name] for name in whole if name in found}
    found["area_asymmetry"] = (right - left) / (right + left)
    found["upper_minus_lower"] = _upper_minus_lower(ranks, inside)
    if right and left:
        of_right, of_left = (_measure(layers, side) for side in half)
        for name in _SIDED:
            found[f"{name}_asymmetry"] = of_right[name] - of_left[name]
            found[f"{name}_difference"] = abs(of_right[name] - of_left[name])
    return found | dict(_zone_shares(ranks, inside))


def _cut(film: Bytes, mask: Bytes) -> tuple[Image, Mask]:
    """Return ranks (128, 128) and the lungs, of the box about the lungs."""
    rows, columns = (np.flatnonzero((mask > 0).any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    grey, covered = (_resize(image[box].astype(np.float32)) for image in (film, mask > 0))
    inside = covered >= 0.5  # noqa: PLR2004 - half of a pixel
    if not inside.any():  # lungs of single pixels
        inside = np.ones_like(inside)
    levels = np.rint(grey)
    known = np.sort(levels[inside])
    ranks = np.searchsorted(known, levels.ravel(), side="right") / len(known)
    return ranks.reshape(inside.shape).astype(np.float32), inside


def _resize(image: Image) -> Image:
    # the area mean where an image shrinks, bilinear where it grows
    method = cv2.INTER_AREA if min(image.shape) >= _EDGE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (_EDGE, _EDGE), interpolation=method), np.float32)


def _bands(ranks: Image) -> dict[str, Image]:
    blurred = [
        np.asarray(cv2.GaussianBlur(ranks, (0, 0), sigma), np.float32)
        for sigma in (*_SIGMAS, 2 * _SIGMAS[-1])
    ]
    return {
        f"band_{sigma}": fine - coarse
        for sigma, fine, coarse in zip(_SIGMAS, blurred[:-1], blurred[1:], strict=True)
    }


def _measure(layers: dict[str, Image], inside: Mask) -> dict[str, float]:
    grey = layers["grey"][inside]
    found = {"mean": float(grey.mean(dtype=np.float64)), "std": float(grey.std(dtype=np.float64))}
    return found | {
        name: float(layer[inside].std(dtype=np.float64))
        for name, layer in layers.items()
        if name != "grey"
    }


def _upper_minus_lower(ranks: Image, inside: Mask) -> float:
    third = _EDGE // 3
    upper, lower = inside[:third], inside[-third:]
    if not upper.any() or not lower.any():
        return float("nan")
    means = (
        ranks[:third][upper].mean(dtype=np.float64),
        ranks[-third:][lower].mean(dtype=np.float64),
    )
    return float(means[0] - means[1])


def _zone_shares(ranks: Image, inside: Mask) -> Iterator[tuple[str, float]]:
    """Give the shares of each histogram of each zone."""
    across = np.gradient(ranks)
    slope = np.hypot(*across)
    levels = np.rint(255 * ranks).astype(np.uint8)
    coded = {
        **{f"lbp{radius}": (_patterns(levels, radius), _PATTERNS) for radius in _RADII},
        "grey": (np.minimum(ranks * _BINS, _BINS - 1), _BINS),
        "gradient": (np.minimum(slope * (_BINS / _STEEPEST), _BINS - 1), _BINS),
    }
    edges = np.linspace(0, _EDGE, len(_ROWS) + 1).round().astype(int)
    for i, row in enumerate(_ROWS):
        for j, side in enumerate(_SIDES):
            zone = np.zeros_like(inside)
            columns = slice(j * _EDGE // 2, (j + 1) * _EDGE // 2)
            zone[edges[i] : edges[i + 1], columns] = inside[edges[i] : edges[i + 1], columns]
            n = max(int(zone.sum()), 1)
            for kind, (codes, n_codes) in coded.items():
                counts = np.bincount(codes[zone].astype(int), minlength=n_codes)
                for k in range(n_codes):
                    yield f"{kind}_{row}_{side}_{k}", float(counts[k] / n)


def _patterns(levels: Bytes, radius: int) -> NDArray[np.float64]:
    from skimage.feature import local_binary_pattern

    found = local_binary_pattern(levels, _POINTS, radius, "uniform")  # type: ignore[no-untyped-call]
    return np.asarray(found, np.float64)
