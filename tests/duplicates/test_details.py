"""What a film shows: borders are no part of it."""

import cv2
import numpy as np
import pytest
from tests.duplicates.test_rotations import FILM

from xraylab.duplicates.details import read_details, show_film


@pytest.mark.parametrize("grey", [0, 130, 255])
def test_an_even_border_is_cut_off_and_leaves_no_edge(grey):
    padded = FILM.copy()
    padded[:, :30] = padded[:, -30:] = grey
    shown, mask = show_film(padded)
    assert (shown[:, :30] == FILM[:, [30]]).all()
    assert not mask[:, :30].any()
    assert mask[20:-20, 40:-40].all()
    blank = np.zeros_like(FILM)
    blank[:] = grey
    assert np.abs(read_details(blank)[0]).max() == 0


def test_the_corners_of_a_turned_film_show_nothing_and_black_within_it_does():
    film = np.maximum(FILM, 30)
    cv2.circle(film, (112, 112), 20, 0, -1)  # black, and not at the edge
    turned = cv2.warpAffine(film, cv2.getRotationMatrix2D((111.5, 111.5), 45, 1), film.shape)
    _, mask = show_film(turned)
    assert mask[112, 112] == 1
    assert not mask[:30, :30].any()


def test_a_film_is_brought_to_the_size_that_is_asked_for():
    shown, mask = show_film(cv2.resize(FILM, (100, 100)), 128)
    assert shown.shape == mask.shape == (128, 128)
