"""Split conformal intervals: quantiles by hand, and coverage where the truth is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from xraylab.evaluation.conformal import (
    calibrate,
    coverage_metrics,
    least_groups,
    prediction_interval,
    residual_scores,
)


def test_scores_by_hand():
    target, prediction = np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 1.0])
    assert residual_scores(target, prediction, "absolute").tolist() == [1, 0, 3]
    assert residual_scores(target, prediction, "relative") == pytest.approx(np.log([2, 1, 4]))


def test_the_radius_of_nine_groups_is_the_ninth_score_at_ninety_percent():
    # ceil(0.9 * 10) = 9; at 80 % the eighth, at 50 % the fifth.
    scores = np.array([3.0, 1, 2, 9, 8, 7, 4, 5, 6])
    groups = pd.Series(range(9))
    assert [calibrate(scores, groups, coverage) for coverage in (0.9, 0.8, 0.5)] == [9, 8, 5]
    assert calibrate(scores[:8], groups[:8], 0.9) == np.inf


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(1, 99))
def test_single_rows_give_the_ordinary_quantile(scores, percent):
    rank = -(-percent * (len(scores) + 1) // 100)  # the ceiling, in whole numbers
    expected = sorted(scores)[rank - 1] if rank <= len(scores) else np.inf
    assert calibrate(np.array(scores), pd.Series(range(len(scores))), percent / 100) == expected


def test_a_group_weighs_as_one_score():
    # Groups a: 1, 2, 3, 4 (1/4 each), b: 10, c: 20; at 50 % of 3 + 1 groups the weight 2 is needed: 1 of a, 1 of b.
    scores = np.array([4.0, 1, 20, 2, 10, 3])
    groups = pd.Series(["a", "a", "c", "a", "b", "a"])
    assert calibrate(scores, groups, 0.5) == 10
    # At 20 %, 0.8: the fourth of the four rows of a.
    assert calibrate(scores, groups, 0.2) == 4


@pytest.mark.parametrize(
    ("coverage", "groups"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)]
)
def test_least_groups_is_where_the_radius_becomes_finite(coverage, groups):
    assert least_groups(coverage) == groups
    assert calibrate(np.ones(groups), pd.Series(range(groups)), coverage) == 1
    if groups > 1:
        assert calibrate(np.ones(groups - 1), pd.Series(range(groups - 1)), coverage) == np.inf


def test_intervals_by_hand():
    low, high = prediction_interval(np.array([1.0, 2.0]), 0.5, "absolute")
    assert (low.tolist(), high.tolist()) == ([0.5, 1.5], [1.5, 2.5])
    low, high = prediction_interval(np.array([1.0, 3.0]), np.log(2), "relative")
    assert (low, high) == (pytest.approx([0.5, 1.5]), pytest.approx([2, 6]))
    low, high = prediction_interval(np.array([1.0]), np.inf, "relative")
    assert (low.item(), high.item()) == (0, np.inf)
    low, high = prediction_interval(np.array([1.0]), np.inf, "absolute")
    assert (low.item(), high.item()) == (-np.inf, np.inf)


@pytest.mark.parametrize("kind", ["absolute", "relative"])
def test_the_interval_holds_a_target_exactly_where_its_score_is_within_the_radius(kind):
    rng = np.random.default_rng(0)
    target, prediction = rng.uniform(1, 5, (2, 500))
    scores = residual_scores(target, prediction, kind)
    low, high = prediction_interval(prediction, 0.7, kind)
    assert ((low <= target) & (target <= high)).tolist() == (scores <= 0.7).tolist()


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_new_rows_are_covered_as_often_as_promised(coverage):
    # Exact law: with continuous scores and K = 49 groups, a new score is covered with ceil(c 50) / 50.
    rng = np.random.default_rng(1)
    n_trials = 4000
    scores = rng.exponential(size=(n_trials, 50))
    groups = pd.Series(range(49))
    hits = sum(row[49] <= calibrate(row[:49], groups, coverage) for row in scores)
    assert binom.ppf(1e-4, n_trials, coverage) <= hits <= binom.ppf(1 - 1e-4, n_trials, coverage)


def test_rows_of_new_groups_are_covered_where_groups_differ_and_pooled_rows_would_not_do():
    # Groups of 1 row with large errors or of 30 rows with small ones: pooled rows hide the large ones.
    rng = np.random.default_rng(2)
    n_trials, n_groups, coverage = 2000, 30, 0.8
    hits = pooled_hits = 0
    for _ in range(n_trials):
        large = rng.random(n_groups + 1) < 0.5
        sizes = np.where(large, 1, 30)
        groups = np.repeat(np.arange(n_groups), sizes[:-1])
        scores = rng.exponential(np.where(large[groups], 10.0, 1.0))
        new = rng.exponential(10.0 if large[-1] else 1.0)
        hits += new <= calibrate(scores, pd.Series(groups), coverage)
        pooled_hits += new <= calibrate(scores, pd.Series(range(len(scores))), coverage)
    assert hits >= binom.ppf(1e-4, n_trials, coverage)
    assert hits <= binom.ppf(1 - 1e-4, n_trials, coverage + 0.05)
    assert pooled_hits < binom.ppf(1e-4, n_trials, coverage)


def test_coverage_by_hand_and_by_groups():
    rows = pd.DataFrame(
        {
            "group_id": ["a", "a", "b", "c"],
            "target": [1.0, 2, 3, 4],
            "interval_low": [1.0, 2.5, 2, 3],
            "interval_high": [2.0, 3.5, 3, 5],
        }
    )
    found = coverage_metrics(rows, 5000).set_index("metric")
    assert found["value"].to_dict() == {"coverage": 0.75, "interval_width": 1.25}
    assert found["n"].tolist() == [4, 4]
    # One resample in 27 (3.7 %, above the lower 2.5 %) draws only a: half of its rows are held.
    assert found.loc["coverage", ["ci_low", "ci_high"]].tolist() == [0.5, 1.0]


@pytest.mark.filterwarnings("error")
def test_infinite_intervals_cover_all_and_are_infinitely_wide():
    rows = pd.DataFrame(
        {
            "group_id": [1, 2, 3],
            "target": [1.0, 2, 3],
            "interval_low": -np.inf,
            "interval_high": np.inf,
        }
    )
    found = coverage_metrics(rows, 50).set_index("metric")
    assert found.loc["coverage", ["value", "ci_low", "ci_high"]].tolist() == [1, 1, 1]
    assert found.loc["interval_width", "value"] == np.inf
    assert np.isnan(found.loc["interval_width", "ci_low"])


def test_bad_input_is_named():
    one = np.array([1.0])
    with pytest.raises(ValueError, match="the least target is 0"):
        residual_scores(np.array([0.0]), one, "relative")
    with pytest.raises(ValueError, match="the least prediction is -1"):
        residual_scores(one, -one, "relative")
    with pytest.raises(ValueError, match="the least is -1"):
        prediction_interval(-one, 1.0, "relative")
    with pytest.raises(ValueError, match="target: 1 of 1 values are missing"):
        residual_scores(np.array([np.nan]), one, "absolute")
    with pytest.raises(ValueError, match="1 scores and 2 groups"):
        calibrate(one, pd.Series([1, 2]), 0.9)
    with pytest.raises(ValueError, match="1 of 1 are missing"):
        calibrate(one, pd.Series([None]), 0.9)
    with pytest.raises(ValueError, match=r"coverage must lie in \(0, 1\), got 90"):
        calibrate(one, pd.Series([1]), 90)
    with pytest.raises(ValueError, match="lack the column 'interval_low'"):
        coverage_metrics(pd.DataFrame({"group_id": [1], "target": [1.0]}))
