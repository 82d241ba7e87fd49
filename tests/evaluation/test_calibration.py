"""Reliability by hand and as scikit-learn bins it; calibrations that undo a known distortion."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve

from xraylab.evaluation.calibration import (
    Calibration,
    expected_calibration_error,
    fit_calibration,
    reliability_table,
)
from xraylab.evaluation.classification import classification_metrics


def table(target, prediction):
    return pd.DataFrame(
        {"group_id": range(len(target)), "target": target, "prediction": prediction}
    )


def test_reliability_by_hand():
    # Halves of equal width: three films up to 0.5 with one positive, two above with both.
    rows = table([0, 1, 0, 1, 1], [0.0, 0.4, 0.5, 0.6, 1.0])
    found = reliability_table(rows, 2, "equal_width")
    assert found[["bin", "low", "high", "n"]].to_numpy().tolist() == [
        [0, 0, 0.5, 3],
        [1, 0.5, 1, 2],
    ]
    assert found["mean_prediction"].tolist() == pytest.approx([0.3, 0.8])
    assert found["share_positive"].tolist() == pytest.approx([1 / 3, 1])
    assert expected_calibration_error(found) == pytest.approx((3 * (1 / 3 - 0.3) + 2 * 0.2) / 5)


def test_the_interval_is_that_of_wilson():
    # (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n) with p = 1/2, n = 10, z = 1.96
    found = reliability_table(table([0, 1] * 5, [0.5] * 10), 1)
    z = 1.959964
    half = z * np.sqrt(0.25 / 10 + z**2 / 400) / (1 + z**2 / 10)
    assert found[["ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [0.5 - half, 0.5 + half], abs=1e-6
    )


def test_bins_of_equal_mass_hold_as_many_and_equal_films_share_one():
    spread = reliability_table(table([0, 1] * 50, np.linspace(0, 1, 100) ** 3), 10)
    assert spread["n"].tolist() == [10] * 10
    assert (spread["low"].iloc[1:].to_numpy() == spread["high"].iloc[:-1].to_numpy()).all()
    tied = reliability_table(table([0, 1] * 50, [0.2] * 70 + [0.9] * 30), 10)
    assert tied["n"].tolist() == [70, 30]
    assert tied["mean_prediction"].tolist() == pytest.approx([0.2, 0.9])


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 40)), min_size=2, max_size=60).filter(
        lambda pairs: 0 < sum(y for y, _ in pairs) < len(pairs)
    ),
    st.sampled_from([("equal_width", "uniform"), ("equal_mass", "quantile")]),
    st.integers(1, 12),
)
def test_bins_are_those_of_scikit_learn(pairs, strategies, n_bins):
    target, prediction = np.array(pairs).T
    found = reliability_table(table(target, prediction / 40), n_bins, strategies[0])
    share, mean = calibration_curve(target, prediction / 40, n_bins=n_bins, strategy=strategies[1])
    assert found["share_positive"].to_numpy() == pytest.approx(share)
    assert found["mean_prediction"].to_numpy() == pytest.approx(mean)
    assert found["n"].sum() == len(pairs)


def test_the_metric_is_the_error_of_the_table():
    rng = np.random.default_rng(0)
    rows = table(rng.integers(0, 2, 300), rng.random(300).round(2))
    metric = classification_metrics(rows, 0.5, ["ece"], 0)["value"].item()
    assert metric == pytest.approx(expected_calibration_error(reliability_table(rows)))


def distorted(slope, intercept, n=20_000):
    """Rows whose logit is (true logit - intercept) / slope, so that slope and intercept mend it."""
    rng = np.random.default_rng(1)
    true = rng.normal(0, 1.5, n)
    return table((rng.random(n) < expit(true)).astype(int), expit((true - intercept) / slope))


def test_a_temperature_is_found():
    rows = distorted(0.5, 0.0)
    found = fit_calibration(rows, "temperature")
    assert found.slope == pytest.approx(0.5, rel=0.03)
    assert found.intercept == 0
    mended = rows.assign(prediction=found.apply(rows["prediction"].to_numpy()))
    before, after = (expected_calibration_error(reliability_table(each)) for each in (rows, mended))
    assert before > 0.08
    assert after < 0.02
    assert ((mended["prediction"] >= 0.5) == (rows["prediction"] >= 0.5)).all()


def test_platt_finds_slope_and_intercept():
    found = fit_calibration(distorted(0.7, -1.0), "platt")
    assert found.slope == pytest.approx(0.7, rel=0.04)
    assert found.intercept == pytest.approx(-1.0, abs=0.05)


@pytest.mark.parametrize("method", ["temperature", "platt"])
def test_the_likelihood_is_flat_where_it_is_fitted(method):
    rows = distorted(0.6, 0.4, 200)
    target, logits = rows["target"].to_numpy(float), logit(rows["prediction"].to_numpy())
    fitted = fit_calibration(rows, method)
    if method == "platt":  # with its own targets: (N₊ + 1) / (N₊ + 2) and 1 / (N₋ + 2)
        n = target.sum()
        target = np.where(target == 1, (n + 1) / (n + 2), 1 / (len(target) - n + 2))
        assert np.mean(fitted.apply(rows["prediction"]) - target) == pytest.approx(0, abs=1e-6)
    slope = np.mean((fitted.apply(rows["prediction"].to_numpy()) - target) * logits)
    assert slope == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("method", ["temperature", "platt"])
def test_classes_that_are_apart_and_saturated_have_a_finite_calibration(method):
    fitted = fit_calibration(table([0, 0, 1, 1], [0.0, 0.1, 0.9, 1.0]), method)
    assert 0 < fitted.slope <= 20.001
    mended = fitted.apply(np.array([0.0, 0.5, 1.0]))
    assert np.isfinite(mended).all()
    assert (np.diff(mended) > 0).all()


def test_a_calibration_is_plain_data():
    fitted = fit_calibration(distorted(0.7, -1.0, 100), "platt")
    again = Calibration(**json.loads(json.dumps(fitted.model_dump())))
    assert again == fitted
    assert Calibration(method="temperature", slope=1.0).apply(np.array([[0.25, 1.0]])) == (
        pytest.approx(np.array([[0.25, 1.0]]), abs=1e-6)
    )
    assert Calibration(method="platt", slope=2.0, intercept=1.0).apply(np.array([0.5])) == (
        pytest.approx([expit(1.0)])
    )
    with pytest.raises(ValueError, match="frozen"):
        fitted.slope = 2.0


def test_bad_input_is_named():
    rows = table([0, 1], [0.2, 0.4])
    with pytest.raises(ValueError, match="n_bins must be at least 1, got 0"):
        reliability_table(rows, 0)
    with pytest.raises(ValueError, match="strategy must be one of equal_mass, equal_width"):
        reliability_table(rows, 5, "quantile")
    with pytest.raises(
        ValueError, match="method must be one of temperature, platt, got 'isotonic'"
    ):
        fit_calibration(rows, "isotonic")
    with pytest.raises(ValueError, match="needs both classes: all 2 targets are 0"):
        fit_calibration(table([0, 0], [0.2, 0.4]), "platt")
    with pytest.raises(ValueError, match=r"probabilities must lie in \[0, 1\]: 1 of 2 do not"):
        Calibration(method="platt", slope=1.0).apply(np.array([0.2, 1.2]))
