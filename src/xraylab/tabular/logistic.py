"""Logistic regression on many more features than rows, stored as plain arrays.

With an L2 penalty the weights lie in the span of the training rows. The fit is therefore made on the scores of a
singular value decomposition, at most as many as there are rows, and gives the same weights as a fit on all features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.penalties import choose_penalty, count_inner_folds
from xraylab.models.state import ModelState
from xraylab.tabular.design import Features, class_vector, column_names, read_features
from xraylab.tabular.interface import FitOptions, FitRecord, check_parts, make_state
from xraylab.tabular.params import LogisticSpec
from xraylab.tabular.scaling import FEATURE_TENSORS, FeatureScaling

__all__ = ["LogisticModel", "fit_logistic", "restore_logistic"]

Floats = NDArray[np.float64]

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1)
"""Values of scikit-learn's ``C`` that are tried, the strongest penalty first."""

_LEAST_SHARE = 1e-10  # of the largest singular value


@dataclass(frozen=True, eq=False)
class LogisticModel:
    """A fitted logistic regression.

    Attributes
    ----------
    spec : LogisticSpec
        What was fitted.
    record : FitRecord
        What is recorded of the fit.
    scaling : FeatureScaling
        Standardises the features.
    coefficient : (F,) ndarray of float64
        Weights of the standardised features.
    intercept : float
        Added to the logit.
    penalty : float
        scikit-learn's ``C``, chosen by the log loss of inner folds.
    """

    spec: LogisticSpec
    record: FitRecord
    scaling: FeatureScaling
    coefficient: Floats
    intercept: float
    penalty: float

    def predict(self, features: Features) -> Floats:
        """Predict as `TabularModel.predict` says: probabilities (N,) of class 1."""
        from scipy.special import expit

        scaled = self.scaling.apply(self.record.design(features))
        return np.asarray(expit(scaled @ self.coefficient + self.intercept), np.float64)

    def state(self, facts: Mapping[str, Any] | None = None) -> ModelState:
        """Return the model as `TabularModel.state` says."""
        own = {"coefficient": self.coefficient, "intercept": np.array([self.intercept])}
        card = {"penalty": self.penalty, "n_parameters": self.record.n_features + 1}
        parts = ModelState(card, {**self.scaling.tensors(), **own})
        return make_state(self.spec.model_dump(mode="json"), self.record, parts, facts)


def restore_logistic(spec: LogisticSpec, record: FitRecord, state: ModelState) -> LogisticModel:
    """Return the model of `LogisticModel.state`; ValueError if one of its arrays is missing."""
    check_parts(state, (*FEATURE_TENSORS, "coefficient", "intercept"))
    return LogisticModel(
        spec=spec,
        record=record,
        scaling=FeatureScaling.restore(state.tensors),
        coefficient=state.tensors["coefficient"],
        intercept=float(state.tensors["intercept"][0]),
        penalty=float(state.card["penalty"]),
    )


def fit_logistic(
    spec: LogisticSpec, features: Features, target: pd.Series, options: FitOptions
) -> LogisticModel:
    """Fit a logistic regression on standardised features, as `fit_tabular_model` says.

    The penalty is that with the least log loss over (up to) five stratified folds, of equals the strongest. A feature
    that never varies has no weight.

    Raises
    ------
    ValueError
        If a feature is missing or infinite, or there is one class only.
    """
    design = read_features(features, column_names(features), "training")
    y = class_vector(features, target, "training")
    scaling = FeatureScaling.fit(design)
    u, values, basis = np.linalg.svd(scaling.apply(design), full_matrices=False)
    kept = values > _LEAST_SHARE * values.max(initial=0)
    scores = u[:, kept] * values[kept]
    penalty = _choose_penalty(scores, y, options.seed)
    fitted = _fit(scores, y, penalty)
    return LogisticModel(
        spec=spec,
        record=FitRecord.of_fit(features, target, options.seed, "scikit-learn"),
        scaling=scaling,
        coefficient=basis[kept].T @ fitted.coef_[0],
        intercept=float(fitted.intercept_[0]),
        penalty=penalty,
    )


def _choose_penalty(scores: Floats, y: Floats, seed: int) -> float:
    from sklearn.model_selection import StratifiedKFold

    n_folds = count_inner_folds(y, np.arange(len(y)))
    if n_folds < 2:  # noqa: PLR2004
        return PENALTIES[0]
    folds = np.zeros(len(y), np.int64)
    splits = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(scores, y)
    for fold, (_, held_out) in enumerate(splits):
        folds[held_out] = fold

    def predict(train: NDArray[np.bool_], held_out: NDArray[np.bool_]) -> Floats:
        fitted = [_fit(scores[train], y[train], penalty) for penalty in PENALTIES]
        return np.stack([each.predict_proba(scores[held_out])[:, 1] for each in fitted])

    # each fold weighs the same, whatever its size
    return choose_penalty(y, folds, PENALTIES, predict, 1 / np.bincount(folds)[folds])


def _fit(scores: Floats, y: Floats, penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=penalty, max_iter=1000).fit(scores, y)
