"""Wiring of fracture: the audit of the set; one template for each protocol; what is compared, shown and released."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow import compare
from xraylab.flow.cohort import cache_new_films
from xraylab.flow.template import (
    COHORT,
    EVALUATION,
    PROTOCOL,
    RELEASE,
    TRAINING,
    bind,
    create_comparison,
    create_part,
    create_protocol,
    create_release,
    figure,
    step,
)

from .audit import KINDS, audit_files, plot_copies
from .cohort import cache_films, index_cohort, split_cohort
from .evaluation import evaluate
from .params import CLASS_NAMES, PROBES
from .release import plot_fractures, predict_fractures
from .saliency import check_saliency, plot_saliency
from .task import predict, train

__all__ = ["FIGURES", "PROTOCOLS", "create_pipeline"]

PROTOCOLS = ("published", "honest")

FIGURES = (
    *("audit", "copies", "protocol_comparison", "roc", "reliability", "confusion"),
    *("saliency", "saliency_checks", "loss_curves", "accuracy_curves"),
)
"""Figures that the report shows, in its order."""


def create_pipeline() -> Pipeline:
    """Films → arrays → cohort and audit → each protocol → comparison, saliency and release."""
    cohort = [
        step(cache_films, ["films", COHORT], "arrays"),
        step(index_cohort, ["arrays", COHORT], ["cohort", "copies", "rejected"]),
        step(audit_files, ["cohort", "rejected", COHORT], ["audit", "audit_summary"]),
        step(figure("plot_audit", kinds=KINDS), "audit", "audit_figure"),
        step(plot_copies, ["arrays", "cohort", "copies"], "copies_figure"),
    ]
    machine = [TRAINING, PROTOCOL]
    protocol = [
        step(split_cohort, ["all_films", PROTOCOL], ["cohort", "leakage"]),
        step(
            train,
            ["arrays", "cohort", "encoder_weights", "unfinished", *machine],
            ["models", "history", "trainings"],
        ),
        step(predict, ["arrays", "cohort", "models", *machine], "predictions"),
    ]
    against_probes = bind(compare.compare_with_probes, probes=PROBES)
    compared = bind(compare.compare_models, wanted=("auroc", "accuracy", "f1"), interval_of="auroc")
    accuracy = figure("plot_metric_curves", metric="accuracy")
    protocols = figure("plot_protocol_comparison", metric="auroc", reference=(0.5, "chance"))
    roc, precision_recall = (
        figure(each, baselines=PROBES) for each in ("plot_roc", "plot_precision_recall")
    )
    reliability = bind(compare.plot_reliability, probes=PROBES, positive="a fracture")
    confusion = bind(compare.plot_confusion, probes=PROBES, class_names=CLASS_NAMES)
    both = ["predictions", "metrics"]
    comparison = [
        step(evaluate, ["predictions", EVALUATION], "metrics"),
        step(against_probes, ["predictions", EVALUATION], "probes"),
        step(compared, ["trainings", "metrics"], "comparison"),
        step(figure("plot_loss_curves"), "history", "loss_curves_figure"),
        step(accuracy, "history", "accuracy_curves_figure"),
        step(protocols, "metrics", "protocol_comparison_figure"),
        step(roc, both, "roc_figure"),
        step(precision_recall, both, "precision_recall_figure"),
        step(reliability, [*both, EVALUATION], "reliability_figure"),
        step(confusion, "predictions", "confusion_figure"),
    ]
    honest = {
        "models": "fracture.honest.models",
        "shown_predictions": "fracture.honest.predictions",
    }
    shown = ["arrays", "shown_predictions", "models", COHORT, EVALUATION]
    saliency = [
        step(check_saliency, shown, "saliency_checks"),
        step(figure("plot_saliency_checks"), "saliency_checks", "saliency_checks_figure"),
        step(plot_saliency, shown, "saliency_figure"),
    ]
    release = [
        step(cache_new_films, ["new_films", COHORT, RELEASE], "new_arrays"),
        step(
            predict_fractures,
            ["new_arrays", "models", TRAINING, RELEASE],
            ["new_fractures", "new_rejected"],
        ),
        step(plot_fractures, ["new_arrays", "new_fractures"], "new_fractures_figure"),
    ]
    parts = [
        create_part("fracture", cohort, {"films": "fracture_multi_region.films"}, PROTOCOLS),
        *(create_protocol("fracture", each, protocol) for each in PROTOCOLS),
        create_comparison("fracture", PROTOCOLS, comparison, FIGURES),
        create_part("fracture", saliency, honest, ["honest"]),
        create_release("fracture", release, honest),
    ]
    return sum(parts, Pipeline([]))
