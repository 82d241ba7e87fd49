r"""Kernel logistic regression: a smooth border between two classes of few rows with many features.

The radial kernel :math:`k(a, b) = \exp(-g |a - b|^2 / F)` of standardised features, F their number; the fit is a
logistic regression with an L2 penalty in the space of the kernel, made on the training rows' coordinates in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraylab.models.state import ModelState

__all__ = ["KernelModel", "fit_kernel", "restore_kernel"]

Floats = NDArray[np.floating[Any]]

_LEAST_EIGENVALUE = 1e-8


@dataclass(frozen=True, eq=False)
class KernelModel:
    """A fitted kernel logistic regression.

    Attributes
    ----------
    mean, scale : (F,) ndarray of float64
        Each feature is shifted and scaled; what is missing becomes the mean.
    rows : (N, F) ndarray of float32
        The training rows, shifted and scaled.
    coefficient : (N,) ndarray of float64
        Weight of each row's kernel.
    intercept : float
        Added to the logit.
    width : float
        The factor g.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    rows: NDArray[np.float32]
    coefficient: NDArray[np.float64]
    intercept: float
    width: float

    def predict(self, features: Floats) -> NDArray[np.float64]:
        """Return probabilities (M,) of class 1 for features (M, F), which may be missing."""
        from scipy.special import expit

        kernel = _kernel(_scaled(features, self.mean, self.scale), self.rows, self.width)
        return np.asarray(expit(kernel @ self.coefficient + self.intercept), np.float64)

    def state(self, card: dict[str, Any]) -> ModelState:
        """Return the model as plain data, with a card."""
        tensors: dict[str, NDArray[Any]] = {
            "mean": self.mean,
            "scale": self.scale,
            "rows": self.rows,
            "coefficient": self.coefficient,
            "intercept": np.array([self.intercept]),
        }
        return ModelState({**card, "width": self.width}, tensors)


def restore_kernel(state: ModelState) -> KernelModel:
    """Return the model of `KernelModel.state`."""
    return KernelModel(
        mean=state.tensors["mean"],
        scale=state.tensors["scale"],
        rows=state.tensors["rows"],
        coefficient=state.tensors["coefficient"],
        intercept=float(state.tensors["intercept"][0]),
        width=float(state.card["width"]),
    )


def fit_kernel(
    features: Floats, target: Floats, penalty: float = 30.0, width: float = 0.3
) -> KernelModel:
    """Fit a kernel logistic regression on standardised features.

    Parameters
    ----------
    features : (N, F) ndarray
        Training features; what is missing counts as the mean of the others.
    target : (N,) ndarray
        0 or 1.
    penalty : float
        scikit-learn's ``C``, above 0: the smaller, the smoother.
    width : float
        The factor g, above 0: the larger, the more local.

    Returns
    -------
    KernelModel
        Predicts from what is stored of it.

    Raises
    ------
    ValueError
        If a feature is infinite, or there is one class only.
    """
    from sklearn.linear_model import LogisticRegression

    x, y = np.asarray(features, np.float64), np.asarray(target, np.float64)
    if x.ndim != 2 or len(x) != len(y):  # noqa: PLR2004
        raise ValueError(f"features must be (rows, features) of {len(y)} rows, got {x.shape}")
    if np.isinf(x).any():
        raise ValueError(f"{int(np.isinf(x).sum())} features are infinite")
    if not {0.0, 1.0} == set(y.tolist()):
        raise ValueError(f"a classifier needs targets 0 and 1, got {sorted(set(y.tolist()))}")
    known = np.isfinite(x)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, x, 0.0).sum(axis=0) / n
    scale = np.sqrt(np.where(known, (x - mean) ** 2, 0.0).sum(axis=0) / n)
    scale[scale == 0] = 1.0
    rows = _scaled(x, mean, scale).astype(np.float32)
    values, vectors = np.linalg.eigh(_kernel(rows, rows, width))
    kept = values > _LEAST_EIGENVALUE
    basis = vectors[:, kept] / np.sqrt(values[kept])
    coordinates = vectors[:, kept] * np.sqrt(values[kept])
    fitted = LogisticRegression(C=penalty, max_iter=5000).fit(coordinates, y)
    return KernelModel(
        mean, scale, rows, basis @ fitted.coef_[0], float(fitted.intercept_[0]), width
    )


def _scaled(features: Floats, mean: Floats, scale: Floats) -> NDArray[np.float64]:
    values = (np.asarray(features, np.float64) - mean) / scale
    return np.where(np.isnan(values), 0.0, values)


def _kernel(a: Floats, b: Floats, width: float) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    squared = cdist(np.asarray(a, np.float64), np.asarray(b, np.float64), "sqeuclidean")
    return np.asarray(np.exp(-width / a.shape[1] * squared), np.float64)
