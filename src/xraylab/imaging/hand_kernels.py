"""Passes over a whole film that are not worth an array of its size."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["count_levels", "window_and_shrink"]

FloatImage = NDArray[np.float32]


@njit(cache=True, nogil=True)
def count_levels(film: FloatImage, n_levels: int) -> NDArray[np.int64]:
    """Count the pixels of a film (H, W) in [0, 1] at each of n levels, by the level next to them."""
    # neighbours, which are often equal, are counted apart, so that one count need not wait for another
    counts = np.zeros((4, n_levels), np.uint32)
    top = np.float32(n_levels - 1)
    height, width = film.shape
    for row in range(height):
        line = film[row]
        whole = width - width % 4
        for column in range(0, whole, 4):
            counts[0, int(line[column] * top + np.float32(0.5))] += 1
            counts[1, int(line[column + 1] * top + np.float32(0.5))] += 1
            counts[2, int(line[column + 2] * top + np.float32(0.5))] += 1
            counts[3, int(line[column + 3] * top + np.float32(0.5))] += 1
        for column in range(whole, width):
            counts[0, int(line[column] * top + np.float32(0.5))] += 1
    total = np.zeros(n_levels, np.int64)
    for part in range(4):
        for level in range(n_levels):
            total[level] += counts[part, level]
    return total


@njit(cache=True, nogil=True, fastmath=True)
def window_and_shrink(
    film: FloatImage, low: float, gain: float, size: int, edge: int, top: int, left: int
) -> FloatImage:
    """Window a film, put it on a square of zeros and shrink that by a triangle, in one pass.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        The film.
    low, gain : float
        A value v becomes ``(v - low) * gain``, cut off at 0 and 1.
    size, edge : int
        Edges of the square returned and of the square of zeros; ``edge >= size``.
    top, left : int
        Where the film's first pixel lies in the square of zeros.

    Returns
    -------
    (size, size) ndarray of float32
        Weighted means: the weight of a pixel falls linearly from a target pixel's centre to those of its neighbours.
    """
    scale = edge / size
    height, width = film.shape
    first, share = _target_of(width, left, scale, size)
    first_row, share_row = _target_of(height, top, scale, size)
    total = _sum_of_weights(edge, scale, size)
    starts = np.searchsorted(first, np.arange(size + 2))  # of the pixels between two centres
    # one more on each side, for pixels that lie outside of the outermost centres
    sums = np.zeros((size + 2, size + 2), np.float32)
    line = np.zeros(size + 2, np.float32)
    shift, slope = np.float32(-low * gain), np.float32(gain)
    for row in range(height):
        line[:] = 0
        for target in range(size + 1):
            here, there = np.float32(0), np.float32(0)
            for column in range(starts[target], starts[target + 1]):
                value = slope * film[row, column] + shift
                value = min(max(value, np.float32(0)), np.float32(1))
                here += value
                there += value * share[column]
            line[target] += here - there
            line[target + 1] += there
        target, part = first_row[row], share_row[row]
        for each in range(size + 2):
            sums[target, each] += line[each] * (1 - part)
            sums[target + 1, each] += line[each] * part
    shrunk = np.empty((size, size), np.float32)
    for i in range(size):
        for j in range(size):
            shrunk[i, j] = sums[i + 1, j + 1] / (total[i] * total[j])
    return shrunk


@njit(cache=True, nogil=True)
def _target_of(
    count: int, start: int, scale: float, size: int
) -> tuple[NDArray[np.int64], FloatImage]:
    """Return the target pixel (plus 1) whose centre lies before each pixel, and the share of the next one."""
    first, share = np.empty(count, np.int64), np.empty(count, np.float32)
    for index in range(count):
        place = (index + start + 0.5) / scale + 0.5  # 1 is the centre of the first target pixel
        first[index] = min(int(place), size)
        share[index] = place - first[index]
    return first, share


@njit(cache=True, nogil=True)
def _sum_of_weights(edge: int, scale: float, size: int) -> FloatImage:
    total = np.zeros(size + 2, np.float32)
    first, share = _target_of(edge, 0, scale, size)
    for index in range(edge):
        total[first[index]] += 1 - share[index]
        total[first[index] + 1] += share[index]
    return total[1:-1]
