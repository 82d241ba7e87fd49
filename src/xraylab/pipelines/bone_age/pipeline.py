"""Wiring of bone_age: one cohort; one template for each protocol; what is compared, shown and released."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow.cut_short import marked
from xraylab.flow.template import (
    COHORT,
    EVALUATION,
    PROTOCOL,
    RELEASE,
    SPLIT_TABLE,
    TABLES,
    TRAINING,
    create_comparison,
    create_part,
    create_prediction,
    create_protocol,
    figure,
    step,
)

from . import cohort, evaluation, release, saliency, task, tuning

__all__ = ["FIGURES", "PROTOCOLS", "create_pipeline", "create_predict"]

PROTOCOLS = ("published", "honest")

FIGURES = (
    *("protocol_comparison", "predicted_against_true", "bland_altman", "error_histogram"),
    *("error_by_band", "heat_maps", "loss_curves", "mae_curves"),
)
"""Figures that the report shows, in its order."""


def create_pipeline() -> Pipeline:
    """Tables and films → arrays → cohort → each protocol → comparison, heat maps and bundle."""
    cohort_nodes = [
        step(cohort.read_labels, ["tables", COHORT], ["labels", "bad_rows"]),
        step(cohort.cache_films, ["films", "labels", "bad_rows", COHORT], "arrays"),
        step(cohort.index_cohort, ["arrays", "labels", COHORT], ["cohort", "rejected"]),
    ]
    machine, tuned = [TRAINING, PROTOCOL], ["best_hyperparams", "trials"]
    read = ["arrays", "cohort"]
    protocol_nodes = [
        step(cohort.split_cohort, ["all_films", PROTOCOL, SPLIT_TABLE], ["cohort", "leakage"]),
        step(tuning.tune_networks, [*read, "studies", *machine], tuned),
        step(
            task.train,
            [*read, "best_hyperparams", "encoder_weights", "checkpoints", *machine],
            ["models", "history", "trainings"],
        ),
        step(task.predict, [*read, "models", *machine], "predictions"),
    ]
    protocols = marked(figure("plot_protocol_comparison", metric="mae"))
    comparison_nodes = [
        step(evaluation.evaluate, ["predictions", EVALUATION], "metrics"),
        step(evaluation.evaluate_bands, ["predictions", EVALUATION], "bands"),
        step(evaluation.compare_networks, ["trainings", "metrics", EVALUATION], "comparison"),
        step(figure("plot_loss_curves"), "history", "loss_curves_figure"),
        step(figure("plot_metric_curves", metric="mae"), "history", "mae_curves_figure"),
        step(protocols, ["metrics", "trainings"], "protocol_comparison_figure"),
        step(
            evaluation.plot_predictions, ["predictions", "metrics"], "predicted_against_true_figure"
        ),
        step(evaluation.plot_errors, "predictions", "error_histogram_figure"),
        step(evaluation.plot_agreement, "predictions", "bland_altman_figure"),
        step(evaluation.plot_bands, ["bands", EVALUATION], "error_by_band_figure"),
    ]
    shown = ["arrays", "shown_predictions", "models"]
    saliency_nodes = [
        step(saliency.plot_heat_maps, [*shown, EVALUATION], "heat_maps_figure"),
        step(saliency.measure_stability, [*shown, TRAINING, EVALUATION], "stability"),
    ]
    packed = ["arrays", "cohort", "models", "shown_predictions", "params:honest", RELEASE]
    released = step(release.pack_bundle, packed, "bundle")
    honest = {
        "models": "bone_age.honest.models",
        "shown_predictions": "bone_age.honest.predictions",
    }
    raw = {name: f"rsna_bone_age.{name}" for name in ("tables", "films")}
    parts = [
        create_part("bone_age", cohort_nodes, raw, PROTOCOLS),
        *(create_protocol("bone_age", each, protocol_nodes) for each in PROTOCOLS),
        create_comparison(
            "bone_age",
            PROTOCOLS,
            comparison_nodes,
            FIGURES,
            (*TABLES, *tuned),
            {"stability": "bone_age.stability"},
        ),
        create_part("bone_age", saliency_nodes, honest, ["honest"]),
        create_part(
            "bone_age", [released], {**honest, "cohort": "bone_age.honest.cohort"}, ["honest"]
        ),
    ]
    return sum(parts, Pipeline([]))


def create_predict() -> Pipeline:
    """Any hands, tables beside them, and the bundle → bone ages."""
    sexes = step(cohort.read_film_sexes, ["films", "tables", "params:bone_age.cohort"], "sexes")
    return create_prediction(release.RELEASE, [sexes], sexes="sexes")
