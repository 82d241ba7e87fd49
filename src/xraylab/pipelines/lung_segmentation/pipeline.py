"""Wiring of lung_segmentation: one template, instantiated once a protocol; what is compared; what is released."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xraylab.wiring import combine_tables, inputs_of_protocols

from .nodes import (
    cache_films,
    cache_new_films,
    compare_networks,
    describe_lungs,
    evaluate,
    index_cohort,
    measure_masks,
    plot_curves,
    plot_lung_masks,
    plot_overlays,
    plot_protocols,
    plot_sites,
    predict_lungs,
    predict_masks,
    split_cohort,
    tabulate_sites,
    train_networks,
)

__all__ = ["PROTOCOLS", "create_pipeline"]

PROTOCOLS = ("published", "honest", "sites")


def create_pipeline(protocols: Sequence[str] = PROTOCOLS) -> Pipeline:
    """Return the pipeline with one namespace a protocol."""
    parts = [_create_cohort(), *(_create_protocol(protocol) for protocol in protocols)]
    parts.append(_create_comparison(protocols))
    if "honest" in protocols:
        parts.append(_create_release())
    return sum(parts, Pipeline([]))


def _create_cohort() -> Pipeline:
    """Films and masks → arrays at the network's size → cohort."""
    params = "params:lung_segmentation.cohort"
    return Pipeline(
        [
            Node(cache_films, ["films", "masks", params], "arrays", name="cache_films"),
            Node(
                index_cohort,
                ["arrays", "readings", params],
                ["cohort", "rejected"],
                name="index_cohort",
            ),
        ],
        namespace="lung_segmentation",
        inputs={
            "films": "montgomery_shenzhen.films",
            "masks": "montgomery_shenzhen.masks",
            "readings": "montgomery_shenzhen.readings",
        },
        parameters={params},
    )


def _create_protocol(protocol: str) -> Pipeline:
    """Cohort → split → networks → masks → measured rows, under one protocol's parameters."""
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
                predict_masks,
                ["arrays", "cohort", "models", "params:training", "params:protocol"],
                "masks",
                name="predict_masks",
            ),
            Node(
                measure_masks,
                ["masks", "arrays", "cohort", "params:protocol"],
                "predictions",
                name="measure_masks",
            ),
        ],
        namespace=f"lung_segmentation.{protocol}",
        inputs={
            "all_films": "lung_segmentation.cohort",
            "arrays": "lung_segmentation.arrays",
            "encoder_weights": "encoder_weights",
        },
        parameters={
            "params:protocol": f"params:lung_segmentation.{protocol}",
            "params:training": "params:lung_segmentation.training",
        },
    )


def _create_comparison(protocols: Sequence[str]) -> Pipeline:
    """Tables of all protocols → metrics, tables and figures that show them side by side."""
    tables = ("leakage", "history", "predictions")
    of_protocols = inputs_of_protocols("lung_segmentation", protocols, (*tables, "models"))
    shown = "honest" if "honest" in protocols else protocols[0]
    params = "params:lung_segmentation.evaluation"
    nodes = [
        *combine_tables(protocols, tables),
        Node(evaluate, ["predictions", "history", params], "metrics", name="evaluate"),
        Node(
            compare_networks,
            {"metrics": "metrics", **{protocol: f"{protocol}_models" for protocol in protocols}},
            "comparison",
            name="compare_networks",
        ),
        Node(plot_curves, "history", "loss_curves_figure", name="plot_curves"),
        Node(plot_protocols, "metrics", "protocol_comparison_figure", name="plot_protocols"),
        Node(
            plot_overlays,
            ["arrays", "shown_masks", f"{shown}_predictions", params],
            "overlays_figure",
            name="plot_overlays",
        ),
    ]
    if "sites" in protocols:
        nodes += [
            Node(
                tabulate_sites, ["sites_predictions", params], "site_matrix", name="tabulate_sites"
            ),
            Node(plot_sites, "site_matrix", "site_matrix_figure", name="plot_sites"),
        ]
    return Pipeline(
        nodes,
        namespace="lung_segmentation",
        inputs={
            **of_protocols,
            "arrays": "lung_segmentation.arrays",
            "shown_masks": f"lung_segmentation.{shown}.masks",
        },
        parameters={params},
    )


def _create_release() -> Pipeline:
    """Any films and the released network → lung masks; ``--tags=predict`` runs nothing else."""
    release, cohort = "params:lung_segmentation.release", "params:lung_segmentation.cohort"
    training = "params:lung_segmentation.training"
    return Pipeline(
        [
            Node(
                cache_new_films,
                ["new_films", cohort, release],
                "new_arrays",
                name="cache_new_films",
                tags="predict",
            ),
            Node(
                predict_lungs,
                ["new_arrays", "models", training, release],
                "lung_masks",
                name="predict_lungs",
                tags="predict",
            ),
            Node(
                describe_lungs,
                ["lung_masks", "new_arrays", "models", release],
                ["lungs", "new_rejected"],
                name="describe_lungs",
                tags="predict",
            ),
            Node(
                plot_lung_masks,
                ["lung_masks", "new_arrays", "lungs"],
                "new_lung_masks_figure",
                name="plot_lung_masks",
                tags="predict",
            ),
        ],
        namespace="lung_segmentation",
        inputs={
            "new_films": "lung_segmentation.new_films",
            "models": "lung_segmentation.honest.models",
        },
        parameters={release, cohort, training},
    )
