"""What lung_segmentation wrote in the default run."""

import cv2
import pandas as pd
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


def test_the_planted_bad_films_are_rejected_and_no_other(results: Results) -> None:
    planted = results.planted("montgomery_shenzhen")
    faults = {planted[kind] for kind in ("truncated", "without_mask", "odd_mask")}
    assert set(results.rejected("lung_segmentation")) == faults


def test_every_protocol_predicts_and_is_measured(results: Results) -> None:
    rows = results.predictions("lung_segmentation")
    assert set(rows["protocol"]) == {"published", "honest", "sites"}
    check_probabilities(rows["dice"], len(rows))
    assert {"unet", "resunet", "robust", "mean_mask"} <= set(rows["model"])
    honest = results.cohort("lung_segmentation/honest")
    for model in ("unet", "resunet", "robust"):
        one = rows[(rows["protocol"] == "honest") & (rows["model"] == model)]
        tested = honest[honest["split"].isin(["val", "test"])]
        assert set(one["image_id"]) == set(tested["image_id"])
        metrics = check_metrics(results, "lung_segmentation")
        found = value_of(metrics, protocol="honest", model=model, split="test", metric="dice")
        assert found == pytest.approx(one.loc[one["split"] == "test", "dice"].mean())


def test_a_turned_copy_is_in_one_family_with_its_film(results: Results) -> None:
    cohort = results.cohort("lung_segmentation/honest")
    check_groups(cohort)
    copy = results.planted("montgomery_shenzhen")["turned_copy"]
    film = results.truth("montgomery_shenzhen")["image_id"].iloc[0]
    pair = cohort[cohort["image_id"].isin([copy, film])]
    assert len(pair) == 2
    assert len(set(pair["group_id"])) == len(set(pair["split"])) == 1


def test_published_leaks_its_variants(results: Results) -> None:
    found = results.table("08_reporting/lung_segmentation/leakage.csv")
    assert set(found["protocol"]) == {"published"}
    assert "same_group" in set(found["kind"])


def test_every_film_that_can_be_read_has_a_mask_of_its_size(results: Results) -> None:
    output = results.workspace / "07_model_output/lung_segmentation"
    truth = results.truth("montgomery_shenzhen")
    truncated = results.planted("montgomery_shenzhen")["truncated"]
    files = {path.stem: path for path in (output / "masks").glob("*.png")}
    assert set(files) == set(truth["image_id"]) - {truncated}
    films = results.project / "data/01_raw/phantoms_test/montgomery_shenzhen/CXR_png"
    for image_id, path in files.items():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert mask.shape == cv2.imread(str(films / f"{image_id}.png"), 0).shape
        assert set(mask.ravel()) <= {0, 255}
    lungs = pd.read_csv(output / "lungs.csv")
    assert set(lungs["image_id"]) == set(files)
    check_probabilities(lungs["lung_fraction"], len(files))
    check_bundle(results, "lung_segmentation", {"robust"})


def test_each_site_is_trained_on_and_tested_on(results: Results) -> None:
    matrix = results.table("08_reporting/lung_segmentation/site_matrix.csv")
    dice = matrix[matrix["metric"] == "dice"]
    sites = {"montgomery", "shenzhen"}
    assert set(zip(dice["train_site"], dice["test_site"], strict=True)) == {
        (one, other) for one in sites for other in sites
    }
    check_probabilities(dice["value"], 4)


def test_every_network_is_compared_and_no_checkpoint_is_left(results: Results) -> None:
    comparison = results.table("08_reporting/lung_segmentation/comparison.csv")
    rows = results.predictions("lung_segmentation")
    compared = set(comparison[["protocol", "name", "arm"]].itertuples(index=False, name=None))
    predicted = set(rows[["protocol", "model", "arm"]].itertuples(index=False, name=None))
    assert compared == predicted
    assert comparison["dice"].notna().all()
    assert {"robust.safetensors", "robust.json"} <= results.models("lung_segmentation/honest")
    check_no_checkpoints(results, "lung_segmentation")


def test_figures(results: Results) -> None:
    names = {"loss_curves", "overlays", "protocol_comparison", "site_matrix"}
    check_figures(results, "lung_segmentation", names)
