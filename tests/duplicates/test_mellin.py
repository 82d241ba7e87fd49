"""Spectra in polar coordinates: a shift leaves them as they are, a turn and a scale are found."""

import cv2
import numpy as np
import pytest
from tests.duplicates.test_rotations import DISTINCT, FILM, turn

from xraylab.duplicates.details import read_details
from xraylab.duplicates.mellin import ZOOMS, correlate_spectra, describe_spectrum, sign_spectra


def spectrum_of(film, zoom=1.0):
    return describe_spectrum(read_details(film)[1], zoom)


def test_a_shifted_film_is_nearer_than_any_other():
    moved = cv2.warpAffine(FILM, np.float32([[1, 0, 9], [0, 1, -7]]), FILM.shape)
    signed = sign_spectra(spectrum_of(FILM))
    same = signed @ sign_spectra(spectrum_of(moved))
    others = [signed @ sign_spectra(spectrum_of(film)) for film in DISTINCT[1:]]
    assert same > max(others) + 0.01


@pytest.mark.parametrize("angle_deg", [-70, 0, 33])
@pytest.mark.parametrize("mirrored", [False, True])
def test_turn_and_mirror_are_found_but_for_half_a_turn(angle_deg, mirrored):
    copy = turn(FILM[::-1].copy() if mirrored else FILM, angle_deg)  # upside down, then turned
    found = correlate_spectra(spectrum_of(FILM), spectrum_of(copy))
    expected = angle_deg if mirrored else -angle_deg  # y points down; turned before mirrored
    assert found.mirrored == mirrored
    assert abs((np.rad2deg(found.shift_rad) - expected + 90) % 180 - 90) < 1
    assert found.scale == pytest.approx(1)


@pytest.mark.parametrize("number", [1, 2])
def test_the_zoom_of_a_film_is_alike_to_its_enlarged_copy(number):
    zoom = ZOOMS[number]
    enlarged = spectrum_of(turn(FILM, 25, zoom))
    found = correlate_spectra(spectrum_of(FILM, zoom), enlarged, zoom)
    assert found.similarity > 0.6
    assert found.scale == pytest.approx(zoom, rel=0.04)
