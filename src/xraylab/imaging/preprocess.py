"""A film at a network's size: resized and equalised, in 8 bits."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xraylab.parameters import Parameters

__all__ = ["MaskSizeError", "PreprocessParams", "prepare_film", "prepare_mask"]

ByteImage = NDArray[np.uint8]
FloatImage = NDArray[np.float32]

_TOP = 255
_ASPECT_TOLERANCE = 0.02


class MaskSizeError(ValueError):
    """A mask whose shape cannot be that of its film."""


class PreprocessParams(Parameters):
    """What is done to a film before a network sees it.

    Attributes
    ----------
    size_px : int
        Edge of the square that film and mask are resized to.
    equalise : {"histogram", "none"}
        Histogram equalisation over the whole film, after resizing, or none.
    mask_threshold : int
        Grey value of an 8-bit mask above which a pixel belongs to it: public masks are grey at the rim.
    """

    size_px: int = Field(256, ge=16, le=4096)
    equalise: Literal["histogram", "none"] = "histogram"
    mask_threshold: int = Field(127, ge=0, le=254)


def prepare_film(film: FloatImage, params: PreprocessParams) -> ByteImage:
    """Resize a film to the network's square and equalise its histogram.

    The aspect ratio is not kept, as in the public demos.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        The film in [0, 1].
    params : PreprocessParams
        Size and equalisation.

    Returns
    -------
    (S, S) ndarray of uint8
        The film in [0, 255].
    """
    small = np.rint(_resize(film, params.size_px) * _TOP).astype(np.uint8)
    return (
        np.asarray(cv2.equalizeHist(small), np.uint8) if params.equalise == "histogram" else small
    )


def prepare_mask(
    masks: list[FloatImage], shape: tuple[int, int], params: PreprocessParams
) -> ByteImage:
    """Threshold the masks of one film, join them, and resize them to the network's square.

    Parameters
    ----------
    masks : list of (H, W) ndarray of float32
        One mask or more (left and right lung), in [0, 1].
    shape : (int, int)
        Height and width of the film. A mask of another size is taken if its aspect ratio is that of the film.
    params : PreprocessParams
        Size and threshold.

    Returns
    -------
    (S, S) ndarray of uint8
        1 where at least half of a pixel belongs to a mask, else 0.

    Raises
    ------
    MaskSizeError
        If the aspect ratio of a mask is not that of the film.
    """
    joined = np.zeros((params.size_px, params.size_px), np.float32)
    for mask in masks:
        ratio = (mask.shape[0] * shape[1]) / (mask.shape[1] * shape[0])
        if abs(ratio - 1) > _ASPECT_TOLERANCE:
            raise MaskSizeError(
                f"its mask has {mask.shape[1]} x {mask.shape[0]} pixels, the film {shape[1]} x {shape[0]}"
            )
        inside = np.rint(mask * _TOP) > params.mask_threshold
        np.maximum(joined, _resize(inside.astype(np.float32), params.size_px), out=joined)
    return np.asarray(joined >= 0.5, np.uint8)  # noqa: PLR2004 - half of a pixel


def _resize(image: FloatImage, size_px: int) -> FloatImage:
    # the area mean where an image shrinks (no aliasing), bilinear where it grows
    shrinks = min(image.shape) >= size_px
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=method), np.float32)
