"""Regressors of a number from a table of features, as plain weights.

A fitted regressor is its weights and its card: it predicts from them alone, so that what is stored is what was
measured. No object of a library is ever pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.models.state import ModelState
from xraylab.tabular.design import Features, column_names, read_features, target_vector
from xraylab.tabular.fitting import REGRESSIONS, Fit, Predict, Rows
from xraylab.tabular.interface import FitOptions, FitRecord, check_parts, make_state
from xraylab.tabular.params import RegressorParams
from xraylab.tabular.scaling import FEATURE_TENSORS, FeatureScaling

__all__ = ["FittedRegressor", "fit_regressor", "restore_regressor"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FittedRegressor:
    """A fitted regressor.

    Attributes
    ----------
    spec : RegressorParams
        What was fitted.
    record : FitRecord
        What is recorded of the fit. Its history holds the mean squared error (of the logarithm, for ``log_target``) on
        all rows after each epoch, or after each tree; one row for a fit in one step.
    scaling : FeatureScaling
        Scales the features.
    tensors : dict of str to ndarray
        The weights: ``weight_i`` (in, out) and ``bias_i`` (out,) of layer i, ``coefficient`` (F,) and ``intercept``
        (1,), or ``mean`` (1,).
    booster : str
        XGBoost's JSON; empty for another kind.
    """

    spec: RegressorParams
    record: FitRecord
    scaling: FeatureScaling
    tensors: dict[str, NDArray[Any]]
    booster: str

    def predict(self, features: Features) -> Floats:
        """Predict as `TabularModel.predict` says."""
        design = self.record.design(features, log_names=self.spec.log_features)
        output = self._forward(self.scaling.apply(design))
        return np.exp(output) if self.spec.log_target else output

    def state(self, facts: Mapping[str, Any] | None = None) -> ModelState:
        """Return the model as `TabularModel.state` says."""
        parts = ModelState({}, {**self.scaling.tensors(), **self.tensors}, self.booster)
        return make_state(self.spec.of_kind(), self.record, parts, facts)

    @cached_property
    def _forward(self) -> Predict:
        return REGRESSIONS[self.spec.kind].predictor(self.spec, self.tensors, self.booster)


def fit_regressor(
    spec: RegressorParams, features: Features, target: pd.Series, options: FitOptions
) -> FittedRegressor:
    """Fit a regressor, as `fit_tabular_model` says.

    Raises
    ------
    ValueError
        If a column is missing, a value is missing, infinite or, where it is to be logged, not above 0, rows of
        features and target do not match, there are fewer rows than the features and one more, or the fit diverges.
    """
    names = column_names(features, spec.features)
    unknown = [name for name in spec.log_features if name not in names]
    if unknown:
        raise ValueError(
            f"log_features: there is no feature '{unknown[0]}'; there are {', '.join(names)}"
        )
    design, goal = _read_rows(spec, names, features, target, "training")
    n_features = design.shape[1]
    least = 1 if spec.kind == "mean" else n_features + 1
    if len(goal) < least:
        raise ValueError(
            f"a '{spec.kind}' of {n_features} features needs at least {least} rows, got {len(goal)}"
        )
    scaling = FeatureScaling.fit(design) if spec.scale else FeatureScaling.identity(n_features)
    held_out = None
    if options.validation is not None:
        val_design, val_goal = _read_rows(spec, names, *options.validation, "validation")
        held_out = scaling.apply(val_design), val_goal
    regression = REGRESSIONS[spec.kind]
    fit = regression.fit(spec, (scaling.apply(design), goal), held_out, options.seed)
    record = FitRecord.of_fit(features, target, options.seed, regression.library, names)
    record = replace(record, history=_history(spec, fit))
    return FittedRegressor(spec, record, scaling, fit.tensors, fit.booster)


def restore_regressor(
    spec: RegressorParams, record: FitRecord, state: ModelState
) -> FittedRegressor:
    """Return the model of `FittedRegressor.state`; ValueError if its weights or its booster are missing."""
    names = REGRESSIONS[spec.kind].tensor_names(spec)
    check_parts(state, (*FEATURE_TENSORS, *names), booster=spec.kind == "boosting")
    tensors = {name: state.tensors[name] for name in names}
    scaling = FeatureScaling.restore(state.tensors)
    return FittedRegressor(spec, record, scaling, tensors, state.booster)


def _read_rows(
    spec: RegressorParams,
    names: tuple[str, ...],
    features: Features,
    target: pd.Series,
    where: str,
) -> Rows:
    design = read_features(features, names, where, spec.log_features)
    return design, target_vector(features, target, spec.log_target, where)


def _history(spec: RegressorParams, fit: Fit) -> pd.DataFrame:
    history = pd.DataFrame(fit.losses, columns=["train_loss", "val_loss"], dtype=np.float64)
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    if not np.isfinite(history["train_loss"]).all():
        raise ValueError(
            f"the '{spec.kind}' diverged: its training loss is not finite; scale the features"
        )
    return history
