"""What fracture wrote in the default run."""

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
    truth = results.truth("fracture_multi_region")
    truncated = truth.loc[truth["planted"] == "truncated", "file"].tolist()
    assert results.rejected("fracture") == truncated
    assert len(truncated) == 1


def test_every_protocol_predicts_and_is_measured(results: Results) -> None:
    rows = results.predictions("fracture")
    assert set(rows["protocol"]) == {"published", "honest"}
    assert {"md5_look_up", "hash_look_up", "border_only"} < set(rows["model"])
    check_probabilities(rows["prediction"], len(rows))
    metrics = check_metrics(results, "fracture")
    for protocol in ("published", "honest"):
        chosen = rows[
            (rows["protocol"] == protocol) & (rows["model"] == "cnn") & (rows["split"] == "test")
        ]
        right = (chosen["prediction"] >= chosen["threshold"]) == (chosen["target"] == 1)
        found = value_of(metrics, protocol=protocol, model="cnn", split="test", metric="accuracy")
        assert found == pytest.approx(right.mean())


def test_a_copy_is_on_the_side_of_its_film(results: Results) -> None:
    cohort = results.cohort("fracture/honest")
    check_groups(cohort)
    split = cohort.set_index("image_id")["split"]
    truth = results.truth("fracture_multi_region")
    exact = truth[truth["planted"] == "exact"]
    assert len(exact) > 0
    assert split[exact["file"]].tolist() == split[exact["source"]].tolist()


def test_published_keeps_its_copies_on_both_sides(results: Results) -> None:
    found = results.table("08_reporting/fracture/leakage.csv")
    published = found[found["protocol"] == "published"]
    assert {"same_bytes", "same_pixels", "near_duplicate"} <= set(published["kind"])


def test_the_audit_counts_every_file_once(results: Results) -> None:
    audit = results.table("08_reporting/fracture/audit.csv")
    truth = results.truth("fracture_multi_region")
    assert audit["n"].sum() == len(truth) > 0


def test_every_network_is_held_against_every_probe(results: Results) -> None:
    probes = results.table("08_reporting/fracture/probes.csv")
    pairs = set(probes[["protocol", "model", "probe"]].itertuples(index=False, name=None))
    blind = ("md5_look_up", "hash_look_up", "border_only")
    networks = [("published", "cnn"), ("honest", "cnn"), ("honest", "robust")]
    assert pairs == {(*network, probe) for network in networks for probe in blind}
    check_probabilities(probes["auroc_model"], 9)


def test_the_bundle_holds_the_released_network(results: Results) -> None:
    check_bundle(results, "fracture", {"robust"})


def test_models_are_data_and_no_checkpoint_is_left(results: Results) -> None:
    files = {"cnn.json", "cnn.safetensors", "robust.json", "robust.safetensors"}
    assert files <= results.models("fracture/honest")
    check_no_checkpoints(results, "fracture")


def test_figures(results: Results) -> None:
    names = {
        "accuracy_curves", "audit", "confusion", "copies", "loss_curves", "precision_recall",
        "protocol_comparison", "reliability", "roc", "saliency", "saliency_checks",
    }  # fmt: skip
    check_figures(results, "fracture", names)
