"""Places on a strip of a forest plot."""

from __future__ import annotations

import pytest

from xraylab.pages import Scale

SCALE = Scale(left=-1.0, right=3.0, width=100.0, margin=10.0)


@pytest.mark.parametrize(
    ("value", "place", "beyond"),
    [
        (-1.0, 10.0, ""),
        (1.0, 50.0, ""),
        (3.0, 90.0, ""),
        (-1.5, 10.0, "left"),
        (3.5, 90.0, "right"),
    ],
)
def test_values_stand_in_proportion_and_never_off_the_strip(
    value: float, place: float, beyond: str
) -> None:
    dot = SCALE.interval(value, value - 1, value + 1, 5.0)
    assert (dot.x, dot.y, dot.beyond) == (place, 5.0, beyond)
    assert 10.0 <= dot.low <= dot.x <= dot.high <= 90.0
    assert (value in SCALE) is (beyond == "")
