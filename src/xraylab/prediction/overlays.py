"""A small picture of a film, with what was predicted drawn over it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["HEAT_WORDS", "OUTLINE_WORDS", "draw_thumbnail"]

ByteImage = NDArray[np.uint8]

OUTLINE_WORDS = "The blue line is the outline of the predicted mask."
"""What a page says of a thumbnail with a mask."""

HEAT_WORDS = "The colours, from violet to yellow, show where the network looked most."
"""What a page says of a thumbnail with a heat map."""

# Blue as in the figures of predicted masks (Okabe and Ito 2008), BGR. A grey film has no hue, so that a reader with
# any colour vision tells it by its hue or, on the dark line around it, by its lightness.
_LINE, _AROUND = (233, 180, 86), (0, 0, 0)
_LINE_PX, _AROUND_PX = 2, 5
_MOST_OPAQUE = 0.7
_FAINT = 0.1  # of a heat map; less than this fades out
_FIRST_COLOUR = 38  # of 256: the darkest colours of inferno would only darken the film
_TOP = 255
_QUALITIES, _MOST_BYTES = (75, 50, 25), 8_000


def draw_thumbnail(
    film: NDArray[Any],
    mask: ByteImage | None = None,
    heat: NDArray[np.floating[Any]] | None = None,
    *,
    edge_px: int = 256,
) -> bytes:
    """Draw a small picture of a film, and over it a heat map, the outline of a mask, or both.

    Parameters
    ----------
    film : (H, W) ndarray of float32 or uint8
        Grey values in [0, 1], or in [0, 255] where they are whole numbers.
    mask : (H', W') ndarray of uint8, optional
        0 outside; the outline of each other value is drawn. Of the film's size or of its proportions.
    heat : (S, T) ndarray of float32, optional
        How much each part of the film counts, in [0, 1]; what is no number counts as 0. It covers the whole film,
        whatever its size.
    edge_px : int
        The longer side of the picture; a smaller film is not enlarged.

    Returns
    -------
    bytes
        A WebP file without any other content.

    Raises
    ------
    ValueError
        If the film is not two-dimensional or is empty, or `edge_px` is below 1.

    Examples
    --------
    >>> film = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (128, 1))
    >>> data = draw_thumbnail(film, edge_px=32)
    >>> cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape
    (32, 16, 3)
    """
    if film.ndim != len("HW") or film.size == 0:
        raise ValueError(f"a film is a two-dimensional array (H, W), not one of shape {film.shape}")
    if edge_px < 1:
        raise ValueError(f"edge_px must be at least 1, not {edge_px}")
    scale = min(1.0, edge_px / max(film.shape))
    height, width = (max(1, round(length * scale)) for length in film.shape)
    picture = np.repeat(_to_bytes(_shrink(film, width, height))[..., None], 3, axis=2)
    if heat is not None:
        picture = _lay_heat(picture, heat)
    if mask is not None:
        _draw_outlines(picture, mask)
    return _encode(picture)


def _shrink(image: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    # the area mean where an image shrinks (no aliasing), bilinear where it grows
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method))


def _encode(picture: ByteImage) -> bytes:
    """Return a picture as WebP, of less quality where it would be too large."""
    data = b""
    for quality in _QUALITIES:
        data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
        if len(data) <= _MOST_BYTES:
            break
    return data


def _to_bytes(film: NDArray[Any]) -> ByteImage:
    if film.dtype == np.uint8:
        return film
    shown = np.clip(np.nan_to_num(film.astype(np.float32)), 0, 1)
    return np.asarray(np.rint(shown * _TOP), np.uint8)


def _lay_heat(picture: ByteImage, heat: NDArray[np.floating[Any]]) -> ByteImage:
    """Lay a heat map over a picture (H, W, 3) by 'inferno', from transparent at 0 to nearly opaque at 1."""
    height, width = picture.shape[:2]
    known = np.clip(np.nan_to_num(heat.astype(np.float32)), 0, 1)
    share = np.clip(_shrink(known, width, height), 0, 1)
    levels = np.rint(_FIRST_COLOUR + share * (_TOP - _FIRST_COLOUR)).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)
    opaque = (_MOST_OPAQUE * np.sqrt(share) * np.clip(share / _FAINT, 0, 1))[..., None]
    return np.asarray(np.rint(picture * (1 - opaque) + colours * opaque), np.uint8)


def _draw_outlines(picture: ByteImage, mask: ByteImage) -> None:
    """Draw the outline of each value of a mask into a picture (H, W, 3), light on a dark line."""
    height, width = picture.shape[:2]
    outlines: list[Any] = []
    counts = cv2.calcHist([mask], [0], None, [_TOP + 1], [0, _TOP + 1])
    for value in np.flatnonzero(counts[1:]) + 1:
        part = _shrink((mask == value).view(np.uint8) * np.uint8(_TOP), width, height)
        inside = (part > _TOP // 2).astype(np.uint8)
        outlines.extend(cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0])
    for colour, thickness in ((_AROUND, _AROUND_PX), (_LINE, _LINE_PX)):
        cv2.drawContours(picture, outlines, -1, colour, thickness, cv2.LINE_AA)
