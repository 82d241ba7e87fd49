"""Boxes as masks on the films that they were drawn on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.film_file import LoadFilm
from xraylab.imaging.preprocess import MaskSizeError

__all__ = ["BoxMask", "Size"]

Size = tuple[int, int]
"""Width and height in pixels."""

_LEAST_INSIDE = 0.5  # share of a box that must lie on the film
_ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class BoxMask:
    """The boxes of one film, drawn as a mask when it is called.

    Attributes
    ----------
    film : callable
        Loads the film, for its size.
    boxes : tuple of (float, float, float, float)
        Left, top, width and height of each, in pixels of the film that they were drawn on.
    frames : tuple of (int, int)
        Widths and heights that this film may have had, the likeliest first; without any it is the film as it is.
    """

    film: LoadFilm
    boxes: tuple[tuple[float, float, float, float], ...]
    frames: tuple[Size, ...] = ()

    def __call__(self) -> NDArray[np.float32]:
        """Return the mask (H, W): 1 inside of any box, 0 elsewhere.

        Raises
        ------
        MaskSizeError
            If the film has neither the size nor the aspect ratio of one that the boxes may have been drawn on, or if
            less than half of a box lies on it.
        """
        height, width = self.film().shape
        scale_x, scale_y = self._scale(width, height)
        mask = np.zeros((height, width), np.float32)
        for box in self.boxes:
            left, wide = box[0] * scale_x, box[2] * scale_x
            top, high = box[1] * scale_y, box[3] * scale_y
            columns = slice(max(0, round(left)), max(0, min(width, round(left + wide))))
            rows = slice(max(0, round(top)), max(0, min(height, round(top + high))))
            inside = max(0, columns.stop - columns.start) * max(0, rows.stop - rows.start)
            if inside < _LEAST_INSIDE * wide * high:
                raise MaskSizeError(
                    f"its box {left:g}, {top:g}, {wide:g} x {high:g} does not lie on the film of {width} x {height} px"
                )
            mask[rows, columns] = 1
        return mask

    def _scale(self, width: int, height: int) -> tuple[float, float]:
        """Return the factors that scale boxes to a film of this size."""
        if not self.frames or (width, height) in self.frames:
            return 1.0, 1.0
        for wide, high in self.frames:
            if abs(width * high / (height * wide) - 1) <= _ASPECT_TOLERANCE:
                return width / wide, height / high
        sizes = " or ".join(f"{wide} x {high}" for wide, high in self.frames)
        raise MaskSizeError(
            f"it has {width} x {height} px, and its boxes were drawn on {sizes} px: another aspect ratio"
        )

    def digest(self) -> str:
        """Return a digest of the boxes, and of the sizes of what they may have been drawn on."""
        facts = json.dumps([self.boxes, self.frames])
        return hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()
