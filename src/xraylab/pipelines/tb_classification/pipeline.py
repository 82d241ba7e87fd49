"""Wiring of tb_classification: one template, instantiated once a protocol; what is compared; what is released."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xraylab.wiring import combine_tables, inputs_of_protocols

from .nodes import (
    cache_films,
    cache_new_films,
    check_saliency,
    compare_backbones,
    compare_models,
    compare_with_shortcuts,
    embed_films,
    embed_new_films,
    evaluate,
    guess_lungs,
    index_cohort,
    join_predictions,
    measure_radiomics,
    plot_backbones,
    plot_cohort,
    plot_confusion,
    plot_curves,
    plot_protocols,
    plot_recalibration,
    plot_reliability,
    plot_roc,
    plot_saliency,
    plot_saliency_checks,
    plot_samples,
    plot_site_roc,
    plot_sites,
    plot_tuberculosis,
    predict,
    predict_by_shortcut,
    predict_tuberculosis,
    report_classes,
    split_cohort,
    tabulate_sites,
    train_models,
)

__all__ = ["PROTOCOLS", "create_pipeline"]

PROTOCOLS = ("published", "honest", "sites")

_COHORT, _EMBEDDING = "params:tb_classification.cohort", "params:tb_classification.embedding"
_TRAINING, _RELEASE = "params:tb_classification.training", "params:tb_classification.release"
_EVALUATION = "params:tb_classification.evaluation"
_LUNGS = {name: f"lung_segmentation.{name}" for name in ("lung_masks", "lungs")}


def create_pipeline(protocols: Sequence[str] = PROTOCOLS) -> Pipeline:
    """Return the pipeline with one namespace a protocol."""
    parts = [_create_cohort(), *(_create_protocol(protocol) for protocol in protocols)]
    parts.append(_create_comparison(protocols))
    if "honest" in protocols:
        parts += [_create_saliency(), _create_release()]
    return sum(parts, Pipeline([]))


def _create_cohort() -> Pipeline:
    """Films, lungs and readings → arrays → cohort, features, and what shows before any training."""
    return Pipeline(
        [
            Node(
                cache_films,
                ["films", "lung_masks", "lungs", "annotated_masks", _COHORT],
                "arrays",
                name="cache_films",
            ),
            Node(
                index_cohort,
                ["arrays", "lungs", "readings", _COHORT],
                ["cohort", "rejected"],
                name="index_cohort",
            ),
            Node(
                plot_cohort, "cohort", ["counts_figure", "distributions_figure"], name="plot_cohort"
            ),
            Node(plot_samples, ["arrays", "cohort"], "samples_figure", name="plot_samples"),
            Node(guess_lungs, "arrays", "lung_guess", name="guess_lungs"),
            Node(
                embed_films,
                ["arrays", "lung_guess", "encoder_weights", _COHORT, _EMBEDDING],
                "embeddings",
                name="embed_films",
            ),
            Node(
                measure_radiomics, ["arrays", "lung_guess"], "radiomics", name="measure_radiomics"
            ),
        ],
        namespace="tb_classification",
        inputs={
            "films": "montgomery_shenzhen.films",
            "annotated_masks": "montgomery_shenzhen.masks",
            "readings": "montgomery_shenzhen.readings",
            **_LUNGS,
            "encoder_weights": "encoder_weights",
        },
        parameters={_COHORT, _EMBEDDING},
    )


def _create_protocol(protocol: str) -> Pipeline:
    """Cohort → split → models and baselines → predictions, under one protocol's parameters."""
    features = ["arrays", "lung_guess", "cohort", "embeddings", "radiomics"]
    params = ["params:cohort", "params:training", "params:protocol"]
    return Pipeline(
        [
            Node(
                split_cohort,
                ["all_films", "params:protocol"],
                ["cohort", "leakage"],
                name="split_cohort",
            ),
            Node(
                train_models,
                [*features, "encoder_weights", "unfinished", *params],
                ["models", "history"],
                name="train_models",
            ),
            Node(predict, [*features, "models", *params], "model_predictions", name="predict"),
            Node(
                predict_by_shortcut,
                ["arrays", "lung_guess", "cohort", "params:protocol"],
                "shortcut_predictions",
                name="predict_by_shortcut",
            ),
            Node(
                join_predictions,
                ["model_predictions", "shortcut_predictions"],
                "predictions",
                name="join_predictions",
            ),
        ],
        namespace=f"tb_classification.{protocol}",
        inputs={
            "all_films": "tb_classification.cohort",
            **{
                name: f"tb_classification.{name}"
                for name in ("arrays", "lung_guess", "embeddings", "radiomics")
            },
            "encoder_weights": "encoder_weights",
        },
        parameters={
            "params:protocol": f"params:tb_classification.{protocol}",
            "params:cohort": _COHORT,
            "params:training": _TRAINING,
        },
    )


def _create_comparison(protocols: Sequence[str]) -> Pipeline:
    """Tables of all protocols → metrics, tables and figures that show them side by side."""
    tables = ("leakage", "history", "predictions")
    of_protocols = inputs_of_protocols("tb_classification", protocols, (*tables, "models"))
    both = ["predictions", "metrics"]
    models = {protocol: f"{protocol}_models" for protocol in protocols}
    nodes = [
        *combine_tables(protocols, tables),
        Node(evaluate, ["predictions", _EVALUATION], "metrics", name="evaluate"),
        Node(report_classes, "predictions", "class_report", name="report_classes"),
        Node(
            compare_with_shortcuts,
            ["predictions", _EVALUATION],
            "probes",
            name="compare_with_shortcuts",
        ),
        Node(
            compare_models,
            {"metrics": "metrics", "probes": "probes", **models},
            "comparison",
            name="compare_models",
        ),
        Node(plot_curves, "history", "loss_curves_figure", name="plot_curves"),
        Node(plot_protocols, "metrics", "protocol_comparison_figure", name="plot_protocols"),
        Node(plot_roc, both, "roc_figure", name="plot_roc"),
        Node(plot_site_roc, both, "site_roc_figure", name="plot_site_roc"),
        Node(plot_reliability, [*both, _EVALUATION], "reliability_figure", name="plot_reliability"),
        Node(plot_confusion, "predictions", "confusion_figure", name="plot_confusion"),
    ]
    if "published" in protocols:
        nodes += [
            Node(
                compare_backbones, ["metrics", _EVALUATION], "backbones", name="compare_backbones"
            ),
            Node(
                plot_backbones, ["metrics", _EVALUATION], "backbones_figure", name="plot_backbones"
            ),
        ]
    if "sites" in protocols:
        nodes += [
            Node(
                tabulate_sites,
                ["sites_predictions", _EVALUATION],
                "site_matrix",
                name="tabulate_sites",
            ),
            Node(plot_sites, "site_matrix", "site_matrix_figure", name="plot_sites"),
            Node(
                plot_recalibration, "site_matrix", "recalibration_figure", name="plot_recalibration"
            ),
        ]
    return Pipeline(
        nodes, namespace="tb_classification", inputs=of_protocols, parameters={_EVALUATION}
    )


def _create_saliency() -> Pipeline:
    """Networks of the honest protocol → where they look, and whether the maps mean anything."""
    inputs = {
        "arrays": "tb_classification.arrays",
        "lung_guess": "tb_classification.lung_guess",
        "shown_predictions": "tb_classification.honest.predictions",
        "models": "tb_classification.honest.models",
    }
    read = ["arrays", "lung_guess", "shown_predictions", "models", _COHORT, _EVALUATION]
    return Pipeline(
        [
            Node(check_saliency, read, "saliency_checks", name="check_saliency"),
            Node(
                plot_saliency_checks,
                "saliency_checks",
                "saliency_checks_figure",
                name="plot_saliency_checks",
            ),
            Node(plot_saliency, read, "saliency_figure", name="plot_saliency"),
        ],
        namespace="tb_classification",
        inputs=inputs,
        parameters={_COHORT, _EVALUATION},
    )


def _create_release() -> Pipeline:
    """Any films and the released model → probabilities; ``--tags=predict`` runs nothing else."""
    return Pipeline(
        [
            Node(
                cache_new_films,
                ["new_films", "lung_masks", "lungs", _COHORT, _RELEASE],
                "new_arrays",
                name="cache_new_films",
                tags="predict",
            ),
            Node(
                embed_new_films,
                [
                    "new_arrays",
                    "lung_guess",
                    "models",
                    "encoder_weights",
                    _COHORT,
                    _EMBEDDING,
                    _RELEASE,
                ],
                "new_embeddings",
                name="embed_new_films",
                tags="predict",
            ),
            Node(
                predict_tuberculosis,
                [
                    "new_arrays",
                    "lung_guess",
                    "new_embeddings",
                    "models",
                    _COHORT,
                    _TRAINING,
                    _RELEASE,
                ],
                ["tuberculosis", "new_rejected"],
                name="predict_tuberculosis",
                tags="predict",
            ),
            Node(
                plot_tuberculosis,
                ["new_arrays", "tuberculosis"],
                "new_tuberculosis_figure",
                name="plot_tuberculosis",
                tags="predict",
            ),
        ],
        namespace="tb_classification",
        inputs={
            "new_films": "tb_classification.new_films",
            "models": "tb_classification.honest.models",
            "lung_guess": "tb_classification.lung_guess",
            **_LUNGS,
            "encoder_weights": "encoder_weights",
        },
        parameters={_COHORT, _EMBEDDING, _TRAINING, _RELEASE},
    )
