r"""Where lesions lie and how large they are, from a mask.

=====================================  ==========================================================================
``lesion_ratio``                       share of the film's pixels that are lesion
``num_lesions``                        connected lesions, pixels that touch at a corner being connected
``mean_area``                          mean area of a lesion, in pixels
``mean_centroid_distance``             mean distance of the lesions' centroids from the film's middle, in pixels
``mean_centroid_distance_fraction``    the same as a fraction of the film's diagonal
``largest_ratio``                      area of the largest lesion as a share of the film
``left_share``                         share of the lesion pixels on the image's right: the patient's left side
``eccentricity``                       of the ellipse with the second moments of the largest lesion, 0 a circle
``lung_ratio``                         share of the lungs that is lesion; missing without a mask of the lungs
=====================================  ==========================================================================

The first four are those of the public demo by definition: the middle of a film (H, W) is (H / 2, W / 2), and a film
without a lesion has 0 in each. ``left_share`` and ``eccentricity`` are missing (nan) without a lesion. As each area
is a count of pixels, :math:`\mathrm{lesion\_ratio} = \mathrm{num\_lesions} \cdot \mathrm{mean\_area} / (H W)` exactly.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["LESION_FEATURES", "measure_lesions"]

Mask = NDArray[np.uint8]

LESION_FEATURES = (
    "lesion_ratio",
    "num_lesions",
    "mean_area",
    "mean_centroid_distance",
    "mean_centroid_distance_fraction",
    "largest_ratio",
    "left_share",
    "eccentricity",
    "lung_ratio",
)
"""Names of what `measure_lesions` gives."""

_CONNECTIVITY = 8
_PIXEL_VARIANCE = 1 / 12  # of a pixel as a square of edge 1


def measure_lesions(mask: Mask, lungs: Mask | None = None) -> dict[str, float]:
    """Measure the lesions of one film.

    Parameters
    ----------
    mask : (H, W) ndarray of uint8
        1 in a lesion, 0 elsewhere.
    lungs : (H, W) ndarray of uint8, optional
        1 in the lungs. Lesion pixels outside of them do not count, and left and right are separated at the middle
        column of the lungs, not of the film.

    Returns
    -------
    dict of str to float
        By the names of `LESION_FEATURES`.

    Raises
    ------
    ValueError
        If the mask holds anything but 0 and 1, or the lungs have another shape.

    Examples
    --------
    >>> mask = np.zeros((4, 4), np.uint8)
    >>> mask[1:3, 2:4] = 1
    >>> found = measure_lesions(mask)
    >>> found["lesion_ratio"], found["num_lesions"], found["left_share"]
    (0.25, 1.0, 1.0)
    """
    if mask.ndim != 2 or mask.size == 0 or mask.max() > 1:  # noqa: PLR2004
        raise ValueError(
            f"a mask must be (H, W) of 0 and 1, got shape {mask.shape} up to {mask.max(initial=0)}"
        )
    middle_column = mask.shape[1] / 2
    if lungs is not None:
        if lungs.shape != mask.shape:
            raise ValueError(f"the lungs have shape {lungs.shape}, the mask {mask.shape}")
        mask = mask * (lungs > 0)
        columns = np.flatnonzero(lungs.any(axis=0))
        if len(columns):
            middle_column = (columns[0] + columns[-1] + 1) / 2
    mask = np.ascontiguousarray(mask, np.uint8)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(
        mask, connectivity=_CONNECTIVITY
    )
    areas = stats[1:, cv2.CC_STAT_AREA].astype(np.float64)
    height, width = mask.shape
    features = dict.fromkeys(LESION_FEATURES, 0.0)
    features |= {"left_share": math.nan, "eccentricity": math.nan, "lung_ratio": math.nan}
    if lungs is not None and lungs.any():
        features["lung_ratio"] = float(areas.sum() / np.count_nonzero(lungs))
    if count == 1:
        return features
    away = np.hypot(centres[1:, 1] - height / 2, centres[1:, 0] - width / 2)
    rows, columns = np.nonzero(labels == 1 + int(np.argmax(areas)))
    features |= {
        "lesion_ratio": float(areas.sum() / mask.size),
        "num_lesions": float(count - 1),
        "mean_area": float(areas.mean()),
        "mean_centroid_distance": float(away.mean()),
        "mean_centroid_distance_fraction": float(away.mean() / math.hypot(height, width)),
        "largest_ratio": float(areas.max() / mask.size),
        "left_share": float(_share_right_of(mask, middle_column)),
        "eccentricity": _eccentricity(rows, columns),
    }
    return features


def _share_right_of(mask: Mask, middle: float) -> float:
    """Return the share of the mask right of a column edge; a column that it cuts counts on both sides in part."""
    by_column = mask.sum(axis=0, dtype=np.float64)
    right = np.clip(np.arange(len(by_column)) + 1 - middle, 0, 1)
    return float(by_column @ right / by_column.sum())


def _eccentricity(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> float:
    """Return the eccentricity of the ellipse with the second moments of a set of pixels, each a square."""
    a, b = float(np.var(rows)) + _PIXEL_VARIANCE, float(np.var(columns)) + _PIXEL_VARIANCE
    shared = float(np.mean((rows - rows.mean()) * (columns - columns.mean())))
    spread = math.hypot((a - b) / 2, shared)
    major, minor = (a + b) / 2 + spread, (a + b) / 2 - spread
    return math.sqrt(max(0.0, 1 - minor / major))
