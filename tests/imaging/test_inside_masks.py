import numpy as np

from xraylab.imaging.inside_masks import FilledMasks, FilmsInsideMasks


def made() -> tuple[np.ndarray, np.ndarray]:
    films = np.full((3, 8, 8), 200, np.uint8)
    masks = np.zeros((3, 8, 8), np.uint8)
    masks[0, 2:4, 2:4] = 1
    masks[1, 2:4, 3:5] = 1
    return films, masks


def test_a_film_without_a_mask_takes_the_guess():
    films, masks = made()
    corner = np.zeros((8, 8), np.uint8)
    corner[0, 0] = 1
    filled = FilledMasks(films, masks, lambda film: corner)
    assert len(filled) == 3
    assert np.array_equal(filled[0], masks[0])
    assert np.array_equal(filled[-1], corner)
    assert np.array_equal(np.stack(list(filled)), np.stack([masks[0], masks[1], corner]))
    assert not FilledMasks(films, masks)[2].any()


def test_all_but_the_mask_is_black():
    films, masks = made()
    inside = FilmsInsideMasks(films, FilledMasks(films, masks, lambda film: masks[0]))
    assert np.array_equal(inside[0], 200 * masks[0])
    assert np.array_equal(inside[np.array([2, 1])], 200 * masks[[0, 1]])
    assert np.array_equal(inside[1:], 200 * masks[[1, 0]])
    assert inside[np.array([], int)].shape == (0, 8, 8)


def test_a_margin_grows_the_mask():
    films = np.full((1, 20, 20), 9, np.uint8)
    masks = np.zeros((1, 20, 20), np.uint8)
    masks[0, 10, 10] = 1
    grown = FilmsInsideMasks(films, masks, margin=0.1)[0] > 0
    assert grown[8:13, 10].all()
    assert grown[10, 8:13].all()
    assert not grown[7, 10]
