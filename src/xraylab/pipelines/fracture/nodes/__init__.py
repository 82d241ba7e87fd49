"""Nodes of fracture, in the order in which data pass them."""

from .audit import audit_files, plot_audit, plot_copies
from .cohort import cache_films, index_cohort, split_cohort
from .evaluation import (
    compare_networks,
    compare_with_shortcuts,
    evaluate,
    plot_confusion,
    plot_curves,
    plot_precision_recall,
    plot_protocols,
    plot_reliability,
    plot_roc,
)
from .networks import predict, train_networks
from .probes import join_predictions, predict_by_shortcut
from .release import cache_new_films, plot_fractures, predict_fractures
from .saliency import check_saliency, plot_saliency, plot_saliency_checks

__all__ = [
    "audit_files",
    "cache_films",
    "cache_new_films",
    "check_saliency",
    "compare_networks",
    "compare_with_shortcuts",
    "evaluate",
    "index_cohort",
    "join_predictions",
    "plot_audit",
    "plot_confusion",
    "plot_copies",
    "plot_curves",
    "plot_fractures",
    "plot_precision_recall",
    "plot_protocols",
    "plot_reliability",
    "plot_roc",
    "plot_saliency",
    "plot_saliency_checks",
    "predict",
    "predict_by_shortcut",
    "predict_fractures",
    "split_cohort",
    "train_networks",
]
