"""Logistic regression on many more features than rows, stored as plain arrays.

With an L2 penalty the weights lie in the span of the training rows. The fit is therefore made on the scores of a
singular value decomposition, at most as many as there are rows, and gives the same weights as a fit on all features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraylab.models.state import ModelState

__all__ = ["LogisticModel", "fit_logistic", "restore_logistic"]

Floats = NDArray[np.floating[Any]]

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1)
"""Values of scikit-learn's ``C`` that are tried, the strongest penalty first."""

_FOLDS = 5
_LEAST_SHARE = 1e-10  # of the largest singular value


@dataclass(frozen=True, eq=False)
class LogisticModel:
    """A fitted logistic regression.

    Attributes
    ----------
    mean, scale, coefficient : (F,) ndarray of float64
        Each feature is shifted and scaled, then weighted.
    intercept : float
        Added to the logit.
    penalty : float
        scikit-learn's ``C``, chosen by the log loss of inner folds.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficient: NDArray[np.float64]
    intercept: float
    penalty: float

    def predict(self, features: Floats) -> NDArray[np.float64]:
        """Return probabilities (N,) of class 1 for features (N, F)."""
        from scipy.special import expit

        scaled = (np.asarray(features, np.float64) - self.mean) / self.scale
        return np.asarray(expit(scaled @ self.coefficient + self.intercept), np.float64)

    def state(self, card: dict[str, Any]) -> ModelState:
        """Return the model as plain data, with a card."""
        tensors = {
            "mean": self.mean,
            "scale": self.scale,
            "coefficient": self.coefficient,
            "intercept": np.array([self.intercept]),
        }
        return ModelState({**card, "penalty": self.penalty}, tensors)


def restore_logistic(state: ModelState) -> LogisticModel:
    """Return the model of `LogisticModel.state`."""
    return LogisticModel(
        mean=state.tensors["mean"],
        scale=state.tensors["scale"],
        coefficient=state.tensors["coefficient"],
        intercept=float(state.tensors["intercept"][0]),
        penalty=float(state.card["penalty"]),
    )


def fit_logistic(features: Floats, target: Floats, seed: int = 0) -> LogisticModel:
    """Fit a logistic regression on standardised features.

    Parameters
    ----------
    features : (N, F) ndarray
        Training features; a feature that never varies has no weight.
    target : (N,) ndarray
        0 or 1.
    seed : int
        Seed of the inner folds.

    Returns
    -------
    LogisticModel
        With the penalty of least log loss over (up to) five stratified folds, of equals the strongest.

    Raises
    ------
    ValueError
        If a feature is missing or infinite, or there is one class only.
    """
    x, y = np.asarray(features, np.float64), np.asarray(target, np.float64)
    if x.ndim != 2 or len(x) != len(y):  # noqa: PLR2004
        raise ValueError(f"features must be (rows, features) of {len(y)} rows, got {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"{int((~np.isfinite(x)).sum())} features are missing or infinite")
    if not {0.0, 1.0} == set(y.tolist()):
        raise ValueError(f"a classifier needs targets 0 and 1, got {sorted(set(y.tolist()))}")
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale == 0] = 1.0
    u, values, basis = np.linalg.svd((x - mean) / scale, full_matrices=False)
    kept = values > _LEAST_SHARE * values.max(initial=0)
    scores = u[:, kept] * values[kept]
    penalty = _choose_penalty(scores, y, seed)
    fitted = _fit(scores, y, penalty)
    return LogisticModel(
        mean, scale, basis[kept].T @ fitted.coef_[0], float(fitted.intercept_[0]), penalty
    )


def _choose_penalty(scores: NDArray[np.float64], y: NDArray[np.float64], seed: int) -> float:
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold

    n_folds = min(_FOLDS, int(np.bincount(y.astype(int)).min()))
    if n_folds < 2:  # noqa: PLR2004
        return PENALTIES[0]
    losses = np.zeros(len(PENALTIES))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    for learn, check in folds.split(scores, y):
        for i, penalty in enumerate(PENALTIES):
            chance = _fit(scores[learn], y[learn], penalty).predict_proba(scores[check])[:, 1]
            losses[i] += log_loss(y[check], chance, labels=[0, 1])
    return PENALTIES[int(np.argmin(losses))]


def _fit(scores: NDArray[np.float64], y: NDArray[np.float64], penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=penalty, max_iter=1000).fit(scores, y)
