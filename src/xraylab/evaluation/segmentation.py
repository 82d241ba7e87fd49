"""Masks held against the truth: overlap, distances between outlines, lung by lung.

References
----------
Dice L. R. (1945), *Ecology* 26(3), 297-302. Jaccard P. (1912), *New Phytologist* 11(2), 37-50: intersection over union.
Huttenlocher D. P. et al. (1993), *IEEE TPAMI* 15(9), 850-863: Hausdorff distance; its 95th percentile is that of both
directions, the larger. Heimann T. et al. (2009), *IEEE TMI* 28(8), 1251-1265: average symmetric surface distance.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.bootstrap import bootstrap_groups

__all__ = [
    "EMPTY_TRUTH",
    "LUNGS",
    "clean_mask",
    "measure_mask",
    "segmentation_metrics",
    "split_lungs",
]

Mask = NDArray[np.uint8]

LUNGS = ("right", "left")
"""Names of the labels 1 and 2: the patient's right lung lies on the image's left."""

_CONNECTIVITY = 8
_LOW_PERCENTILE = 5
_FAR_PERCENTILE = 95
_DISTANCES = ("hd95", "assd")
_LARGE_IS_BAD = (*_DISTANCES, "false_area")

EMPTY_TRUTH = ("false_area", "empty_agreement")
"""Metrics of films in whose truth nothing is drawn."""


def clean_mask(mask: Mask, n_components: int = 2) -> Mask:
    """Keep the largest components of a mask, without holes.

    Parameters
    ----------
    mask : (H, W) ndarray of uint8
        0 or 1.
    n_components : int
        How many are kept; pixels that touch at a corner are connected.

    Returns
    -------
    (H, W) ndarray of uint8
        0 or 1.

    Examples
    --------
    >>> mask = np.array([[1, 1, 0, 0, 1], [1, 1, 0, 0, 0]], np.uint8)
    >>> clean_mask(mask, n_components=1).tolist()
    [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0]]
    """
    from scipy.ndimage import binary_fill_holes

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=_CONNECTIVITY)
    if count - 1 > n_components:
        order = np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:n_components] + 1
        mask = np.isin(labels, order).astype(np.uint8)
    return np.asarray(binary_fill_holes(mask), np.uint8)


def split_lungs(mask: Mask) -> Mask:
    """Tell the right lung of a mask from the left one.

    Parameters
    ----------
    mask : (H, W) ndarray of uint8
        0 or 1, the patient's right on the image's left.

    Returns
    -------
    (H, W) ndarray of uint8
        1 in the right lung, 2 in the left one. The two largest components are the lungs and smaller ones belong to
        the nearer of them; a single component is cut where the middle third of its columns holds the fewest pixels.

    Examples
    --------
    >>> split_lungs(np.array([[1, 1, 0, 1, 1]], np.uint8)).tolist()
    [[1, 1, 0, 2, 2]]
    """
    count, labels, stats, centres = cv2.connectedComponentsWithStats(
        mask, connectivity=_CONNECTIVITY
    )
    split = np.zeros_like(mask)
    if count == 1:
        return split
    areas = stats[1:, cv2.CC_STAT_AREA]
    order = np.argsort(-areas, kind="stable") + 1
    if len(order) == 1 or areas[order[1] - 1] < areas[order[0] - 1] / 10:
        columns = np.flatnonzero(mask.any(axis=0))
        third = max(1, len(columns) // 3)
        middle = columns[third : len(columns) - third] if len(columns) > 2 * third else columns
        cut = middle[np.argmin(mask[:, middle].sum(axis=0))]
        split[:, :cut], split[:, cut:] = 1, 2
        return np.asarray(split * mask, np.uint8)
    lungs = sorted(order[:2], key=lambda label: centres[label][0])
    for side, label in enumerate(lungs, start=1):
        split[labels == label] = side
    return np.asarray(_nearest_label(split) * mask, np.uint8)


def _nearest_label(labels: Mask) -> Mask:
    """Return at every pixel the label of the nearest labelled one."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return np.asarray(labels[rows, columns], np.uint8)


def measure_mask(predicted: Mask, truth: Mask, per_lung: bool = True) -> dict[str, float]:
    """Hold one predicted mask against the truth.

    Parameters
    ----------
    predicted, truth : (H, W) ndarray of uint8
        0 or 1.
    per_lung : bool
        Measure the right and the left lung too. The truth says which lung a pixel belongs to: each predicted pixel
        belongs to the nearer true lung.

    Returns
    -------
    dict of str to float
        ``dice, iou`` in [0, 1], nan where the truth is empty; ``hd95, assd`` in pixels, nan where either mask is empty;
        for each lung the same with the suffix ``_right`` or ``_left``. Where the truth is empty, and nan elsewhere:
        ``false_area``, the share of the image that is predicted, and ``empty_agreement``, 1 if nothing is. An overlap
        with nothing says nothing: these films are never part of a mean Dice.

    Examples
    --------
    >>> predicted, truth = np.zeros((2, 4, 4), np.uint8)
    >>> predicted[0], truth[:2] = 1, 1
    >>> found = measure_mask(predicted, truth, per_lung=False)
    >>> round(found["dice"], 3), found["iou"]
    (0.667, 0.5)
    """
    values = _compare(predicted, truth)
    nothing = not truth.any()
    values["false_area"] = float(predicted.mean()) if nothing else float("nan")
    values["empty_agreement"] = float(not predicted.any()) if nothing else float("nan")
    if per_lung:
        sides = split_lungs(truth)
        nearest = _nearest_label(sides) if sides.any() else sides
        for label, name in enumerate(LUNGS, start=1):
            part = _compare(predicted * (nearest == label), np.asarray(sides == label, np.uint8))
            values.update({f"{metric}_{name}": value for metric, value in part.items()})
    return values


def _compare(predicted: Mask, truth: Mask) -> dict[str, float]:
    both = int(np.count_nonzero(predicted & truth))
    sizes = int(np.count_nonzero(predicted)), int(np.count_nonzero(truth))
    union = sum(sizes) - both
    values = {
        "dice": 2 * both / sum(sizes) if sizes[1] else float("nan"),
        "iou": both / union if sizes[1] else float("nan"),
    }
    if not all(sizes):
        return {**values, **dict.fromkeys(_DISTANCES, float("nan"))}
    from scipy.spatial import KDTree

    # as MONAI defines both, whose import alone takes longer than a whole evaluation; a test holds them equal
    outlines = [_outline(mask) for mask in (predicted, truth)]
    there = KDTree(outlines[1]).query(outlines[0])[0]
    back = KDTree(outlines[0]).query(outlines[1])[0]
    far = max(np.percentile(there, _FAR_PERCENTILE), np.percentile(back, _FAR_PERCENTILE))
    return {**values, "hd95": float(far), "assd": float(np.concatenate([there, back]).mean())}


def _outline(mask: Mask) -> NDArray[np.int64]:
    """Return the pixels (N, 2) of a mask that have a neighbour above, below or beside them outside of it."""
    from scipy.ndimage import binary_erosion

    return np.argwhere(mask.astype(bool) & ~binary_erosion(mask))


def segmentation_metrics(
    rows: pd.DataFrame, metrics: Sequence[str], n_resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Summarise what was measured film by film.

    Parameters
    ----------
    rows : (N, …) DataFrame
        With the column ``group_id`` and one a metric, as `measure_mask` names them; nan where it does not exist.
    metrics : sequence of str
        The columns to summarise.
    n_resamples : int
        Bootstrap resamples of the groups; 0 for no interval.
    seed : int
        Seed of the resamples.

    Returns
    -------
    DataFrame
        ``metric, value, ci_low, ci_high, n, n_groups``: for each metric its mean with a 95 % interval by bootstrap
        over groups, its median (``<metric>_median``), and its bad end: of an overlap the 5th percentile (``_p5``) and
        the worst film (``_worst``), of a distance or a false area the 95th percentile (``_p95``) and the largest.
        ``n`` counts the films that have a value.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("abc"), "dice": [0.8, 0.9, 1.0]})
    >>> segmentation_metrics(rows, ["dice"], n_resamples=0)[["metric", "value"]].round(2)
            metric  value
    0         dice   0.90
    1  dice_median   0.90
    2      dice_p5   0.81
    3   dice_worst   0.80
    """
    tables = []
    for metric in metrics:
        known = rows[rows[metric].notna()]
        if known.empty:
            continue
        values = known[metric].astype(float)
        sums = pd.DataFrame({"n": 1.0, "sum": values}).groupby(known["group_id"].to_numpy()).sum()
        mean, low, high = bootstrap_groups(
            sums.to_numpy(), lambda s: s[:, 1:] / s[:, :1], n_resamples, seed
        )
        large_is_bad = metric.startswith(_LARGE_IS_BAD)
        tail = 100 - _LOW_PERCENTILE if large_is_bad else _LOW_PERCENTILE
        worst = values.max() if large_is_bad else values.min()
        tables += [
            (metric, float(mean[0]), float(low[0]), float(high[0]), len(known), len(sums)),
            (f"{metric}_median", float(values.median()), np.nan, np.nan, len(known), len(sums)),
            (
                f"{metric}_p{tail}",
                float(np.percentile(values, tail)),
                np.nan,
                np.nan,
                len(known),
                len(sums),
            ),
            (f"{metric}_worst", float(worst), np.nan, np.nan, len(known), len(sums)),
        ]
    return pd.DataFrame(tables, columns=["metric", "value", "ci_low", "ci_high", "n", "n_groups"])
