import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.metrics import r2_score

from xraylab.evaluation.leakage import LeakError
from xraylab.evaluation.splits import fold_rows_at_random
from xraylab.pipelines.lesion_regression.params import ProtocolParams, TableParams
from xraylab.pipelines.lesion_regression.regression import (
    fit_models,
    predict_rows,
    repeat_table,
    tune_models,
)
from xraylab.pipelines.lesion_regression.rows import index_table, make_rows
from xraylab.tabular.kinds import restore_tabular_model
from xraylab.tabular.space import Whole
from xraylab.tabular.tree_params import KINDS, ForestSpec, LightgbmSpec, XgboostSpec
from xraylab.tabular.tuning import TuningParams

FEW = Whole(low=20, high=30, step=10)
TUNING = TuningParams(
    n_trials=3,
    progress=False,
    xgboost={"n_estimators": FEW.model_dump(), "max_depth": {"low": 2, "high": 3}},
    lightgbm={
        "n_estimators": FEW.model_dump(),
        "min_child_samples": {"low": 5, "high": 10, "step": 5},
        "learning_rate": {"low": 0.1, "high": 0.3},
    },
    random_forest={"n_estimators": FEW.model_dump()},
)
PUBLISHED = ProtocolParams(
    rows="patients",
    target="predicted_ratio",
    features=("age", "sex", "num_lesions", "mean_area", "mean_centroid_distance"),
    folds="rows",
    tuning="reported",
    on_leak="report",
)
HONEST = ProtocolParams(
    rows="films",
    target="true_ratio",
    features=("lesion_ratio", "age", "sex"),
    folds="groups",
    tuning="nested",
)
SIZE_PX = 64


def make_films(n: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measured films whose true ratio is the predicted one, half as large, and larger by 0.0006 a year of age."""
    rng = np.random.default_rng(3)
    number = rng.integers(1, 9, n)
    area = rng.uniform(5, 60, n)
    ratio = number * area / SIZE_PX**2
    age, sex = rng.uniform(20, 80, n).round(), rng.integers(0, 2, n)
    films = pd.DataFrame(
        {
            "image_id": [f"film_{i:03}" for i in range(n)],
            "group_id": [f"set/{i // 2}" for i in range(n)],
            "patient_id": [str(i // 2) for i in range(n)],
            "data_set": "set",
            "annotation": "mask",
            "split": "test",
            "fold": (np.arange(n) // 2) % 3,
            "target": 0.5 * ratio + 0.0006 * (age - 20),
            "lesion_ratio": ratio,
            "num_lesions": number,
            "mean_area": area,
            "mean_centroid_distance": rng.uniform(0, 30, n),
            "age": age,
            "sex": sex,
        }
    )
    entries = films[["image_id", "data_set", "patient_id", "age", "sex"]]
    return films, entries


def test_published_rows_are_joined_by_patient_over_all_ages() -> None:
    films, entries = make_films(6)
    entries = pd.concat([entries, entries.iloc[:1].assign(image_id="older", age=90)])
    cohort, leaks = make_rows(films, entries, PUBLISHED.model_copy(update={"n_folds": 3}))
    # three patients with two ages each give four rows, and the first has a third age
    assert len(cohort) == 6 * 2 + 2
    assert set(cohort.loc[cohort["image_id"] == "film_000", "age"]) == {
        *entries["age"].iloc[:2],
        90,
    }
    assert cohort["target"].equals(cohort["target"].astype(float))
    assert "target_identity" in set(leaks["kind"])
    assert "num_lesions * mean_area" in set(leaks["key"])
    assert "same_group" in set(leaks["kind"])

    honest, none = make_rows(films, entries, HONEST)
    assert len(honest) == 6
    assert none.empty
    assert honest["target"].tolist() == films["target"].tolist()
    with pytest.raises(ValueError, match=r"none of 6 films has a row with age and sex"):
        make_rows(films, entries.assign(data_set="other"), PUBLISHED)


def test_the_test_films_of_a_table_are_the_only_fold_that_is_tested(tmp_path: Path) -> None:
    films, entries = make_films(48)
    tested = films["fold"] == 2
    part = np.where(tested, "test", np.where(films["fold"] == 1, "val", "train"))
    films = films.assign(split=part, fold=films["fold"].where(~tested, -1))
    rows, leaks = make_rows(films, entries, HONEST)
    assert leaks.empty
    assert rows["split"].tolist() == part.tolist()
    assert set(rows.loc[tested, "fold"]) == {2}
    tuning = TUNING.model_copy(update={"n_trials": 1})
    best = tune_models(rows, tmp_path, tuning, HONEST)
    assert best[["model", "fold"]].to_numpy().tolist() == [[k, f] for k in KINDS for f in (2, -1)]
    predictions, shares = predict_rows(rows, best, tuning, HONEST)
    ids = films.loc[tested, "image_id"].tolist()
    for _, own in predictions.groupby("model"):
        assert own["image_id"].tolist() == ids
    assert set(shares["image_id"]) == set(ids)
    mean = predictions.loc[predictions["model"] == "mean", "prediction"]
    assert mean.tolist() == pytest.approx([films.loc[~tested, "target"].mean()] * len(ids))
    # published rows are shuffled all the same
    published, _ = make_rows(films, entries, PUBLISHED)
    assert set(published["split"]) == {"test"}
    assert set(published["fold"]) == {0, 1, 2, 3, 4}


def test_the_gate_refuses_features_that_give_the_target() -> None:
    films, entries = make_films()
    films["target"] = films["lesion_ratio"]
    with pytest.raises(LeakError, match="the target is 'lesion_ratio' but for a constant factor"):
        make_rows(films, entries, HONEST)
    product = HONEST.model_copy(update={"features": ("num_lesions", "mean_area")})
    with pytest.raises(LeakError, match=r"the target is 'num_lesions \* mean_area'"):
        make_rows(films, entries, product)
    films["fold"] = np.arange(len(films)) % 3  # patients on both sides
    with pytest.raises(LeakError, match="both sides"):
        make_rows(films.assign(target=films["age"] / 7), entries, HONEST)


@pytest.mark.parametrize(
    ("base", "change", "rule"),
    [
        (PUBLISHED, {"on_leak": "fail"}, "on_leak must be 'report'"),
        (PUBLISHED, {"tuning": "nested"}, "'nested' needs folds 'groups'"),
        (
            HONEST,
            {"features": ["lesion_ratio", "height"]},
            "there is no 'height'; valid: lesion_ratio",
        ),
        (HONEST, {"features": ["age", "age"]}, "a name occurs twice"),
    ],
)
def test_contradictory_parameters_are_refused(
    base: ProtocolParams, change: dict[str, object], rule: str
) -> None:
    with pytest.raises(ValidationError, match=rule):
        ProtocolParams.model_validate({**base.model_dump(), **change})


def test_folds_by_rows_are_those_of_scikit_learn() -> None:
    from sklearn.model_selection import KFold

    folds = fold_rows_at_random(11, 3, 42)
    for fold, (_, held_out) in enumerate(KFold(3, shuffle=True, random_state=42).split(folds)):
        assert np.flatnonzero(folds == fold).tolist() == held_out.tolist()
    with pytest.raises(ValueError, match="3 folds need as many rows, got 2"):
        fold_rows_at_random(2, 3, 0)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    cohort, _ = make_rows(*make_films(), HONEST)
    return cohort, tune_models(cohort, tmp_path_factory.mktemp("studies"), TUNING, HONEST)


def test_nested_tuning_sees_no_row_that_it_is_measured_on(
    honest: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    cohort, best = honest
    assert best.groupby("model")["fold"].apply(sorted).to_dict() == {
        k: [-1, 0, 1, 2] for k in KINDS
    }
    # other targets in fold 0 change what is found for the other folds, and not what is found for it
    changed = cohort.assign(target=cohort["target"].where(cohort["fold"] != 0, 1.0))
    again = tune_models(changed, tmp_path, TUNING, HONEST)
    merged = best.merge(again, on=["model", "fold"])
    same = merged["mse_x"] == merged["mse_y"]
    assert len(merged) == len(best)
    assert same[merged["fold"] == 0].all()
    assert not same[merged["fold"] != 0].any()


def test_the_known_effects_are_found_and_explained(
    honest: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    cohort, best = honest
    predictions, shares = predict_rows(cohort, best, TUNING, HONEST)
    assert set(predictions["model"]) == {*KINDS, "mean", "predicted_ratio"}
    r2 = {m: r2_score(p["target"], p["prediction"]) for m, p in predictions.groupby("model")}
    assert r2["mean"] < 0 < r2["predicted_ratio"] < r2["random_forest"]
    # age explains a known part: a line through the ratio alone leaves it
    assert r2["random_forest"] > 0.65

    for kind in KINDS:
        of_kind = shares[shares["model"] == kind]
        weight = of_kind.groupby("feature")["shap_value"].apply(lambda each: each.abs().mean())
        assert weight.sort_values(ascending=False).index.tolist() == [
            "lesion_ratio", "age", "sex",
        ]  # fmt: skip
    # held-out rows alone: each prediction is the sum of its shares
    forest = shares[shares["model"] == "random_forest"]
    total = forest.groupby("row")["shap_value"].sum() + forest.groupby("row")["base_value"].first()
    found = predictions[predictions["model"] == "random_forest"]["prediction"].to_numpy()
    np.testing.assert_allclose(total.sort_index(), found, rtol=1e-9)
    value = forest[(forest["row"] == 5) & (forest["feature"] == "age")]["feature_value"].item()
    assert value == cohort.loc[5, "age"]


def test_models_for_films_to_come(honest: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    import onnx
    from onnx.reference import ReferenceEvaluator

    cohort, best = honest
    models, exported = fit_models(cohort, best, TUNING, HONEST)
    assert list(models) == list(KINDS)
    assert models["xgboost"].booster.startswith("{")
    assert models["lightgbm"].booster.startswith("tree")
    assert not models["random_forest"].booster
    for state in models.values():
        json.dumps(state.card)
        assert state.card["n_rows"] == 60
        assert state.card["metrics"]["tuning_mse"] > 0
    features = cohort[list(HONEST.features)].astype(np.float32)
    run = ReferenceEvaluator(onnx.load_from_string(exported)).run
    found = run(None, {"features": features.to_numpy()})[0][:, 0]
    expected = restore_tabular_model(models["random_forest"]).predict(features.astype(float))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_published_rows_say_why_they_do_not_hold(tmp_path: Path) -> None:
    cohort, _ = make_rows(*make_films(), PUBLISHED)
    best = tune_models(cohort, tmp_path, TUNING, PUBLISHED)
    assert best["fold"].tolist() == [-1, -1, -1]
    predictions, _ = predict_rows(cohort, best, TUNING, PUBLISHED)
    r2 = {m: r2_score(p["target"], p["prediction"]) for m, p in predictions.groupby("model")}
    assert r2["identity"] == pytest.approx(1)
    assert r2["random_forest_by_image"] < r2["random_forest"]
    # tuned on the folds that are reported: the error of the tuning is the error that is reported
    forest = predictions[predictions["model"] == "random_forest"]
    error = ((forest["target"] - forest["prediction"]) ** 2).groupby(forest["fold"]).mean().mean()
    assert error == pytest.approx(best.set_index("model").loc["random_forest", "mse"], rel=1e-9)


def test_a_table_of_the_demo_is_checked() -> None:
    table = pd.DataFrame({"PatientAge": [1, 2]})
    with pytest.raises(ValueError, match="lacks the column 'SexEncoded'"):
        index_table(table, TableParams())


@pytest.mark.real_films
def test_published_numbers_on_the_demos_own_table(real_data: Path) -> None:
    folder = real_data / "seed_lesion_results"
    table = pd.read_csv(folder / "features_and_target.csv")
    published = pd.read_csv(folder / "best_hyperparams.csv").set_index("model_type")

    def spec(name: str, kind: type) -> dict[str, object]:
        known = published.loc[name].dropna()
        taken = {key: known[key] for key in kind.model_fields if key in known}
        return {
            k: int(v) if k not in FRACTIONS and not isinstance(v, str) else v
            for k, v in taken.items()
        }

    params = TableParams(
        xgboost=spec("xgb", XgboostSpec),
        lightgbm=spec("lgb", LightgbmSpec),
        random_forest=spec("rf", ForestSpec),
    )
    cohort, leaks = index_table(table, params)
    assert len(cohort) == 75
    assert cohort["image_id"].nunique() == 24
    # the target is exactly number x mean area / 1024², and images stand on both sides
    assert leaks.iloc[0][["kind", "key"]].tolist() == ["target_identity", "num_lesions * mean_area"]
    assert (cohort["num_lesions"] * cohort["mean_area"] / 1024**2).equals(cohort["target"])
    assert (leaks["kind"] == "same_group").any()

    predictions = repeat_table(cohort, params)
    error = (predictions["target"] - predictions["prediction"]) ** 2
    mse = error.groupby(predictions["model"]).mean()
    assert f"{mse['random_forest']:.4e}" == "2.0923e-08"
    assert f"{mse['lightgbm']:.3e}" == f"{published.loc['lgb', 'mse']:.3e}"
    assert f"{mse['xgboost']:.3e}" == f"{published.loc['xgb', 'mse']:.3e}"
    assert mse["identity"] < 1e-30
    r2 = {m: r2_score(p["target"], p["prediction"]) for m, p in predictions.groupby("model")}
    assert r2["random_forest"] == pytest.approx(0.969, abs=5e-4)
    assert 0.38 < r2["random_forest_by_image"] < 0.49
    # gamma forbids every split of a target of a thousandth: no better than the mean
    assert r2["xgboost"] < 0


FRACTIONS = {"learning_rate", "subsample", "colsample_bytree", "gamma", "reg_alpha", "reg_lambda"}
