"""What dose_estimation wrote in the default run."""

import json

import numpy as np
import pytest
from tests.integration.results import (
    Results,
    check_bundle,
    check_figures,
    check_groups,
    check_metrics,
    value_of,
)


def test_every_protocol_predicts_for_every_film_that_was_measured(results: Results) -> None:
    rows = results.predictions("dose_estimation")
    assert set(rows["protocol"]) == {"published", "honest", "fair"}
    features = results.table("04_feature/feature_extraction/features.parquet")
    assert set(rows["image_id"]) == set(features["image_id"])
    assert results.planted("nih_chest_xray14")["rgba"] in set(rows["image_id"])


def test_a_copy_under_another_patient_is_in_one_family_with_its_film(results: Results) -> None:
    rows = results.predictions("dose_estimation")
    honest = rows[rows["protocol"] == "honest"]
    copy = results.planted("nih_chest_xray14")["copy"]
    pair = honest[honest["image_id"].isin([copy, "90000001_000"])]
    assert pair["image_id"].nunique() == 2
    assert len(set(pair["group_id"])) == 1
    assert len(set(pair["split"])) == 1


def test_published_leaks_and_honest_and_fair_do_not(results: Results) -> None:
    for protocol in ("honest", "fair"):
        check_groups(results.cohort(f"dose_estimation/{protocol}"))
    found = results.table("08_reporting/dose_estimation/leakage.csv")
    assert set(found["protocol"]) == {"published"}
    assert {"same_group", "same_pixels"} <= set(found["kind"])


@pytest.mark.parametrize("metric", ["mae", "bias", "rmse"])
def test_metrics_can_be_computed_again(results: Results, metric: str) -> None:
    metrics, rows = (
        check_metrics(results, "dose_estimation"),
        results.predictions("dose_estimation"),
    )
    for protocol, model in (("honest", "linear"), ("fair", "mlp"), ("published", "mlp")):
        chosen = rows[
            (rows["protocol"] == protocol) & (rows["model"] == model) & (rows["split"] == "test")
        ]
        error = chosen["prediction"] - chosen["target"]
        wanted = {
            "mae": error.abs().mean(),
            "bias": error.mean(),
            "rmse": np.sqrt((error**2).mean()),
        }[metric]
        found = value_of(metrics, protocol=protocol, model=model, split="test", metric=metric)
        assert found == pytest.approx(wanted)


def test_models_are_data(results: Results) -> None:
    files = results.models("dose_estimation/honest")
    assert {"mlp.safetensors", "mlp.json", "boosting.booster.json"} <= files
    card = results.newest("06_models/dose_estimation/honest") / "mlp.json"
    assert "noise_var" in json.dumps(json.loads(card.read_text()))


def test_the_bundle_holds_the_regression_and_the_width_of_its_interval(results: Results) -> None:
    bundle = check_bundle(results, "dose_estimation", {"mlp"})
    rows = results.predictions("dose_estimation")
    chosen = rows[
        (rows["protocol"] == "fair") & (rows["model"] == "mlp") & (rows["split"] == "test")
    ]
    width = np.log(chosen["interval_high"] / chosen["interval_low"]) / 2
    assert width.to_numpy() == pytest.approx(bundle.card["radius"])
    least, most = bundle.card["dose_range"]
    assert 0 < least < most <= 1


def test_every_model_has_a_history(results: Results) -> None:
    history = results.table("08_reporting/dose_estimation/history.csv")
    rows = results.predictions("dose_estimation")
    keys = ["protocol", "model"]
    assert set(history[keys].itertuples(index=False, name=None)) == set(
        rows[keys].itertuples(index=False, name=None)
    )
    assert history["train_loss"].notna().all()


def test_figures(results: Results) -> None:
    names = {"error_by_level", "loss_curves", "predicted_against_true", "protocol_comparison"}
    check_figures(results, "dose_estimation", names)
