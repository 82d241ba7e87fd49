import numpy as np
import pytest

from xraylab.phantoms.hand import HandAnatomy, draw_hand_anatomy, project_hand
from xraylab.phantoms.hand_growth import (
    CARPALS,
    GIRLS_AHEAD,
    OSSIFICATION,
    bone_scale,
    developmental_months,
    plate_width,
    share_ossified,
)


def test_bones_lengthen_to_adult_length() -> None:
    lengths = [bone_scale(months) for months in range(0, 217, 12)]
    assert lengths[0] == pytest.approx(0.38)
    assert lengths[-1] == pytest.approx(1.0)
    assert np.all(np.diff(lengths) > 0)
    assert bone_scale(300) == 1.0


def test_a_centre_appears_grows_and_is_full() -> None:
    assert share_ossified(24, 24, 100) == 0
    assert share_ossified(124, 24, 100) == 1
    assert share_ossified(400, 24, 100) == 1
    assert share_ossified(74, 24, 100) == pytest.approx(0.5**0.6)


def test_a_plate_narrows_over_two_years_and_closes() -> None:
    assert [plate_width(age, 192) for age in (0, 168, 180, 192, 216)] == [1, 1, 0.5, 0, 0]


def test_girls_are_ahead_and_look_as_older_boys_do() -> None:
    assert developmental_months(100, male=False) == pytest.approx(100 * GIRLS_AHEAD)
    assert developmental_months(100, male=True) == 100
    girl = project_hand(HandAnatomy(100, male=False), 96).optical_depth
    boy = project_hand(HandAnatomy(100 * GIRLS_AHEAD, male=True), 96).optical_depth
    peer = project_hand(HandAnatomy(100, male=True), 96).optical_depth
    assert np.array_equal(girl, boy)
    assert np.abs(girl - peer).max() > 0.05


def test_every_centre_is_there_before_its_plate_closes() -> None:
    for appears, span, closes in OSSIFICATION.values():
        assert 0 < appears < appears + span < closes < 216
    for *_, appears, span in CARPALS.values():
        assert 0 < appears < appears + span < 216


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
