import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from xraylab.dose.plan import (
    AdditiveRecipe,
    QuantumRecipe,
    exposures_of,
    plan_additive,
    plan_quantum,
    to_rows,
)
from xraylab.dose.tables import ExposurePlan


def test_published_levels_are_zipped() -> None:
    exposures = plan_additive("film", AdditiveRecipe(), seed=0)
    assert [(e.level, e.scale, e.noise_std) for e in exposures] == [
        ("1", 1.0, 0.005),
        ("0.8", 0.8, 0.02),
        ("0.6", 0.6, 0.04),
    ]


def test_continuous_additive_levels_lie_between_the_listed_ones() -> None:
    exposures = plan_additive("film", AdditiveRecipe(draws=50), seed=0)
    assert len({e.level for e in exposures}) == 50
    for e in exposures:
        assert 0.6 <= e.scale <= 1.0
        expected = np.interp(e.scale, [0.6, 0.8, 1.0], [0.04, 0.02, 0.005])
        assert e.noise_std == pytest.approx(expected)


@given(draws=st.integers(1, 20), image_id=st.text(min_size=1, max_size=8))
def test_continuous_doses_are_in_range_and_reproducible(draws: int, image_id: str) -> None:
    recipe = QuantumRecipe(draws=draws, dose_fractions=(0.2, 0.9))
    first, second = plan_quantum(image_id, recipe, 1), plan_quantum(image_id, recipe, 1)
    assert first == second
    assert all(0.2 * 0.999 <= e.dose_fraction <= 0.9 * 1.001 for e in first)


def test_plan_round_trips_through_its_table() -> None:
    exposures = plan_additive("f", AdditiveRecipe(), 0) + plan_quantum(
        "f", QuantumRecipe(draws=0), 0
    )
    table = pd.DataFrame(to_rows("f", "p", exposures)).astype({"noise_key": np.uint64})
    ExposurePlan.validate(table)
    assert exposures_of(table) == exposures


def test_a_plan_with_a_level_twice_is_refused() -> None:
    rows = to_rows("f", "p", plan_additive("f", AdditiveRecipe(), 0))
    table = pd.DataFrame([*rows, rows[0]]).astype({"noise_key": np.uint64})
    with pytest.raises(Exception, match="unique"):
        ExposurePlan.validate(table)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"scales": (1.0, 0.8)}, "equally long"),
        ({"scales": (1.0, 0.8, 0.0)}, r"\(0, 1\]"),
        ({"noise_stds": (0.1, 0.2, 3.0)}, r"\[0, 1\]"),
        ({"scales": (0.8, 0.8, 0.6)}, "differ"),
    ],
)
def test_bad_levels_are_refused(values: dict[str, object], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        AdditiveRecipe.model_validate(values)
    if "scales" in values and rule != "equally long":
        with pytest.raises(ValidationError, match=rule):
            QuantumRecipe(dose_fractions=values["scales"])  # type: ignore[arg-type]
