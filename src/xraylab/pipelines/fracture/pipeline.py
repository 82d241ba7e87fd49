"""Wiring of fracture: the audit of the set; one template for each protocol; what is compared, shown and released."""

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

from . import audit, cohort, evaluation, params, release, saliency, task

__all__ = ["FIGURES", "PROTOCOLS", "create_pipeline", "create_predict"]

PROTOCOLS = ("published", "honest")

FIGURES = (
    *("audit", "copies", "protocol_comparison", "roc", "precision_recall", "reliability"),
    *("confusion", "saliency", "saliency_checks", "loss_curves", "accuracy_curves"),
)
"""Figures that the report shows, in its order."""


def create_pipeline() -> Pipeline:
    """Films → arrays → cohort and audit → each protocol → comparison, saliency and bundle."""
    cohort_nodes = [
        step(cohort.cache_films, ["films", COHORT], "arrays"),
        step(cohort.index_cohort, ["arrays", COHORT], ["cohort", "copies", "rejected"]),
        step(audit.audit_files, ["cohort", "rejected", COHORT], ["audit", "audit_summary"]),
        step(figure("plot_audit", kinds=audit.KINDS), "audit", "audit_figure"),
        step(audit.plot_copies, ["arrays", "cohort", "copies"], "copies_figure"),
    ]
    machine = [TRAINING, PROTOCOL]
    protocol_nodes = [
        step(cohort.split_cohort, ["all_films", PROTOCOL, SPLIT_TABLE], ["cohort", "leakage"]),
        step(
            task.train,
            ["arrays", "cohort", "encoder_weights", "checkpoints", *machine],
            ["models", "history", "trainings"],
        ),
        step(task.predict, ["arrays", "cohort", "models", *machine], "predictions"),
    ]
    against_probes = bind(compare.compare_with_probes, probes=params.PROBES)
    compared = bind(compare.compare_models, wanted=("auroc", "accuracy", "f1"), interval_of="auroc")
    accuracy = figure("plot_metric_curves", metric="accuracy")
    protocols = marked(
        figure("plot_protocol_comparison", metric="auroc", reference=(0.5, "chance"))
    )
    roc, precision_recall = (
        marked(figure(each, baselines=params.PROBES))
        for each in ("plot_roc", "plot_precision_recall")
    )
    reliability = bind(
        compare.plot_reliability, probes=params.PROBES, positive=params.CLASS_NAMES[1]
    )
    confusion = bind(compare.plot_confusion, probes=params.PROBES, class_names=params.CLASS_NAMES)
    both = ["predictions", "metrics"]
    comparison_nodes = [
        step(evaluation.evaluate, ["predictions", EVALUATION], "metrics"),
        step(against_probes, ["predictions", EVALUATION], "probes"),
        step(compared, ["trainings", "metrics"], "comparison"),
        step(figure("plot_loss_curves"), "history", "loss_curves_figure"),
        step(accuracy, "history", "accuracy_curves_figure"),
        step(protocols, ["metrics", "trainings"], "protocol_comparison_figure"),
        step(roc, [*both, "trainings"], "roc_figure"),
        step(precision_recall, [*both, "trainings"], "precision_recall_figure"),
        step(reliability, [*both, EVALUATION], "reliability_figure"),
        step(confusion, "predictions", "confusion_figure"),
    ]
    honest = {
        "models": "fracture.honest.models",
        "shown_predictions": "fracture.honest.predictions",
    }
    shown = ["arrays", "shown_predictions", "models", COHORT, EVALUATION]
    saliency_nodes = [
        step(saliency.check_saliency, shown, "saliency_checks"),
        step(figure("plot_saliency_checks"), "saliency_checks", "saliency_checks_figure"),
        step(saliency.plot_saliency, shown, "saliency_figure"),
    ]
    released = step(release.pack_bundle, ["arrays", "cohort", "models", RELEASE], "bundle")
    parts = [
        create_part("fracture", cohort_nodes, {"films": "fracture_multi_region.films"}, PROTOCOLS),
        *(create_protocol("fracture", each, protocol_nodes) for each in PROTOCOLS),
        create_comparison(
            "fracture",
            PROTOCOLS,
            comparison_nodes,
            FIGURES,
            inputs={"audit_summary": "fracture.audit_summary"},
        ),
        create_part("fracture", saliency_nodes, honest, ["honest"]),
        create_part(
            "fracture", [released], {**honest, "cohort": "fracture.honest.cohort"}, ["honest"]
        ),
    ]
    return sum(parts, Pipeline([]))


def create_predict() -> Pipeline:
    """Any films and the bundle → probabilities."""
    return create_prediction(release.RELEASE)
