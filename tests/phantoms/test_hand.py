import numpy as np

from xraylab.phantoms.hand import HandAnatomy, draw_hand_anatomy, project_hand
from xraylab.phantoms.hand_growth import (
    CARPALS,
)


def depth(months: float, **early: float) -> np.ndarray:
    """The upright hand of a boy some of whose centres are early (late where negative)."""
    anatomy = HandAnatomy(months, male=True, early_months=early)
    return project_hand(anatomy, 256).optical_depth


def test_the_wrist_fills_with_carpal_bones() -> None:
    without = dict.fromkeys(CARPALS, -1000.0)
    carpals = {months: depth(months) - depth(months, **without) for months in (2, 30, 100, 216)}
    assert np.all(carpals[2] == 0)  # the first one comes at three months
    area = [int((carpals[months] > 0.02).sum()) for months in (30, 100, 216)]
    assert 0 < area[0] < area[1] < area[2]
    assert carpals[100].min() > -0.01
    rows = np.flatnonzero((carpals[216] > 0.02).any(axis=1))
    assert 0.5 * 256 < rows[0] < rows[-1] < 0.8 * 256  # and nowhere else


def test_a_plate_is_a_dark_gap_until_it_closes() -> None:
    """A radius 100 months ahead differs in its plate alone, as its epiphysis is full at both ages."""
    open_plate = depth(150, radius=100.0) - depth(150)
    assert open_plate.max() > 0.2
    nearly = depth(207.5, radius=100.0) - depth(207.5)
    assert nearly.max() < open_plate.max()
    assert np.all(depth(216, radius=100.0) == depth(216))  # closed in both


def test_a_hand_lies_on_the_film_and_its_beam_is_open_beside_it() -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        phantom = project_hand(draw_hand_anatomy(rng, 20 + 35 * seed, bool(seed % 2)), 128, rng)
        assert 0.08 < phantom.hand_mask.mean() < 0.6
        assert phantom.hand_mask[-1].any()  # the forearm comes in from below
        assert not phantom.hand_mask[0].any()
        assert phantom.optical_depth[phantom.hand_mask].mean() > 0.2
        assert phantom.optical_depth[:4].max() < 0.05
        assert phantom.optical_depth.min() >= 0


def test_size_on_the_film_does_not_tell_age() -> None:
    """The share of the film that is hand hangs on the position, not on the months."""
    rng = np.random.default_rng(0)
    months, shares = [], []
    for number in range(40):
        months.append(float(rng.uniform(6, 216)))
        draw = np.random.default_rng([1, number])
        phantom = project_hand(draw_hand_anatomy(draw, months[-1], True), 64, draw)
        shares.append(phantom.hand_mask.mean())
    assert abs(np.corrcoef(months, shares)[0, 1]) < 0.4


def test_films_are_reproducible() -> None:
    films = []
    for seed in (5, 5, 6):
        rng = np.random.default_rng(seed)
        films.append(project_hand(draw_hand_anatomy(rng, 120, False), 96, rng).optical_depth)
    assert np.array_equal(films[0], films[1])
    assert np.abs(films[0] - films[2]).max() > 0.1
