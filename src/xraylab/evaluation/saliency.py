"""Checks on saliency maps: where their mass lies, and whether they depend on what the network has learned.

References
----------
Adebayo J. et al. (2018), Sanity checks for saliency maps, *NeurIPS*: a map that stays similar when the weights are made
random does not show what was learnt. Zhang J. et al. (2018), Top-down neural attention by excitation backprop, *IJCV*
126, 1084-1102: the pointing game.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "border_mask",
    "border_width",
    "map_similarity",
    "pointing_hit",
    "share_inside",
    "summarise_checks",
]

Saliency = NDArray[np.floating]
Mask = NDArray[np.bool_]

_WINDOW_PX = 7  # of the structural similarity
_BOX_SIDES = 4
_AXES = 2


def share_inside(saliency: Saliency, mask: Mask | NDArray[np.uint8]) -> float:
    """Return the share of a map's mass that lies inside a mask.

    Parameters
    ----------
    saliency : (H, W) ndarray
        Values >= 0.
    mask : (H, W) ndarray
        True or above 0 inside.

    Returns
    -------
    float
        In [0, 1]; nan for a map without mass. To judge it, hold it against the mask's share of the area.

    Raises
    ------
    ValueError
        If the shapes differ, or a value is missing, infinite or below 0.

    Examples
    --------
    >>> share_inside(np.array([[3.0, 1.0], [0.0, 0.0]]), np.array([[1, 0], [1, 0]], np.uint8))
    0.75
    """
    values = _checked(saliency)
    _check_shapes(values.shape, mask.shape, "its mask")
    total = values.sum()
    return float(values[mask > 0].sum() / total) if total > 0 else float("nan")


def border_width(shape: tuple[int, int], width_fraction: float) -> int:
    """Return the width in pixels of a border, at least 1: a fraction in (0, 0.5) of the shorter side (rows, columns).

    Raises
    ------
    ValueError
        For another fraction, or one that leaves no pixel inside.

    Examples
    --------
    >>> border_width((100, 50), 0.1)
    5
    """
    if not 0 < width_fraction < 0.5:  # noqa: PLR2004 - both borders meet at half
        raise ValueError(f"width_fraction must lie in (0, 0.5), got {width_fraction}")
    width = max(1, round(width_fraction * min(shape)))
    if 2 * width >= min(shape):
        raise ValueError(f"a border of {width} px leaves nothing of {shape[0]} x {shape[1]} pixels")
    return width


def border_mask(shape: tuple[int, int], width_fraction: float) -> Mask:
    """Return a mask (H, W) of bool that is True on the border.

    Parameters
    ----------
    shape : (int, int)
        Height and width.
    width_fraction : float
        Width of the border as a fraction of the shorter side, in (0, 0.5).

    Raises
    ------
    ValueError
        As `border_width` raises.

    Examples
    --------
    >>> border_mask((3, 4), 0.1).astype(int).tolist()
    [[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    """
    width = border_width(shape, width_fraction)
    mask = np.ones(shape, bool)
    mask[width:-width, width:-width] = False
    return mask


def map_similarity(first: Saliency, second: Saliency) -> dict[str, float]:
    """Compare two maps of one film, such as those of the trained network and of one with random weights.

    Parameters
    ----------
    first, second : (H, W) ndarray
        Values >= 0; each is divided by its own maximum, so that scale does not count.

    Returns
    -------
    dict of str to float
        ``ssim``: mean structural similarity (windows of 7 px, or what a smaller map allows), 1 for equal maps;
        ``spearman``: rank correlation over pixels, in [-1, 1], nan where a map is flat.

    Raises
    ------
    ValueError
        If the shapes differ, a side is below 3 px, or a value is missing, infinite or below 0.

    Examples
    --------
    >>> ramp = np.arange(16.0).reshape(4, 4)
    >>> {name: round(value, 3) for name, value in map_similarity(ramp, 2 * ramp).items()}
    {'ssim': 1.0, 'spearman': 1.0}
    """
    from scipy.stats import spearmanr
    from skimage.metrics import structural_similarity

    maps = [_checked(first), _checked(second)]
    _check_shapes(maps[0].shape, maps[1].shape, "the second")
    side = min(maps[0].shape)
    if side < 3:  # noqa: PLR2004 - the least odd window with a variance
        raise ValueError(f"maps must have at least 3 x 3 pixels, got {maps[0].shape}")
    scaled = [values / values.max() if values.max() > 0 else values for values in maps]
    window = min(_WINDOW_PX, side - (side + 1) % 2)
    flat = any(np.ptp(values) == 0 for values in maps)
    return {
        "ssim": float(structural_similarity(*scaled, win_size=window, data_range=1.0)),  # type: ignore[no-untyped-call]
        "spearman": float("nan") if flat else float(spearmanr(*map(np.ravel, maps)).statistic),
    }


def pointing_hit(saliency: Saliency, box: tuple[float, float, float, float]) -> bool:
    """Say whether a map's maximum lies in a box.

    Parameters
    ----------
    saliency : (H, W) ndarray
        Values >= 0.
    box : (x, y, width, height)
        In pixels of the map, the origin at the top left, as the public lists give them; column c is inside if
        x <= c < x + width.

    Returns
    -------
    bool
        True if every pixel that holds the maximum is inside, so that a flat map points nowhere.

    Raises
    ------
    ValueError
        If the box has no area, or a value is missing, infinite or below 0.

    Examples
    --------
    >>> found = np.zeros((4, 4))
    >>> found[1, 2] = 1
    >>> pointing_hit(found, (2, 1, 1, 1)), pointing_hit(found, (0, 0, 2, 2))
    (True, False)
    """
    values = _checked(saliency)
    if len(box) != _BOX_SIDES or not (box[2] > 0 and box[3] > 0):
        raise ValueError(f"box must be (x, y, width, height) with an area, got {tuple(box)}")
    x, y, width, height = box
    rows, columns = np.nonzero(values == values.max())
    inside = (x <= columns) & (columns < x + width) & (y <= rows) & (rows < y + height)
    return bool(inside.all())


def summarise_checks(tables: Sequence[pd.DataFrame], model: str) -> pd.DataFrame:
    """Return the mean of each check over films.

    Parameters
    ----------
    tables : sequence of DataFrame
        One row per film and a column a check, nan where a film has no such value.
    model : str
        Whose maps they are.

    Returns
    -------
    DataFrame
        ``model, check, value, n``, the mean over the ``n`` films that have a value; checks that no film has are left
        out.

    Examples
    --------
    >>> films = pd.DataFrame({"inside": [0.2, 0.4], "hit": [1.0, np.nan]})
    >>> summarise_checks([films], "resnet18").round(2)
          model   check  value  n
    0  resnet18  inside    0.3  2
    1  resnet18     hit    1.0  1
    """
    joined = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    rows = [
        {"model": model, "check": check, "value": values.mean(), "n": int(values.notna().sum())}
        for check, values in joined.items()
        if values.notna().any()
    ]
    return pd.DataFrame(rows, columns=["model", "check", "value", "n"])


def _checked(saliency: Saliency) -> NDArray[np.float64]:
    values = np.asarray(saliency, np.float64)
    if values.ndim != _AXES or values.size == 0:
        raise ValueError(f"a map must be (rows, columns), got shape {values.shape}")
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        raise ValueError(
            f"a map must be finite and >= 0: {int(bad.sum())} of {values.size} pixels are not, such as "
            f"{values[bad][0]:g}"
        )
    return values


def _check_shapes(first: tuple[int, ...], second: tuple[int, ...], name: str) -> None:
    if first != second:
        raise ValueError(f"a map has shape {first}, {name} {second}")
