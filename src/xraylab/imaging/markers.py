"""Burned-in markers: lead letters, digits, arrows and labels on a film beside the anatomy.

A marker is small, bright and sharp-edged, and has an even, darker surrounding of its own. A bone is hardly ever
all of these: it is long, or joined to more bone, or rises to its brightness through soft tissue.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xraylab.parameters import Parameters

__all__ = ["MarkerParams", "find_markers"]

ByteImage = NDArray[np.uint8]
BoolImage = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

_LEAST_EDGE = 8  # pixels: below it there is no surrounding to look at
_WHITE = 99.5  # percentile of the film that stands for its brightest part
_MOST_PARTS = 65_535  # labels of 16 bits


class MarkerParams(Parameters):
    """What counts as a burned-in marker.

    Lengths are fractions of the film's shorter edge, grey values are of 255. A *part* is a connected bright piece: a
    letter, a digit, a label's plate. Its *rim* is what lies three to five pixels off its edge.

    Attributes
    ----------
    max_stroke : float
        What is wider in both directions does not count as small: the edge of the top-hat's square.
    min_size, max_size : float
        Bounds on the longer edge of a part's box.
    min_thickness : float
        Least shorter edge of a part's box.
    min_border_thickness : float
        The same for a part at the film's border, where a frame or a collimator leaves bright strips.
    min_contrast : int
        Least height of a part's mean above its rim's.
    min_level : float
        Least mean of a part over the film's 99.5th percentile.
    min_sharpness : float
        Least mean gradient along the edge over the contrast, in 1/pixel: 0.4 for the sharpest edges of real markers at
        224 pixels, 0.2 to 0.3 for bones.
    max_unevenness : float
        Greatest standard deviation of the rim over the contrast.
    max_bright_rim : float
        Greatest share of the rim that is brighter than halfway up to the part.
    lead_contrast, lead_level, lead_sharpness, lead_unevenness
        A part that is about as bright as anything on the film, and as sharp as nothing in the body, may lie across the
        skin, where its rim is more uneven: bounds as those above.
    companion_reach, companion_contrast, companion_sharpness, companion_unevenness : float
        A part within this distance of a marker belongs to it on these looser bounds: small digits beside a letter.
    """

    max_stroke: float = Field(0.14, gt=0, le=1)
    min_size: float = Field(0.025, gt=0, le=1)
    max_size: float = Field(0.2, gt=0, le=1)
    min_thickness: float = Field(0.012, ge=0, le=1)
    min_border_thickness: float = Field(0.03, ge=0, le=1)
    min_contrast: int = Field(60, ge=1, le=255)
    min_level: float = Field(0.5, ge=0, le=1)
    min_sharpness: float = Field(0.3, ge=0, le=1)
    max_unevenness: float = Field(0.12, ge=0)
    max_bright_rim: float = Field(0.1, ge=0, le=1)
    lead_contrast: int = Field(100, ge=1, le=255)
    lead_level: float = Field(0.9, ge=0, le=1)
    lead_sharpness: float = Field(0.33, ge=0, le=1)
    lead_unevenness: float = Field(0.3, ge=0)
    companion_reach: float = Field(0.05, ge=0, le=1)
    companion_contrast: int = Field(45, ge=1, le=255)
    companion_sharpness: float = Field(0.2, ge=0, le=1)
    companion_unevenness: float = Field(0.2, ge=0)


@dataclass(frozen=True)
class _Parts:
    """Measures of every part, arrays (n,); the first is the background and means nothing."""

    labels: NDArray[np.uint16]
    longer: FloatArray
    shorter: FloatArray
    at_border: BoolImage
    level: FloatArray
    contrast: FloatArray
    unevenness: FloatArray
    bright_rim: FloatArray
    sharpness: FloatArray


def find_markers(film: ByteImage, params: MarkerParams | None = None) -> BoolImage:
    """Find burned-in markers on a film.

    Parameters
    ----------
    film : (H, W) ndarray of uint8
        The film in [0, 255], bone bright, at least 8 pixels wide and high. Rim and gradient are taken in pixels: the
        defaults are set for an edge of 100 to 250, larger films are to be shrunk first.
    params : MarkerParams, optional
        What counts as a marker.

    Returns
    -------
    (H, W) ndarray of bool
        True on the pixels of a marker, one pixel beyond its edge included.

    Raises
    ------
    ValueError
        If the film has another shape or type.

    Examples
    --------
    >>> film = np.full((120, 120), 40, np.uint8)
    >>> film[20:30, 90:97] = 250  # a lead letter
    >>> found = find_markers(film)
    >>> bool(found[25, 93]), bool(found[60, 60])
    (True, False)
    """
    if film.ndim != len("HW") or film.dtype != np.uint8 or min(film.shape) < _LEAST_EDGE:
        raise ValueError(
            f"a film to look for markers on is uint8 (H, W), at least {_LEAST_EDGE} x {_LEAST_EDGE}, "
            f"not {film.dtype} {film.shape}"
        )
    params = params or MarkerParams()
    edge = min(film.shape)
    parts = _measure(film, _bright_and_small(film, params), edge)
    marker = _stand_alone(parts, params, float(np.percentile(film[::2, ::2], _WHITE)))
    if not marker.any():
        return np.zeros(film.shape, np.bool_)
    found = marker[parts.labels]
    reach = 2 * round(params.companion_reach * edge) + 1
    near = cv2.dilate(found.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    touched = np.zeros_like(marker)
    touched[np.unique(parts.labels[near])] = True
    companion = touched & _are_companions(parts, params)
    grown = cv2.dilate((marker | companion)[parts.labels].astype(np.uint8), _square(3))
    return np.asarray(grown > 0, np.bool_)


def _square(edge: int) -> ByteImage:
    return np.ones((edge, edge), np.uint8)


def _bright_and_small(film: ByteImage, params: MarkerParams) -> ByteImage:
    """Return 1 where the white top-hat is high, and over half of the highest near by: parts end at half height."""
    square = _square(round(params.max_stroke * min(film.shape)) | 1)
    hat = cv2.morphologyEx(film, cv2.MORPH_TOPHAT, square)
    highest = cv2.dilate(hat, square)
    bright = (hat >= params.companion_contrast) & (hat >= highest // 2)
    return bright.astype(np.uint8)


def _measure(film: ByteImage, bright: ByteImage, edge: int) -> _Parts:
    """Measure all parts at once, by sums over labels."""
    count, labelled, boxes, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    labels = np.minimum(labelled, _MOST_PARTS).astype(np.uint16)
    count = min(count, _MOST_PARTS + 1)
    left, top, width, height = boxes[:count, :4].T.astype(np.float64)
    # the largest label wins where parts are near each other
    near = cv2.dilate(labels, _square(3))
    rim = np.where(cv2.dilate(labels, _square(5)) == 0, cv2.dilate(labels, _square(11)), 0)
    along = np.where(cv2.erode(bright, _square(3)) == 0, near, 0)
    grey = film.astype(np.float32)
    steep = cv2.magnitude(
        cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8),
        cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8),
    )

    level = _mean(labels, grey, count)
    on_rim = np.flatnonzero(rim)
    rim, rim_grey = rim.ravel()[on_rim], grey.ravel()[on_rim]
    rim_level = _mean(rim, rim_grey, count)
    contrast = np.maximum(level - rim_level, 1.0)
    spread = np.sqrt(np.maximum(_mean(rim, np.square(rim_grey), count) - rim_level**2, 0))
    halfway = (rim_level + contrast / 2).astype(np.float32)
    return _Parts(
        labels=labels,
        longer=np.maximum(width, height) / edge,
        shorter=np.minimum(width, height) / edge,
        at_border=(left == 0)
        | (top == 0)
        | (left + width == film.shape[1])
        | (top + height == film.shape[0]),
        level=level,
        contrast=contrast,
        unevenness=spread / contrast,
        bright_rim=_mean(rim, (rim_grey > halfway[rim]).astype(np.float32), count),
        sharpness=_mean(along, np.asarray(steep, np.float32), count) / contrast,
    )


def _mean(labels: NDArray[np.uint16], values: NDArray[np.float32], count: int) -> FloatArray:
    """Return the mean of the values of each label (count,); 0 for a label without any, and for the background."""
    picked = np.flatnonzero(labels)
    index = labels.ravel()[picked]
    number = np.maximum(np.bincount(index, minlength=count), 1)
    return np.asarray(np.bincount(index, values.ravel()[picked], count) / number, np.float64)


def _stand_alone(parts: _Parts, params: MarkerParams, white: float) -> BoolImage:
    """Return which parts are markers, each considered alone."""
    sized = (parts.longer >= params.min_size) & (parts.longer <= params.max_size)
    thick = parts.shorter >= np.where(
        parts.at_border, params.min_border_thickness, params.min_thickness
    )
    clear = (
        (parts.contrast >= params.min_contrast)
        & (parts.level >= params.min_level * white)
        & (parts.sharpness >= params.min_sharpness)
        & (parts.bright_rim <= params.max_bright_rim)
    )
    lead = (
        (parts.contrast >= params.lead_contrast)
        & (parts.level >= params.lead_level * white)
        & (parts.sharpness >= params.lead_sharpness)
        & (parts.unevenness <= params.lead_unevenness)
    )
    marker = sized & thick & clear & ((parts.unevenness <= params.max_unevenness) | lead)
    marker[0] = False
    return np.asarray(marker, np.bool_)


def _are_companions(parts: _Parts, params: MarkerParams) -> BoolImage:
    """Return which parts may belong to a marker beside them."""
    fits = (
        (parts.longer <= params.max_size)
        & (parts.contrast >= params.companion_contrast)
        & (parts.sharpness >= params.companion_sharpness)
        & (parts.unevenness <= params.companion_unevenness)
        & ~(parts.at_border & (parts.shorter < params.min_border_thickness))
    )
    fits[0] = False
    return np.asarray(fits, np.bool_)
