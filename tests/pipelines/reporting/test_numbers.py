import math

import pytest

from xraylab.pipelines.reporting.forest import AXIS, WIDTH, draw_strip
from xraylab.pipelines.reporting.numbers import Estimate, subtract, write_number


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0357, "0.0357"), (0.5, "0.500"), (12.345, "12.3"), (1.00488, "1.005"), (-0.102, "−0.102"), (0.0, "0"),
     (1e-6, "1.00 × 10⁻⁶"), (-2.5e-5, "−2.50 × 10⁻⁵"), (1658.0, "1,658"), (123456.0, "1.23 × 10⁵"),
     (float("nan"), "–"), (float("inf"), "∞"), (float("-inf"), "−∞")],
)  # fmt: skip
def test_numbers_have_three_or_four_digits(value: float, text: str) -> None:
    assert write_number(value) == text


def test_an_estimate_is_written_with_unit_interval_and_mark() -> None:
    assert Estimate(0.5, 0.4, 0.6, 10).write("months") == "0.500 months (0.400 to 0.600)"
    assert Estimate(0.5, 0.4, 0.6, 9).write() == "0.500 (0.400 to 0.600 †)"
    assert Estimate(0.5).write() == "0.500"
    assert Estimate(-0.5, -0.6, -0.4).parts(sign=True)[0] == "−0.500"


def test_the_interval_of_a_difference_is_worked_out_by_hand() -> None:
    found = subtract(Estimate(0.95, 0.92, 0.97), Estimate(0.50, 0.46, 0.60))
    assert found.value == pytest.approx(0.45)
    assert found.low == pytest.approx(0.45 - math.sqrt(0.03**2 + 0.10**2))
    assert found.high == pytest.approx(0.45 + math.sqrt(0.02**2 + 0.04**2))
    assert not subtract(Estimate(0.95), Estimate(0.5, 0.4, 0.6)).known


def test_a_strip_runs_from_the_baseline_to_the_claim() -> None:
    strip = draw_strip(
        Estimate(0.9, 0.8, 1.0), Estimate(0.1), Estimate(0.1, 0.1, 0.1), 0.9, "higher"
    )
    assert strip is not None
    assert (strip.honest.x, strip.theirs.x) == (AXIS["baseline"], AXIS["claimed"])
    assert strip.claimed == AXIS["claimed"]
    assert strip.theirs.low < strip.theirs.x < strip.theirs.high
    assert strip.honest.low == strip.honest.high


def test_what_lies_beyond_the_scale_is_an_arrow_at_its_end() -> None:
    strip = draw_strip(Estimate(90.0), Estimate(-40.0), Estimate(0.0), 1.0, "higher")
    assert strip is not None
    assert (strip.theirs.beyond, strip.honest.beyond) == ("right", "left")
    assert 0 < strip.honest.x < strip.theirs.x < WIDTH


@pytest.mark.parametrize("claimed", [None, 50.0, 60.0])
def test_without_a_claim_above_the_baseline_the_best_value_ends_the_scale(claimed) -> None:
    strip = draw_strip(Estimate(10.0), Estimate(20.0), Estimate(50.0), claimed, "lower")
    assert strip is not None
    assert strip.theirs.x == AXIS["claimed"]
    worse = draw_strip(Estimate(90.0), Estimate(70.0), Estimate(50.0), None, "lower")
    assert worse is not None
    assert worse.theirs.x < worse.honest.x < AXIS["baseline"]


def test_nothing_is_drawn_without_a_baseline_or_a_value() -> None:
    assert draw_strip(Estimate(1.0), None, None, 1.0, "higher") is None
    assert draw_strip(None, None, Estimate(1.0), 1.0, "higher") is None


def test_a_claim_that_hardly_beats_the_baseline_does_not_stretch_the_scale() -> None:
    strip = draw_strip(Estimate(0.0, -1.0, 1.0), Estimate(0.0), Estimate(0.0), 0.001, "higher")
    assert strip is not None
    assert strip.theirs.high == AXIS["claimed"]
    assert strip.claimed == pytest.approx(AXIS["baseline"], abs=0.5)
