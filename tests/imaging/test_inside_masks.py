import numpy as np

from xraylab.imaging.inside_masks import FilmsInsideMasks, mean_mask


def test_all_but_the_mask_is_black_and_a_film_without_one_takes_the_mean():
    films = np.full((3, 8, 8), 200, np.uint8)
    masks = np.zeros((3, 8, 8), np.uint8)
    masks[0, 2:4, 2:4] = 1
    masks[1, 2:4, 3:5] = 1
    fallback = mean_mask(masks)
    assert np.argwhere(fallback).tolist() == [
        [r, c] for r in (2, 3) for c in (2, 3, 4)
    ]  # in at least half of the two masks that are not empty
    inside = FilmsInsideMasks(films, masks, fallback)
    assert len(inside) == 3
    assert np.array_equal(inside[0], 200 * masks[0])
    assert np.array_equal(inside[np.array([2, 1])], 200 * np.stack([fallback, masks[1]]))
    assert inside[[]].shape == (0, 8, 8)


def test_a_margin_grows_the_mask():
    films = np.full((1, 20, 20), 9, np.uint8)
    masks = np.zeros((1, 20, 20), np.uint8)
    masks[0, 10, 10] = 1
    grown = FilmsInsideMasks(films, masks, masks[0], margin=0.1)[0] > 0
    assert grown[8:13, 10].all()
    assert grown[10, 8:13].all()
    assert not grown[7, 10]


def test_without_any_mask_there_is_no_mean():
    assert not mean_mask(np.zeros((2, 4, 4), np.uint8)).any()
