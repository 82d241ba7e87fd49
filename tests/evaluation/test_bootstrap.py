"""Bootstrap over groups: intervals by hand, and one draw however it is computed."""

import numpy as np
import pandas as pd
import pytest
from tests.evaluation.test_metrics import ALL, table

from xraylab.evaluation.bootstrap import bootstrap_counts, bootstrap_groups, bootstrap_table
from xraylab.evaluation.metrics import regression_metrics


def test_the_interval_covers_the_exact_percentiles_of_a_tiny_bootstrap():
    # Three groups with errors 0, 1 and 2, one row each: a mean of 0, and one of 2, has a probability of 1/27 > 2.5 %.
    value, low, high = bootstrap_groups(
        np.array([[1.0, 0], [1, 1], [1, 2]]), lambda s: s[:, 1:] / s[:, :1], 2000, 0
    )
    assert (value, low, high) == (1.0, 0.0, 2.0)


def test_groups_count_by_their_rows():
    # Group a has three rows with error 0, b and c one with 4: drawn (a, b, c) the mean is 8/5, not 8/3.
    found = regression_metrics(table([0.0] * 5, [0.0, 0, 0, 4, 4], list("aaabc")), ["mae"], 2000)
    assert found.loc[0, ["value", "ci_low", "ci_high"]].tolist() == [1.6, 0.0, 4.0]
    assert found.loc[0, ["n", "n_groups"]].tolist() == [5, 3]


def clustered(n_groups=200, n_rows=20):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(n_groups), n_rows)
    target = rng.normal(size=len(groups))
    return table(target, target + rng.normal(size=n_groups)[groups], groups)


def test_groups_give_a_wider_interval_than_rows_and_the_right_one():
    rows = clustered()
    by_group = regression_metrics(rows, ["bias"], 2000).loc[0]
    by_row = regression_metrics(rows.assign(group_id=range(len(rows))), ["bias"], 2000).loc[0]
    width = by_group["ci_high"] - by_group["ci_low"]
    # The error is one number a group: a mean of 200, and rows would count each 20 times.
    errors = (rows["prediction"] - rows["target"]).groupby(rows["group_id"]).first()
    assert width == pytest.approx(2 * 1.96 * errors.std() / np.sqrt(200), rel=0.1)
    assert width == pytest.approx(np.sqrt(20) * (by_row["ci_high"] - by_row["ci_low"]), rel=0.1)


def test_sums_and_rows_give_one_bootstrap():
    rows = clustered(30, 4)
    extra = {"slow_mae": lambda target, prediction: float(np.abs(prediction - target).mean())}
    found = regression_metrics(rows, ["mae"], 2000, extra=extra).set_index("metric")
    assert found.loc["slow_mae", "value"] == pytest.approx(found.loc["mae", "value"])
    # Both draw the same resamples but for the order of one generator's output: the bounds agree closely.
    assert found.loc["slow_mae", ["ci_low", "ci_high"]].to_numpy(float) == pytest.approx(
        found.loc["mae", ["ci_low", "ci_high"]].to_numpy(float), rel=0.02
    )


def test_a_seed_gives_one_interval_and_chunks_change_nothing(monkeypatch):
    rows = clustered(20, 3)
    first = regression_metrics(rows, ALL[:5], 100, seed=1)
    assert first.equals(regression_metrics(rows, ALL[:5], 100, seed=1))
    assert not first.equals(regression_metrics(rows, ALL[:5], 100, seed=2))
    monkeypatch.setattr("xraylab.evaluation.bootstrap._CHUNK", 50)
    pd.testing.assert_frame_equal(first, regression_metrics(rows, ALL[:5], 100, seed=1))


def test_bootstrap_table_names_its_values():
    sums = np.array([[1.0, 3.0], [1.0, 5.0], [1.0, 4.0]])
    found = bootstrap_table(sums, lambda s: s[:, 1:] / s[:, :1], ["mean"], 2000, 0)
    assert found.to_dict("records") == [
        {"metric": "mean", "value": 4.0, "ci_low": 3.0, "ci_high": 5.0, "n": 3, "n_groups": 3}
    ]
    assert bootstrap_table(sums, lambda s: s[:, 1:], ["sum"], 10, 0, n=8)["n"].item() == 8
    with pytest.raises(ValueError, match="1 values for 2 names: a, b"):
        bootstrap_table(sums, lambda s: s[:, 1:], ["a", "b"], 10, 0)


def test_counts_draw_the_resamples_of_the_sums(monkeypatch):
    # 6 groups of 0 to 5: the mean of what was drawn, from sums and from how often each group was
    sums = np.stack([np.ones(6), np.arange(6.0)], axis=1)
    by_sums = bootstrap_groups(sums, lambda s: s[:, 1:] / s[:, :1], 200, 4)
    for chunk in (4_000_000, 50):
        monkeypatch.setattr("xraylab.evaluation.bootstrap._CHUNK", chunk)
        by_counts = bootstrap_counts(
            lambda times: times @ sums[:, 1:] / times.sum(axis=1, keepdims=True), 6, 200, 4, 20
        )
        assert np.transpose(by_counts) == pytest.approx(np.transpose(by_sums))
    value, low, high = bootstrap_counts(lambda times: times[:, :1], 1, 200, 4)
    assert value == 1
    assert np.isnan([low, high]).all()
