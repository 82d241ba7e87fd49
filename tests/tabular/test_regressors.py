"""Regressors: right answers, histories, cards, and clear refusals."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from xraylab.models.state import ModelState
from xraylab.tabular.interface import FitOptions
from xraylab.tabular.kinds import restore_tabular_model
from xraylab.tabular.params import RegressorParams
from xraylab.tabular.regressors import FittedRegressor
from xraylab.tabular.regressors import fit_regressor as fit_with_options

KINDS = ("mlp", "linear", "boosting", "mean")


def fit_regressor(features, target, spec, seed, validation=None):
    return fit_with_options(spec, features, target, FitOptions(seed, validation=validation))


def rows(n=300, seed=0):
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(
        {"noise": rng.lognormal(5, 1, n), "mean": rng.uniform(0.3, 6, n), "id": "x"}
    )
    target = np.sqrt(features["noise"] * features["mean"]) / 10 + 0.5
    return features, target.rename("dose")


def params(kind, **options):
    options = {"features": ["noise", "mean"], **options}
    if kind == "mlp":
        options = {"hidden_sizes": (16, 8), "max_epochs": 15, **options}
    if kind == "boosting":
        options = {"n_trees": 20, **options}
    return RegressorParams(kind=kind, **options)


def test_a_line_is_found_exactly():
    features = pd.DataFrame({"a": [0.0, 1, 0, 2], "b": [0.0, 0, 1, 5]}, index=[9, 8, 7, 6])
    target = 3 + 2 * features["a"] - features["b"]
    fitted = fit_regressor(features, target, RegressorParams(kind="linear", scale=False), 0)
    assert fitted.tensors["coefficient"] == pytest.approx([2, -1])
    assert fitted.tensors["intercept"] == pytest.approx([3])
    assert fitted.predict(pd.DataFrame({"b": [10.0], "a": [1.0]})) == pytest.approx([-5])
    scaled = fit_regressor(features, target, RegressorParams(kind="linear"), 0)
    assert scaled.predict(features) == pytest.approx(target.to_numpy())


def test_logarithms_make_a_power_law_a_line():
    # dose = 5 x**3 / y**2, exactly.
    features = pd.DataFrame({"x": [1.0, 2, 3, 4, 1], "y": [1.0, 3, 2, 5, 2]})
    target = 5 * features["x"] ** 3 / features["y"] ** 2
    spec = RegressorParams(kind="linear", scale=False, log_target=True, log_features=["x", "y"])
    fitted = fit_regressor(features, target, spec, 0)
    assert fitted.tensors["coefficient"] == pytest.approx([3, -2])
    assert fitted.predict(pd.DataFrame({"x": [10.0], "y": [2.0]})) == pytest.approx([1250])


def test_the_baseline_is_the_mean_or_the_geometric_mean():
    features, target = pd.DataFrame({"a": [1.0, 2, 3]}), pd.Series([1.0, 2.0, 4.0], name="t")
    assert fit_regressor(features, target, params("mean", features=["a"]), 0).predict(
        features
    ) == pytest.approx(7 / 3)
    logged = fit_regressor(features, target, params("mean", features=["a"], log_target=True), 0)
    assert logged.predict(features) == pytest.approx(2)


def test_a_step_is_found_by_one_tree():
    # Depth 1 parts the rows at 9.5; the trees go on until each side has its mean, 1 and 5.
    features = pd.DataFrame({"a": np.arange(20.0)})
    target = pd.Series(np.where(np.arange(20) < 10, 1.0, 5.0))
    spec = RegressorParams(
        kind="boosting", n_trees=60, max_depth=1, shrinkage=1.0, min_child_weight=0
    )
    assert fit_regressor(features, target, spec, 0).predict(features) == pytest.approx(
        target.to_numpy(), abs=1e-3
    )


def test_the_network_learns_what_a_line_cannot():
    features, target = rows(600)
    options = {"log_features": ["noise"], "max_epochs": 60, "learning_rate": 0.01}
    network = fit_regressor(features[:500], target[:500], params("mlp", **options), 0)
    line = fit_regressor(features[:500], target[:500], params("linear", log_features=["noise"]), 0)
    error, line_error = (
        np.mean((m.predict(features[500:]) - target[500:]) ** 2) for m in (network, line)
    )
    assert error < 0.2 * line_error


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_one_model(kind):
    features, target = rows()
    first, again, other = (
        fit_regressor(features, target, params(kind), seed) for seed in (1, 1, 2)
    )
    assert first.state() == again.state()
    same = np.array_equal(first.predict(features), other.predict(features))
    assert same == (kind != "mlp")


def test_the_card_says_what_it_is():
    features, target = rows()
    card = fit_regressor(features, target, params("mlp"), 5).state({"metrics": {"r2": 0.9}}).card
    assert card["kind"] == "mlp"
    assert card["feature_names"] == ["noise", "mean"]
    assert card["parameters"]["hidden_sizes"] == [16, 8]
    assert "n_trees" not in card["parameters"]
    assert (card["n_rows"], card["seed"], card["target_name"]) == (300, 5, "dose")
    assert card["metrics"] == {"r2": 0.9}
    assert set(card["versions"]) == {"python", "xraylab", "numpy"}
    assert card["history"]["val_loss"] == [None] * 15


def test_the_data_digest_knows_the_data_only():
    features, target = rows()
    digest = fit_regressor(features, target, params("mean"), 0).record.data_digest
    moved = fit_regressor(
        features.set_axis(range(300, 600)), target.set_axis(range(300, 600)), params("mean"), 9
    )
    assert moved.record.data_digest == digest
    changed = features.assign(noise=features["noise"] + np.eye(300)[0])
    assert fit_regressor(changed, target, params("mean"), 0).record.data_digest != digest


@pytest.mark.parametrize("kind", KINDS)
def test_the_history_ends_at_the_loss_of_the_predictions(kind):
    features, target = rows(400)
    train, held_out = (features[:300], target[:300]), (features[300:], target[300:])
    fitted = fit_regressor(*train, params(kind), 0, held_out)
    length = {"mlp": 15, "boosting": 20, "linear": 1, "mean": 1}[kind]
    assert fitted.record.history["epoch"].tolist() == list(range(1, length + 1))
    for name, (given, truth) in (("train_loss", train), ("val_loss", held_out)):
        assert fitted.record.history[name].iloc[-1] == pytest.approx(
            np.mean((fitted.predict(given) - truth) ** 2), rel=1e-4
        )
    if length > 1:
        assert (
            fitted.record.history["train_loss"].iloc[-1]
            < fitted.record.history["train_loss"].iloc[0]
        )
    alone = fit_regressor(*train, params(kind), 0)
    assert np.array_equal(alone.predict(features), fitted.predict(features))


def test_a_subset_of_features_is_all_that_is_read():
    features, target = rows()
    fitted = fit_regressor(features, target, params("linear", features=["mean"]), 0)
    assert fitted.record.feature_names == ("mean",)
    assert len(fitted.predict(features[["mean"]])) == 300


def test_a_constant_feature_does_no_harm():
    features, target = rows()
    features["flat"] = 7.0
    fitted = fit_regressor(features, target, params("linear", features=["mean", "flat"]), 0)
    plain = fit_regressor(features, target, params("linear", features=["mean"]), 0)
    assert fitted.predict(features) == pytest.approx(plain.predict(features))


def change(**columns):
    return lambda features, target: (features.assign(**columns), target)


BAD_ROWS = [
    (
        lambda f, t: (f.drop(columns="mean"), t),
        {},
        "training features: column 'mean' is missing; columns: noise, id",
    ),
    (lambda f, t: (pd.concat([f, f["mean"]], axis=1), t), {}, "column 'mean' is there 2 times"),
    (
        change(mean=[np.nan, np.inf, 1, 1, 1]),
        {},
        "training feature 'mean' is missing or infinite in 2 of 5 rows",
    ),
    (change(mean="high"), {}, "training feature 'mean' must hold numbers"),
    (
        change(mean=[0.0, -1, 1, 1, 1]),
        {"log_features": ["mean"]},
        "'mean' is to be logged, and is not above 0 in 2 of 5",
    ),
    (
        lambda f, t: (f, t * 0),
        {"log_target": True},
        "target 'dose' is to be logged, and is not above 0 in 5 of 5",
    ),
    (lambda f, t: (f, t.where(t.index > 0)), {}, "target 'dose' is missing or infinite in 1 of 5"),
    (lambda f, t: (f, t[::-1]), {}, "one index, got 5 and 5 rows in another order"),
    (lambda f, t: (f, t[:3]), {}, "one index, got 5 and 3 rows"),
    (lambda f, t: (f[:2], t[:2]), {}, "a 'linear' of 2 features needs at least 3 rows, got 2"),
]


@pytest.mark.parametrize(("spoil", "options", "message"), BAD_ROWS)
def test_bad_rows_are_named(spoil, options, message):
    features, target = spoil(*rows(5))
    with pytest.raises(ValueError, match=message):
        fit_regressor(features, target, params("linear", **options), 0)


def test_bad_rows_are_named_in_validation_and_prediction():
    features, target = rows(20)
    bad = features.assign(noise=np.nan)
    with pytest.raises(
        ValueError, match="validation feature 'noise' is missing or infinite in 20 of 20"
    ):
        fit_regressor(features, target, params("mean"), 0, (bad, target))
    with pytest.raises(
        ValueError, match="given feature 'noise' is missing or infinite in 20 of 20"
    ):
        fit_regressor(features, target, params("mean"), 0).predict(bad)


def test_log_features_must_be_there():
    features, target = rows(20)
    with pytest.raises(ValueError, match="there is no feature 'entropy'; there are noise, mean"):
        fit_regressor(
            features[["noise", "mean"]],
            target,
            RegressorParams(kind="linear", log_features=["entropy"]),
            0,
        )


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_a_fit_that_diverges_is_an_error():
    features, target = rows(50)
    with pytest.raises(ValueError, match="diverged"):
        fit_regressor(features, target * 1e200, params("mlp", max_epochs=3), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "forest"}, "'mlp', 'linear', 'boosting' or 'mean'"),
        ({"kind": "mlp", "hidden": [3]}, r"unknown key 'hidden' \(did you mean 'hidden_sizes'"),
        (
            {"kind": "linear", "max_epochs": 3},
            "'max_epochs' has no meaning for kind 'linear'; valid keys: kind, feat",
        ),
        ({"kind": "mlp", "n_trees": 3}, "'n_trees' has no meaning for kind 'mlp'"),
        ({"kind": "mlp", "hidden_sizes": [16, 0]}, r"each must lie in 1 … 4096, got \(16, 0\)"),
        ({"kind": "mlp", "learning_rate": 0}, "greater than 0"),
        ({"kind": "mean", "features": []}, "at least 1 item"),
        ({"kind": "mean", "features": ["a", "a"]}, "features: a name occurs twice"),
        ({"kind": "mean", "features": ["a"], "log_features": ["b"]}, "'b' is not among features"),
    ],
)
def test_bad_parameters_are_named(options, message):
    with pytest.raises(ValidationError, match=message):
        RegressorParams(**options)


def test_parameters_survive_a_dump():
    spec = params("boosting", max_depth=2)
    assert RegressorParams.model_validate(spec.model_dump()) == spec


@pytest.mark.parametrize(
    ("kind", "spoil", "message"),
    [
        (
            "mlp",
            lambda s: ModelState({**s.card, "format": "x"}, s.tensors),
            "must be 'xraylab.tabular/1', got 'x'",
        ),
        ("mlp", lambda s: ModelState(s.card), "'mlp' needs offset"),
        (
            "mlp",
            lambda s: ModelState(s.card, {k: v for k, v in s.tensors.items() if k != "bias_2"}),
            "needs bias_2",
        ),
        ("boosting", lambda s: ModelState(s.card, s.tensors), "'boosting' needs its booster"),
    ],
)
def test_a_stored_form_that_lacks_parts_is_refused(kind, spoil, message):
    features, target = rows(30)
    with pytest.raises(ValueError, match=message):
        restore_tabular_model(spoil(fit_regressor(features, target, params(kind), 0).state()))


def test_a_booster_that_is_no_model_is_refused():
    features, target = rows(30)
    state = fit_regressor(features, target, params("boosting"), 0).state()
    restored = restore_tabular_model(ModelState(state.card, state.tensors, "{}"))
    assert isinstance(restored, FittedRegressor)
    with pytest.raises(ValueError, match="the booster is no XGBoost JSON"):
        restored.predict(features)
