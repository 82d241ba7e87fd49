"""Wiring of dose_estimation: one template for each protocol, and what is measured across them."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow.template import (
    RELEASE,
    SPLIT_TABLE,
    create_comparison,
    create_part,
    create_prediction,
    create_protocol,
    step,
)

from . import release
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

__all__ = ["FIGURES", "PROTOCOLS", "create_pipeline", "create_predict"]

PROTOCOLS = ("published", "honest", "fair")

FIGURES = ("protocol_comparison", "predicted_against_true", "error_by_level", "loss_curves")
"""Figures that the report shows, in its order."""

_FEATURES = {"features": "feature_extraction.features"}
_REJECTED = {"rejected": "feature_extraction.rejected"}  # a film without features has no row here


def create_pipeline() -> Pipeline:
    """Features → each protocol: cohort, models, predictions → comparison."""
    params, evaluation = "params:protocol", "params:evaluation"
    protocol = [
        step(split_cohort, ["features", params, SPLIT_TABLE], ["cohort", "leakage"]),
        step(fit_models, ["features", "cohort", params], ["models", "history"]),
        step(predict, ["features", "cohort", "models", params], "predictions"),
    ]
    comparison = [
        step(evaluate, ["predictions", evaluation], "metrics"),
        step(plot_losses, "history", "loss_curves_figure"),
        step(plot_predictions, ["predictions", "metrics"], "predicted_against_true_figure"),
        step(plot_errors, "predictions", "error_by_level_figure"),
        step(plot_protocols, ["metrics", evaluation], "protocol_comparison_figure"),
    ]
    tables = ("cohort", "leakage", "history", "predictions")
    parts = [
        create_protocol("dose_estimation", each, protocol, shared=(), inputs=_FEATURES)
        for each in PROTOCOLS
    ]
    parts.append(
        create_comparison(
            "dose_estimation",
            PROTOCOLS,
            comparison,
            FIGURES,
            tables,
            {**_FEATURES, **_REJECTED},
            films="features",
        )
    )
    packed = ["films", "cohort", "models", "predictions", "params:fair", RELEASE]
    fair = {name: f"dose_estimation.fair.{name}" for name in ("cohort", "models", "predictions")}
    released = [step(release.pack_bundle, packed, "bundle")]
    known = {"films": "nih_chest_xray14.films", **fair}
    parts.append(create_part("dose_estimation", released, known, ["fair"]))
    return sum(parts, Pipeline([]))


def create_predict() -> Pipeline:
    """Any chest films and the bundle → relative dose."""
    return create_prediction(release.RELEASE)
