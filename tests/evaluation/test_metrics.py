"""Metrics worked out by hand, and how they are tabulated."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from xraylab.evaluation.metrics import TIDY_COLUMNS, regression_metrics, score_predictions, tidy
from xraylab.evaluation.tables import Metrics


def table(target, prediction, groups=None):
    groups = range(len(target)) if groups is None else groups
    return pd.DataFrame({"group_id": groups, "target": target, "prediction": prediction})


ALL = (
    "r2",
    "mae",
    "rmse",
    "mse",
    "bias",
    "relative_error_mean",
    "relative_error_median",
    "share_within_1",
    "share_within_25pct",
)


def test_metrics_by_hand():
    # Errors 1, 0, -1, 2: squares sum to 6; the target's mean is 5 and its squares about it 9 + 1 + 1 + 9 = 20.
    # Relative errors 1/2, 0, 1/6, 1/4: mean 11/48, median (1/6 + 1/4) / 2 = 5/24.
    found = regression_metrics(table([2.0, 4, 6, 8], [3.0, 4, 5, 10]), ALL, n_resamples=50)
    expected = [1 - 6 / 20, 1.0, np.sqrt(1.5), 1.5, 0.5, 11 / 48, 5 / 24, 3 / 4, 3 / 4]
    assert found["metric"].tolist() == list(ALL)
    assert found["value"].to_numpy() == pytest.approx(expected)
    assert found["n"].tolist() == [4] * len(ALL)
    assert ((found["ci_low"] <= found["value"]) & (found["value"] <= found["ci_high"])).all()


def test_a_median_alone_is_measured():
    found = regression_metrics(table([2.0, 4, 4], [3.0, 4, 5]), ["relative_error_median"], 200)
    assert found[["value", "ci_low", "ci_high"]].to_numpy().tolist() == [[0.25, 0.0, 0.5]]


finite = st.floats(-1e3, 1e3, allow_nan=False)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 30).flatmap(
        lambda n: st.tuples(arrays(float, n, elements=finite), arrays(float, n, elements=finite))
    )
)
def test_metrics_equal_scikit_learn(pair):
    target, prediction = pair
    found = regression_metrics(table(target, prediction), n_resamples=0).set_index("metric")[
        "value"
    ]
    assert found["mae"] == pytest.approx(mean_absolute_error(target, prediction))
    assert found["mse"] == pytest.approx(mean_squared_error(target, prediction))
    if np.ptp(target) > 1e-6:
        assert found["r2"] == pytest.approx(r2_score(target, prediction), rel=1e-6, abs=1e-9)


def test_r2_holds_far_from_zero():
    # Without centring, the sums of squares (1e18 each) would leave nothing of a spread of 2.
    found = regression_metrics(
        table(1e9 + np.array([0.0, 1, 2]), 1e9 + np.array([0.0, 1, 1])), ["r2"], 0
    )
    assert found["value"].item() == pytest.approx(0.5)


def test_r2_of_a_constant_target_does_not_exist():
    found = regression_metrics(table([0.6, 0.6, 0.6], [0.5, 0.6, 0.7]), ["r2", "mae"], 50)
    assert found.loc[0, ["value", "ci_low", "ci_high"]].isna().all()
    assert found.loc[1, "value"] == pytest.approx(0.2 / 3)


def test_resamples_without_r2_are_left_out_of_its_interval():
    # Three groups: a third of the resamples draw the first or none of it, where the target is constant.
    found = regression_metrics(table([0.0, 1.0, 1.0], [0.0, 1.0, 1.0]), ["r2"], 200)
    assert found[["value", "ci_low", "ci_high"]].to_numpy() == pytest.approx(1.0)


def test_the_interval_of_a_constant_is_itself():
    found = regression_metrics(
        table([1.0, 2, 3, 4], [1.5, 2.5, 3.5, 4.5]), ["mae", "bias", "rmse"], 100
    )
    assert found[["ci_low", "ci_high"]].to_numpy() == pytest.approx(0.5)


def test_one_or_two_groups_have_no_interval_and_neither_have_no_resamples():
    for found in (
        regression_metrics(table([1.0, 2, 5], [1.0, 3, 5], ["a", "b", "b"]), ALL, 100),
        regression_metrics(table([1.0, 2], [1.0, 3], ["a", "a"]), ALL, 100),
        regression_metrics(table([1.0, 2], [1.0, 3]), ALL, 0),
    ):
        assert len(found) == len(ALL)
        assert found[["ci_low", "ci_high"]].isna().all(axis=None)
        assert found["value"].notna().all()


@pytest.mark.parametrize(
    ("rows", "metrics", "message"),
    [
        (table([1.0], [1.0]).drop(columns="group_id"), ["mae"], "lack the column 'group_id'"),
        (table([], []), ["mae"], "no rows"),
        (table([1.0, np.nan], [1.0, 2]), ["mae"], "'target' is missing or infinite in 1 of 2"),
        (
            table([1.0, 2], [np.inf, -np.inf]),
            ["mae"],
            "'prediction' is missing or infinite in 2 of 2",
        ),
        (table([1.0, 2], [1.0, 2], ["a", None]), ["mae"], "'group_id' is missing in 1 of 2"),
        (table([1.0], [1.0]), ["mape"], "unknown metric 'mape'; valid metrics: r2, mae"),
        (
            table([0.0, 1], [1.0, 1]),
            ["relative_error_mean"],
            "needs targets other than 0: 1 of 2 are 0",
        ),
        (
            table([0.0, 1], [1.0, 1]),
            ["share_within_5pct"],
            "needs targets other than 0: 1 of 2 are 0",
        ),
    ],
)
def test_bad_rows_are_named(rows, metrics, message):
    with pytest.raises(ValueError, match=message):
        regression_metrics(rows, metrics)


def test_scores_are_apart_by_protocol_model_and_split():
    rows = pd.concat(
        [
            table([1.0, 2, 3], [1.0, 2, 3]).assign(protocol="published", model="mlp", split="test"),
            table([1.0, 2, 3], [2.0, 3, 4]).assign(protocol="honest", model="mlp", split="test"),
            table([1.0, 2, 3], [3.0, 4, 5]).assign(protocol="honest", model="linear", split="val"),
        ]
    )
    found = score_predictions(rows, ["mae"], n_resamples=20)
    Metrics.validate(found)
    assert tuple(found.columns) == TIDY_COLUMNS
    assert found[["protocol", "model", "split", "metric", "value"]].to_numpy().tolist() == [
        ["published", "mlp", "test", "mae", 0.0],
        ["honest", "mlp", "test", "mae", 1.0],
        ["honest", "linear", "val", "mae", 2.0],
    ]


def test_tidy_rows_fit_the_schema():
    rows = tidy("honest", "mlp", "test", regression_metrics(table([1.0, 2], [1.0, 2]), ALL, 10))
    assert tuple(rows.columns) == TIDY_COLUMNS
    Metrics.validate(rows)
