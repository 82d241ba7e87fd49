"""Wiring of lesion_regression: one segmentation out of fold, a regression a protocol, what is compared and released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any

from kedro.pipeline import Node, Pipeline

from xraylab.tabular.tree_params import KINDS

from .nodes import (
    cache_films,
    cache_new_films,
    combine_predictions,
    combine_protocols,
    describe_lesions,
    evaluate,
    fit_models,
    index_cohort,
    index_table,
    make_rows,
    measure_films,
    plot_cv_scatter,
    plot_lesion_masks,
    plot_overlays,
    plot_protocols,
    plot_shap_importance,
    predict_lesions,
    predict_masks,
    predict_rows,
    read_tables,
    repeat_table,
    select_shap_values,
    split_folds,
    tabulate_folds,
    train_networks,
    tune_models,
)

__all__ = ["PROTOCOLS", "create_pipeline"]

PROTOCOLS = ("published", "honest", "seed_table")


def create_pipeline(protocols: Sequence[str] = PROTOCOLS) -> Pipeline:
    """Return the pipeline with one namespace a protocol, and one for the segmentation that they share.

    ``seed_table`` alone needs no films.
    """
    parts = (
        [] if tuple(protocols) == ("seed_table",) else [_create_cohort(), _create_segmentation()]
    )
    parts += [
        _create_table() if protocol == "seed_table" else _create_protocol(protocol)
        for protocol in protocols
    ]
    parts.append(_create_comparison(protocols))
    if "honest" in protocols:
        parts.append(_create_release())
    return sum(parts, Pipeline([]))


def _create_cohort() -> Pipeline:
    """Films, boxes, masks and clinical tables → arrays at the network's size → cohort."""
    params = "params:lesion_regression.cohort"
    return Pipeline(
        [
            Node(read_tables, ["tables", params], ["entries", "boxes"], name="read_tables"),
            Node(
                cache_films,
                ["box_films", "mask_films", "lesion_masks", "boxes", params],
                "arrays",
                name="cache_films",
            ),
            Node(
                index_cohort,
                ["arrays", "boxes", "entries", params],
                ["cohort", "rejected"],
                name="index_cohort",
            ),
        ],
        namespace="lesion_regression",
        inputs={
            "tables": "lesion_tables",
            "box_films": "nih_chest_xray14.films",
            "mask_films": "covid_lesions.films",
            "lesion_masks": "covid_lesions.lesion_masks",
        },
        parameters={params},
    )


def _create_segmentation() -> Pipeline:
    """Cohort → folds → networks → the lesions of every film by one that has not seen it → measured films."""
    params, training = "params:segmentation", "params:training"
    return Pipeline(
        [
            Node(split_folds, ["all_films", params], ["cohort", "leakage"], name="split_folds"),
            Node(
                train_networks,
                ["arrays", "cohort", "encoder_weights", "unfinished", training, params],
                ["models", "history"],
                name="train_networks",
            ),
            Node(
                predict_masks,
                ["arrays", "cohort", "models", training, params],
                "masks",
                name="predict_masks",
            ),
            Node(
                measure_films,
                ["masks", "lung_masks", "arrays", "cohort", "params:cohort"],
                "films",
                name="measure_films",
            ),
        ],
        namespace="lesion_regression.segmentation",
        inputs={
            "all_films": "lesion_regression.cohort",
            "arrays": "lesion_regression.arrays",
            "lung_masks": "covid_lesions.lung_masks",
            "encoder_weights": "encoder_weights",
        },
        parameters={
            params: "params:lesion_regression.segmentation",
            training: "params:lesion_regression.training",
            "params:cohort": "params:lesion_regression.cohort",
        },
    )


def _create_protocol(protocol: str) -> Pipeline:
    """Measured films → rows → tuned models → predictions out of fold, under one protocol's parameters."""
    params, tuning = "params:protocol", "params:tuning"
    return Pipeline(
        [
            Node(make_rows, ["films", "entries", params], ["cohort", "leakage"], name="make_rows"),
            Node(
                tune_models,
                ["cohort", "studies", tuning, params],
                "best_hyperparams",
                name="tune_models",
            ),
            Node(
                predict_rows,
                ["cohort", "best_hyperparams", tuning, params],
                ["predictions", "shap_values"],
                name="predict_rows",
            ),
            Node(
                fit_models,
                ["cohort", "best_hyperparams", tuning, params],
                ["models", "forest_onnx"],
                name="fit_models",
            ),
        ],
        namespace=f"lesion_regression.{protocol}",
        inputs={
            "films": "lesion_regression.segmentation.films",
            "entries": "lesion_regression.entries",
            "studies": "lesion_regression.studies",
        },
        parameters={
            params: f"params:lesion_regression.{protocol}",
            tuning: "params:lesion_regression.tuning",
        },
    )


def _create_table() -> Pipeline:
    """Table that the public demo prints → the models that it reports."""
    params = "params:protocol"
    return Pipeline(
        [
            Node(index_table, ["table", params], ["cohort", "leakage"], name="index_table"),
            Node(repeat_table, ["cohort", params], "predictions", name="repeat_table"),
        ],
        namespace="lesion_regression.seed_table",
        inputs={"table": "seed_lesion_results.features_and_target"},
        parameters={params: "params:lesion_regression.seed_table"},
    )


def _of_kind(function: Callable[..., Any], kind: str) -> Callable[..., Any]:
    return update_wrapper(partial(function, kind=kind), function)


def _create_comparison(protocols: Sequence[str]) -> Pipeline:
    """Tables of all protocols → metrics, tables and figures that show them side by side."""
    tuned = [protocol for protocol in protocols if protocol != "seed_table"]
    segmented = ["segmentation"] if tuned else []
    tables = {
        "leakage": [*segmented, *protocols],
        **{table: tuned for table in ("best_hyperparams", "shap_values") if tuned},
    }
    nodes = [
        Node(
            combine_protocols,
            {part: f"{part}_{table}" for part in parts},
            table if table != "shap_values" else "all_shap_values",
            name=f"combine_{table}",
        )
        for table, parts in tables.items()
    ]
    params = "params:lesion_regression.evaluation"
    films = {"films": "films"} if tuned else {}
    history = {"history": "history"} if tuned else {}
    nodes += [
        Node(
            combine_predictions,
            {**films, **{each: f"{each}_predictions" for each in protocols}},
            "predictions",
            name="combine_predictions",
        ),
        Node(
            evaluate,
            {"predictions": "predictions", "params": params, **history},
            "metrics",
            name="evaluate",
        ),
        Node(tabulate_folds, "predictions", "cv_metrics", name="tabulate_folds"),
        Node(plot_protocols, "metrics", "protocol_comparison_figure", name="plot_protocols"),
    ]
    if tuned:
        nodes.append(
            Node(
                plot_overlays, ["arrays", "masks", "films"], "overlays_figure", name="plot_overlays"
            )
        )
    for kind in KINDS:
        nodes.append(
            Node(
                _of_kind(plot_cv_scatter, kind),
                ["predictions", "metrics"],
                f"cv_scatter_{kind}_figure",
                name=f"plot_cv_scatter_{kind}",
            )
        )
        if tuned:
            nodes += _explain_nodes(kind)
    inputs = {
        f"{part}_{table}": f"lesion_regression.{part}.{table}"
        for table, parts in {**tables, "predictions": list(protocols)}.items()
        for part in parts
    }
    if tuned:
        inputs["arrays"] = "lesion_regression.arrays"
        for name in ("films", "history", "masks"):
            inputs[name] = f"lesion_regression.segmentation.{name}"
    return Pipeline(
        nodes,
        namespace="lesion_regression",
        inputs=inputs,
        parameters={params},
    )


def _explain_nodes(kind: str) -> list[Node]:
    """Return the nodes that write and draw the Shapley values of one kind of model."""
    table = f"shap_values_{kind}"
    return [
        Node(
            _of_kind(select_shap_values, kind),
            "all_shap_values",
            table,
            name=f"select_shap_values_{kind}",
        ),
        Node(
            plot_shap_importance,
            table,
            f"shap_importance_{kind}_figure",
            name=f"plot_shap_importance_{kind}",
        ),
    ]


def _create_release() -> Pipeline:
    """Any films, the networks of all folds and the honest models → lesions; ``--tags=predict`` runs nothing else."""
    release, cohort = "params:lesion_regression.release", "params:lesion_regression.cohort"
    training, segmentation = (
        "params:lesion_regression.training",
        "params:lesion_regression.segmentation",
    )
    nodes = [
        Node(cache_new_films, ["new_films", cohort, release], "new_arrays", name="cache_new_films"),
        Node(
            predict_lesions,
            ["new_arrays", "networks", training, segmentation, release],
            "lesion_masks",
            name="predict_lesions",
        ),
        Node(
            describe_lesions,
            ["lesion_masks", "new_arrays", "cohort", "regressors"],
            ["lesions", "new_rejected"],
            name="describe_lesions",
        ),
        Node(
            plot_lesion_masks,
            ["lesion_masks", "new_arrays", "lesions"],
            "new_lesion_masks_figure",
            name="plot_lesion_masks",
        ),
    ]
    return Pipeline(
        nodes,
        namespace="lesion_regression",
        inputs={
            "new_films": "lesion_regression.new_films",
            "networks": "lesion_regression.segmentation.models",
            "cohort": "lesion_regression.cohort",
            "regressors": "lesion_regression.honest.models",
        },
        parameters={release, cohort, training, segmentation},
        tags="predict",
    )
