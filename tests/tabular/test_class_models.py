"""Logistic and kernel logistic regression, and trees for a class."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from xraylab.tabular.kernel import fit_kernel, restore_kernel
from xraylab.tabular.logistic import fit_logistic, restore_logistic
from xraylab.tabular.tree_params import ForestSpec, LightgbmSpec, XgboostSpec
from xraylab.tabular.trees import fit_tree_model, restore_tree_model


def made(n: int = 60, n_features: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    target = np.tile([0.0, 1.0], n // 2)
    x = rng.standard_normal((n, n_features))
    x[:, 0] += 2 * target
    x[:, 1] = 5.0  # never varies
    return x, target


def test_the_short_way_gives_the_weights_of_the_long_way():
    x, target = made()
    model = fit_logistic(x, target)
    scaled = StandardScaler().fit(x)
    long = LogisticRegression(C=model.penalty, max_iter=10_000, tol=1e-8)
    long.fit(scaled.transform(x), target)
    np.testing.assert_allclose(model.coefficient, long.coef_[0], atol=2e-3)
    other = made(40)[0]
    wanted = long.predict_proba(scaled.transform(other))[:, 1]
    np.testing.assert_allclose(model.predict(other), wanted, atol=2e-3)
    assert model.coefficient[1] == pytest.approx(0, abs=1e-12)


def test_stored_models_come_back_to_the_last_bit():
    x, target = made()
    logistic, kernel = fit_logistic(x, target), fit_kernel(x, target)
    np.testing.assert_array_equal(
        restore_logistic(logistic.state({"a": 1})).predict(x), logistic.predict(x)
    )
    np.testing.assert_array_equal(
        restore_kernel(kernel.state({"a": 1})).predict(x), kernel.predict(x)
    )
    assert kernel.state({"a": 1}).card == {"a": 1, "width": 0.3}


def test_a_kernel_sees_what_no_line_divides():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200, 2))
    target = (np.hypot(*x.T) > 1.2).astype(float)
    learn, check = slice(0, 100), slice(100, 200)
    ring = fit_kernel(x[learn], target[learn], 30.0, 1.0).predict(x[check])
    line = fit_logistic(x[learn], target[learn]).predict(x[check])
    assert np.mean((ring > 0.5) == target[check]) > 0.9
    assert np.mean((line > 0.5) == target[check]) < 0.7


def test_a_missing_feature_counts_as_the_mean():
    x, target = made(40, 5)
    model = fit_kernel(x, target)
    missing, mean = x.copy(), x.copy()
    missing[0, 2], mean[0, 2] = np.nan, x[:, 2].mean()
    np.testing.assert_allclose(model.predict(missing), model.predict(mean))
    holes = x.copy()
    holes[::4, 3] = np.nan
    assert np.isfinite(fit_kernel(holes, target).predict(holes)).all()


@pytest.mark.parametrize("fit", [fit_logistic, fit_kernel])
def test_one_class_and_infinite_features_are_refused(fit):
    x, target = made(10, 3)
    with pytest.raises(ValueError, match=r"needs targets 0 and 1, got \[1.0\]"):
        fit(x, np.ones(10))
    x[0, 0] = np.inf
    with pytest.raises(ValueError, match="1 features are"):
        fit(x, target)
    with pytest.raises(ValueError, match="of 10 rows"):
        fit(x[:5], target)


@pytest.mark.parametrize(
    "spec",
    [
        XgboostSpec(n_estimators=30, max_depth=2, learning_rate=0.3),
        LightgbmSpec(n_estimators=30, max_depth=2, learning_rate=0.3, min_child_samples=2),
        ForestSpec(n_estimators=30),
    ],
)
def test_trees_give_the_probability_of_a_class(spec):
    x, target = made(80, 4)
    table = pd.DataFrame(x, columns=list("abcd"))
    model = fit_tree_model(table, pd.Series(target, name="ill"), spec, 0, binary=True)
    found = model.predict(table)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.mean((found > 0.5) == target) > 0.85
    np.testing.assert_array_equal(restore_tree_model(model.state()).predict(table), found)
    with pytest.raises(ValueError, match="a binary target must be 0 or 1"):
        fit_tree_model(table, pd.Series(2 * target, name="ill"), spec, 0, binary=True)
