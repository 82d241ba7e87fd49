"""Wiring of tb_classification: cohort and features; one template for each protocol; comparison and release."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow.compare import compare_with_probes
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

from . import (
    cohort,
    evaluation,
    features,
    figures,
    material,
    params,
    release,
    saliency,
    sites,
    task,
)

__all__ = ["FIGURES", "PROTOCOLS", "create_pipeline", "create_predict"]

PROTOCOLS = ("published", "honest", "sites")

FIGURES = (
    *("counts", "distributions", "samples", "protocol_comparison", "backbones", "roc", "site_roc"),
    *("site_matrix", "recalibration", "reliability", "confusion", "saliency", "saliency_checks"),
    "loss_curves",
)
"""Figures that the report shows, in its order."""

_EMBEDDING = "params:embedding"
_NAME = "tb_classification"
_LUNGS = {name: f"lung_segmentation.{name}" for name in ("lung_masks", "lungs")}


def create_pipeline() -> Pipeline:
    """Films → arrays → cohort and features → each protocol → comparison, saliency and release."""
    material_nodes = ["arrays", "lung_prior", "embeddings", "radiomics"]
    machine = [TRAINING, PROTOCOL]
    protocol_nodes = [
        step(cohort.split_cohort, ["all_films", PROTOCOL, SPLIT_TABLE], ["cohort", "leakage"]),
        step(material.collect_material, [*material_nodes, COHORT], "material"),
        step(
            task.train,
            ["material", "cohort", "encoder_weights", "checkpoints", *machine],
            ["models", "history", "trainings"],
        ),
        step(task.predict, ["material", "cohort", "models", *machine], "predictions"),
    ]
    return (
        _create_cohort()
        + sum(
            (create_protocol(_NAME, each, protocol_nodes, material_nodes) for each in PROTOCOLS),
            Pipeline([]),
        )
        + _create_comparison()
        + _create_saliency()
        + _create_release()
    )


def _create_cohort() -> Pipeline:
    """Films, lungs and readings → arrays → cohort, features, and what shows before any training."""
    masks = ["films", "lung_masks", "lungs", "annotated_masks"]
    encoders = ["arrays", "lung_prior", "encoder_weights", COHORT, _EMBEDDING]
    nodes = [
        step(cohort.cache_films, [*masks, COHORT], "arrays"),
        step(cohort.index_cohort, ["arrays", "lungs", "readings", COHORT], ["cohort", "rejected"]),
        step(figures.plot_cohort, "cohort", ["counts_figure", "distributions_figure"]),
        step(figures.plot_samples, ["arrays", "cohort"], "samples_figure"),
        step(features.estimate_lung_prior, "arrays", "lung_prior"),
        step(features.embed_films, encoders, "embeddings"),
        step(features.measure_radiomics, ["arrays", "lung_prior"], "radiomics"),
    ]
    raw = {
        "films": "montgomery_shenzhen.films",
        "annotated_masks": "montgomery_shenzhen.masks",
        "readings": "montgomery_shenzhen.readings",
        "encoder_weights": "encoder_weights",
    }
    return create_part(_NAME, nodes, {**raw, **_LUNGS}, PROTOCOLS)


def _create_comparison() -> Pipeline:
    """Tables of all protocols → metrics, tables and figures that show them side by side."""
    both = ["predictions", "metrics"]
    nodes = [
        step(evaluation.evaluate, ["predictions", EVALUATION], "metrics"),
        step(evaluation.report_classes, "predictions", "class_report"),
        step(
            bind(compare_with_probes, probes=params.PROBES), ["predictions", EVALUATION], "probes"
        ),
        step(evaluation.compare_models, ["trainings", "metrics", "probes"], "comparison"),
        step(figures.plot_curves, ["history", "trainings"], "loss_curves_figure"),
        step(figures.plot_protocols, ["metrics", "trainings"], "protocol_comparison_figure"),
        step(figures.plot_roc, [*both, "trainings", EVALUATION, RELEASE], "roc_figure"),
        step(figures.plot_site_roc, [*both, "trainings", EVALUATION, RELEASE], "site_roc_figure"),
        step(figures.plot_reliability, [*both, EVALUATION], "reliability_figure"),
        step(figures.plot_confusion, "predictions", "confusion_figure"),
        step(evaluation.compare_backbones, ["metrics", EVALUATION], "backbones"),
        step(figures.plot_backbones, ["metrics", EVALUATION], "backbones_figure"),
    ]
    sites_nodes = [
        step(sites.tabulate_sites, ["predictions", EVALUATION], "site_matrix"),
        step(sites.plot_sites, "site_matrix", "site_matrix_figure"),
        step(sites.plot_recalibration, "site_matrix", "recalibration_figure"),
    ]
    predictions = {"predictions": f"{_NAME}.sites.predictions"}
    return create_comparison(_NAME, PROTOCOLS, nodes, FIGURES) + create_part(
        _NAME, sites_nodes, predictions, ["sites"]
    )


def _create_saliency() -> Pipeline:
    """Networks of the honest protocol → where they look, and whether the maps mean anything."""
    read = ["arrays", "lung_prior", "shown_predictions", "models", COHORT, EVALUATION]
    nodes = [
        step(saliency.check_saliency, read, "saliency_checks"),
        step(figure("plot_saliency_checks"), "saliency_checks", "saliency_checks_figure"),
        step(saliency.plot_saliency, read, "saliency_figure"),
    ]
    honest = {
        "shown_predictions": f"{_NAME}.honest.predictions",
        "models": f"{_NAME}.honest.models",
    }
    return create_part(_NAME, nodes, honest, ["honest"])


def _create_release() -> Pipeline:
    """Released model, its encoders, and the networks of lung_segmentation → bundle."""
    lungs, encoders = "released_lungs", "released_encoders"
    nodes = [
        step(release.pack_lungs, ["lung_prior", "lung_bundle", COHORT], lungs),
        step(
            release.pack_encoders,
            ["arrays", "models", "encoder_weights", _EMBEDDING, RELEASE],
            encoders,
        ),
        step(
            release.pack_bundle, ["arrays", "cohort", "models", lungs, encoders, RELEASE], "bundle"
        ),
    ]
    known = {
        "cohort": f"{_NAME}.honest.cohort",
        "models": f"{_NAME}.honest.models",
        "encoder_weights": "encoder_weights",
        "lung_bundle": "lung_segmentation.bundle",
    }
    return create_part(_NAME, nodes, known, ["honest"])


def create_predict() -> Pipeline:
    """Any chest films and the bundle → probabilities."""
    return create_prediction(release.RELEASE)
