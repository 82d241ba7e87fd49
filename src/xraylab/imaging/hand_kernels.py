"""Passes over a whole film that are not worth an array of its size."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["LEVELS", "count_levels", "window_and_shrink"]

FloatImage = NDArray[np.float32]


LEVELS = 65536
"""Levels of a film of 16 bits; a grey value g of 8 bits is level 257 g."""


@njit(cache=True, nogil=True)
def count_levels(film: FloatImage) -> NDArray[np.int64]:
    """Count the pixels of a film (H, W) in [0, 1] at each of 65,536 levels, by the level next to them.

    Rows that hold grey values of 8 bits alone are counted at 256 levels, in a table that stays in the nearest cache.
    Neighbours, which are often equal, are counted separately, so that one count does not wait for another.

    Examples
    --------
    >>> counts = count_levels(np.array([[0, 1, 1]], np.float32))
    >>> counts[[0, -1]].tolist(), len(counts)
    ([1, 2], 65536)
    """
    deep = np.zeros((4, LEVELS), np.uint32)
    flat = np.zeros((8, 256), np.uint32)
    d0, d1, d2, d3 = deep[0], deep[1], deep[2], deep[3]
    f0, f1, f2, f3, f4, f5, f6, f7 = (
        flat[0], flat[1], flat[2], flat[3], flat[4], flat[5], flat[6], flat[7],
    )  # fmt: skip
    top, half, one = np.float32(LEVELS - 1), np.float32(0.5), np.uint32(1)
    height, width = film.shape
    by_four, by_eight = width - width % 4, width - width % 8
    levels = np.empty(width, np.uint32)
    for row in range(height):
        line = film[row]
        differs = np.uint32(0)
        for column in range(width):
            level = np.uint32(np.int32(line[column] * top + half))
            levels[column] = level
            differs = differs | ((level & np.uint32(255)) ^ (level >> np.uint32(8)))
        if differs == 0:
            for column in range(0, by_eight, 8):
                f0[levels[column] >> np.uint32(8)] += one
                f1[levels[column + 1] >> np.uint32(8)] += one
                f2[levels[column + 2] >> np.uint32(8)] += one
                f3[levels[column + 3] >> np.uint32(8)] += one
                f4[levels[column + 4] >> np.uint32(8)] += one
                f5[levels[column + 5] >> np.uint32(8)] += one
                f6[levels[column + 6] >> np.uint32(8)] += one
                f7[levels[column + 7] >> np.uint32(8)] += one
            for column in range(by_eight, width):
                f0[levels[column] >> np.uint32(8)] += one
            continue
        for column in range(0, by_four, 4):
            d0[levels[column]] += one
            d1[levels[column + 1]] += one
            d2[levels[column + 2]] += one
            d3[levels[column + 3]] += one
        for column in range(by_four, width):
            d0[levels[column]] += one
    total = np.zeros(LEVELS, np.int64)
    for place in range(LEVELS):
        total[place] = np.int64(d0[place]) + d1[place] + d2[place] + d3[place]
    for grey in range(256):
        for part in range(8):
            total[257 * grey] += flat[part, grey]
    return total


@njit(cache=True, nogil=True, fastmath=True)
def window_and_shrink(
    film: FloatImage, box: tuple[int, int, int, int], low: float, gain: float, size: int
) -> FloatImage:
    """Window a part of a film, put it in the middle of a square of zeros and shrink that by a triangle, in one pass.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        The film, its pixels one after the other in memory.
    box : (int, int, int, int)
        The part: top, bottom, left and right, half-open; its longer edge is at least ``size``.
    low, gain : float
        A value v becomes ``(v - low) * gain``, cut off at 0 and 1.
    size : int
        Edge of the square returned.

    Returns
    -------
    (size, size) ndarray of float32
        Weighted means: the weight of a pixel falls linearly from a target pixel's centre to those of its neighbours.

    Examples
    --------
    >>> film = np.full((4, 4), 0.5, np.float32)
    >>> window_and_shrink(film, (0, 4, 0, 4), 0.25, 2.0, 2).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    top, bottom, left, right = box
    height, width = bottom - top, right - left
    edge = max(height, width)
    scale = edge / size
    first, share = _target_of(width, (edge - width) // 2, scale, size)
    first_row, share_row = _target_of(height, (edge - height) // 2, scale, size)
    total = _sum_of_weights(edge, scale, size)
    starts = np.searchsorted(first, np.arange(size + 2))  # of the pixels between two centres
    row_starts = np.searchsorted(first_row, np.arange(size + 2))
    # one more on each side, for pixels that lie outside of the outermost centres
    sums = np.zeros((size + 2, size + 2), np.float32)
    here, there = np.empty(width, np.float32), np.empty(width, np.float32)
    shift, slope = np.float32(-low * gain), np.float32(gain)
    for target in range(size + 1):
        if row_starts[target] == row_starts[target + 1]:
            continue
        here[:] = 0
        there[:] = 0
        for row in range(row_starts[target], row_starts[target + 1]):
            part = share_row[row]
            line = film[top + row, left:right]
            for column in range(width):
                value = slope * line[column] + shift
                value = min(max(value, np.float32(0)), np.float32(1))
                here[column] += value
                there[column] += value * part
        for column in range(width):
            here[column] -= there[column]
        _add_line(here, starts, share, sums[target])
        _add_line(there, starts, share, sums[target + 1])
    shrunk = np.empty((size, size), np.float32)
    for i in range(size):
        for j in range(size):
            shrunk[i, j] = sums[i + 1, j + 1] / (total[i] * total[j])
    return shrunk


@njit(cache=True, nogil=True, fastmath=True)
def _add_line(
    line: FloatImage, starts: NDArray[np.int64], share: FloatImage, sums: FloatImage
) -> None:
    """Add a line of a film to the sums of the target pixels on both sides of each of its pixels."""
    for target in range(len(sums) - 1):
        total, there = np.float32(0), np.float32(0)
        for column in range(starts[target], starts[target + 1]):
            total += line[column]
            there += line[column] * share[column]
        sums[target] += total - there
        sums[target + 1] += there


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
