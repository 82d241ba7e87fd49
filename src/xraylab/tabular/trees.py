"""Boosted trees for a number or a class: XGBoost and LightGBM, fitted, stored, restored.

Features may be missing: both libraries send a missing value down a branch of its own. What is stored is the library's
own text, and a fitted model predicts from that alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.models.state import ModelState
from xraylab.tabular.boosting import LIBRARIES
from xraylab.tabular.design import Features, column_names, read_features, target_vector
from xraylab.tabular.interface import FitOptions, FitRecord, check_parts, make_state
from xraylab.tabular.scaling import TargetScaling
from xraylab.tabular.tree_params import LightgbmSpec, TreeSpec, XgboostSpec

__all__ = ["BoostedTrees", "fit_trees", "read_tree_rows", "restore_trees", "tree_options"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """Fitted boosted trees.

    Attributes
    ----------
    spec : XgboostSpec or LightgbmSpec
        What was fitted.
    record : FitRecord
        What is recorded of the fit.
    target : TargetScaling
        How the target was scaled for the fit.
    booster : str
        XGBoost's JSON or LightGBM's text.
    """

    spec: XgboostSpec | LightgbmSpec
    record: FitRecord
    target: TargetScaling
    booster: str

    def predict(self, features: Features) -> Floats:
        """Predict as `TabularModel.predict` says; a value may be missing."""
        design = self.record.design(features, allow_missing=True)
        return self.target.undo(LIBRARIES[self.spec.kind].predict(self.library_model, design))

    def state(self, facts: Mapping[str, Any] | None = None) -> ModelState:
        """Return the model as `TabularModel.state` says."""
        parts = ModelState(self.target.card(), booster=self.booster)
        return make_state(self.spec.model_dump(mode="json"), self.record, parts, facts)

    @cached_property
    def library_model(self) -> Any:
        """The booster of XGBoost or LightGBM, read from its text."""
        return LIBRARIES[self.spec.kind].load(self.booster)


def fit_trees(
    spec: XgboostSpec | LightgbmSpec, features: Features, target: pd.Series, options: FitOptions
) -> BoostedTrees:
    """Fit boosted trees on all features, as `fit_tabular_model` says.

    Raises
    ------
    ValueError
        As `read_tree_rows` raises.
    """
    design, goal, scaling = read_tree_rows(features, target, options)
    library = LIBRARIES[spec.kind]
    chosen = tree_options(spec, options)
    if options.binary:
        chosen["objective"] = library.log_loss
    text = library.fit(design, scaling.apply(goal), chosen)
    record = FitRecord.of_fit(features, target, options.seed, spec.kind)
    return BoostedTrees(spec, record, scaling, text)


def restore_trees(
    spec: XgboostSpec | LightgbmSpec, record: FitRecord, state: ModelState
) -> BoostedTrees:
    """Return the model of `BoostedTrees.state`; ValueError without its booster."""
    check_parts(state, booster=True)
    return BoostedTrees(spec, record, TargetScaling.restore(state.card), state.booster)


def tree_options(spec: TreeSpec, options: FitOptions) -> dict[str, Any]:
    """Return the keyword arguments that every library of trees takes: hyper-parameters, seed, threads."""
    parameters = spec.model_dump(exclude={"kind"})
    return {**parameters, "random_state": options.seed, "n_jobs": options.n_threads}


def read_tree_rows(
    features: Features, target: pd.Series, options: FitOptions
) -> tuple[Floats, Floats, TargetScaling]:
    """Return features (N, F), which may be missing, the target (N,), and its scaling.

    Raises
    ------
    ValueError
        If a feature is infinite or no number, the target is missing anywhere, or not 0 or 1 where it must be, or there
        are fewer than two rows.
    """
    names = column_names(features)
    design = read_features(features, names, "training", allow_missing=True)
    goal = target_vector(features, target, False, "training")
    if len(goal) < 2:  # noqa: PLR2004
        raise ValueError(f"trees need at least 2 rows, got {len(goal)}")
    return design, goal, TargetScaling.fit(goal, options.scale_target, options.binary)
