from itertools import product

import numpy as np
import pytest

from xraylab.evaluation.decoding import mask_threshold


@pytest.mark.parametrize("seed", range(4))
def test_no_mask_has_a_larger_expected_dice(seed: int) -> None:
    """Against all masks of a film of eight pixels, the expected Dice being that of expected areas."""
    p = np.random.default_rng(seed).random((2, 4)).astype(np.float32) ** 2
    mask = p >= mask_threshold(p, "expected_dice")
    masks = [np.reshape(each, p.shape) for each in product((False, True), repeat=p.size)]
    best = max(2 * p[each].sum() / (each.sum() + p.sum()) for each in masks)
    assert 2 * p[mask].sum() / (mask.sum() + p.sum()) == pytest.approx(best, rel=1e-6)


def test_a_faint_film_gets_a_low_threshold_and_an_empty_one_stays_empty() -> None:
    faint = np.full((4, 4), 0.01, np.float32)
    faint[:2, :2] = 0.2
    assert mask_threshold(faint, "expected_dice") == pytest.approx(0.2)
    assert mask_threshold(faint / 10, "expected_dice") == 0.05
    assert not (faint / 10 >= 0.05).any()
    assert mask_threshold(np.zeros((4, 4), np.float32), "expected_dice") == 0.05
    assert mask_threshold(faint, 0.5) == 0.5
