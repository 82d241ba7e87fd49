"""Figures: each function takes tables or arrays and returns a matplotlib ``Figure``, which notebooks show.

Node modules import this package at start-up, so that it imports a figure's module when the figure is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xraylab.plots.agreement import plot_bland_altman, plot_error_by_band, plot_error_histogram
    from xraylab.plots.audit import plot_audit, plot_copies
    from xraylab.plots.classification import plot_confusion, plot_reliability
    from xraylab.plots.cohort import plot_class_counts, plot_class_distributions
    from xraylab.plots.dose import (
        plot_correlations,
        plot_feature_against_dose,
        plot_physics_validation,
    )
    from xraylab.plots.films import plot_film_grid, plot_message
    from xraylab.plots.folds import plot_fold_scatter
    from xraylab.plots.importance import plot_shap_importance
    from xraylab.plots.protocols import plot_protocol_comparison
    from xraylab.plots.ranking import plot_precision_recall, plot_roc
    from xraylab.plots.regression import plot_error_by_level, plot_predicted_against_true
    from xraylab.plots.saliency import plot_saliency, plot_saliency_checks
    from xraylab.plots.segmentation import plot_mask_overlays, plot_site_matrix
    from xraylab.plots.strip import plot_dose_strip
    from xraylab.plots.training import plot_loss_curves, plot_metric_curves

__all__ = [
    "Figure",
    "plot_audit",
    "plot_bland_altman",
    "plot_class_counts",
    "plot_class_distributions",
    "plot_confusion",
    "plot_copies",
    "plot_correlations",
    "plot_dose_strip",
    "plot_error_by_band",
    "plot_error_by_level",
    "plot_error_histogram",
    "plot_feature_against_dose",
    "plot_film_grid",
    "plot_fold_scatter",
    "plot_loss_curves",
    "plot_mask_overlays",
    "plot_message",
    "plot_metric_curves",
    "plot_physics_validation",
    "plot_precision_recall",
    "plot_predicted_against_true",
    "plot_protocol_comparison",
    "plot_reliability",
    "plot_roc",
    "plot_saliency",
    "plot_saliency_checks",
    "plot_shap_importance",
    "plot_site_matrix",
]

_MODULES = {
    "Figure": "matplotlib.figure",
    "plot_audit": "xraylab.plots.audit",
    "plot_bland_altman": "xraylab.plots.agreement",
    "plot_class_counts": "xraylab.plots.cohort",
    "plot_class_distributions": "xraylab.plots.cohort",
    "plot_confusion": "xraylab.plots.classification",
    "plot_copies": "xraylab.plots.audit",
    "plot_correlations": "xraylab.plots.dose",
    "plot_dose_strip": "xraylab.plots.strip",
    "plot_error_by_band": "xraylab.plots.agreement",
    "plot_error_by_level": "xraylab.plots.regression",
    "plot_error_histogram": "xraylab.plots.agreement",
    "plot_feature_against_dose": "xraylab.plots.dose",
    "plot_film_grid": "xraylab.plots.films",
    "plot_fold_scatter": "xraylab.plots.folds",
    "plot_loss_curves": "xraylab.plots.training",
    "plot_mask_overlays": "xraylab.plots.segmentation",
    "plot_message": "xraylab.plots.films",
    "plot_metric_curves": "xraylab.plots.training",
    "plot_physics_validation": "xraylab.plots.dose",
    "plot_precision_recall": "xraylab.plots.ranking",
    "plot_predicted_against_true": "xraylab.plots.regression",
    "plot_protocol_comparison": "xraylab.plots.protocols",
    "plot_reliability": "xraylab.plots.classification",
    "plot_roc": "xraylab.plots.ranking",
    "plot_saliency": "xraylab.plots.saliency",
    "plot_saliency_checks": "xraylab.plots.saliency",
    "plot_shap_importance": "xraylab.plots.importance",
    "plot_site_matrix": "xraylab.plots.segmentation",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"xraylab.plots has no {name}; it has {', '.join(__all__)}")
    return getattr(import_module(_MODULES[name]), name)
