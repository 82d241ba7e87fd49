"""By what values of a file are scaled to [0, 1], where the file does not say it or says too much."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["ApplyVoi", "effective_bits", "fill_range", "is_sliver"]

ApplyVoi = Literal["auto", "always", "never"]

_DEPTHS = (8, 10, 12, 14)  # of detectors
_SMALL_PART = 8  # values below 1/8 of the range were made by a detector of fewer bits
_SLIVER = 0.05
_PERCENTILES = (0.1, 99.9)


def effective_bits(least: int, most: int, bits: int, *, signed: bool = False) -> int:
    """Return the bits that values were made with: those of their container, unless they fill less than an eighth of it.

    Parameters
    ----------
    least, most : int
        The smallest and the largest value.
    bits : int
        Bits of the container.
    signed : bool
        Whether its values may be negative. Values that are none are then taken for unsigned ones.

    Returns
    -------
    int
        `bits`, or the smallest of 8, 10, 12 and 14 that holds all values.

    Examples
    --------
    >>> effective_bits(0, 4095, 16), effective_bits(0, 40_000, 16), effective_bits(-1000, 900, 16, signed=True)
    (12, 16, 12)
    """
    # the size of the values without their sign, and what the container holds of it
    size = max(most, -least - 1) if least < 0 else most
    room = 2 ** (bits - 1) if signed else 2**bits
    if size >= room / _SMALL_PART and not (signed and least >= 0 and most - least < room / 4):
        return bits
    sign = 1 if least < 0 else 0
    return min(bits, next((depth for depth in _DEPTHS if size < 2 ** (depth - sign)), bits))


def is_sliver(least: float, most: float, low: float, high: float) -> bool:
    """Tell whether values fill less than a twentieth of a range; equal values fill nothing and are left as they are.

    Examples
    --------
    >>> is_sliver(100, 130, 0, 1000), is_sliver(100, 200, 0, 1000)
    (True, False)
    """
    return 0 < most - least < _SLIVER * (high - low)


def fill_range(values: NDArray[Any], shown: NDArray[Any]) -> NDArray[np.float32]:
    """Map values to [0, 1] by the percentiles 0.1 and 99.9 of those that are shown; what lies beyond saturates.

    Parameters
    ----------
    values : (H, W) ndarray
        The film.
    shown : ndarray
        Its values without padding.

    Returns
    -------
    (H, W) ndarray of float32
        In [0, 1].

    Examples
    --------
    >>> values = np.array([[10, 15, 20]])
    >>> fill_range(values, values).round(2).tolist()
    [[0.0, 0.5, 1.0]]
    """
    low, high = np.percentile(shown, _PERCENTILES)
    if high <= low:  # nearly all are equal
        low, high = float(shown.min()), float(shown.max())
    scaled = (values.astype(np.float64) - low) / (high - low)
    return np.asarray(np.clip(scaled, 0, 1), np.float32)
