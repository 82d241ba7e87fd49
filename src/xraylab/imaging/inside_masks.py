"""Films with all that lies outside of a mask blacked out, read one at a time."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["FilmsInsideMasks", "mean_mask"]

Bytes = NDArray[np.uint8]

_HALF = 0.5


class FilmsInsideMasks:
    """What is inside of each film's mask; indexed as the array of films is, and as light.

    Parameters
    ----------
    films, masks : (N, S, S) ndarray of uint8
        Usually memory-mapped; masks of 0 and 1.
    fallback : (S, S) ndarray of uint8
        For films whose own mask is empty.
    margin : float
        By which a mask is grown first, as a fraction of the edge: what borders on a lung belongs to the picture.
    """

    def __init__(self, films: Bytes, masks: Bytes, fallback: Bytes, margin: float = 0.0) -> None:
        self.films, self.masks, self.fallback = films, masks, fallback
        width = 2 * round(margin * films.shape[-1]) + 1
        self._kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
        self.shape = films.shape

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, rows: Any) -> Bytes:
        """Return one film (S, S), or several (M, S, S)."""
        films, masks = np.asarray(self.films[rows]), np.asarray(self.masks[rows])
        if films.ndim == 2:  # noqa: PLR2004 - a single film
            return self._cut(films, masks)
        cut = [self._cut(film, mask) for film, mask in zip(films, masks, strict=True)]
        return np.stack(cut) if cut else np.zeros(films.shape, np.uint8)

    def _cut(self, film: Bytes, mask: Bytes) -> Bytes:
        own = mask if mask.any() else self.fallback
        grown = cv2.dilate(np.ascontiguousarray(own), self._kernel)
        return np.asarray(film * (grown > 0), np.uint8)


def mean_mask(masks: Bytes) -> Bytes:
    """Return the pixels (S, S) that belong to at least half of the masks that are not empty; without any, to none."""
    total, n = np.zeros(masks.shape[1:], np.float64), 0
    for mask in masks:
        if mask.any():
            total += mask
            n += 1
    return np.asarray(total >= _HALF * n, np.uint8) if n else np.zeros(masks.shape[1:], np.uint8)
