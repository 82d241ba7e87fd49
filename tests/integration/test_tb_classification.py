"""What tb_classification wrote in the default run."""

import json

import pytest
from tests.integration.results import (
    Results,
    check_bundle,
    check_figures,
    check_groups,
    check_metrics,
    check_no_checkpoints,
    check_probabilities,
    value_of,
)


def test_the_truncated_film_is_rejected_and_no_other(results: Results) -> None:
    planted = results.planted("montgomery_shenzhen")
    assert results.rejected("tb_classification") == [planted["truncated"]]


def test_every_protocol_predicts_and_is_measured(results: Results) -> None:
    rows = results.predictions("tb_classification")
    assert set(rows["protocol"]) == {"published", "honest", "sites"}
    assert {"site_only", "size_and_border", "mean_intensity", "outside_lungs"} < set(rows["model"])
    check_probabilities(rows["prediction"], len(rows))
    metrics = check_metrics(results, "tb_classification")
    chosen = rows[
        (rows["protocol"] == "published") & (rows["model"] == "vgg16") & (rows["split"] == "test")
    ]
    right = (chosen["prediction"] >= chosen["threshold"]) == (chosen["target"] == 1)
    found = value_of(metrics, protocol="published", model="vgg16", split="test", metric="accuracy")
    assert found == pytest.approx(right.mean())


def test_lungs_are_those_that_lung_segmentation_predicts(results: Results) -> None:
    cohort = results.cohort("tb_classification")
    assert set(cohort["lungs"]) <= {"predicted", ""}
    assert (cohort["lungs"] == "predicted").sum() > 0


def test_readings_give_an_age(results: Results) -> None:
    cohort = results.cohort("tb_classification")
    films = set(results.truth("montgomery_shenzhen")["image_id"])
    assert set(cohort["image_id"]) == films - set(results.rejected("tb_classification"))
    assert cohort["age_years"].between(18, 80).all()


def test_the_encoder_is_that_of_lung_segmentation(results: Results) -> None:
    store = results.newest("04_feature/tb_classification/embeddings")
    facts = json.loads((store / "lung.json").read_text())["facts"]
    assert facts["weights"] == "models/lung_segmentation/honest/resunet"


def test_a_mirrored_copy_is_in_the_fold_of_its_film(results: Results) -> None:
    cohort = results.cohort("tb_classification/honest")
    check_groups(cohort)
    copy = results.planted("montgomery_shenzhen")["turned_copy"]
    film = results.truth("montgomery_shenzhen")["image_id"].iloc[0]
    pair = cohort[cohort["image_id"].isin([copy, film])]
    assert pair["image_id"].nunique() == 2
    assert pair.groupby("arm")["split"].nunique().eq(1).all()


def test_every_model_is_held_against_every_probe(results: Results) -> None:
    probes = results.table("08_reporting/tb_classification/probes.csv")
    published = probes[probes["protocol"] == "published"]
    blind = ("site_only", "size_and_border", "mean_intensity", "outside_lungs")
    backbones = ("vgg16", "resnet50", "inceptionresnetv2")
    assert set(zip(published["model"], published["probe"], strict=True)) == {
        (model, probe) for model in backbones for probe in blind
    }
    check_probabilities(published["auroc_model"], 12)


def test_each_site_is_trained_on_and_tested_on(results: Results) -> None:
    matrix = results.table("08_reporting/tb_classification/site_matrix.csv")
    sites = {"montgomery", "shenzhen"}
    assert set(zip(matrix["train_site"], matrix["test_site"], strict=True)) == {
        (one, other) for one in sites for other in sites
    }


def test_the_bundle_holds_what_the_released_model_is_made_of(results: Results) -> None:
    of_folds = {
        f"{name}_fold_{fold}" for name in ("ensemble", "boosting", "patterns") for fold in range(2)
    }
    lungs = {"lungs", "lung_prior", "lungs-robust"}
    check_bundle(results, "tb_classification", of_folds | lungs | {"encoder-lung"})


def test_models_are_data_and_no_checkpoint_is_left(results: Results) -> None:
    files = {"vgg16.json", "vgg16.safetensors", "resnet50.safetensors"}
    assert files <= results.models("tb_classification/published")
    check_no_checkpoints(results, "tb_classification")


def test_figures(results: Results) -> None:
    names = {
        "backbones", "confusion", "counts", "distributions", "loss_curves", "protocol_comparison",
        "recalibration", "reliability", "roc", "saliency", "saliency_checks", "samples", "site_matrix", "site_roc",
    }  # fmt: skip
    check_figures(results, "tb_classification", names)
