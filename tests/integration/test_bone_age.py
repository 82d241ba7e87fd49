"""What bone_age wrote in the default run."""

import pandas as pd
import pytest
from tests.integration.results import (
    Results,
    check_bundle,
    check_figures,
    check_groups,
    check_metrics,
    check_no_checkpoints,
    value_of,
)


def truth_of(results: Results) -> pd.DataFrame:
    return results.truth("rsna_bone_age").set_index("image_id")


def test_each_planted_fault_is_rejected(results: Results) -> None:
    table = pd.read_csv(results.workspace / "08_reporting/bone_age/rejected.csv", dtype=str)
    names = table["image_id"].str.removesuffix(".5")
    kinds = truth_of(results)["planted"].reindex(names)
    assert set(kinds) == {
        "duplicate_id", "without_film", "without_label", "non_integer_id", "out_of_range", "truncated", "test",
    }  # fmt: skip


def test_what_was_drawn_is_what_is_learned(results: Results) -> None:
    rows = results.predictions("bone_age")
    assert set(rows["protocol"]) == {"published", "honest"}
    assert set(rows["model"]) == {"modern", "cnn", "mean_age", "border_only"}
    used = rows.drop_duplicates("image_id").set_index("image_id")
    assert len(used) > 20
    assert (used["target"] == truth_of(results).loc[used.index, "boneage"]).all()


@pytest.mark.parametrize("metric", ["mae", "bias"])
def test_metrics_can_be_computed_again(results: Results, metric: str) -> None:
    metrics, rows = check_metrics(results, "bone_age"), results.predictions("bone_age")
    for model in ("modern", "cnn", "mean_age"):
        chosen = rows[
            (rows["protocol"] == "honest") & (rows["model"] == model) & (rows["split"] == "test")
        ]
        error = chosen["prediction"] - chosen["target"]
        wanted = error.abs().mean() if metric == "mae" else error.mean()
        found = value_of(metrics, protocol="honest", model=model, split="test", metric=metric)
        assert found == pytest.approx(wanted)


def test_a_copy_under_another_id_is_on_its_films_side(results: Results) -> None:
    cohort, truth = results.cohort("bone_age/honest"), truth_of(results)
    check_groups(cohort)
    copy = truth.index[truth["planted"] == "copy"][0]
    pair = cohort[(cohort["arm"] == "single") & cohort["image_id"].isin([copy, truth.index[0]])]
    assert len(pair) == 2
    assert len(set(pair["split"])) == 1


def test_the_bundle_knows_how_wide_the_intervals_of_each_sex_are(results: Results) -> None:
    bundle = check_bundle(results, "bone_age", {"modern"})
    rows = results.predictions("bone_age")
    rows = rows[
        (rows["protocol"] == "honest") & (rows["model"] == "modern") & (rows["arm"] == "single")
    ]
    for sex, radius in bundle.card["radii"].items():
        half = (rows["interval_high"] - rows["interval_low"])[rows["sex"] == sex] / 2
        assert radius == pytest.approx(half.iloc[0])
    assert set(bundle.card["radii"]) == {"F", "M"}


def test_every_search_is_told_trial_by_trial(results: Results) -> None:
    best = results.table("08_reporting/bone_age/best_hyperparams.csv")
    trials = results.table("08_reporting/bone_age/trials.csv")
    keys = ["protocol", "model", "arm"]
    assert len(best) == 3
    assert set(best[keys].itertuples(index=False, name=None)) == set(
        trials[keys].itertuples(index=False, name=None)
    )
    assert trials["value"].notna().all()


def test_what_moves_a_prediction_is_measured(results: Results) -> None:
    stability = results.table("08_reporting/bone_age/stability.csv")
    assert len(stability) == 9
    assert (stability["mean_abs_shift"] >= stability["mean_shift"].abs() - 1e-9).all()


def test_models_are_data_and_no_checkpoint_is_left(results: Results) -> None:
    files = {"cnn.json", "cnn.safetensors", "modern.json", "modern.safetensors"}
    assert files <= results.models("bone_age/honest")
    check_no_checkpoints(results, "bone_age")


def test_figures(results: Results) -> None:
    names = {
        "bland_altman", "error_by_band", "error_histogram", "heat_maps", "loss_curves", "mae_curves",
        "predicted_against_true", "protocol_comparison",
    }  # fmt: skip
    check_figures(results, "bone_age", names)
