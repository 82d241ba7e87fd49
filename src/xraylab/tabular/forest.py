"""A random forest for a number or a class as plain arrays: they predict as scikit-learn does, and are exported as ONNX.

Nodes of all trees lie one after the other. scikit-learn compares float32 features with float64 thresholds, and so does
`predict_forest`; ONNX compares in float32, with each threshold rounded down, which gives the same answer for
every float32 feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.models.state import ModelState
from xraylab.tabular.design import Features
from xraylab.tabular.interface import FitOptions, FitRecord, check_parts, make_state
from xraylab.tabular.scaling import TargetScaling
from xraylab.tabular.tree_params import ForestSpec
from xraylab.tabular.trees import read_tree_rows, tree_options

__all__ = [
    "FOREST_TENSORS",
    "RandomForest",
    "export_forest",
    "fit_forest",
    "flatten_forest",
    "predict_forest",
    "restore_forest",
    "split_trees",
]

Floats = NDArray[np.float64]
Tensors = Mapping[str, NDArray[Any]]

FOREST_TENSORS = (
    "first",
    "left",
    "right",
    "feature",
    "threshold",
    "value",
    "missing_left",
    "cover",
)
"""Names of the arrays: the ``first`` node of each tree (T + 1,), and for each node its children (counted within its
tree, -1 for a leaf), what it compares, what it answers, where a missing value goes, and how many rows it saw."""

_LEAF = -1
_OPSET = {"": 17, "ai.onnx.ml": 3}


@dataclass(frozen=True, eq=False)
class RandomForest:
    """A fitted random forest.

    Attributes
    ----------
    spec : ForestSpec
        What was fitted.
    record : FitRecord
        What is recorded of the fit.
    target : TargetScaling
        How the target was scaled for the fit.
    tensors : dict of str to ndarray
        The arrays `FOREST_TENSORS`.
    """

    spec: ForestSpec
    record: FitRecord
    target: TargetScaling
    tensors: dict[str, NDArray[Any]]

    def predict(self, features: Features) -> Floats:
        """Predict as `TabularModel.predict` says; a value may be missing."""
        design = self.record.design(features, allow_missing=True)
        return self.target.undo(predict_forest(self.tensors, design))

    def state(self, facts: Mapping[str, Any] | None = None) -> ModelState:
        """Return the model as `TabularModel.state` says."""
        parts = ModelState(self.target.card(), self.tensors)
        return make_state(self.spec.model_dump(mode="json"), self.record, parts, facts)

    def to_onnx(self) -> bytes:
        """Return the model as `export_forest` does; predictions are in units of the target."""
        value = self.target.undo(self.tensors["value"])
        numbered = tuple(f"feature_{i}" for i in range(self.record.n_features))
        names = self.record.feature_names or numbered
        return export_forest({**self.tensors, "value": value}, names)


def fit_forest(
    spec: ForestSpec, features: Features, target: pd.Series, options: FitOptions
) -> RandomForest:
    """Fit a random forest on all features, as `fit_tabular_model` says.

    Raises
    ------
    ValueError
        As `read_tree_rows` raises.
    """
    from sklearn.ensemble import RandomForestRegressor

    design, goal, scaling = read_tree_rows(features, target, options)
    forest = RandomForestRegressor(**tree_options(spec, options)).fit(design, scaling.apply(goal))
    record = FitRecord.of_fit(features, target, options.seed, "scikit-learn")
    return RandomForest(spec, record, scaling, flatten_forest(forest))


def restore_forest(spec: ForestSpec, record: FitRecord, state: ModelState) -> RandomForest:
    """Return the model of `RandomForest.state`; ValueError if one of its arrays is missing."""
    check_parts(state, FOREST_TENSORS)
    tensors = {name: state.tensors[name] for name in FOREST_TENSORS}
    return RandomForest(spec, record, TargetScaling.restore(state.card), tensors)


def flatten_forest(forest: Any) -> dict[str, NDArray[Any]]:
    """Return the arrays of a fitted ``sklearn.ensemble.RandomForestRegressor``."""
    trees = [each.tree_ for each in forest.estimators_]
    sizes = [tree.node_count for tree in trees]

    def joined(name: str, kind: Any) -> NDArray[Any]:
        return np.concatenate([np.asarray(getattr(tree, name)) for tree in trees]).astype(kind)

    return {
        "first": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        "left": joined("children_left", np.int32),
        "right": joined("children_right", np.int32),
        "feature": joined("feature", np.int32),
        "threshold": joined("threshold", np.float64),
        "value": np.concatenate([tree.value[:, 0, 0] for tree in trees]).astype(np.float64),
        "missing_left": joined("missing_go_to_left", np.uint8),
        "cover": joined("weighted_n_node_samples", np.float64),
    }


def predict_forest(tensors: Tensors, design: Floats) -> Floats:
    """Return the mean answer (N,) of all trees for features (N, F); a missing feature is nan."""
    seen = design.astype(np.float32)
    first = tensors["first"][:-1]
    node = np.broadcast_to(first, (len(seen), len(first))).copy()
    rows = np.arange(len(seen))[:, None]
    while True:
        inner = tensors["left"][node] != _LEAF
        if not inner.any():
            break
        value = seen[rows, np.where(inner, tensors["feature"][node], 0)]
        goes_left = np.where(
            np.isnan(value), tensors["missing_left"][node] > 0, value <= tensors["threshold"][node]
        )
        child = np.where(goes_left, tensors["left"][node], tensors["right"][node])
        node = np.where(inner, first + child, node)
    return np.asarray(tensors["value"][node].sum(axis=1) / len(first))


def split_trees(tensors: Tensors) -> list[dict[str, NDArray[Any]]]:
    """Return each tree as a dict of arrays, by the names that the library of Shapley values takes."""
    trees = []
    for start, end in zip(tensors["first"][:-1], tensors["first"][1:], strict=True):
        left, right = tensors["left"][start:end], tensors["right"][start:end]
        trees.append(
            {
                "children_left": left,
                "children_right": right,
                "children_default": np.where(tensors["missing_left"][start:end] > 0, left, right),
                "features": np.maximum(tensors["feature"][start:end], 0),
                "thresholds": tensors["threshold"][start:end],
                "values": tensors["value"][start:end, None],
                "node_sample_weight": tensors["cover"][start:end],
            }
        )
    return trees


def export_forest(tensors: Tensors, feature_names: tuple[str, ...]) -> bytes:
    """Return the forest as an ONNX model: ``features`` (N, F) of float32 to ``prediction`` (N, 1).

    Parameters
    ----------
    tensors : mapping of str to ndarray
        As `flatten_forest` gives them.
    feature_names : tuple of str
        Columns of the features, in order; they are written into the model's metadata.
    """
    from onnx import TensorProto, checker, helper

    first = tensors["first"]
    tree = np.repeat(np.arange(len(first) - 1), np.diff(first))
    node = np.arange(len(tree)) - first[tree]
    leaf = tensors["left"] == _LEAF
    low = tensors["threshold"].astype(np.float32)
    low = np.where(low > tensors["threshold"], np.nextafter(low, np.float32(-np.inf)), low)
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["prediction"],
        domain="ai.onnx.ml",
        aggregate_function="AVERAGE",
        n_targets=1,
        nodes_treeids=tree.tolist(),
        nodes_nodeids=node.tolist(),
        nodes_featureids=np.where(leaf, 0, tensors["feature"]).tolist(),
        nodes_values=np.where(leaf, 0, low).astype(float).tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_truenodeids=np.where(leaf, 0, tensors["left"]).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, tensors["right"]).tolist(),
        nodes_missing_value_tracks_true=tensors["missing_left"].astype(int).tolist(),
        target_treeids=tree[leaf].tolist(),
        target_nodeids=node[leaf].tolist(),
        target_ids=np.zeros(int(leaf.sum()), int).tolist(),
        target_weights=tensors["value"][leaf].tolist(),
    )
    graph = helper.make_graph(
        [ensemble],
        "random_forest",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", len(feature_names)])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSET.items()]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="xraylab", ir_version=8)
    helper.set_model_props(model, {"feature_names": ",".join(feature_names)})
    checker.check_model(model)
    return bytes(model.SerializeToString())
