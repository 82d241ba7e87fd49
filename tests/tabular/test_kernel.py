"""Kernel logistic regression."""

import numpy as np
import pandas as pd
import pytest

from xraylab.tabular.kinds import fit_tabular_model
from xraylab.tabular.params import KernelSpec, LogisticSpec


def test_two_rows_lie_the_same_way_from_the_middle() -> None:
    model = fit_tabular_model(KernelSpec(), np.array([[0.0], [4.0]]), pd.Series([0, 1]))
    low, middle, high = model.predict(np.array([[0.0], [2.0], [4.0]]))
    assert middle == pytest.approx(0.5)
    assert low == pytest.approx(1 - high)
    assert low < 0.2


def test_a_kernel_sees_what_no_line_divides() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200, 2))
    target = pd.Series((np.hypot(*x.T) > 1.2).astype(float))
    train, test = slice(0, 100), slice(100, 200)
    ring = fit_tabular_model(KernelSpec(width=1.0), x[train], target[train]).predict(x[test])
    line = fit_tabular_model(LogisticSpec(), x[train], target[train]).predict(x[test])
    assert np.mean((ring > 0.5) == target[test]) > 0.9
    assert np.mean((line > 0.5) == target[test]) < 0.7


def test_a_missing_feature_counts_as_the_mean() -> None:
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((40, 5)), pd.Series(np.tile([0.0, 1.0], 20))
    model = fit_tabular_model(KernelSpec(), x, target)
    missing, mean = x.copy(), x.copy()
    missing[0, 2], mean[0, 2] = np.nan, x[:, 2].mean()
    np.testing.assert_allclose(model.predict(missing), model.predict(mean))
    holes = x.copy()
    holes[::4, 3] = np.nan
    assert np.isfinite(fit_tabular_model(KernelSpec(), holes, target).predict(holes)).all()
