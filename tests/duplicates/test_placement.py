"""One film laid upon another: the shift, half a turn and the sign are known."""

import numpy as np
import pytest
from tests.duplicates.test_rotations import draw_film

from xraylab.duplicates.details import read_details
from xraylab.duplicates.placement import place_film

LARGE = draw_film(5, 300)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
def test_the_shift_is_found_to_a_fraction_of_a_pixel(half, inverted):
    first = LARGE[30:254, 40:264]
    second = LARGE[
        38:262, 28:252
    ]  # a point at (x, y) of the first is at (x + 12, y - 8) of the second
    if half:
        second = second[::-1, ::-1]
    if inverted:
        second = 255 - second
    pose = place_film(
        *(read_details(np.ascontiguousarray(f))[1] for f in (first, second)), np.eye(2)
    )
    sign = -1 if half else 1
    assert pose.matrix[:, :2].tolist() == [[sign, 0], [0, sign]]
    assert pose.matrix[:, 2] == pytest.approx([12 * sign, -8 * sign], abs=0.4)
    assert pose.inverted == inverted
    assert pose.similarity > 0.85
