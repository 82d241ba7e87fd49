"""Spectra in polar coordinates: a shift leaves them as they are, a turn and a scale are found."""

import cv2
import numpy as np
import pytest
from tests.duplicates.test_rotations import FILM, turn

from xraylab.duplicates.details import read_details
from xraylab.duplicates.mellin import ZOOMS, correlate_spectra, describe_spectrum, sign_spectra


def spectrum_of(film, zoom=1.0):
    return describe_spectrum(read_details(film), zoom)


def test_a_shift_leaves_the_signature_nearly_as_it_is_and_another_film_does_not():
    moved = cv2.warpAffine(FILM, np.float32([[1, 0, 9], [0, 1, -7]]), FILM.shape)
    other = FILM[:, ::-1] // 2 + np.random.default_rng(0).integers(0, 120, FILM.shape, np.uint8)
    same, apart = (
        sign_spectra(spectrum_of(FILM)) @ sign_spectra(spectrum_of(f)) for f in (moved, other)
    )
    assert same > 0.97 > apart


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
