"""Logistic regression on more features than rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from xraylab.tabular.interface import FitOptions
from xraylab.tabular.kinds import fit_tabular_model
from xraylab.tabular.logistic import PENALTIES
from xraylab.tabular.params import LogisticSpec


def made(n: int = 60, n_features: int = 200) -> tuple[np.ndarray, pd.Series]:
    rng = np.random.default_rng(0)
    target = np.tile([0.0, 1.0], n // 2)
    x = rng.standard_normal((n, n_features))
    x[:, 0] += 2 * target
    x[:, 1] = 5.0  # never varies
    return x, pd.Series(target)


def test_two_rows_lie_the_same_way_from_the_middle() -> None:
    # too few rows for inner folds: the strongest penalty, and the border half-way between both
    model = fit_tabular_model(LogisticSpec(), np.array([[0.0], [4.0]]), pd.Series([0, 1]))
    assert model.penalty == PENALTIES[0]
    low, middle, high = model.predict(np.array([[0.0], [2.0], [4.0]]))
    assert middle == pytest.approx(0.5)
    assert low == pytest.approx(1 - high)
    assert low < 0.5


def test_the_short_way_gives_the_weights_of_the_long_way() -> None:
    x, target = made()
    model = fit_tabular_model(LogisticSpec(), x, target)
    scaled = StandardScaler().fit(x)
    long = LogisticRegression(C=model.penalty, max_iter=10_000, tol=1e-8)
    long.fit(scaled.transform(x), target)
    np.testing.assert_allclose(model.coefficient, long.coef_[0], atol=2e-3)
    other = made(40)[0]
    wanted = long.predict_proba(scaled.transform(other))[:, 1]
    np.testing.assert_allclose(model.predict(other), wanted, atol=2e-3)
    assert model.coefficient[1] == pytest.approx(0, abs=1e-12)


def test_the_penalty_is_that_of_scikit_learns_search() -> None:
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    x, target = made(60, 20)
    chosen = fit_tabular_model(LogisticSpec(), x, target, FitOptions(seed=3)).penalty
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    scaled = StandardScaler().fit_transform(x)
    search = GridSearchCV(
        LogisticRegression(max_iter=1000), {"C": PENALTIES}, scoring="neg_log_loss", cv=folds
    )
    assert chosen == search.fit(scaled, target).best_params_["C"]
