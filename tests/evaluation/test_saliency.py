"""Saliency checks worked out on tiny maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xraylab.evaluation.saliency import (
    border_mask,
    border_width,
    map_similarity,
    pointing_hit,
    share_inside,
)


def test_the_share_of_the_mass_inside():
    saliency = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert share_inside(saliency, np.array([[0, 1], [0, 1]], np.uint8)) == 0.6
    assert share_inside(saliency, np.array([[True, False], [False, False]])) == 0.1
    assert np.isnan(share_inside(np.zeros((2, 2)), np.ones((2, 2), bool)))


@given(
    arrays(float, (4, 5), elements=st.floats(0, 1e3)).filter(lambda a: a.sum() > 1e-9),
    arrays(bool, (4, 5)),
)
def test_inside_and_outside_make_the_whole(saliency, mask):
    inside = share_inside(saliency, mask)
    assert 0 <= inside <= 1 + 1e-12
    assert inside + share_inside(saliency, ~mask) == pytest.approx(1)
    assert share_inside(3 * saliency, mask) == pytest.approx(inside)


def test_a_border_by_hand():
    assert border_mask((4, 5), 0.25).astype(int).tolist() == [
        [1, 1, 1, 1, 1],
        [1, 0, 0, 0, 1],
        [1, 0, 0, 0, 1],
        [1, 1, 1, 1, 1],
    ]  # fmt: skip
    assert border_width((224, 224), 0.08) == 18
    assert border_width((10, 30), 0.01) == 1
    # 100² - (100 - 2·8)²
    assert border_mask((100, 100), 0.08).sum() == 10_000 - 84**2


def smooth(seed):
    rng = np.random.default_rng(seed)
    return np.kron(rng.random((4, 4)), np.ones((4, 4)))


def test_equal_maps_are_alike_whatever_their_scale():
    found = map_similarity(smooth(0), 7 * smooth(0))
    assert found == pytest.approx({"ssim": 1.0, "spearman": 1.0})


def test_other_maps_are_not_alike():
    found = map_similarity(smooth(0), smooth(1))
    assert found["ssim"] < 0.5
    assert abs(found["spearman"]) < 0.6
    turned = map_similarity(smooth(0), smooth(0).max() - smooth(0))
    assert turned["spearman"] == pytest.approx(-1)


def test_ranks_by_hand():
    # Ranks 1 … 9 against the same with the last two swapped: 1 - 6 · 2 / (9 · 80)
    first = np.arange(9.0).reshape(3, 3)
    second = np.array([0.0, 1, 2, 3, 4, 5, 6, 8, 7]).reshape(3, 3)
    assert map_similarity(first, second)["spearman"] == pytest.approx(1 - 12 / 720)


def test_a_flat_map_has_no_ranks():
    found = map_similarity(np.zeros((8, 8)), np.zeros((8, 8)))
    assert found["ssim"] == pytest.approx(1)
    assert np.isnan(found["spearman"])


def test_pointing_by_hand():
    saliency = np.zeros((4, 6))
    saliency[1, 4] = 2.0
    assert pointing_hit(saliency, (4, 1, 1, 1))
    assert pointing_hit(saliency, (3.5, 0, 2, 2))
    assert not pointing_hit(saliency, (1, 4, 3, 2))  # row and column swapped
    assert not pointing_hit(saliency, (2, 1, 2, 1))  # the box ends before column 4
    saliency[3, 0] = 2.0  # a second maximum elsewhere
    assert not pointing_hit(saliency, (4, 1, 1, 1))
    assert not pointing_hit(np.ones((4, 6)), (0, 0, 3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: share_inside(np.ones((2, 2)), np.ones((2, 3), bool)),
            r"\(2, 2\), its mask \(2, 3\)",
        ),
        (lambda: share_inside(-np.ones((2, 2)), np.ones((2, 2), bool)), "4 of 4 pixels are not"),
        (lambda: share_inside(np.full((1, 2), np.nan), np.ones((1, 2), bool)), "such as nan"),
        (
            lambda: share_inside(np.ones(3), np.ones(3, bool)),
            r"\(rows, columns\), got shape \(3,\)",
        ),
        (lambda: border_mask((8, 8), 0.5), r"width_fraction must lie in \(0, 0.5\), got 0.5"),
        (lambda: border_mask((2, 8), 0.1), "a border of 1 px leaves nothing of 2 x 8"),
        (
            lambda: map_similarity(np.ones((3, 3)), np.ones((3, 4))),
            r"\(3, 3\), the second \(3, 4\)",
        ),
        (lambda: map_similarity(np.ones((2, 9)), np.ones((2, 9))), "at least 3 x 3 pixels"),
        (lambda: pointing_hit(np.ones((3, 3)), (0, 0, 0, 2)), r"with an area, got \(0, 0, 0, 2\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
