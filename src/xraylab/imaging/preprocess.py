"""A film at a network's size: windowed, cropped, resized and equalised, in 8 bits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from xraylab.imaging.hand import Crop, find_crop, find_window, resize_square, scale_window
from xraylab.imaging.scaling import ApplyVoi
from xraylab.parameters import Parameters

__all__ = [
    "MaskSizeError",
    "PreprocessParams",
    "cut_padding",
    "prepare_film",
    "prepare_mask",
    "resize_image",
]

ByteImage = NDArray[np.uint8]
FloatImage = NDArray[np.float32]

_TOP = 255
_HALF = 0.5
_ASPECT_TOLERANCE = 0.02
_FEW_LEVELS = 128  # of 256: a film of fewer is spread before it is equalised

# Left out of a card where they are at their defaults: caches and models from before there was a choice stay valid.
_ADDED_LATER = ("window_percentiles", "crop", "aspect")

Percentile = Annotated[float, Field(ge=0, le=100)]


class MaskSizeError(ValueError):
    """A mask whose shape cannot be that of its film."""


class PreprocessParams(Parameters):
    """What is done to a film before a network sees it.

    Attributes
    ----------
    size_px : int
        Edge of the square that film and mask are resized to.
    apply_voi : {"auto", "always", "never"}
        Whether the VOI LUT or window of a DICOM file is applied: if there is one, else the file is refused, or not (see
        `xraylab.imaging.read_film`).
    equalise : {"histogram", "none"}
        Histogram equalisation over the whole film, after resizing, or none.
    window_percentiles : (float, float) or None
        Percentiles of the whole film that become 0 and 1, saturating, such as 0.5 and 99.5; None keeps the film's
        values.
    crop : {"none", "component", "published"}
        To the largest component that is shaped like a hand (`xraylab.imaging.hand.find_hand`), or to the bounding box
        of all pixels between 0.1 and 1 after the window.
    aspect : {"stretch", "pad"}
        Stretch a film to the square, or put it in the middle of a square of zeros and resize that, bilinear with
        antialiasing (`xraylab.imaging.hand.resize_square`).
    """

    size_px: int = Field(256, ge=16, le=4096)
    apply_voi: ApplyVoi = "auto"
    equalise: Literal["histogram", "none"] = "histogram"
    window_percentiles: tuple[Percentile, Percentile] | None = None
    crop: Crop = "none"
    aspect: Literal["stretch", "pad"] = "stretch"

    @model_validator(mode="after")
    def _check(self) -> PreprocessParams:
        if self.window_percentiles and self.window_percentiles[0] >= self.window_percentiles[1]:
            raise ValueError(f"window_percentiles must rise, got {self.window_percentiles}")
        return self

    @model_serializer(mode="wrap")
    def _leave_out_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        for name in _ADDED_LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                written.pop(name, None)
        return written


def prepare_film(film: FloatImage, params: PreprocessParams) -> ByteImage:
    """Window and crop a film, resize it to the network's square and equalise its histogram.

    By default it is only resized and equalised, and the aspect ratio is not kept, as in the public demos. The window is
    that of the whole film, before it is cropped.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        The film in [0, 1].
    params : PreprocessParams
        What is done.

    Returns
    -------
    (S, S) ndarray of uint8
        The film in [0, 255].

    Examples
    --------
    >>> film = np.tile(np.float32([0, 0.2, 0.8, 1]), (4, 1))
    >>> prepare_film(film, PreprocessParams(size_px=16, equalise="none"))[0, [0, -1]].tolist()
    [0, 255]
    """
    percentiles = params.window_percentiles
    window = (0.0, 1.0) if percentiles is None else find_window(film, percentiles)
    box = find_crop(film, params.crop, window)
    if params.aspect == "pad":
        resized = resize_square(film, params.size_px, window, box)
    else:
        part = box.cut(film)
        resized = resize_image(
            part if percentiles is None else scale_window(part, window), params.size_px
        )
    small = np.rint(resized * _TOP).astype(np.uint8)
    if params.equalise == "none":
        return small
    if np.count_nonzero(np.bincount(small.ravel(), minlength=_TOP + 1)) < _FEW_LEVELS:
        # equalising depends on the order of grey values alone: spread them first, so that 8 bits hold that order
        low, high = float(resized.min()), float(resized.max())
        spread = (resized - low) / (high - low) if high > low else resized
        small = np.rint(spread * _TOP).astype(np.uint8)
    return np.asarray(cv2.equalizeHist(small), np.uint8)


def prepare_mask(
    masks: list[FloatImage], shape: tuple[int, int], params: PreprocessParams
) -> ByteImage:
    """Join the masks of one film, and resize them to the network's square.

    Parameters
    ----------
    masks : list of (H, W) ndarray of float32
        One mask or more (left and right lung); what is above a half belongs to it (`xraylab.imaging.masks.read_mask`).
    shape : (int, int)
        Height and width of the film. A mask of another size is taken if its aspect ratio is that of the film.
    params : PreprocessParams
        The size.

    Returns
    -------
    (S, S) ndarray of uint8
        1 where at least half of a pixel belongs to a mask, else 0.

    Raises
    ------
    MaskSizeError
        If the aspect ratio of a mask is not that of the film.
    ValueError
        If there are masks and films are cropped or padded: they would no longer match.

    Examples
    --------
    >>> left, right = np.zeros((2, 32, 32), np.float32)
    >>> left[:, :8], right[:, 24:] = 1, 1
    >>> joined = prepare_mask([left, right], (64, 64), PreprocessParams(size_px=16))
    >>> joined[0].tolist()
    [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    """
    if masks and (params.crop != "none" or params.aspect != "stretch"):
        raise ValueError(
            f"masks need crop 'none' and aspect 'stretch', got '{params.crop}' and '{params.aspect}'"
        )
    joined = np.zeros((params.size_px, params.size_px), np.float32)
    for mask in masks:
        ratio = (mask.shape[0] * shape[1]) / (mask.shape[1] * shape[0])
        if abs(ratio - 1) > _ASPECT_TOLERANCE:
            raise MaskSizeError(
                f"its mask has {mask.shape[1]} x {mask.shape[0]} pixels, the film {shape[1]} x {shape[0]}"
            )
        inside = mask > _HALF
        np.maximum(joined, resize_image(inside.astype(np.float32), params.size_px), out=joined)
    return np.asarray(joined >= _HALF, np.uint8)


def resize_image(image: ByteImage | FloatImage, size_px: int) -> FloatImage:
    """Resize an image (H, W) to a square: the area mean where it shrinks (no aliasing), bilinear where it grows.

    Examples
    --------
    >>> resize_image(np.array([[0, 2], [4, 6]], np.uint8), 1).tolist()
    [[3.0]]
    """
    shrinks = min(image.shape) >= size_px
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=method), np.float32)


def cut_padding(film: ByteImage, height: float, width: float) -> ByteImage:
    """Return a film without the rows or columns that made it a square.

    Parameters
    ----------
    film : (S, S) ndarray of uint8
        The film in the middle of a square.
    height, width : float
        Its own shape, in any unit.

    Examples
    --------
    >>> cut_padding(np.zeros((100, 100), np.uint8), 4000, 2000).shape
    (100, 48)
    """
    edge = film.shape[0]

    def inside(side: float, other: float) -> int:
        # one more at either end, where resizing blended film and padding
        return edge if side >= other else max(1, int(edge * side / other) - 2)

    rows, columns = inside(height, width), inside(width, height)
    top, left = (edge - rows) // 2, (edge - columns) // 2
    return film[top : top + rows, left : left + columns]
