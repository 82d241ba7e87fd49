import numpy as np
import pytest

from xraylab.imaging.preprocess import MaskSizeError, PreprocessParams, prepare_film, prepare_mask

PLAIN = PreprocessParams(size_px=16, equalise="none")


def test_a_film_shrinks_by_the_mean_of_its_areas():
    film = np.zeros((32, 64), np.float32)
    film[::2] = 1.0  # every target pixel covers as many white as black ones
    assert np.all(prepare_film(film, PLAIN) == 128)


def test_values_are_kept_where_nothing_is_equalised():
    film = np.full((16, 16), 51 / 255, np.float32)
    assert np.all(prepare_film(film, PLAIN) == 51)


def test_equalisation_spreads_two_grey_values_to_black_and_white():
    film = np.full((16, 16), 100 / 255, np.float32)
    film[:8] = 101 / 255
    assert set(np.unique(prepare_film(film, PreprocessParams(size_px=16)))) == {0, 255}


def test_a_mask_is_cut_above_127():
    mask = np.array([[127, 128], [0, 255]], np.float32).repeat(8, 0).repeat(8, 1) / np.float32(255)
    prepared = prepare_mask([mask], (16, 16), PLAIN)
    assert prepared.dtype == np.uint8
    assert prepared[0, 0] == 0
    assert prepared[0, 15] == 1
    assert prepared.sum() == 128


def test_left_and_right_masks_are_joined():
    left, right = np.zeros((2, 16, 16), np.float32)
    left[:, 10:] = 1
    right[:, :3] = 1
    assert prepare_mask([left, right], (16, 16), PLAIN).sum() == 16 * 9


def test_a_mask_of_another_size_is_taken_and_of_another_shape_is_refused():
    mask = np.ones((64, 32), np.float32)
    assert prepare_mask([mask], (128, 64), PLAIN).all()
    with pytest.raises(MaskSizeError, match="its mask has 32 x 64 pixels, the film 64 x 64"):
        prepare_mask([mask], (64, 64), PLAIN)


def test_no_mask_is_an_empty_one():
    assert not prepare_mask([], (8, 8), PLAIN).any()


def test_a_film_in_a_part_of_the_range_is_equalised_to_the_same_picture() -> None:
    rng = np.random.default_rng(0)
    film = np.cumsum(np.cumsum(rng.standard_normal((96, 96)), 0), 1)
    film = ((film - film.min()) / (film.max() - film.min())).astype(np.float32)
    params = PreprocessParams(size_px=96)
    whole = prepare_film(film, params).astype(float)
    for part, floor in ((1 / 16, 0.0), (1 / 16, 0.9), (1 / 100, 0.3)):
        small = prepare_film(np.float32(floor) + np.float32(part) * film, params).astype(float)
        assert np.abs(small - whole).mean() < 0.01 * 255
        assert np.abs(small - whole).max() <= 3
    flat = prepare_film(np.full((32, 32), 0.5, np.float32), PreprocessParams(size_px=16))
    assert len(np.unique(flat)) == 1
