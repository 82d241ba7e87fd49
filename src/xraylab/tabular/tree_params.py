"""Ensembles of trees: their hyper-parameters, and where a tuning looks for them."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from xraylab.parameters import Parameters
from xraylab.tabular.space import Choice, Real, Space, Whole

__all__ = [
    "KINDS",
    "SPACES",
    "ForestSpace",
    "ForestSpec",
    "LightgbmSpace",
    "LightgbmSpec",
    "TreeKind",
    "TreeSpec",
    "XgboostSpace",
    "XgboostSpec",
]

TreeKind = Literal["xgboost", "lightgbm", "random_forest"]

MaxFeatures = Literal["sqrt", "log2"]


class XgboostSpec(Parameters):
    """Hyper-parameters of XGBoost, by its own names; the defaults are the middle of the search space.

    Attributes
    ----------
    n_estimators : int
        Trees.
    max_depth : int
        Largest depth of a tree.
    learning_rate : float
        Factor on what each tree adds.
    subsample : float
        Share of the rows that a tree is grown on.
    colsample_bytree : float
        Share of the features that a tree may use.
    gamma : float
        Least decrease of the loss that justifies a split.
    reg_alpha, reg_lambda : float
        L1 and L2 penalties on the values of the leaves.
    """

    kind: Literal["xgboost"] = "xgboost"
    n_estimators: int = Field(500, ge=1, le=100_000)
    max_depth: int = Field(6, ge=1, le=64)
    learning_rate: float = Field(0.03, gt=0, le=1)
    subsample: float = Field(0.85, gt=0, le=1)
    colsample_bytree: float = Field(0.85, gt=0, le=1)
    gamma: float = Field(0.0, ge=0, le=1e6)
    reg_alpha: float = Field(1e-3, ge=0, le=1e6)
    reg_lambda: float = Field(1.0, ge=0, le=1e6)


class LightgbmSpec(Parameters):
    """Hyper-parameters of LightGBM, by its own names.

    ``subsample`` acts only with ``subsample_freq``, which the public demo leaves at 0.

    Attributes
    ----------
    n_estimators : int
        Trees.
    max_depth : int
        Largest depth of a tree.
    learning_rate : float
        Factor on what each tree adds.
    subsample : float
        Share of the rows that a tree is grown on.
    subsample_freq : int
        Draw rows anew after this many trees; 0 never draws, and every tree sees all rows.
    colsample_bytree : float
        Share of the features that a tree may use.
    num_leaves : int
        Most leaves of a tree.
    min_child_samples : int
        Fewest rows of a leaf.
    reg_alpha, reg_lambda : float
        L1 and L2 penalties on the values of the leaves.
    """

    kind: Literal["lightgbm"] = "lightgbm"
    n_estimators: int = Field(300, ge=1, le=100_000)
    max_depth: int = Field(5, ge=1, le=64)
    learning_rate: float = Field(0.03, gt=0, le=1)
    subsample: float = Field(0.85, gt=0, le=1)
    subsample_freq: int = Field(0, ge=0, le=1000)
    colsample_bytree: float = Field(0.85, gt=0, le=1)
    num_leaves: int = Field(31, ge=2, le=131_072)
    min_child_samples: int = Field(10, ge=1, le=100_000)
    reg_alpha: float = Field(1e-3, ge=0, le=1e6)
    reg_lambda: float = Field(1.0, ge=0, le=1e6)


class ForestSpec(Parameters):
    """Hyper-parameters of scikit-learn's random forest, by its own names.

    Attributes
    ----------
    n_estimators : int
        Trees.
    max_depth : int or None
        Largest depth of a tree; None grows it to the end.
    min_samples_split : int
        Fewest rows of a node that may be split.
    min_samples_leaf : int
        Fewest rows of a leaf.
    max_features : {"sqrt", "log2"} or None
        How many features a split may choose from; None takes all.
    """

    kind: Literal["random_forest"] = "random_forest"
    n_estimators: int = Field(200, ge=1, le=10_000)
    max_depth: int | None = Field(None, ge=1, le=64)
    min_samples_split: int = Field(2, ge=2, le=10_000)
    min_samples_leaf: int = Field(1, ge=1, le=10_000)
    max_features: MaxFeatures | None = None


TreeSpec: TypeAlias = XgboostSpec | LightgbmSpec | ForestSpec


class XgboostSpace(Space):
    """The public demo's search space of XGBoost."""

    spec: ClassVar[type[Parameters]] = XgboostSpec

    n_estimators: Whole = Whole(low=100, high=1000, step=100)
    max_depth: Whole = Whole(low=6, high=16)
    learning_rate: Real = Real(low=1e-3, high=1e-1, log=True)
    subsample: Real = Real(low=0.7, high=1.0)
    colsample_bytree: Real = Real(low=0.7, high=1.0)
    gamma: Real = Real(low=0.0, high=0.5)
    reg_alpha: Real = Real(low=1e-3, high=10.0, log=True)
    reg_lambda: Real = Real(low=1e-3, high=10.0, log=True)


class LightgbmSpace(Space):
    """The public demo's search space of LightGBM."""

    spec: ClassVar[type[Parameters]] = LightgbmSpec

    n_estimators: Whole = Whole(low=100, high=500, step=100)
    max_depth: Whole = Whole(low=5, high=20)
    learning_rate: Real = Real(low=1e-3, high=1e-1, log=True)
    num_leaves: Whole = Whole(low=31, high=255, step=31)
    subsample: Real = Real(low=0.7, high=1.0)
    colsample_bytree: Real = Real(low=0.7, high=1.0)
    min_child_samples: Whole = Whole(low=10, high=50, step=10)
    reg_alpha: Real = Real(low=1e-3, high=10.0, log=True)
    reg_lambda: Real = Real(low=1e-3, high=10.0, log=True)


class ForestSpace(Space):
    """The public demo's search space of the random forest."""

    spec: ClassVar[type[Parameters]] = ForestSpec

    n_estimators: Whole = Whole(low=100, high=300, step=100)
    max_depth: Choice = Choice(choices=(None, 5, 10))
    min_samples_split: Whole = Whole(low=2, high=3)
    min_samples_leaf: Whole = Whole(low=1, high=2)
    max_features: Choice = Choice(choices=("sqrt", "log2", None))


SPACES: dict[str, type[Space]] = {
    "xgboost": XgboostSpace,
    "lightgbm": LightgbmSpace,
    "random_forest": ForestSpace,
}
"""Search spaces by the kind of model."""

KINDS: tuple[TreeKind, ...] = ("xgboost", "lightgbm", "random_forest")
"""The kinds, in the order in which tables and figures list them."""
