"""Wiring of bone_age: one cohort; one template, instantiated once a protocol; what is compared, shown and released."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xraylab.wiring import combine_tables, inputs_of_protocols

from .nodes import (
    cache_films,
    cache_new_films,
    compare_networks,
    evaluate,
    evaluate_bands,
    index_cohort,
    measure_stability,
    plot_agreement,
    plot_bands,
    plot_bone_ages,
    plot_curves,
    plot_errors,
    plot_heat_maps,
    plot_predictions,
    plot_protocols,
    predict,
    predict_bone_ages,
    read_labels,
    split_cohort,
    train_networks,
    tune_networks,
)

__all__ = ["PROTOCOLS", "create_pipeline"]

PROTOCOLS = ("published", "honest")

_COHORT, _TRAINING = "params:bone_age.cohort", "params:bone_age.training"
_EVALUATION, _RELEASE = "params:bone_age.evaluation", "params:bone_age.release"


def create_pipeline(protocols: Sequence[str] = PROTOCOLS) -> Pipeline:
    """Return the pipeline with one namespace a protocol."""
    parts = [_create_cohort(), *(_create_protocol(protocol) for protocol in protocols)]
    parts.append(_create_comparison(protocols))
    if "honest" in protocols:
        parts += [_create_saliency(), _create_release()]
    return sum(parts, Pipeline([]))


def _create_cohort() -> Pipeline:
    """Tables and films, joined by id → arrays at the network's size → cohort."""
    return Pipeline(
        [
            Node(read_labels, ["tables", _COHORT], ["labels", "bad_rows"], name="read_labels"),
            Node(
                cache_films,
                ["films", "labels", "bad_rows", _COHORT],
                "arrays",
                name="cache_films",
            ),
            Node(
                index_cohort,
                ["arrays", "labels", _COHORT],
                ["cohort", "rejected"],
                name="index_cohort",
            ),
        ],
        namespace="bone_age",
        inputs={"tables": "rsna_bone_age.tables", "films": "rsna_bone_age.films"},
        parameters={_COHORT},
    )


def _create_protocol(protocol: str) -> Pipeline:
    """Cohort → split → tuned and trained networks → predictions, under one protocol's parameters."""
    machine = ["params:training", "params:protocol"]
    return Pipeline(
        [
            Node(
                split_cohort,
                ["all_films", "params:protocol"],
                ["cohort", "leakage"],
                name="split_cohort",
            ),
            Node(
                tune_networks,
                ["arrays", "cohort", "studies", *machine],
                ["best_hyperparams", "trials"],
                name="tune_networks",
            ),
            Node(
                train_networks,
                ["arrays", "cohort", "best_hyperparams", "encoder_weights", "unfinished", *machine],
                ["models", "history"],
                name="train_networks",
            ),
            Node(
                predict,
                ["arrays", "cohort", "models", *machine],
                "predictions",
                name="predict",
            ),
        ],
        namespace=f"bone_age.{protocol}",
        inputs={
            "all_films": "bone_age.cohort",
            "arrays": "bone_age.arrays",
            "encoder_weights": "encoder_weights",
        },
        parameters={
            "params:protocol": f"params:bone_age.{protocol}",
            "params:training": _TRAINING,
        },
    )


def _create_comparison(protocols: Sequence[str]) -> Pipeline:
    """Tables of all protocols → metrics, tables and figures that show them side by side."""
    tables = ("leakage", "history", "predictions", "best_hyperparams", "trials")
    of_protocols = inputs_of_protocols("bone_age", protocols, (*tables, "models"))
    nodes = [
        *combine_tables(protocols, tables),
        Node(evaluate, ["predictions", _EVALUATION], "metrics", name="evaluate"),
        Node(evaluate_bands, ["predictions", _EVALUATION], "bands", name="evaluate_bands"),
        Node(
            compare_networks,
            {
                "metrics": "metrics",
                "params": _EVALUATION,
                **{protocol: f"{protocol}_models" for protocol in protocols},
            },
            "comparison",
            name="compare_networks",
        ),
        Node(
            plot_curves, "history", ["loss_curves_figure", "mae_curves_figure"], name="plot_curves"
        ),
        Node(plot_protocols, "metrics", "protocol_comparison_figure", name="plot_protocols"),
        Node(
            plot_predictions,
            ["predictions", "metrics"],
            "predicted_against_true_figure",
            name="plot_predictions",
        ),
        Node(plot_errors, "predictions", "error_histogram_figure", name="plot_errors"),
        Node(plot_agreement, "predictions", "bland_altman_figure", name="plot_agreement"),
        Node(plot_bands, ["bands", _EVALUATION], "error_by_band_figure", name="plot_bands"),
    ]
    return Pipeline(nodes, namespace="bone_age", inputs=of_protocols, parameters={_EVALUATION})


def _create_saliency() -> Pipeline:
    """Honest networks → where they look, and how far a prediction moves when it should not."""
    return Pipeline(
        [
            Node(
                plot_heat_maps,
                ["arrays", "shown_predictions", "models", _EVALUATION],
                "heat_maps_figure",
                name="plot_heat_maps",
            ),
            Node(
                measure_stability,
                ["arrays", "shown_predictions", "models", _TRAINING, _EVALUATION],
                "stability",
                name="measure_stability",
            ),
        ],
        namespace="bone_age",
        inputs={
            "arrays": "bone_age.arrays",
            "shown_predictions": "bone_age.honest.predictions",
            "models": "bone_age.honest.models",
        },
        parameters={_TRAINING, _EVALUATION},
    )


def _create_release() -> Pipeline:
    """Any hand films and the released network → bone ages; ``--tags=predict`` runs nothing else."""
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
                predict_bone_ages,
                [
                    "new_arrays",
                    "new_tables",
                    "known_predictions",
                    "models",
                    _COHORT,
                    _TRAINING,
                    _RELEASE,
                ],
                ["bone_ages", "new_rejected"],
                name="predict_bone_ages",
                tags="predict",
            ),
            Node(
                plot_bone_ages,
                ["new_arrays", "bone_ages"],
                "new_bone_ages_figure",
                name="plot_bone_ages",
                tags="predict",
            ),
        ],
        namespace="bone_age",
        inputs={
            "new_films": "bone_age.new_films",
            "new_tables": "bone_age.new_tables",
            "known_predictions": "bone_age.honest.predictions",
            "models": "bone_age.honest.models",
        },
        parameters={_COHORT, _TRAINING, _RELEASE},
    )
