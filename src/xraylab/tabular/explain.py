"""Why a model predicts what it predicts: Shapley values of its features.

References
----------
Lundberg S. M. et al. (2020), From local explanations to global understanding with explainable AI for trees, *Nature
Machine Intelligence* 2, 56-67: exact Shapley values of trees, here along the paths that the training rows took.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xraylab.tabular.forest import RandomForest, split_trees
from xraylab.tabular.interface import TabularModel
from xraylab.tabular.trees import BoostedTrees

__all__ = ["explain_tree_model", "list_shares"]


def explain_tree_model(model: TabularModel, features: pd.DataFrame) -> pd.DataFrame:
    """Share each prediction out among the features.

    Parameters
    ----------
    model : BoostedTrees or RandomForest
        A fitted ensemble of trees.
    features : (N, …) DataFrame
        Rows to explain, best those that the model was not fitted to.

    Returns
    -------
    (N, F + 1) DataFrame
        On the index of `features`: ``base_value``, the mean prediction over the training rows, and one column per
        feature, in units of the target. Each row sums to the model's prediction.

    Raises
    ------
    TypeError
        If the model is no ensemble of trees.
    ValueError
        As the model's `predict` raises.
    """
    from shap import TreeExplainer  # type: ignore[import-untyped]

    if not isinstance(model, BoostedTrees | RandomForest):
        raise TypeError(f"only an ensemble of trees can be explained, got {type(model).__name__}")
    design = model.record.design(features, allow_missing=True)
    described: Any
    if isinstance(model, RandomForest):
        trees = split_trees(model.tensors)
        n_trees = len(trees)
        described = {"trees": trees, "internal_dtype": np.float64, "input_dtype": np.float32}
    else:
        n_trees, described = 1, model.library_model
    explainer = TreeExplainer(described, feature_perturbation="tree_path_dependent")
    # the library sums trees; a forest is their mean
    shares = np.asarray(explainer.shap_values(design), np.float64) / n_trees * model.target.scale
    base = (
        float(np.ravel(explainer.expected_value)[0]) / n_trees * model.target.scale
        + model.target.offset
    )
    table = pd.DataFrame(shares, index=features.index, columns=list(model.record.feature_names))
    table.insert(0, "base_value", base)
    return table


def list_shares(model: TabularModel, features: pd.DataFrame) -> pd.DataFrame:
    """Share each prediction out among the features, as a long table.

    Parameters
    ----------
    model, features
        As `explain_tree_model` takes them.

    Returns
    -------
    DataFrame
        One row per row of `features` and feature: ``row`` (of its index), ``feature, feature_value, shap_value,
        base_value``.
    """
    found = explain_tree_model(model, features)
    shares, values = (
        table.melt(ignore_index=False, var_name="feature", value_name=name).rename_axis("row")
        for table, name in (
            (found.drop(columns="base_value"), "shap_value"),
            (features, "feature_value"),
        )
    )
    table = shares.reset_index().merge(values.reset_index(), on=["row", "feature"], validate="1:1")
    table["base_value"] = table["row"].map(found["base_value"])
    return table[["row", "feature", "feature_value", "shap_value", "base_value"]]
