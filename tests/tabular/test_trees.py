import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraylab.models.state import ModelState
from xraylab.tabular.explain import explain_tree_model
from xraylab.tabular.forest import RandomForest, export_forest, flatten_forest, predict_forest
from xraylab.tabular.identities import find_identities
from xraylab.tabular.interface import FitOptions, FitRecord
from xraylab.tabular.kinds import TABULAR_KINDS, fit_tabular_model, restore_tabular_model
from xraylab.tabular.params import RegressorParams
from xraylab.tabular.scaling import TargetScaling
from xraylab.tabular.tree_params import SPACES, ForestSpec, LightgbmSpec, XgboostSpec

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
def test_trees_find_the_strong_feature_and_columns_by_name(spec, scale_target: bool) -> None:
    features, target = make_table()
    options = FitOptions(1, scale_target=scale_target)
    model = fit_tabular_model(spec, features[:60], target[:60], options)
    found = model.predict(features[60:])
    assert np.corrcoef(found, target[60:])[0, 1] > 0.85
    np.testing.assert_array_equal(model.predict(features[60:][["none", "weak", "strong"]]), found)


@pytest.mark.parametrize("spec", SMALL, ids=lambda spec: spec.kind)
def test_trees_give_the_probability_of_a_class(spec) -> None:
    features, target = make_table()
    ill = (target > 0).astype(float)
    options = FitOptions(binary=True)
    found = fit_tabular_model(spec, features, ill, options).predict(features)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.mean((found > 0.5) == ill) > 0.85
    with pytest.raises(ValueError, match="a binary target must be 0 or 1"):
        fit_tabular_model(spec, features, 2 * ill, options)


@pytest.mark.parametrize("spec", SMALL, ids=lambda spec: spec.kind)
def test_shapley_values_add_up_and_rank_the_features(spec) -> None:
    features, target = make_table()
    options = FitOptions(1, scale_target=True)
    model = fit_tabular_model(spec, features[:60], target[:60], options)
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
    model = RandomForest(
        ForestSpec(), FitRecord(("x",), 1, 2, "y", 0, ""), TargetScaling(), tensors
    )
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
    spec = ForestSpec(n_estimators=8, max_depth=4)
    model = fit_tabular_model(spec, features, target, FitOptions(scale_target=True))
    found = run_onnx(model.to_onnx(), features.to_numpy())
    np.testing.assert_allclose(found, model.predict(features), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(SPACES))
def test_a_search_space_holds_what_its_model_takes(kind: str) -> None:
    space = SPACES[kind]()
    assert set(space.dimensions()) <= set(TABULAR_KINDS[kind].spec.model_fields)
    with pytest.raises(ValueError, match="n_estimators: 0 cannot be used"):
        SPACES[kind].model_validate({"n_estimators": {"low": 0, "high": 10}})
    with pytest.raises(ValueError, match="low must not be above high, got 10 and 5"):
        SPACES[kind].model_validate({"n_estimators": {"low": 10, "high": 5}})


def test_bad_tables_are_refused_by_name() -> None:
    features, target = make_table()
    with pytest.raises(ValueError, match="'strong' is infinite in 1 of 80 rows"):
        fit_tabular_model(SMALL[0], features.replace(features["strong"].max(), np.inf), target)
    with pytest.raises(ValueError, match="target 'target' is missing or infinite in 1 of 80"):
        fit_tabular_model(SMALL[0], features, target.where(target < target.max()))
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        fit_tabular_model(SMALL[0], features[:1], target[:1])


@pytest.mark.parametrize(
    ("spec", "part"), list(zip(SMALL, ("its booster", "its booster", "first"), strict=True))
)
def test_a_stored_form_that_lacks_parts_is_refused(spec, part: str) -> None:
    card = fit_tabular_model(spec, *make_table()).state().card
    with pytest.raises(ValueError, match=f"a stored '{spec.kind}' needs {part}: not there"):
        restore_tabular_model(ModelState(card))


def test_only_trees_are_explained() -> None:
    features, target = make_table()
    line = fit_tabular_model(RegressorParams(kind="mean"), features[["weak"]], target)
    with pytest.raises(TypeError, match=r"only an ensemble of trees .* got FittedRegressor"):
        explain_tree_model(line, features)


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
