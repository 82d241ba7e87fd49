"""Which films the boxes of a list were drawn on, and their masks."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from xraylab.imaging.array_cache import LoadFilm
from xraylab.imaging.boxes import BoxMask, Size

__all__ = ["CORNERS", "PUBLISHED_PX", "draw_boxes"]

CORNERS = ["left", "top", "width", "height"]
PUBLISHED_PX = (1024, 1024)
"""Width and height of the films as NIH publishes them, on which both lists of boxes are drawn."""

_LEAST_REACH = 1 / 3  # of a film: no list of lesions stays in a corner of it


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
