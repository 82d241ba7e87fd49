"""Boxes as masks, on films of the size that they were drawn on and of others."""

from functools import partial

import numpy as np
import pytest

from xraylab.imaging.boxes import BoxMask
from xraylab.imaging.preprocess import MaskSizeError


def test_a_box_is_drawn_as_ones_on_the_films_own_pixels() -> None:
    film = partial(np.zeros, (8, 10), np.float32)
    mask = BoxMask(film, ((2, 1, 3, 2), (8.4, 6, 4, 1)))()
    expected = np.zeros((8, 10))
    expected[1:3, 2:5] = 1
    expected[6:7, 8:10] = 1  # what reaches beyond the film is cut
    np.testing.assert_array_equal(mask, expected)
    with pytest.raises(MaskSizeError, match="box 20, 1, 3 x 2 does not lie on the film of 10 x 8"):
        BoxMask(film, ((20, 1, 3, 2),))()
    assert BoxMask(film, ((2, 1, 3, 2),)).digest() != BoxMask(film, ((2, 1, 3, 3),)).digest()


@pytest.mark.parametrize(
    ("size", "frames", "expected"),
    [
        ((1024, 1024), (), (100, 200, 300, 400)),  # as it is
        ((1024, 1024), ((1024, 1024), (2500, 2048)), (100, 200, 300, 400)),
        ((512, 512), ((1024, 1024),), (50, 100, 150, 200)),
        ((2048, 2048), ((1024, 1024),), (200, 400, 600, 800)),
        ((2500, 2048), ((1024, 1024), (2500, 2048)), (100, 200, 300, 400)),  # the size of the table
        ((1250, 1024), ((1024, 1024), (2500, 2048)), (50, 100, 150, 200)),
    ],
)
def test_boxes_lie_on_a_film_of_another_size(
    size: tuple[int, int], frames: tuple, expected: tuple[int, ...]
) -> None:
    film = partial(np.zeros, size[::-1], np.float32)
    mask = BoxMask(film, ((100, 200, 300, 400),), frames)()
    rows, columns = np.nonzero(mask)
    left, top, wide, high = expected
    assert (columns.min(), rows.min()) == (left, top)
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (wide, high)
    assert mask.sum() == wide * high


def test_another_aspect_ratio_is_refused() -> None:
    film = partial(np.zeros, (1024, 800), np.float32)
    with pytest.raises(
        MaskSizeError, match="800 x 1024 px, and its boxes were drawn on 1024 x 1024"
    ):
        BoxMask(film, ((1, 2, 3, 4),), ((1024, 1024),))()
