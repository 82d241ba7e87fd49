"""The compiled pass over a film behind `xraylab.features.texture`.

The film is read once, row by row. The grey levels of three rows lie in a ring, so that each row is
converted once and every neighbourhood comes from the first-level cache. Sums over grey levels are whole
numbers and thus exact; sums over film values are float64. Import inside functions: numba takes half a second
to load.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["GRADIENT_BINS", "TILE", "scan_film"]

TILE = 32
"""Side of a tile of the local noise estimate, in pixels."""

GRADIENT_BINS = 722
"""Bins of floor(S / 2): the Sobel magnitude S of a uint8 film is at most 4 * 255 * sqrt(2) = 1442.5."""

# Sums may be reordered and fused; NaN and infinity keep their meaning, because the range check needs them.
_REORDER = {"reassoc", "contract", "nsz"}
_MARGIN = 8  # bytes before a row's grey levels, so that they start on a 64-bit word
_BLOCK = 1024  # columns whose squared Laplacians, each at most 1020**2, fit an int32 sum


@njit(nogil=True, cache=True, fastmath=_REORDER)
def _quantise(film_row: Any, shift: Any, grey: Any) -> Any:
    """Write trunc(255 p) of a row to the ring, mirrored by one pixel at both ends.

    Returns the number of pixels outside of [0, 1], the sum of p - shift and that of its square. The shift (any
    pixel of the film) keeps the digits of a small variance, and makes that of a constant film exactly 0.
    """
    width = film_row.size
    inner = grey[_MARGIN : _MARGIN + width]
    zero, one, top = np.float32(0), np.float32(1), np.float32(255)
    outside = 0
    total, squared = 0.0, 0.0
    for j in range(width):
        p = film_row[j]
        outside += not (p >= zero and p <= one)
        inner[j] = np.uint8(np.int32(p * top))
        d = np.float64(p) - shift
        total += d
        squared += d * d
    grey[_MARGIN - 1] = inner[1]
    grey[_MARGIN + width] = inner[width - 2]
    return outside, total, squared


@njit(nogil=True, cache=True)
def _count(words: Any, tail: Any, counts: Any) -> None:
    """Count grey levels, eight to a 64-bit word; four histograms, so that equal neighbours do not wait."""
    c0, c1, c2, c3 = counts[0], counts[1], counts[2], counts[3]
    byte = np.uint64(255)
    for j in range(words.size):
        w = words[j]
        c0[w & byte] += 1
        c1[(w >> np.uint64(8)) & byte] += 1
        c2[(w >> np.uint64(16)) & byte] += 1
        c3[(w >> np.uint64(24)) & byte] += 1
        c0[(w >> np.uint64(32)) & byte] += 1
        c1[(w >> np.uint64(40)) & byte] += 1
        c2[(w >> np.uint64(48)) & byte] += 1
        c3[w >> np.uint64(56)] += 1
    for j in range(tail.size):
        c0[tail[j]] += 1


@njit(nogil=True, cache=True)
def _laplace(above: Any, here: Any, below: Any, buffer: Any, sums: Any) -> None:
    """Add the sums of L, abs(L) and L squared over a row; L fits an int16, a block of L squared an int32."""
    width = buffer.size
    up, down = above[_MARGIN : _MARGIN + width], below[_MARGIN : _MARGIN + width]
    left, right = here[_MARGIN - 1 : _MARGIN - 1 + width], here[_MARGIN + 1 : _MARGIN + 1 + width]
    mid = here[_MARGIN : _MARGIN + width]
    for j in range(width):
        cross = np.int32(up[j]) + np.int32(down[j]) + np.int32(left[j]) + np.int32(right[j])
        buffer[j] = np.int16(cross - np.int32(4) * np.int32(mid[j]))
    for start in range(0, width, _BLOCK):
        block = buffer[start : start + _BLOCK]
        total, absolute, squared = np.int32(0), np.int32(0), np.int32(0)
        for j in range(block.size):
            value = np.int32(block[j])
            total = np.int32(total + value)
            absolute = np.int32(absolute + abs(value))
            squared = np.int32(squared + value * value)
        sums[0] += total
        sums[1] += absolute
        sums[2] += squared


@njit(nogil=True, cache=True)
def _gradient(above: Any, here: Any, below: Any, buffer: Any, bins: Any, counts: Any) -> None:
    """Count floor(S / 2) of a row's Sobel magnitude S; the squares are whole and exact in float32."""
    width = bins.size
    rim = slice(_MARGIN - 1, _MARGIN + width + 1)
    upper, mid, lower = above[rim], here[rim], below[rim]
    smooth, step = buffer[0], buffer[1]
    for j in range(width + 2):
        smooth[j] = np.int16(
            np.int32(upper[j]) + np.int32(2) * np.int32(mid[j]) + np.int32(lower[j])
        )
        step[j] = np.int16(np.int32(lower[j]) - np.int32(upper[j]))
    left, right = smooth[:width], smooth[2:]
    first, second, third = step[:width], step[1:], step[2:]
    for j in range(width):
        x = np.float32(np.int32(right[j]) - np.int32(left[j]))
        y = np.float32(np.int32(first[j]) + np.int32(2) * np.int32(second[j]) + np.int32(third[j]))
        bins[j] = np.uint16(np.int32(np.sqrt(x * x + y * y) * np.float32(0.5)))
    c0, c1, c2, c3 = counts[0], counts[1], counts[2], counts[3]
    whole = width - width % 4
    for j in range(0, whole, 4):
        c0[bins[j]] += 1
        c1[bins[j + 1]] += 1
        c2[bins[j + 2]] += 1
        c3[bins[j + 3]] += 1
    for j in range(whole, width):
        c0[bins[j]] += 1


@njit(nogil=True, cache=True)
def _high_pass(above: Any, here: Any, below: Any, buffer: Any, noise: Any, level: Any) -> None:
    """Add abs(N) and p of an inner row to column sums; N = [[1,-2,1],[-2,4,-2],[1,-2,1]] on p."""
    two = np.float32(2)
    for j in range(here.size):
        buffer[j] = above[j] + below[j] - two * here[j]
    first, mid, last, pixel = buffer[:-2], buffer[1:-1], buffer[2:], here[1:-1]
    for j in range(noise.size):  # two loops: each then needs few enough overlap checks to vectorise
        noise[j] += np.float64(abs(first[j] + last[j] - two * mid[j]))
    for j in range(noise.size):
        level[j] += np.float64(pixel[j])


@njit(nogil=True, cache=True)
def _close_band(noise: Any, level: Any, tile_noise: Any, tile_level: Any) -> None:
    """Sum the column sums of a band of rows into its tiles, and clear them; the last tile takes the rest."""
    tiles = tile_noise.size
    for t in range(tiles):
        stop = noise.size if t == tiles - 1 else (t + 1) * TILE
        for j in range(t * TILE, stop):
            tile_noise[t] += noise[j]
            tile_level[t] += level[j]
    noise[:] = 0.0
    level[:] = 0.0


@njit(nogil=True, cache=True)
def scan_film(film: Any, extended: bool) -> Any:
    """Scan a film once.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        Film in [0, 1], C-contiguous, H and W at least 3.
    extended : bool
        Also fill the last three results, which stay 0 without it.

    Returns
    -------
    bad_row : int
        The first row with a pixel that is NaN or outside of [0, 1], where the scan stopped; -1 for none.
    moments : (2,) ndarray of float64
        Sums of p - p[0, 0] and of its square.
    laplacian : (3,) ndarray of int64
        Sums of L, abs(L) and L squared, L the 4-neighbour Laplacian of the grey levels trunc(255 p), whose border
        is mirrored without repeating the edge.
    levels : (256,) ndarray of int64
        Histogram of the grey levels.
    gradients : (GRADIENT_BINS,) ndarray of int64
        Histogram of half the Sobel magnitude of the grey levels, same border.
    tile_noise, tile_level : (rows, columns) ndarrays of float64
        Sums of abs(N) and of p over tiles of the film without its outermost pixels, N Immerkaer's mask on p. A tile
        has TILE pixels a side; the last row and column of tiles take the remainder too.

    Examples
    --------
    >>> bad_row, _, _, levels, *_ = scan_film(np.full((3, 3), 1, np.float32), False)
    >>> bad_row, levels[255].item()
    (-1, 9)
    """
    height, width = film.shape
    stride = (width + 2 * _MARGIN + 7) // 8 * 8
    ring = np.zeros((3, stride), np.uint8)
    words = ring.view(np.uint64)
    first_word, stop_word, tail = _MARGIN // 8, (_MARGIN + width) // 8, width % 8
    shift = np.float64(film[0, 0])
    moments, laplacian = np.zeros(2), np.zeros(3, np.int64)
    levels, gradients = np.zeros((4, 256), np.int64), np.zeros((4, GRADIENT_BINS), np.int64)
    rows, columns = max(1, (height - 2) // TILE), max(1, (width - 2) // TILE)
    tile_noise, tile_level = np.zeros((rows, columns)), np.zeros((rows, columns))
    column_noise, column_level = np.zeros(width - 2), np.zeros(width - 2)
    integers, floats = np.empty((2, width + 2), np.int16), np.empty(width, np.float32)
    bins = np.empty(width, np.uint16)
    bad_row = -1
    for r in range(height + 1):  # row r comes in, row r - 1 has all its neighbours and is measured
        if r < height:
            grey = ring[r % 3]
            outside, total, squared = _quantise(film[r], shift, grey)
            if outside:
                bad_row = r
                break
            moments[0] += total
            moments[1] += squared
            end = _MARGIN + width
            _count(words[r % 3, first_word:stop_word], grey[end - tail : end], levels)
        if r == 0:
            continue
        here = ring[(r - 1) % 3]
        above = ring[(r - 2) % 3] if r > 1 else ring[1]
        below = ring[r % 3] if r < height else ring[(r - 2) % 3]
        _laplace(above, here, below, integers[0, :width], laplacian)
        if not extended:
            continue
        _gradient(above, here, below, integers, bins, gradients)
        if 1 < r < height:
            inner = r - 2
            _high_pass(film[r - 2], film[r - 1], film[r], floats, column_noise, column_level)
            band = min(inner // TILE, rows - 1)
            if inner == height - 3 or ((inner + 1) // TILE > band and band < rows - 1):
                _close_band(column_noise, column_level, tile_noise[band], tile_level[band])
    return (
        bad_row,
        moments,
        laplacian,
        levels.sum(axis=0),
        gradients.sum(axis=0),
        tile_noise,
        tile_level,
    )
