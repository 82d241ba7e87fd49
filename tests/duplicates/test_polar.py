"""Films in polar coordinates: what a turn leaves unchanged, and the scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.duplicates.test_rotations import FILM, turn

from xraylab.duplicates.polar import correlate_turns, describe_film, sign_films


def test_the_rings_give_the_scale():
    pair = [describe_film(film)[None] for film in (FILM, turn(FILM, 0, 1.14))]
    assert correlate_turns(*pair, max_scale=1.3).scale[0] == pytest.approx(1.14, rel=0.04)
    assert correlate_turns(*pair, max_scale=1.0).scale[0] == 1


@given(st.integers(1, 3), st.booleans())
def test_the_signature_of_a_film_stays_when_it_is_turned(quarters, mirrored):
    copy = np.rot90(FILM[:, ::-1] if mirrored else FILM, quarters)
    first, second = sign_films(np.stack([describe_film(FILM), describe_film(copy)]))
    assert np.linalg.norm(first) == pytest.approx(1, abs=2e-3)
    assert first @ second == pytest.approx(1, abs=5e-3)
