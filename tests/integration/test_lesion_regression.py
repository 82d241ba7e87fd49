"""What lesion_regression wrote in the default run."""

import pytest
from tests.integration.results import (
    Results,
    check_bundle,
    check_figures,
    check_metrics,
    check_no_checkpoints,
    value_of,
)

KINDS = ("xgboost", "lightgbm", "random_forest")


def test_the_planted_bad_films_are_rejected_and_no_other(results: Results) -> None:
    planted = results.planted("covid_lesions")
    faults = {planted[kind] for kind in ("truncated", "without_mask", "odd_mask")}
    assert set(results.rejected("lesion_regression")) == faults


def test_every_protocol_predicts_and_a_film_has_one_row(results: Results) -> None:
    rows = results.predictions("lesion_regression")
    assert set(rows["protocol"]) == {"published", "honest", "seed_table"}
    assert {*KINDS, "mean", "network", "predicted_ratio"} <= set(rows["model"])
    honest = rows[(rows["protocol"] == "honest") & (rows["model"] == "xgboost")]
    assert set(honest["image_id"]) == set(results.cohort("lesion_regression/honest")["image_id"])
    assert not honest["image_id"].duplicated().any()


def test_a_turned_copy_is_in_the_fold_of_its_film(results: Results) -> None:
    rows = results.predictions("lesion_regression")
    honest = rows[(rows["protocol"] == "honest") & (rows["model"] == "xgboost")]
    copy = results.planted("covid_lesions")["turned_copy"]
    film = results.truth("covid_lesions")["image_id"].iloc[0]
    pair = honest[honest["image_id"].isin([copy, film])]
    assert len(pair) == 2
    assert len(set(pair["group_id"])) == len(set(pair["fold"])) == 1
    assert honest.groupby("group_id")["fold"].nunique().max() == 1


@pytest.mark.parametrize("model", [*KINDS, "mean"])
def test_metrics_can_be_computed_again(results: Results, model: str) -> None:
    metrics, rows = (
        check_metrics(results, "lesion_regression"),
        results.predictions("lesion_regression"),
    )
    for protocol in ("published", "honest", "seed_table"):
        chosen = rows[(rows["protocol"] == protocol) & (rows["model"] == model)]
        error = (chosen["prediction"] - chosen["target"]).abs().mean()
        found = value_of(metrics, protocol=protocol, model=model, split="test", metric="mae")
        assert found == pytest.approx(error)


@pytest.mark.parametrize("kind", KINDS)
def test_shares_of_features_add_up_to_the_prediction(results: Results, kind: str) -> None:
    shares = results.table(f"07_model_output/lesion_regression/shap_values_{kind}.parquet")
    assert set(shares["protocol"]) == {"published", "honest"}
    rows = results.predictions("lesion_regression")
    honest = rows[(rows["protocol"] == "honest") & (rows["model"] == kind)]
    of_films = shares[shares["protocol"] == "honest"].groupby("image_id")
    total = of_films["shap_value"].sum() + of_films["base_value"].first()
    wanted = honest.set_index("image_id")["prediction"]
    assert len(total) == len(wanted) > 20
    assert total.loc[wanted.index].to_numpy() == pytest.approx(wanted.to_numpy(), abs=1e-4)


@pytest.mark.parametrize("table", ["best_hyperparams", "cv_metrics", "history", "leakage"])
def test_tables_have_rows(results: Results, table: str) -> None:
    assert len(results.table(f"08_reporting/lesion_regression/{table}.csv")) > 0


def test_the_gate_finds_features_that_give_the_target(results: Results) -> None:
    found = results.table("08_reporting/lesion_regression/leakage.csv")
    identities = found[found["kind"] == "target_identity"]
    assert set(identities["protocol"]) == {"published", "seed_table"}


def test_the_bundle_holds_networks_of_all_folds_and_all_regressions(results: Results) -> None:
    networks = {f"network_fold_{fold}" for fold in range(2)}
    check_bundle(results, "lesion_regression", networks | {f"estimate-{kind}" for kind in KINDS})


def test_models_are_data_and_no_checkpoint_is_left(results: Results) -> None:
    models = results.workspace / "06_models/lesion_regression"
    assert (models / "studies/honest/studies.db").stat().st_size > 0
    files = {path.name for path in models.rglob("*") if path.is_file()}
    assert {"random_forest.onnx", "random_forest.safetensors", "xgboost.booster.json"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".joblib", ".ckpt", ".pt"))]
    check_no_checkpoints(results, "lesion_regression")


def test_figures(results: Results) -> None:
    names = {"overlays", "protocol_comparison"}
    names |= {f"{figure}_{kind}" for figure in ("cv_scatter", "shap_importance") for kind in KINDS}
    check_figures(results, "lesion_regression", names)
