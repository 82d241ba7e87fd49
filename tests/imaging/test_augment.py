import numpy as np
import pytest

from xraylab.imaging.augment import (
    VARIANTS,
    add_noise,
    change_contrast,
    make_variant,
    multiply,
    warp,
)

FILM = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize(
    ("grey", "expected"),
    # brightness -40: g * 215 / 255. contrast -120: f = 131 * 7 / (127 * 251) = 0.028767, + 127 (1 - f) = 123.3466
    [(0, 123), (128, round(0.028767 * round(128 * 215 / 255) + 123.3466)), (255, 130)],
)
def test_published_contrast_by_hand(grey, expected):
    film = np.full((2, 2), grey, np.uint8)
    assert np.all(change_contrast(film) == expected)


def test_no_change_is_no_change():
    assert np.array_equal(change_contrast(FILM, 0, 0), FILM)


def test_brightness_above_zero_lifts_black():
    assert change_contrast(np.zeros((1, 1), np.uint8), brightness=40, contrast=0)[0, 0] == 40


def test_contrast_above_zero_pushes_away_from_the_middle():
    film = np.array([[100, 127, 150]], np.uint8)
    changed = change_contrast(film, 0, 60)
    assert changed[0, 1] == 127
    assert changed[0, 0] < 100
    assert changed[0, 2] > 150


def test_changes_out_of_range_are_refused():
    with pytest.raises(ValueError, match="got -300, 0"):
        change_contrast(FILM, -300, 0)


def test_a_gain_saturates_and_never_wraps():
    assert multiply(np.array([[100, 200]], np.uint8)).tolist() == [[150, 255]]


def test_noise_is_at_most_a_tenth_of_white_and_only_adds():
    film = np.full((64, 64), 100, np.uint8)
    noisy = add_noise(film, np.random.default_rng(0))
    assert noisy.min() == 100
    assert noisy.max() == 125
    assert abs(noisy.mean() - 112.7) < 0.5  # the mean of 0.1 * randint(0, 255) is 12.7
    assert add_noise(np.full((4, 4), 255, np.uint8), np.random.default_rng(0)).min() == 255


def test_film_and_mask_move_together():
    film = np.zeros((64, 64), np.uint8)
    film[20:40, 10:30] = 200
    mask = (film > 0).astype(np.uint8)
    for seed in range(8):
        moved, moved_mask = warp([film, mask], np.random.default_rng(seed))
        assert set(np.unique(moved_mask)) <= {0, 1}
        inside = moved_mask.astype(bool)
        assert moved[inside].mean() > 150
        assert moved[~inside].mean() < 20
        assert not np.array_equal(moved, film)


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_geometry_moves_the_mask(variant):
    mask = (FILM > 128).astype(np.uint8)
    film, moved = make_variant(variant, FILM, mask, np.random.default_rng(3))
    assert np.array_equal(moved, mask) == (variant != "geometric")
    assert np.array_equal(film, FILM) == (variant == "original")
