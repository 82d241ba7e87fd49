"""The augmentations of the public lung segmentation demo, on 8-bit films.

They make more films from one before any network is trained (``published``), or belong to the training part alone
(``honest``).
"""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "VARIANTS",
    "Variant",
    "add_noise",
    "change_contrast",
    "make_variant",
    "multiply",
    "vary",
    "warp",
]

ByteImage = NDArray[np.uint8]

Variant = Literal["original", "contrast_v1", "contrast_v2", "noise", "geometric"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

_TOP, _MIDDLE, _RANGE = 255, 127, 131


def change_contrast(film: ByteImage, brightness: int = -40, contrast: int = -120) -> ByteImage:
    r"""Change brightness, then contrast about the middle grey, saturating after each.

    A brightness b in [0, 255] maps black to b, one in [-255, 0] maps white to 255 + b, both linearly. A contrast c in
    [-127, 127] maps a grey value g to :math:`f g + 127 (1 - f)` with :math:`f = 131 (c + 127) / (127 (131 - c))`.

    Parameters
    ----------
    film : (H, W) ndarray of uint8
        The film.
    brightness, contrast : int
        The changes; the defaults are the published ones ("contrast v1").

    Returns
    -------
    (H, W) ndarray of uint8
        The changed film.

    Raises
    ------
    ValueError
        If brightness is out of [-255, 255] or contrast out of [-127, 127].

    Examples
    --------
    >>> film = np.array([[0, 127, 255]], np.uint8)
    >>> change_contrast(film, brightness=0, contrast=0).tolist()
    [[0, 127, 255]]
    >>> change_contrast(film, brightness=-55, contrast=0).tolist()
    [[0, 100, 200]]
    """
    if abs(brightness) > _TOP or abs(contrast) > _MIDDLE:
        raise ValueError(
            f"brightness must lie in [-255, 255] and contrast in [-127, 127], got {brightness}, {contrast}"
        )
    shadow, highlight = max(brightness, 0), _TOP + min(brightness, 0)
    changed = _saturate(film * ((highlight - shadow) / _TOP) + shadow)
    gain = _RANGE * (contrast + _MIDDLE) / (_MIDDLE * (_RANGE - contrast))
    return _saturate(changed * gain + _MIDDLE * (1 - gain))


def multiply(film: ByteImage, gain: float = 1.5) -> ByteImage:
    """Multiply a film (H, W) by a gain, saturating at white ("contrast v2").

    Examples
    --------
    >>> multiply(np.array([[10, 100, 200]], np.uint8), gain=1.5).tolist()
    [[15, 150, 255]]
    """
    return _saturate(film * gain)


def add_noise(film: ByteImage, rng: np.random.Generator, weight: float = 0.1) -> ByteImage:
    """Add whole random numbers of [0, 255), uniform and times a weight, saturating at white.

    Examples
    --------
    >>> film = np.full((2, 2), 250, np.uint8)
    >>> noisy = add_noise(film, np.random.default_rng(0))
    >>> bool((noisy >= film).all()), noisy.dtype.name
    (True, 'uint8')
    """
    return _saturate(film + weight * rng.integers(0, _TOP, film.shape))


def warp(
    images: list[ByteImage],
    rng: np.random.Generator,
    max_rotation_deg: float = 10.0,
    max_scale: float = 0.1,
    max_shift: float = 0.0625,
    flip_probability: float = 0.5,
) -> list[ByteImage]:
    """Flip, rotate, scale and shift images together, with one random draw for all.

    Parameters
    ----------
    images : list of (H, W) ndarray of uint8
        A film and its mask, or more, of one shape. Images of 0 and 1 stay so.
    rng : numpy.random.Generator
        Source of the draw.
    max_rotation_deg, max_scale, max_shift : float
        Half-widths of the uniform draws: degrees, relative to 1, and relative to the edge.
    flip_probability : float
        Probability of a left-right flip.

    Returns
    -------
    list of (H, W) ndarray of uint8
        What comes in from outside is 0.

    Examples
    --------
    >>> images = [np.array([[1, 2], [3, 4]], np.uint8)]
    >>> rng = np.random.default_rng(0)
    >>> warp(images, rng, max_rotation_deg=0, max_scale=0, max_shift=0, flip_probability=1)[0].tolist()
    [[2, 1], [4, 3]]
    """
    height, width = images[0].shape
    flips = rng.random() < flip_probability
    angle, scale, right, down = rng.uniform(-1, 1, 4)
    turn = cv2.getRotationMatrix2D(
        ((width - 1) / 2, (height - 1) / 2), angle * max_rotation_deg, 1 + scale * max_scale
    )
    turn[0, 2] += max_shift * right * width
    turn[1, 2] += max_shift * down * height
    warped = []
    for image in images:
        source = np.ascontiguousarray(image[:, ::-1]) if flips else image
        binary = source.max(initial=0) <= 1
        method = cv2.INTER_NEAREST if binary else cv2.INTER_LINEAR
        warped.append(
            np.asarray(cv2.warpAffine(source, turn, (width, height), flags=method), np.uint8)
        )
    return warped


def make_variant(
    variant: Variant, film: ByteImage, mask: ByteImage, rng: np.random.Generator
) -> tuple[ByteImage, ByteImage]:
    """Return one of the published variants of a film (H, W) and its mask (H, W).

    Examples
    --------
    >>> film, mask = np.full((2, 2), 100, np.uint8), np.eye(2, dtype=np.uint8)
    >>> changed, same = make_variant("contrast_v2", film, mask, np.random.default_rng(0))
    >>> changed.tolist(), same.tolist()
    ([[150, 150], [150, 150]], [[1, 0], [0, 1]])
    """
    if variant == "contrast_v1":
        return change_contrast(film), mask
    if variant == "contrast_v2":
        return multiply(film), mask
    if variant == "noise":
        return add_noise(film, rng), mask
    if variant == "geometric":
        film, mask = warp([film, mask], rng)
    return film, mask


def _saturate(values: NDArray[np.floating]) -> ByteImage:
    return np.asarray(np.clip(np.rint(values), 0, _TOP), np.uint8)


def vary(
    film: ByteImage, mask: ByteImage, variant: str, image_id: str, seed: int
) -> tuple[ByteImage, ByteImage]:
    """Return a variant of a film and its mask, drawn by the seed, the image and the variant: always the same.

    Parameters
    ----------
    film, mask : (H, W) ndarray of uint8
        The film, and its mask of 0 and 1.
    variant : str
        One of `VARIANTS`.
    image_id : str
        Name of the film.
    seed : int
        Seed of the draw.

    Examples
    --------
    >>> film, mask = np.full((2, 2), 9, np.uint8), np.ones((2, 2), np.uint8)
    >>> vary(film, mask, "original", "a", seed=0)[0].tolist()
    [[9, 9], [9, 9]]
    """
    stream = int.from_bytes(hashlib.blake2b(image_id.encode(), digest_size=8).digest(), "big")
    place = next(i for i, each in enumerate(VARIANTS) if each == variant)
    return make_variant(VARIANTS[place], film, mask, np.random.default_rng([seed, place, stream]))
