"""Wiring of reporting: the metrics and figures of every other pipeline → one page."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from .nodes import render_report

__all__ = ["REPORTED", "create_pipeline"]

REPORTED = {
    "dose_simulation": ["metrics", "physics_validation_figure"],
    "feature_extraction": ["noise_against_dose_figure", "correlations_figure", "dose_strip_figure"],
    "dose_estimation": [
        "metrics",
        "protocol_comparison_figure",
        "predicted_against_true_figure",
        "error_by_level_figure",
        "loss_curves_figure",
    ],
    "lung_segmentation": [
        "metrics",
        "protocol_comparison_figure",
        "site_matrix_figure",
        "overlays_figure",
        "loss_curves_figure",
    ],
    "lesion_regression": [
        "metrics",
        "protocol_comparison_figure",
        "overlays_figure",
        "cv_scatter_random_forest_figure",
        "shap_importance_random_forest_figure",
        "cv_scatter_xgboost_figure",
        "shap_importance_xgboost_figure",
        "cv_scatter_lightgbm_figure",
        "shap_importance_lightgbm_figure",
    ],
    "bone_age": [
        "metrics",
        "protocol_comparison_figure",
        "predicted_against_true_figure",
        "bland_altman_figure",
        "error_histogram_figure",
        "error_by_band_figure",
        "heat_maps_figure",
        "loss_curves_figure",
        "mae_curves_figure",
    ],
    "fracture": [
        "metrics",
        "audit_figure",
        "copies_figure",
        "protocol_comparison_figure",
        "roc_figure",
        "reliability_figure",
        "confusion_figure",
        "saliency_figure",
        "saliency_checks_figure",
        "loss_curves_figure",
        "accuracy_curves_figure",
    ],
    "tb_classification": [
        "metrics",
        "counts_figure",
        "distributions_figure",
        "samples_figure",
        "protocol_comparison_figure",
        "backbones_figure",
        "roc_figure",
        "site_roc_figure",
        "site_matrix_figure",
        "recalibration_figure",
        "reliability_figure",
        "confusion_figure",
        "saliency_figure",
        "saliency_checks_figure",
        "loss_curves_figure",
    ],
}
"""Data sets that the page shows, in its order. A new pipeline adds its line here."""


def create_pipeline() -> Pipeline:
    """Return the pipeline; as it reads what the others write, it runs after them."""
    shown = [(pipeline, name) for pipeline, names in REPORTED.items() for name in names]
    sources = {f"{pipeline}__{name}": f"{pipeline}.{name}" for pipeline, name in shown}
    return Pipeline(
        [
            Node(
                render_report,
                {
                    "params": "params:reporting",
                    "origins": "sources",
                    **{key: key for key in sources},
                },
                "page",
                name="render_report",
            )
        ],
        namespace="reporting",
        inputs=sources,
        parameters={"params:reporting"},
    )
