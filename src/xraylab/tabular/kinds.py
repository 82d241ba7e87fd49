"""Every kind of model of feature tables in one table: fitted and restored through one interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import pandas as pd

from xraylab.models.state import ModelState
from xraylab.parameters import Parameters
from xraylab.tabular.design import Features
from xraylab.tabular.forest import fit_forest, restore_forest
from xraylab.tabular.interface import CARD_FORMAT, FitOptions, FitRecord, TabularModel
from xraylab.tabular.kernel import fit_kernel, restore_kernel
from xraylab.tabular.logistic import fit_logistic, restore_logistic
from xraylab.tabular.params import KernelSpec, LogisticSpec, RegressorParams
from xraylab.tabular.regressors import fit_regressor, restore_regressor
from xraylab.tabular.tree_params import ForestSpec, LightgbmSpec, TreeSpec, XgboostSpec
from xraylab.tabular.trees import fit_trees, restore_trees

__all__ = ["TABULAR_KINDS", "TabularSpec", "fit_tabular_model", "restore_tabular_model"]

TabularSpec: TypeAlias = RegressorParams | TreeSpec | LogisticSpec | KernelSpec


@dataclass(frozen=True)
class _Kind:
    """How a kind of model is fitted and restored, and which fields of `FitOptions` besides the seed it takes."""

    spec: type[Parameters]
    fit: Callable[[Any, Features, pd.Series, FitOptions], TabularModel]
    restore: Callable[[Any, FitRecord, ModelState], TabularModel]
    options: tuple[str, ...]


_TREE_OPTIONS = ("n_threads", "scale_target", "binary")
_REGRESSOR = _Kind(RegressorParams, fit_regressor, restore_regressor, ("validation",))

TABULAR_KINDS = {
    "xgboost": _Kind(XgboostSpec, fit_trees, restore_trees, _TREE_OPTIONS),
    "lightgbm": _Kind(LightgbmSpec, fit_trees, restore_trees, _TREE_OPTIONS),
    "random_forest": _Kind(ForestSpec, fit_forest, restore_forest, _TREE_OPTIONS),
    "logistic": _Kind(LogisticSpec, fit_logistic, restore_logistic, ("n_threads", "binary")),
    "kernel": _Kind(KernelSpec, fit_kernel, restore_kernel, ("n_threads", "binary")),
    "mlp": _REGRESSOR,
    "linear": _REGRESSOR,
    "boosting": _REGRESSOR,
    "mean": _REGRESSOR,
}
"""The kinds of models, by the ``kind`` of their parameters and of their card."""


def fit_tabular_model(
    spec: TabularSpec,
    features: Features,
    target: pd.Series,
    options: FitOptions | None = None,
) -> TabularModel:
    """Fit a model of any kind.

    Parameters
    ----------
    spec : RegressorParams, XgboostSpec, LightgbmSpec, ForestSpec, LogisticSpec or KernelSpec
        What to fit.
    features : (N, F) DataFrame or (N, F) ndarray
        Training features. Trees and kernel models take missing values.
    target : (N,) Series
        Training target, on the index of a table, or in the order of an array.
    options : FitOptions, optional
        How to fit it.

    Returns
    -------
    TabularModel
        Predicts from what is stored of it.

    Raises
    ------
    ValueError
        If the kind of model cannot use features or target, or an option has no meaning for it.

    Examples
    --------
    >>> features, target = pd.DataFrame({"a": [0.0, 1.0, 2.0]}), pd.Series([1.0, 3.0, 5.0])
    >>> model = fit_tabular_model(RegressorParams(kind="linear"), features, target)
    >>> model.predict(pd.DataFrame({"a": [10.0]})).round(6).tolist()
    [21.0]
    """
    kind = TABULAR_KINDS[spec.kind]
    options = options or FitOptions()
    for each in fields(options):
        ignored = each.name != "seed" and each.name not in kind.options
        if ignored and getattr(options, each.name) != each.default:
            valid = ", ".join(("seed", *kind.options))
            raise ValueError(
                f"'{each.name}' has no meaning for kind '{spec.kind}'; valid options: {valid}"
            )
    return kind.fit(spec, features, target, options)


def restore_tabular_model(state: ModelState) -> TabularModel:
    """Make the model of `TabularModel.state` again; its predictions are the same to the last digit.

    Parameters
    ----------
    state : ModelState
        A stored model of any kind.

    Returns
    -------
    TabularModel
        Predicts as the model did that was stored.

    Raises
    ------
    ValueError
        If the card is not that of such a model, or what its kind needs is missing.
    """
    card = state.card
    if card.get("format") != CARD_FORMAT:
        raise ValueError(
            f"the card's format must be '{CARD_FORMAT}', got {card.get('format')!r}; train the model again"
        )
    if card["kind"] not in TABULAR_KINDS:
        raise ValueError(
            f"the card's kind must be one of {', '.join(TABULAR_KINDS)}, got {card['kind']!r}"
        )
    kind = TABULAR_KINDS[card["kind"]]
    spec = kind.spec.model_validate(card["parameters"])
    return kind.restore(spec, FitRecord.restore(card), state)
