import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraylab.models.state import ModelState
from xraylab.tabular.explain import explain_tree_model
from xraylab.tabular.forest import export_forest, flatten_forest, predict_forest
from xraylab.tabular.identities import find_identities
from xraylab.tabular.tree_params import SPACES, SPECS, ForestSpec, LightgbmSpec, XgboostSpec
from xraylab.tabular.trees import FittedTrees, fit_tree_model, restore_tree_model

SMALL = (
    XgboostSpec(n_estimators=40, max_depth=3, learning_rate=0.2),
    LightgbmSpec(n_estimators=40, learning_rate=0.2, min_child_samples=5),
    ForestSpec(n_estimators=25),
)


def make_table(n: int = 80, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """A target that is three parts `strong`, one part `weak`, and no part `none`; some values are missing."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.normal(size=(n, 3)), columns=["strong", "weak", "none"])
    target = (3 * features["strong"] + features["weak"]).rename("target")
    features.loc[::9, "none"] = np.nan
    return features, target


@pytest.mark.parametrize("spec", SMALL, ids=lambda spec: spec.kind)
@pytest.mark.parametrize("scale_target", [False, True])
def test_a_model_predicts_from_what_is_stored(spec, scale_target: bool) -> None:
    features, target = make_table()
    model = fit_tree_model(features[:60], target[:60], spec, 1, scale_target=scale_target)
    found = model.predict(features[60:])
    assert np.corrcoef(found, target[60:])[0, 1] > 0.85
    state = model.state({"r2": 0.5})
    through_json = ModelState(json.loads(json.dumps(state.card)), state.tensors, state.booster)
    again = restore_tree_model(through_json)
    np.testing.assert_array_equal(again.predict(features[60:]), found)
    # columns are found by name
    np.testing.assert_array_equal(again.predict(features[60:][["none", "weak", "strong"]]), found)


@pytest.mark.parametrize("spec", SMALL, ids=lambda spec: spec.kind)
def test_shapley_values_add_up_and_rank_the_features(spec) -> None:
    features, target = make_table()
    model = fit_tree_model(features[:60], target[:60], spec, 1, scale_target=True)
    shares = explain_tree_model(model, features[60:])
    np.testing.assert_allclose(shares.sum(axis=1), model.predict(features[60:]), atol=1e-5)
    weight = shares.drop(columns="base_value").abs().mean()
    assert weight.sort_values(ascending=False).index.tolist() == ["strong", "weak", "none"]
    assert np.ptp(shares["base_value"]) == 0
    assert shares.index.tolist() == list(range(60, 80))


def test_a_forest_of_two_known_trees() -> None:
    # tree 1: x <= 0.5 gives 1, else 3; missing goes left. tree 2: always 10
    tensors = {
        "first": np.array([0, 3, 4]),
        "left": np.array([1, -1, -1, -1], np.int32),
        "right": np.array([2, -1, -1, -1], np.int32),
        "feature": np.array([0, -2, -2, -2], np.int32),
        "threshold": np.array([0.5, 0, 0, 0.0]),
        "value": np.array([2.0, 1.0, 3.0, 10.0]),
        "missing_left": np.array([1, 0, 0, 0], np.uint8),
        "cover": np.array([2.0, 1.0, 1.0, 2.0]),
    }
    design = np.array([[0.5], [0.6], [np.nan]])
    assert predict_forest(tensors, design).tolist() == [5.5, 6.5, 5.5]
    assert run_onnx(export_forest(tensors, ("x",)), design).tolist() == [5.5, 6.5, 5.5]
    model = FittedTrees(ForestSpec(), ("x",), "", tensors, 0.0, 1.0, 0, 2, "y", "")
    shares = explain_tree_model(model, pd.DataFrame({"x": [0.5, 0.6]}))
    # the mean over the two training rows is (5.5 + 6.5) / 2
    assert shares["base_value"].tolist() == [6.0, 6.0]
    assert shares["x"].tolist() == [-0.5, 0.5]


def run_onnx(model: bytes, design: np.ndarray) -> np.ndarray:
    import onnx
    from onnx.reference import ReferenceEvaluator

    run = ReferenceEvaluator(onnx.load_from_string(model)).run
    return run(None, {"features": design.astype(np.float32)})[0][:, 0]


@given(seed=st.integers(0, 10_000))
def test_the_flat_forest_is_scikit_learns(seed: int) -> None:
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(seed)
    design = rng.normal(size=(30, 3)).round(1)  # ties with thresholds
    design[rng.random(design.shape) < 0.1] = np.nan
    forest = RandomForestRegressor(5, random_state=seed).fit(design, rng.normal(size=30))
    tensors = flatten_forest(forest)
    np.testing.assert_allclose(predict_forest(tensors, design), forest.predict(design), rtol=1e-12)


def test_the_exported_forest_says_the_same() -> None:
    features, target = make_table()
    model = fit_tree_model(features, target, ForestSpec(n_estimators=8, max_depth=4), 0)
    exported = export_forest(model.tensors, model.feature_names)
    found = run_onnx(exported, model.design(features))
    np.testing.assert_allclose(found, model.predict(features), rtol=1e-5)


@pytest.mark.parametrize("kind", sorted(SPACES))
def test_a_search_space_holds_what_its_model_takes(kind: str) -> None:
    space = SPACES[kind]()
    assert set(space.dimensions()) <= set(SPECS[kind].model_fields)
    with pytest.raises(ValueError, match="n_estimators: 0 cannot be used"):
        SPACES[kind].model_validate({"n_estimators": {"low": 0, "high": 10}})
    with pytest.raises(ValueError, match="low must not be above high, got 10 and 5"):
        SPACES[kind].model_validate({"n_estimators": {"low": 10, "high": 5}})


def test_bad_tables_are_refused_by_name() -> None:
    features, target = make_table()
    with pytest.raises(ValueError, match="'strong' is infinite in 1 of 80 rows"):
        fit_tree_model(features.replace(features["strong"].max(), np.inf), target, SMALL[0], 0)
    with pytest.raises(ValueError, match="target 'target' is missing or infinite in 1 of 80"):
        fit_tree_model(features, target.where(target < target.max()), SMALL[0], 0)
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        fit_tree_model(features[:1], target[:1], SMALL[0], 0)
    state = fit_tree_model(features, target, SMALL[2], 0).state()
    with pytest.raises(ValueError, match="a stored 'random_forest' needs first: not there"):
        restore_tree_model(ModelState(state.card))
    with pytest.raises(ValueError, match=r"format must be 'xraylab.trees/1', got None"):
        restore_tree_model(ModelState({}))


def test_identities_are_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"count": [3, 5, 0, 2.0], "area": [2, 4, 0, 1.5], "age": rng.normal(size=4)}
    )
    target = table["count"] * table["area"] / 1024**2
    assert find_identities(table, target) == ["count * area"]
    assert find_identities(table, table["age"] * 7) == ["age"]
    assert find_identities(table[["age"]], target) == []
    assert find_identities(table, target + rng.normal(size=4) * 1e-7) == []
    ratio = pd.Series([1.5, 1.25, np.nan, 2 / 1.5])
    assert find_identities(table[["count", "area"]], ratio) == ["count / area"]


@given(
    counts=st.lists(st.integers(1, 150), min_size=4, max_size=20, unique=True),
    factor=st.floats(1e-6, 1e6),
)
def test_any_constant_factor_is_an_identity(counts: list[int], factor: float) -> None:
    rng = np.random.default_rng(len(counts))
    table = pd.DataFrame({"n": counts, "area": rng.uniform(1, 60, len(counts))})
    assert "n * area" in find_identities(table, factor * table["n"] * table["area"])
