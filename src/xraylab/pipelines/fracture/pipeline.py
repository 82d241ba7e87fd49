"""Wiring of fracture: the audit; one template, instantiated once a protocol; what is compared and released."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xraylab.wiring import combine_tables, inputs_of_protocols

from .nodes import (
    audit_files,
    cache_films,
    cache_new_films,
    check_saliency,
    compare_networks,
    compare_with_shortcuts,
    evaluate,
    index_cohort,
    join_predictions,
    plot_audit,
    plot_confusion,
    plot_copies,
    plot_curves,
    plot_fractures,
    plot_precision_recall,
    plot_protocols,
    plot_reliability,
    plot_roc,
    plot_saliency,
    plot_saliency_checks,
    predict,
    predict_by_shortcut,
    predict_fractures,
    split_cohort,
    train_networks,
)

__all__ = ["PROTOCOLS", "create_pipeline"]

PROTOCOLS = ("published", "honest")

_COHORT, _TRAINING = "params:fracture.cohort", "params:fracture.training"
_EVALUATION, _RELEASE = "params:fracture.evaluation", "params:fracture.release"


def create_pipeline(protocols: Sequence[str] = PROTOCOLS) -> Pipeline:
    """Return the pipeline with one namespace a protocol."""
    parts = [_create_audit(), *(_create_protocol(protocol) for protocol in protocols)]
    parts.append(_create_comparison(protocols))
    shown = "honest" if "honest" in protocols else protocols[0]
    parts += [_create_saliency(shown), _create_release(shown)]
    return sum(parts, Pipeline([]))


def _create_audit() -> Pipeline:
    """Films → arrays at the network's size → cohort with its copies → what is wrong with the set."""
    return Pipeline(
        [
            Node(cache_films, ["films", _COHORT], "arrays", name="cache_films"),
            Node(
                index_cohort,
                ["arrays", _COHORT],
                ["cohort", "copies", "rejected"],
                name="index_cohort",
            ),
            Node(
                audit_files,
                ["cohort", "rejected", _COHORT],
                ["audit", "audit_summary"],
                name="audit_files",
            ),
            Node(plot_audit, "audit", "audit_figure", name="plot_audit"),
            Node(plot_copies, ["arrays", "cohort", "copies"], "copies_figure", name="plot_copies"),
        ],
        namespace="fracture",
        inputs={"films": "fracture_multi_region.films"},
        parameters={_COHORT},
    )


def _create_protocol(protocol: str) -> Pipeline:
    """Cohort → split → networks and baselines → predictions, under one protocol's parameters."""
    return Pipeline(
        [
            Node(
                split_cohort,
                ["all_films", "params:protocol"],
                ["cohort", "leakage"],
                name="split_cohort",
            ),
            Node(
                train_networks,
                [
                    "arrays",
                    "cohort",
                    "encoder_weights",
                    "unfinished",
                    "params:training",
                    "params:protocol",
                ],
                ["models", "history"],
                name="train_networks",
            ),
            Node(
                predict,
                ["arrays", "cohort", "models", "params:training", "params:protocol"],
                "network_predictions",
                name="predict",
            ),
            Node(
                predict_by_shortcut,
                ["arrays", "cohort", "params:protocol"],
                "shortcut_predictions",
                name="predict_by_shortcut",
            ),
            Node(
                join_predictions,
                ["network_predictions", "shortcut_predictions"],
                "predictions",
                name="join_predictions",
            ),
        ],
        namespace=f"fracture.{protocol}",
        inputs={
            "all_films": "fracture.cohort",
            "arrays": "fracture.arrays",
            "encoder_weights": "encoder_weights",
        },
        parameters={
            "params:protocol": f"params:fracture.{protocol}",
            "params:training": _TRAINING,
        },
    )


def _create_comparison(protocols: Sequence[str]) -> Pipeline:
    """Tables of all protocols → metrics, tables and figures that show them side by side."""
    tables = ("leakage", "history", "predictions")
    of_protocols = inputs_of_protocols("fracture", protocols, (*tables, "models"))
    both = ["predictions", "metrics"]
    nodes = [
        *combine_tables(protocols, tables),
        Node(evaluate, ["predictions", _EVALUATION], "metrics", name="evaluate"),
        Node(
            compare_with_shortcuts,
            ["predictions", _EVALUATION],
            "probes",
            name="compare_with_shortcuts",
        ),
        Node(
            compare_networks,
            {"metrics": "metrics", **{protocol: f"{protocol}_models" for protocol in protocols}},
            "comparison",
            name="compare_networks",
        ),
        Node(
            plot_curves,
            "history",
            ["loss_curves_figure", "accuracy_curves_figure"],
            name="plot_curves",
        ),
        Node(plot_protocols, "metrics", "protocol_comparison_figure", name="plot_protocols"),
        Node(plot_roc, both, "roc_figure", name="plot_roc"),
        Node(plot_precision_recall, both, "precision_recall_figure", name="plot_precision_recall"),
        Node(plot_reliability, [*both, _EVALUATION], "reliability_figure", name="plot_reliability"),
        Node(plot_confusion, "predictions", "confusion_figure", name="plot_confusion"),
    ]
    return Pipeline(nodes, namespace="fracture", inputs=of_protocols, parameters={_EVALUATION})


def _create_saliency(shown: str) -> Pipeline:
    """Networks of one protocol → where they look, and whether the maps mean anything."""
    inputs = {
        "arrays": "fracture.arrays",
        "all_films": "fracture.cohort",
        "shown_predictions": f"fracture.{shown}.predictions",
        "models": f"fracture.{shown}.models",
    }
    return Pipeline(
        [
            Node(
                check_saliency,
                ["arrays", "all_films", "shown_predictions", "models", _COHORT, _EVALUATION],
                "saliency_checks",
                name="check_saliency",
            ),
            Node(
                plot_saliency_checks,
                "saliency_checks",
                "saliency_checks_figure",
                name="plot_saliency_checks",
            ),
            Node(
                plot_saliency,
                ["arrays", "shown_predictions", "models", _COHORT, _EVALUATION],
                "saliency_figure",
                name="plot_saliency",
            ),
        ],
        namespace="fracture",
        inputs=inputs,
        parameters={_COHORT, _EVALUATION},
    )


def _create_release(shown: str) -> Pipeline:
    """Any films and the released network → probabilities; ``--tags=predict`` runs nothing else."""
    return Pipeline(
        [
            Node(
                cache_new_films,
                ["new_films", _COHORT, _RELEASE],
                "new_arrays",
                name="cache_new_films",
                tags="predict",
            ),
            Node(
                predict_fractures,
                ["new_arrays", "models", _TRAINING, _RELEASE],
                ["fractures", "new_rejected"],
                name="predict_fractures",
                tags="predict",
            ),
            Node(
                plot_fractures,
                ["new_arrays", "fractures"],
                "new_fractures_figure",
                name="plot_fractures",
                tags="predict",
            ),
        ],
        namespace="fracture",
        inputs={"new_films": "fracture.new_films", "models": f"fracture.{shown}.models"},
        parameters={_COHORT, _TRAINING, _RELEASE},
    )
