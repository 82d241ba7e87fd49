"""Wiring of lung_segmentation: one template for each protocol; what is compared; what is released."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow import compare
from xraylab.flow.cut_short import marked
from xraylab.flow.template import (
    COHORT,
    EVALUATION,
    PROTOCOL,
    RELEASE,
    SPLIT_TABLE,
    TRAINING,
    bind,
    create_comparison,
    create_part,
    create_prediction,
    create_protocol,
    figure,
    step,
)

from . import cohort, evaluation, release, task

__all__ = ["FIGURES", "PROTOCOLS", "create_pipeline", "create_predict"]

PROTOCOLS = ("published", "honest", "sites")

FIGURES = ("protocol_comparison", "site_matrix", "overlays", "loss_curves")
"""Figures that the report shows, in its order."""

_NAME = "lung_segmentation"


def create_pipeline() -> Pipeline:
    """Films and masks → arrays → cohort → each protocol → comparison and release."""
    cohort_nodes = [
        step(cohort.cache_films, ["films", "masks", COHORT], "arrays"),
        step(cohort.index_cohort, ["arrays", "readings", COHORT], ["cohort", "rejected"]),
    ]
    protocol_nodes = [
        step(cohort.split_cohort, ["all_films", PROTOCOL, SPLIT_TABLE], ["cohort", "leakage"]),
        step(
            task.train,
            ["arrays", "cohort", "encoder_weights", "checkpoints", TRAINING, PROTOCOL],
            ["models", "history", "trainings"],
        ),
        step(task.predict_masks, ["arrays", "cohort", "models", TRAINING, PROTOCOL], "masks"),
        step(evaluation.measure_masks, ["masks", "arrays", "cohort", PROTOCOL], "predictions"),
    ]
    compared = bind(compare.compare_models, wanted=evaluation.SHOWN, interval_of="dice")
    comparison_nodes = [
        step(evaluation.evaluate, ["predictions", "history", EVALUATION], "metrics"),
        step(compared, ["trainings", "metrics"], "comparison"),
        step(evaluation.plot_curves, "history", "loss_curves_figure"),
        step(
            marked(figure("plot_protocol_comparison", metric="dice")),
            ["metrics", "trainings"],
            "protocol_comparison_figure",
        ),
    ]
    overlays = [
        step(
            evaluation.plot_overlays,
            ["arrays", "masks", "predictions", EVALUATION],
            "overlays_figure",
        )
    ]
    sites_nodes = [
        step(evaluation.tabulate_sites, ["predictions", EVALUATION], "site_matrix"),
        step(figure("plot_site_matrix", metric="dice"), "site_matrix", "site_matrix_figure"),
    ]
    release_nodes = [
        step(release.pack_bundle, ["arrays", "cohort", "models", RELEASE], "bundle"),
        step(release.cache_all_films, ["films", COHORT, RELEASE], "new_arrays"),
        step(release.predict_lungs, ["new_arrays", "models", TRAINING, RELEASE], "lung_masks"),
        step(release.describe_lungs, ["lung_masks", "new_arrays", "models", RELEASE], "lungs"),
    ]
    raw = {name: f"montgomery_shenzhen.{name}" for name in ("films", "masks", "readings")}
    honest, other_site = (
        {name: f"{_NAME}.{protocol}.{name}" for name in ("models", "masks", "predictions")}
        for protocol in ("honest", "sites")
    )
    parts = [
        create_part(_NAME, cohort_nodes, raw, PROTOCOLS),
        *(create_protocol(_NAME, each, protocol_nodes) for each in PROTOCOLS),
        create_comparison(_NAME, PROTOCOLS, comparison_nodes, FIGURES),
        create_part(_NAME, overlays, honest, ["honest"]),
        create_part(_NAME, sites_nodes, other_site, ["sites"]),
        create_part(
            _NAME, release_nodes, {**raw, **honest, "cohort": f"{_NAME}.honest.cohort"}, ["honest"]
        ),
    ]
    return sum(parts, Pipeline([]))


def create_predict() -> Pipeline:
    """Any chest films and the bundle → lungs."""
    return create_prediction(release.RELEASE)
