"""The fingerprints of a film: a digest of its pixels, and perceptual hashes in all eight turns."""

# in imaging and not in duplicates: the array cache computes both in the one pass in which it decodes a film

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["HASH_BITS", "TURNS", "digest_pixels", "perceptual_hashes"]

TURNS = 8
"""Turns by 90 degrees, of a film and of its mirror image."""

HASH_BITS = 256
"""Bits of one perceptual hash."""


def digest_pixels(film: NDArray[np.float32]) -> str:
    """Return the 128-bit xxHash of a film's pixels, equal for films that are equal pixel by pixel.

    Examples
    --------
    >>> film = np.zeros((2, 2), np.float32)
    >>> digest_pixels(film) == digest_pixels(film.copy()), len(digest_pixels(film))
    (True, 32)
    """
    from xxhash import xxh3_128_hexdigest

    return str(xxh3_128_hexdigest(np.ascontiguousarray(film).data))


def perceptual_hashes(film: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the perceptual hash of a film in all eight turns.

    Two films are near-duplicates if the first hash of one is near any hash of the other.

    Parameters
    ----------
    film : (H, W) ndarray of uint8
        The film in [0, 255], any size.

    Returns
    -------
    (8, 4) ndarray of uint64
        256 bits per turn: as it is, turned left by 90, 180, 270 degrees, and the same of its left-right mirror image.

    References
    ----------
    Zauner C. (2010), *Implementation and Benchmarking of Perceptual Image Hash Functions*: the DCT hash. Low
    frequencies of a 64 × 64 copy, each above or below their median, by ``imagehash.phash``.

    Examples
    --------
    >>> film = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    >>> hashes, turned = perceptual_hashes(film), perceptual_hashes(np.rot90(film))
    >>> hashes.shape, bool((hashes[1] == turned[0]).all())
    ((8, 4), True)
    """
    import imagehash
    from PIL import Image

    side = 4 * int(np.sqrt(HASH_BITS))
    small = Image.fromarray(film).resize((side, side), Image.Resampling.LANCZOS)
    pixels = np.asarray(small)
    hashes = []
    for turned in (np.rot90(image, k) for image in (pixels, pixels[:, ::-1]) for k in range(4)):
        bits = imagehash.phash(Image.fromarray(turned), hash_size=int(np.sqrt(HASH_BITS))).hash
        hashes.append(np.packbits(bits.ravel()).view(np.uint64))
    return np.stack(hashes)
