"""Compiled loops of the dose simulation. Import inside functions: numba takes half a second to load."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

__all__ = ["add_noise", "fill_normal", "scaled_normal"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_S16, _S32, _S48 = np.uint64(16), np.uint64(32), np.uint64(48)
_LOW = np.uint64(0xFFFF)


@njit(inline="always")
def _random_bits(key: Any, counter: Any) -> Any:
    """SplitMix64: 64 random bits for a counter."""
    z = key + (uint64(counter) + uint64(1)) * _GOLDEN
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@njit(nogil=True, cache=True, fastmath=True)
def fill_normal(out: NDArray[np.float32], key: Any, quantiles: NDArray[np.float32]) -> None:
    """Fill a flat float32 array with standard normal samples.

    Examples
    --------
    >>> from xraylab.dose.noise import normal_quantiles
    >>> out = np.empty(10_000, np.float32)
    >>> fill_normal(out, np.uint64(1), normal_quantiles())
    >>> round(float(out.std()), 1)
    1.0
    """
    whole = out.size // 4
    for block in range(whole):
        bits = _random_bits(key, block)
        at = 4 * block
        out[at] = quantiles[bits & _LOW]
        out[at + 1] = quantiles[(bits >> _S16) & _LOW]
        out[at + 2] = quantiles[(bits >> _S32) & _LOW]
        out[at + 3] = quantiles[bits >> _S48]
    bits = _random_bits(key, whole)
    for at in range(4 * whole, out.size):
        out[at] = quantiles[bits & _LOW]
        bits = bits >> _S16


@njit(nogil=True, cache=True, fastmath=True)
def add_noise(
    film: NDArray[np.float32],
    scale: Any,
    noise_std: Any,
    key: Any,
    quantiles: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write ``clip(film * scale + noise_std * z, 0, 1)`` of flat arrays to ``out``, in one pass.

    ``z`` is what `fill_normal` gives for the same key.

    Examples
    --------
    >>> from xraylab.dose.noise import normal_quantiles
    >>> film, out = np.float32([0.5, 1.0]), np.empty(2, np.float32)
    >>> add_noise(film, np.float32(0.5), np.float32(0), np.uint64(1), normal_quantiles(), out)
    >>> out.tolist()
    [0.25, 0.5]
    """
    zero, one = np.float32(0), np.float32(1)
    whole = film.size // 4
    for block in range(whole):
        bits = _random_bits(key, block)
        at = 4 * block
        for lane in range(4):
            z = quantiles[bits & _LOW]
            bits = bits >> _S16
            out[at + lane] = min(max(film[at + lane] * scale + noise_std * z, zero), one)
    bits = _random_bits(key, whole)
    for at in range(4 * whole, film.size):
        z = quantiles[bits & _LOW]
        bits = bits >> _S16
        out[at] = min(max(film[at] * scale + noise_std * z, zero), one)


@njit(nogil=True, cache=True, fastmath=True)
def scaled_normal(
    variance: NDArray[np.float32],
    key: Any,
    quantiles: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write ``sqrt(max(variance, 0)) * z`` of flat arrays to ``out``.

    Examples
    --------
    >>> from xraylab.dose.noise import normal_quantiles
    >>> variance, out = np.float32([0, -1]), np.ones(2, np.float32)
    >>> scaled_normal(variance, np.uint64(1), normal_quantiles(), out)
    >>> np.abs(out).tolist()
    [0.0, 0.0]
    """
    zero = np.float32(0)
    whole = variance.size // 4
    for block in range(whole):
        bits = _random_bits(key, block)
        at = 4 * block
        for lane in range(4):
            z = quantiles[bits & _LOW]
            bits = bits >> _S16
            out[at + lane] = np.sqrt(max(variance[at + lane], zero)) * z
    bits = _random_bits(key, whole)
    for at in range(4 * whole, variance.size):
        z = quantiles[bits & _LOW]
        bits = bits >> _S16
        out[at] = np.sqrt(max(variance[at], zero)) * z
