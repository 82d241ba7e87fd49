import numpy as np
import pytest

from xraylab.phantoms.hand import HandAnatomy, project_hand
from xraylab.phantoms.hand_growth import (
    CARPALS,
    GIRLS_AHEAD,
    OSSIFICATION,
    bone_scale,
    developmental_months,
    flesh_share,
    mineral_share,
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


def test_bones_gain_mineral_and_hands_lose_flesh() -> None:
    assert [mineral_share(age) for age in (0, 108, 216, 300)] == pytest.approx([0.3, 0.65, 1, 1])
    assert [flesh_share(age) for age in (0, 108, 216, 300)] == pytest.approx([1.5, 1.25, 1, 1])


def test_every_centre_is_there_before_its_plate_closes() -> None:
    for appears, span, closes in OSSIFICATION.values():
        assert 0 < appears < appears + span < closes < 216
    for *_, appears, span in CARPALS.values():
        assert 0 < appears < appears + span < 216
