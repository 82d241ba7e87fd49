from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraylab.phantoms.long_bone import (
    MU_CORTICAL,
    MU_MARROW,
    MU_SOFT,
    Bone,
    Fracture,
    LimbAnatomy,
    draw_fracture,
    draw_limb_anatomy,
    project_limb,
)

SHAFT = Bone(x=0.0, top=-30.0, bottom=50.0, radius=1.0, wall=0.3)  # its ends lie far off the film
LIMB = LimbAnatomy(
    bones=(SHAFT,), n_shafts=1, half_width=4.0, half_depth=3.0, muscle=(0.0, 10.0), field_cm=20.0, shift_cm=(0.0, 0.0),
    angle_deg=0.0, texture_seed=1,
)  # fmt: skip


def test_a_shaft_is_as_deep_as_its_wall_and_marrow() -> None:
    """Through the axis: 0.6 cm of cortex, 1.4 cm of marrow, and 4 cm of soft tissue, which is uneven by 5 %."""
    depth = project_limb(LIMB, 200).optical_depth
    expected = 0.6 * MU_CORTICAL + 1.4 * MU_MARROW + 4.0 * MU_SOFT
    assert depth[:, 99:101].mean(axis=1) == pytest.approx(np.full(200, expected), abs=0.3 * MU_SOFT)
    # the rays that graze the inside of the wall cross the most cortex, half the bone's width off the axis
    profile = (
        depth[100]
        - 2 * 3.0 * np.sqrt(1 - (np.linspace(-9.95, 9.95, 200) / 4) ** 2 + 0j).real * MU_SOFT
    )
    assert abs(abs(int(np.argmax(profile)) - 99.5) - 7) <= 1.5
    assert depth[:, :50].max() == 0  # the open beam


def test_a_transverse_gap_is_where_the_truth_says_and_as_deep_as_the_bone() -> None:
    fracture = Fracture(bone=0, y=8.0, gap_cm=0.5, seed=3)
    whole, broken = project_limb(LIMB, 200), project_limb(LIMB, 200, fracture)
    assert whole.fracture is None
    assert broken.fracture is not None
    assert (broken.fracture.x_px, broken.fracture.y_px) == pytest.approx((99.5, 79.5), abs=1e-3)
    left, top, width, height = broken.fracture.box_px
    assert (left, width) == pytest.approx((89.5, 20), abs=0.6)  # 2 cm of bone
    assert 5 <= height <= 9  # 0.5 cm, ragged
    assert top < 79.5 < top + height
    change = broken.optical_depth - whole.optical_depth
    # on the axis bone gives way to soft tissue
    expected = 2.0 * MU_SOFT - 0.6 * MU_CORTICAL - 1.4 * MU_MARROW
    assert change[:, 99:101].mean(axis=1).min() == pytest.approx(expected, rel=0.02)


def test_a_step_moves_the_distal_part_alone() -> None:
    fracture = Fracture(bone=0, y=10.0, gap_cm=0.2, step_cm=1.0)
    whole, broken = project_limb(LIMB, 200), project_limb(LIMB, 200, fracture)
    assert np.array_equal(broken.bone_mask[:90], whole.bone_mask[:90])
    for row in (120, 199):
        assert np.flatnonzero(broken.bone_mask[row]).mean() == pytest.approx(109.5, abs=0.6)


def test_a_bend_turns_the_distal_part_by_its_angle() -> None:
    broken = project_limb(LIMB, 200, Fracture(bone=0, y=10.0, gap_cm=0.2, bend_deg=10.0))
    middles = [np.flatnonzero(broken.bone_mask[row]).mean() for row in (130, 180)]
    assert abs(middles[1] - middles[0]) / 50 == pytest.approx(np.tan(np.radians(10)), rel=0.05)


@given(seed=st.integers(0, 2**32 - 1))
def test_any_fracture_lies_on_the_film_and_changes_nothing_out_of_its_box(seed: int) -> None:
    anatomy = draw_limb_anatomy(np.random.default_rng(seed))
    fracture = draw_fracture(anatomy, np.random.default_rng([seed, 1]))
    assert 0 <= fracture.bone < anatomy.n_shafts
    undisplaced = replace(fracture, step_cm=0.0, bend_deg=0.0)
    whole, broken = project_limb(anatomy, 64), project_limb(anatomy, 64, undisplaced)
    place = broken.fracture
    assert place is not None
    left, top, width, height = place.box_px
    assert -0.5 <= left < left + width <= 63.5
    assert -0.5 <= top < top + height <= 63.5
    assert left <= place.x_px <= left + width
    assert top <= place.y_px <= top + height
    rows, columns = np.mgrid[:64, :64]
    inside = (np.abs(rows - top - height / 2) <= height / 2 + 1) & (
        np.abs(columns - left - width / 2) <= width / 2 + 1
    )
    change = np.abs(broken.optical_depth - whole.optical_depth)
    assert change[~inside].max() < 0.01  # roundings at the edges of the bone
    assert change[inside].max() > 0.05


def test_limbs_are_reproducible_and_differ() -> None:
    films = [
        project_limb(draw_limb_anatomy(np.random.default_rng(k)), 64).optical_depth
        for k in (4, 4, 5)
    ]
    assert np.array_equal(films[0], films[1])
    assert np.abs(films[0] - films[2]).max() > 0.3
