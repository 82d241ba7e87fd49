"""Wiring of dose_estimation: one template, instantiated once a protocol, and what is measured across them."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xraylab.wiring import combine_tables, inputs_of_protocols

from .nodes import (
    evaluate,
    fit_models,
    plot_errors,
    plot_losses,
    plot_predictions,
    plot_protocols,
    predict,
    split_cohort,
)

__all__ = ["PROTOCOLS", "create_pipeline"]

PROTOCOLS = ("published", "honest", "fair")


def create_pipeline(protocols: Sequence[str] = PROTOCOLS) -> Pipeline:
    """Return the pipeline with one namespace a protocol."""
    parts = [_create_protocol(protocol) for protocol in protocols]
    return sum(parts, Pipeline([])) + _create_comparison(protocols)


def _create_protocol(protocol: str) -> Pipeline:
    """Features → cohort → models → predictions, under one protocol's parameters."""
    return Pipeline(
        [
            Node(
                split_cohort,
                ["features", "params:protocol"],
                ["cohort", "leakage"],
                name="split_cohort",
            ),
            Node(
                fit_models,
                ["features", "cohort", "params:protocol"],
                ["models", "history"],
                name="fit_models",
            ),
            Node(
                predict,
                ["features", "cohort", "models", "params:protocol"],
                "predictions",
                name="predict",
            ),
        ],
        namespace=f"dose_estimation.{protocol}",
        inputs={"features": "feature_extraction.features"},
        parameters={"params:protocol": f"params:dose_estimation.{protocol}"},
    )


def _create_comparison(protocols: Sequence[str]) -> Pipeline:
    """Tables of all protocols → metrics and figures that show them side by side."""
    tables = ("cohort", "leakage", "history", "predictions")
    of_protocols = inputs_of_protocols("dose_estimation", protocols, tables)
    params = "params:dose_estimation.evaluation"
    return Pipeline(
        [
            *combine_tables(protocols, tables),
            Node(evaluate, ["predictions", params], "metrics", name="evaluate"),
            Node(plot_losses, "history", "loss_curves_figure", name="plot_losses"),
            Node(
                plot_predictions,
                ["predictions", "metrics"],
                "predicted_against_true_figure",
                name="plot_predictions",
            ),
            Node(plot_errors, "predictions", "error_by_level_figure", name="plot_errors"),
            Node(
                plot_protocols,
                ["metrics", params],
                "protocol_comparison_figure",
                name="plot_protocols",
            ),
        ],
        namespace="dose_estimation",
        inputs=of_protocols,
        parameters={params},
    )
