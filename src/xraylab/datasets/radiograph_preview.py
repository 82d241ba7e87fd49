"""What Kedro-Viz shows of films."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import NewType

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.imaging import UnreadableRadiograph, encode_film

__all__ = ["ImagePreview", "contact_sheet", "fit", "png_preview"]

FloatImage = NDArray[np.float32]

ImagePreview = NewType("ImagePreview", str)
"""An image in base 64; Kedro-Viz knows what to draw by the name of this type."""

_SHEET_COLUMNS, _SHEET_FILMS = 3, 6
_TILE_PX, _CAPTION_PX, _CAPTION = 168, 18, 24


def fit(film: FloatImage, side: int) -> FloatImage:
    """Shrink an (H, W) film so that its longer side has at most `side` pixels; a smaller one is as it is."""
    longer = max(film.shape)
    if longer <= side:
        return film
    height, width = (max(1, round(length * side / longer)) for length in film.shape)
    return np.clip(cv2.resize(film, (width, height), interpolation=cv2.INTER_AREA), 0, 1).astype(
        np.float32
    )


def png_preview(film: FloatImage) -> ImagePreview:
    """Return a film as Kedro-Viz shows images: an 8-bit PNG in base 64."""
    return ImagePreview(base64.b64encode(encode_film(film, bits=8)).decode("ascii"))


def contact_sheet(films: dict[str, Callable[[], FloatImage]]) -> FloatImage:
    """Draw up to six films, evenly out of all, with their ids; a bad film is a crossed tile.

    Parameters
    ----------
    films : dict of str to callable
        Image id to a callable that reads the film; only those that are drawn are read.

    Returns
    -------
    (H, W) ndarray of float32
        The sheet in [0, 1]; one dark tile if there is no film.
    """
    ids = list(films)
    drawn = [
        ids[i]
        for i in np.linspace(0, len(ids) - 1, min(len(ids), _SHEET_FILMS)).round().astype(int)
    ]
    columns = max(1, min(len(drawn), _SHEET_COLUMNS))
    rows = max(1, -(-len(drawn) // columns))
    height = _TILE_PX + _CAPTION_PX
    sheet = np.zeros((rows * height, columns * _TILE_PX), np.float32)
    for i, image_id in enumerate(drawn):
        top, left = i // columns * height, i % columns * _TILE_PX
        tile = sheet[top : top + height, left : left + _TILE_PX]
        _draw_tile(tile, image_id, films[image_id])
    return sheet


def _draw_tile(tile: FloatImage, image_id: str, read: Callable[[], FloatImage]) -> None:
    side = _TILE_PX - 4
    try:
        film = fit(read(), side)
    except UnreadableRadiograph:
        cross = np.eye(side, dtype=np.float32)
        film = np.asarray(np.maximum(cross, cross[::-1]) * np.float32(0.5), np.float32)
    top, left = ((_TILE_PX - length) // 2 for length in film.shape)
    tile[top : top + film.shape[0], left : left + film.shape[1]] = film
    # OpenCV's letters are ASCII, on 8 bits; the end of an id tells films apart better than its beginning.
    words = image_id.encode("ascii", "replace").decode()
    words = words if len(words) <= _CAPTION else f"..{words[2 - _CAPTION :]}"
    caption = np.zeros((_CAPTION_PX, _TILE_PX), np.uint8)
    cv2.putText(caption, words, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.35, 230, 1, cv2.LINE_AA)
    tile[_TILE_PX:] = caption / np.float32(255)
