import numpy as np
import pytest

from xraylab.evaluation.perturbations import PERTURBATIONS, perturb


def test_changes_do_what_they_say() -> None:
    film = np.zeros((5, 5), np.uint8)
    film[0, 2], film[2, 2] = 100, 200
    films = film[None]
    assert perturb("invert", films)[0, 0, 2] == 155
    assert perturb("flip", np.eye(3, dtype=np.uint8)[None])[0].tolist() == [
        [0, 0, 1], [0, 1, 0], [1, 0, 0],
    ]  # fmt: skip
    two = np.array([[[100, 200]]], np.uint8)
    assert perturb("contrast_0.7", two).tolist() == [[[115, 185]]]
    assert perturb("contrast_1.3", two).tolist() == [[[85, 215]]]
    for name in PERTURBATIONS:
        changed = perturb(name, films)
        assert (changed.shape, changed.dtype) == (films.shape, np.uint8)
        assert not np.array_equal(changed, films) or name == "flip"  # it is its own mirror image
    assert perturb("rotate_10", films)[0, 2, 2] == 200  # the middle stays
    assert len(perturb("flip", films[:0])) == 0


def test_a_turn_is_against_the_clock() -> None:
    film = np.zeros((21, 21), np.uint8)
    film[2, 10] = 255
    _, column = np.unravel_index(perturb("rotate_20", film[None])[0].argmax(), film.shape)
    assert column < 10
    _, column = np.unravel_index(perturb("rotate_-20", film[None])[0].argmax(), film.shape)
    assert column > 10


def test_an_unknown_change_is_named() -> None:
    with pytest.raises(ValueError, match=r"must be one of rotate_-20, .* got 'shear'"):
        perturb("shear", np.zeros((1, 4, 4), np.uint8))
