"""Boxes around lesions → masks on the films that they were drawn on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.imaging.array_cache import LoadFilm
from xraylab.imaging.preprocess import MaskSizeError

__all__ = ["CORNERS", "PUBLISHED_PX", "BoxMask", "draw_boxes"]

CORNERS = ["left", "top", "width", "height"]
PUBLISHED_PX = (1024, 1024)
"""Width and height of the films as NIH publishes them, on which both lists of boxes are drawn."""

Size = tuple[int, int]

_LEAST_INSIDE = 0.5  # share of a box that must lie on the film
_LEAST_REACH = 1 / 3  # of a film: no list of lesions stays in a corner of it
_ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class BoxMask:
    """The boxes of one film, drawn as a mask when it is asked for.

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
        """Return by what boxes are multiplied to lie on a film of this size."""
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


def draw_boxes(
    boxes: pd.DataFrame, films: dict[str, LoadFilm], box_frame_px: Size | None
) -> Iterator[tuple[str, BoxMask | str]]:
    """Give the mask of each film that has boxes, or the reason why there is none.

    Boxes are in pixels of the film that they were drawn on. That is the published size, or the one that the clinical
    table states: the film itself where it has one of these sizes, else a larger or smaller film of the same aspect
    ratio. A size of which the boxes reach less than a third, all of them together, is not the one that they were
    drawn on.

    Parameters
    ----------
    boxes : DataFrame
        ``image_id``, the `CORNERS`, ``frame_width`` and ``frame_height`` (of the table, missing where unknown).
    films : dict of str to callable
        Lazy films by image id.
    box_frame_px : (int, int), optional
        Width and height of the films that the boxes were drawn on, where it is known.
    """
    reach_x = float((boxes["left"] + boxes["width"]).max()) if len(boxes) else 0.0
    reach_y = float((boxes["top"] + boxes["height"]).max()) if len(boxes) else 0.0

    def plausible(size: Size) -> bool:
        return max(reach_x / size[0], reach_y / size[1]) >= _LEAST_REACH

    for image_id, rows in boxes.groupby("image_id", sort=True):
        if image_id not in films:
            continue
        stated = rows[["frame_width", "frame_height"]].iloc[0]
        known = [PUBLISHED_PX]
        if stated.notna().all():
            known.append((int(stated.iloc[0]), int(stated.iloc[1])))
        frames = (box_frame_px,) if box_frame_px else tuple(filter(plausible, known))
        if not frames:
            sizes = " or ".join(f"{wide} x {high}" for wide, high in dict.fromkeys(known))
            reason = (
                f"the boxes of all films reach no further than {reach_x:g} x {reach_y:g} px, so that they were not "
                f"drawn on films of {sizes} px; name the size in lesion_regression.cohort.box_frame_px"
            )
            yield str(image_id), reason
            continue
        corners = rows[CORNERS].itertuples(index=False)
        drawn = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in corners)
        yield str(image_id), BoxMask(films[str(image_id)], drawn, frames)
