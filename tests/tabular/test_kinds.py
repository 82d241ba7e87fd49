"""One interface for every kind of model: known answers, stored forms, and clear refusals."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load, save

from xraylab.models.state import ModelState
from xraylab.tabular.interface import FitOptions
from xraylab.tabular.kinds import TABULAR_KINDS, fit_tabular_model, restore_tabular_model
from xraylab.tabular.params import KernelSpec, LogisticSpec, RegressorParams
from xraylab.tabular.tree_params import ForestSpec, LightgbmSpec, XgboostSpec

LOGGED = {"log_target": True, "log_features": ["a"]}
SPECS = {
    "xgboost": XgboostSpec(n_estimators=12, max_depth=2),
    "lightgbm": LightgbmSpec(n_estimators=12, min_child_samples=2),
    "random_forest": ForestSpec(n_estimators=6),
    "logistic": LogisticSpec(),
    "kernel": KernelSpec(width=0.5),
    "mlp": RegressorParams(kind="mlp", hidden_sizes=(6, 4), max_epochs=5, **LOGGED),
    "linear": RegressorParams(kind="linear", **LOGGED),
    "boosting": RegressorParams(kind="boosting", n_trees=8),
    "mean": RegressorParams(kind="mean", **LOGGED),
}


def made(n: int = 40) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"a": rng.uniform(1, 5, n), "b": rng.normal(size=n), "c": 1.0})
    return features, (features["a"] > 3).astype(float).rename("ill")


def target_of(kind: str, target: pd.Series) -> pd.Series:
    """Classes for the classifiers; positive numbers for what takes logarithms."""
    return target if kind in ("logistic", "kernel") else 0.5 + 3 * target


def options_of(kind: str, features: pd.DataFrame | np.ndarray, target: pd.Series) -> FitOptions:
    if "validation" in TABULAR_KINDS[kind].options:
        return FitOptions(seed=3, validation=(features[:9], target[:9]))
    return FitOptions(seed=3, scale_target="scale_target" in TABULAR_KINDS[kind].options)


def test_there_is_a_test_of_each_kind() -> None:
    assert set(SPECS) == set(TABULAR_KINDS)
    assert all(isinstance(SPECS[name], kind.spec) for name, kind in TABULAR_KINDS.items())


@pytest.mark.parametrize("named", [True, False], ids=["table", "array"])
@pytest.mark.parametrize("kind", SPECS)
def test_a_stored_model_predicts_the_same_to_the_last_digit(kind: str, named: bool) -> None:
    table, target = made()
    target = target_of(kind, target)
    spec = SPECS[kind]
    if not named and isinstance(spec, RegressorParams):
        spec = spec.model_copy(update={"log_features": ()})
    features = table if named else table.to_numpy()
    model = fit_tabular_model(spec, features, target, options_of(kind, features, target))
    found = model.predict(features)
    assert found.shape == (40,)
    assert found.dtype == np.float64
    facts = {"metrics": {"r2": 0.5}}
    state = model.state(facts)
    stored = ModelState(
        json.loads(json.dumps(state.card)), load(save(state.tensors)), state.booster
    )
    again = restore_tabular_model(stored)
    np.testing.assert_array_equal(again.predict(features), found)
    assert again.state(facts) == state
    pd.testing.assert_frame_equal(again.record.history, model.record.history)


@pytest.mark.parametrize("kind", SPECS)
def test_the_card_says_what_it_is(kind: str) -> None:
    features, target = made()
    target = target_of(kind, target)
    facts = {"seed": 9, "site": "A", "kind": "another"}
    model = fit_tabular_model(SPECS[kind], features, target, FitOptions(seed=5))
    card = model.state(facts).card
    assert (card["format"], card["kind"]) == ("xraylab.tabular/1", kind)
    assert card["parameters"]["kind"] == kind
    assert card["feature_names"] == ["a", "b", "c"]
    assert (card["n_rows"], card["target_name"]) == (40, "ill")
    assert (card["seed"], card["site"]) == (9, "A")
    assert {"python", "xraylab", "numpy"} <= set(card["versions"])
    assert model.state().card["seed"] == 5


@pytest.mark.parametrize("kind", ["logistic", "kernel"])
def test_classifiers_refuse_one_class_and_infinite_features(kind: str) -> None:
    features, target = made(10)
    with pytest.raises(ValueError, match=r"needs targets 0 and 1, got \[1.0\]"):
        fit_tabular_model(SPECS[kind], features, target * 0 + 1)
    array = features.to_numpy().copy()
    array[0, 0] = np.inf
    with pytest.raises(ValueError, match=r"training features are .*infinite in 1 of 10 rows"):
        fit_tabular_model(SPECS[kind], array, target)
    with pytest.raises(ValueError, match="one index, got 5 and 10 rows"):
        fit_tabular_model(SPECS[kind], np.zeros((5, 3)), target)


def test_features_must_be_given_as_they_were_fitted() -> None:
    table, target = made()
    by_name = fit_tabular_model(KernelSpec(), table, target)
    with pytest.raises(ValueError, match=r"given features must be a table .*, got an array"):
        by_name.predict(table.to_numpy())
    by_place = fit_tabular_model(KernelSpec(), table.to_numpy(), target)
    with pytest.raises(ValueError, match="must be an array without names, got a table"):
        by_place.predict(table)
    with pytest.raises(ValueError, match="fitted to 3, got 2"):
        by_place.predict(table.to_numpy()[:, :2])
    with pytest.raises(ValueError, match=r"must be \(rows, features\), got \(40,\)"):
        by_place.predict(table["a"].to_numpy())


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("linear", {"binary": True}, "'binary' has no meaning for kind 'linear'; valid options"),
        ("logistic", {"scale_target": True}, "'scale_target' has no meaning for kind 'logistic'"),
        ("kernel", {"validation": made()}, "valid options: seed, n_threads, binary"),
    ],
)
def test_an_option_without_a_meaning_is_refused(kind: str, options: dict, message: str) -> None:
    features, target = made()
    with pytest.raises(ValueError, match=message):
        fit_tabular_model(SPECS[kind], features, target, FitOptions(**options))


def test_another_card_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be 'xraylab.tabular/1', got None; train the model"):
        restore_tabular_model(ModelState({}))
    card = {"format": "xraylab.tabular/1", "kind": "cnn"}
    with pytest.raises(ValueError, match=r"kind must be one of xgboost, .*, got 'cnn'"):
        restore_tabular_model(ModelState(card))
    features, target = made()
    state = fit_tabular_model(SPECS["kernel"], features, target).state()
    with pytest.raises(ValueError, match="a stored 'kernel' needs offset: not there"):
        restore_tabular_model(ModelState(state.card))
