"""Films in polar coordinates: what a turn leaves unchanged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.duplicates.test_rotations import FILM

from xraylab.duplicates.details import read_details
from xraylab.duplicates.polar import correlate_turns, describe_film, sign_films


@given(st.integers(1, 3), st.booleans())
def test_the_signature_of_a_film_stays_when_it_is_turned(quarters, mirrored):
    copy = np.rot90(FILM[:, ::-1] if mirrored else FILM, quarters)
    first, second = (sign_films(describe_film(read_details(film)[0])) for film in (FILM, copy))
    assert np.linalg.norm(first) == pytest.approx(1, abs=2e-3)
    assert first @ second == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("inverted", [False, True])
def test_the_turn_of_an_inverted_film_is_that_of_the_film(inverted):
    copy = np.rot90(255 - FILM if inverted else FILM)
    turn = correlate_turns(*(describe_film(read_details(film)[0]) for film in (FILM, copy)))
    assert np.rad2deg(turn.shift_rad) == pytest.approx(270, abs=1)
    assert (turn.mirrored, turn.inverted) == (False, inverted)
    assert turn.similarity > 0.85
