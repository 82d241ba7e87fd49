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

from xraylab.tabular.forest import split_trees
from xraylab.tabular.trees import FittedTrees

__all__ = ["explain_tree_model"]


def explain_tree_model(model: FittedTrees, features: pd.DataFrame) -> pd.DataFrame:
    """Share each prediction out among the features.

    Parameters
    ----------
    model : FittedTrees
        Any of the three kinds.
    features : (N, …) DataFrame
        Rows to explain, best those that the model was not fitted to.

    Returns
    -------
    (N, F + 1) DataFrame
        On the index of `features`: ``base_value``, the mean prediction over the training rows, and a column a feature,
        in units of the target. Each row sums to the model's prediction.

    Raises
    ------
    ValueError
        As `FittedTrees.predict` raises.
    """
    from shap import TreeExplainer  # type: ignore[import-untyped]

    design = model.design(features)
    described: Any
    n_trees = 1
    if model.spec.kind == "random_forest":
        n_trees = len(model.tensors["first"]) - 1
        trees = split_trees(model.tensors)
        described = {"trees": trees, "internal_dtype": np.float64, "input_dtype": np.float32}
    else:
        described = model.library_model
    explainer = TreeExplainer(described, feature_perturbation="tree_path_dependent")
    # the library sums trees; a forest is their mean
    shares = np.asarray(explainer.shap_values(design), np.float64) / n_trees * model.scale
    base = float(np.ravel(explainer.expected_value)[0]) / n_trees * model.scale + model.offset
    table = pd.DataFrame(shares, index=features.index, columns=list(model.feature_names))
    table.insert(0, "base_value", base)
    return table
