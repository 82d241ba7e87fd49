"""The angle of a map between films is that of the turn that made it."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from tests.duplicates.test_rotations import angle_between

from xraylab.duplicates.registration import angle_of, turn_matrix


@given(st.floats(-np.pi, np.pi), st.booleans(), st.floats(0.8, 1.2))
@example(1.35e-6, False, 1.0)
@example(1e-20, False, 1.0)
def test_the_angle_of_a_matrix_is_that_of_the_turn_that_made_it(shift_rad, mirrored, scale):
    angle, is_mirrored = angle_of(turn_matrix(shift_rad, mirrored, scale))
    # the image's y axis points down; upside down is left to right, turned by 180 degrees
    expected = 180 + np.rad2deg(shift_rad) if mirrored else -np.rad2deg(shift_rad)
    assert is_mirrored == mirrored
    assert angle_between(angle, expected) < 1e-6
    assert 0 <= angle < 360
