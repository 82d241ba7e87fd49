r"""Kernel logistic regression: a smooth border between two classes of few rows with many features.

The radial kernel :math:`k(a, b) = \exp(-g |a - b|^2 / F)` of standardised features, F their number; the fit is a
logistic regression with an L2 penalty in the space of the kernel, made on the training rows' coordinates in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.models.state import ModelState
from xraylab.tabular.design import Features, class_vector, column_names, read_features
from xraylab.tabular.interface import FitOptions, FitRecord, check_parts, make_state
from xraylab.tabular.params import KernelSpec
from xraylab.tabular.scaling import FEATURE_TENSORS, FeatureScaling

__all__ = ["KernelModel", "fit_kernel", "restore_kernel"]

Floats = NDArray[np.float64]

_LEAST_EIGENVALUE = 1e-8


@dataclass(frozen=True, eq=False)
class KernelModel:
    """A fitted kernel logistic regression.

    Attributes
    ----------
    spec : KernelSpec
        What was fitted; ``width`` is the factor g.
    record : FitRecord
        What is recorded of the fit.
    scaling : FeatureScaling
        Standardises the features; what is missing then becomes 0, the mean.
    rows : (N, F) ndarray of float32
        The standardised training rows.
    coefficient : (N,) ndarray of float64
        Weight of each row's kernel.
    intercept : float
        Added to the logit.
    """

    spec: KernelSpec
    record: FitRecord
    scaling: FeatureScaling
    rows: NDArray[np.float32]
    coefficient: Floats
    intercept: float

    def predict(self, features: Features) -> Floats:
        """Predict as `TabularModel.predict` says: probabilities (N,) of class 1; a value may be missing."""
        from scipy.special import expit

        design = self.record.design(features, allow_missing=True)
        kernel = _kernel(_scaled(design, self.scaling), self.rows, self.spec.width)
        return np.asarray(expit(kernel @ self.coefficient + self.intercept), np.float64)

    def state(self, facts: Mapping[str, Any] | None = None) -> ModelState:
        """Return the model as `TabularModel.state` says."""
        tensors: dict[str, NDArray[Any]] = {
            **self.scaling.tensors(),
            "rows": self.rows,
            "coefficient": self.coefficient,
            "intercept": np.array([self.intercept]),
        }
        parameters = self.spec.model_dump(mode="json")
        return make_state(parameters, self.record, ModelState({}, tensors), facts)


def restore_kernel(spec: KernelSpec, record: FitRecord, state: ModelState) -> KernelModel:
    """Return the model of `KernelModel.state`; ValueError if one of its arrays is missing."""
    check_parts(state, (*FEATURE_TENSORS, "rows", "coefficient", "intercept"))
    return KernelModel(
        spec=spec,
        record=record,
        scaling=FeatureScaling.restore(state.tensors),
        rows=state.tensors["rows"],
        coefficient=state.tensors["coefficient"],
        intercept=float(state.tensors["intercept"][0]),
    )


def fit_kernel(
    spec: KernelSpec, features: Features, target: pd.Series, options: FitOptions
) -> KernelModel:
    """Fit a kernel logistic regression on standardised features, as `fit_tabular_model` says.

    Raises
    ------
    ValueError
        If a feature is infinite, or there is one class only.
    """
    from sklearn.linear_model import LogisticRegression

    design = read_features(features, column_names(features), "training", allow_missing=True)
    y = class_vector(features, target, "training")
    scaling = FeatureScaling.fit(design)
    rows = _scaled(design, scaling).astype(np.float32)
    values, vectors = np.linalg.eigh(_kernel(rows, rows, spec.width))
    kept = values > _LEAST_EIGENVALUE
    basis = vectors[:, kept] / np.sqrt(values[kept])
    coordinates = vectors[:, kept] * np.sqrt(values[kept])
    fitted = LogisticRegression(C=spec.penalty, max_iter=5000).fit(coordinates, y)
    return KernelModel(
        spec=spec,
        record=FitRecord.of_fit(features, target, options.seed, "scikit-learn"),
        scaling=scaling,
        rows=rows,
        coefficient=basis @ fitted.coef_[0],
        intercept=float(fitted.intercept_[0]),
    )


def _scaled(design: Floats, scaling: FeatureScaling) -> Floats:
    values = scaling.apply(design)
    return np.where(np.isnan(values), 0.0, values)


def _kernel(a: NDArray[Any], b: NDArray[Any], width: float) -> Floats:
    from scipy.spatial.distance import cdist

    squared = cdist(np.asarray(a, np.float64), np.asarray(b, np.float64), "sqeuclidean")
    return np.asarray(np.exp(-width / a.shape[1] * squared), np.float64)
