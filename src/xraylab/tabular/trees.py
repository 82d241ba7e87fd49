"""Ensembles of trees for a number or a class: XGBoost, LightGBM and the random forest, fitted, stored, restored.

Features may be missing: each of the three sends a missing value down a branch of its own. What is stored is the
library's own text, or plain arrays for the forest, and a fitted model predicts from that alone.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import __version__
from xraylab.models.state import ModelState
from xraylab.tabular.design import design_matrix, table_digest, target_vector
from xraylab.tabular.fitting import load_trees, predict_trees
from xraylab.tabular.forest import FOREST_TENSORS, flatten_forest, predict_forest
from xraylab.tabular.tree_params import SPECS, TreeSpec

__all__ = ["FittedTrees", "fit_tree_model", "restore_tree_model"]

Floats = NDArray[np.float64]

_CARD_FORMAT = "xraylab.trees/1"
_LOG_LOSS = {"xgboost": "binary:logistic", "lightgbm": "binary"}
_LIBRARY = {"xgboost": "xgboost", "lightgbm": "lightgbm", "random_forest": "scikit-learn"}


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """A fitted ensemble.

    Attributes
    ----------
    spec : XgboostSpec, LightgbmSpec or ForestSpec
        What was fitted.
    feature_names : tuple of str
        Columns that `predict` needs, in order.
    booster : str
        XGBoost's JSON or LightGBM's text; empty for the forest.
    tensors : dict of str to ndarray
        The forest's arrays (`xraylab.tabular.forest.FOREST_TENSORS`); empty for a booster.
    offset, scale : float
        The target is fitted as (target - offset) / scale.
    seed, n_rows : int
        Seed and number of rows of the fit.
    target_name, data_digest : str
        Name of the target, and BLAKE2b of features and target.
    versions : dict of str to str
        Versions of Python and of the libraries that fitted it.
    """

    spec: TreeSpec
    feature_names: tuple[str, ...]
    booster: str
    tensors: dict[str, NDArray[Any]]
    offset: float
    scale: float
    seed: int
    n_rows: int
    target_name: str
    data_digest: str
    versions: dict[str, str] = field(default_factory=dict)

    def predict(self, features: pd.DataFrame) -> Floats:
        """Predict the target.

        Parameters
        ----------
        features : (N, …) DataFrame
            With the columns `feature_names`; a value may be missing. Others are ignored.

        Returns
        -------
        (N,) ndarray of float64
            Predictions, in units of the target.

        Raises
        ------
        ValueError
            If a column is missing, or holds values that are infinite or no numbers.
        """
        design = self.design(features)
        if self.spec.kind == "random_forest":
            output = predict_forest(self.tensors, design)
        elif self.spec.kind == "xgboost":
            output = predict_trees(self.library_model, design)
        else:
            output = np.asarray(self.library_model.predict(design, num_threads=1), np.float64)
        return np.asarray(output * self.scale + self.offset)

    def design(self, features: pd.DataFrame) -> Floats:
        """Return the columns that the model uses as an array (N, F)."""
        return design_matrix(features, self.feature_names, (), "given", allow_missing=True)

    def unscaled_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the forest's arrays with answers in units of the target, for an export that knows no scale."""
        values = self.tensors["value"] * self.scale + self.offset
        return {**self.tensors, "value": values}

    @cached_property
    def library_model(self) -> Any:
        """The booster of XGBoost or LightGBM, read from its text."""
        if self.spec.kind == "xgboost":
            return load_trees(self.booster, 1)
        from lightgbm import Booster

        return Booster(model_str=self.booster)

    def state(self, metrics: dict[str, Any] | None = None) -> ModelState:
        """Return the model as plain data, which `restore_tree_model` takes."""
        card = {
            "format": _CARD_FORMAT,
            "kind": self.spec.kind,
            "parameters": self.spec.model_dump(mode="json"),
            "feature_names": list(self.feature_names),
            "target_name": self.target_name,
            "target_offset": self.offset,
            "target_scale": self.scale,
            "n_rows": self.n_rows,
            "seed": self.seed,
            "data_digest": self.data_digest,
            "versions": dict(self.versions),
            "metrics": dict(metrics or {}),
            "notice": "Research software. Not a medical device.",
        }
        return ModelState(card=card, tensors=dict(self.tensors), booster=self.booster)


def fit_tree_model(
    features: pd.DataFrame,
    target: pd.Series,
    spec: TreeSpec,
    seed: int,
    *,
    scale_target: bool = False,
    binary: bool = False,
    n_threads: int = 1,
) -> FittedTrees:
    """Fit an ensemble on every column of a table.

    Parameters
    ----------
    features : (N, F) DataFrame
        Training features; values may be missing.
    target : (N,) Series
        Training target, on the index of `features`.
    spec : XgboostSpec, LightgbmSpec or ForestSpec
        What to fit.
    seed : int
        Seed of all that is drawn.
    scale_target : bool
        Standardise the target by the training rows, so that penalties such as ``gamma`` mean the same for a share of a
        thousandth and for an age.
    binary : bool
        The target is 0 or 1, and what is predicted is the probability of 1: boosting minimises the log loss, a forest
        the square error, whose answer is a probability too.
    n_threads : int
        Threads of the fit.

    Returns
    -------
    FittedTrees
        Predicts from what is stored of it.

    Raises
    ------
    ValueError
        If a feature is infinite or no number, the target is missing anywhere, or not 0 or 1 where it must be, or there
        are fewer than two rows.
    """
    names = tuple(map(str, features.columns))
    design = design_matrix(features, names, (), "training", allow_missing=True)
    goal = target_vector(features, target, False, "training")
    if len(goal) < 2:  # noqa: PLR2004
        raise ValueError(f"trees need at least 2 rows, got {len(goal)}")
    if binary and (scale_target or not np.isin(goal, (0, 1)).all()):
        raise ValueError("a binary target must be 0 or 1, and is not scaled")
    offset, scale = 0.0, 1.0
    if scale_target:
        offset, scale = float(goal.mean()), float(goal.std()) or 1.0
    booster, tensors = _fit(design, (goal - offset) / scale, spec, seed, n_threads, binary)
    return FittedTrees(
        spec=spec,
        feature_names=names,
        booster=booster,
        tensors=tensors,
        offset=offset,
        scale=scale,
        seed=seed,
        n_rows=len(goal),
        target_name=str(target.name),
        data_digest=table_digest(features, target, names),
        versions=_versions(spec.kind),
    )


def _fit(
    design: Floats, goal: Floats, spec: TreeSpec, seed: int, n_threads: int, binary: bool
) -> tuple[str, dict[str, NDArray[Any]]]:
    options = {**spec.model_dump(exclude={"kind"}), "random_state": seed, "n_jobs": n_threads}
    if binary and spec.kind in _LOG_LOSS:
        options["objective"] = _LOG_LOSS[spec.kind]
    if spec.kind == "xgboost":
        from xgboost import XGBRegressor

        model = XGBRegressor(**options).fit(design, goal)
        return model.get_booster().save_raw(raw_format="json").decode(), {}
    if spec.kind == "lightgbm":
        from lightgbm import LGBMRegressor

        # deterministic: the same trees whatever the number of threads
        model = LGBMRegressor(**options, verbosity=-1, deterministic=True, force_row_wise=True)
        return model.fit(design, goal).booster_.model_to_string(), {}
    from sklearn.ensemble import RandomForestRegressor

    return "", flatten_forest(RandomForestRegressor(**options).fit(design, goal))


def _versions(kind: str) -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "xraylab": __version__,
        **{name: version(name) for name in ("numpy", _LIBRARY[kind])},
    }


def restore_tree_model(state: ModelState) -> FittedTrees:
    """Make the model of `FittedTrees.state` again; its predictions are the same to the last bit.

    Raises
    ------
    ValueError
        If the card is not that of such a model, or what its kind needs is missing.
    """
    card = state.card
    if card.get("format") != _CARD_FORMAT:
        raise ValueError(f"the card's format must be '{_CARD_FORMAT}', got {card.get('format')!r}")
    kind = card["kind"]
    lacking = [name for name in FOREST_TENSORS if name not in state.tensors]
    if (kind == "random_forest" and lacking) or (kind != "random_forest" and not state.booster):
        needed = lacking[0] if kind == "random_forest" else "its booster"
        raise ValueError(f"a stored '{kind}' needs {needed}: not there")
    return FittedTrees(
        spec=SPECS[kind].model_validate(card["parameters"]),
        feature_names=tuple(card["feature_names"]),
        booster=state.booster,
        tensors=dict(state.tensors),
        offset=card["target_offset"],
        scale=card["target_scale"],
        seed=card["seed"],
        n_rows=card["n_rows"],
        target_name=card["target_name"],
        data_digest=card["data_digest"],
        versions=dict(card["versions"]),
    )
