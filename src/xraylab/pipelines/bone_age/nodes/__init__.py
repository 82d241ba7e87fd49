"""Nodes of bone_age, in the order in which data pass them."""

from .cohort import cache_films, index_cohort, read_labels
from .evaluation import (
    compare_networks,
    evaluate,
    evaluate_bands,
    plot_agreement,
    plot_bands,
    plot_curves,
    plot_errors,
    plot_predictions,
    plot_protocols,
)
from .networks import train_networks
from .prediction import predict
from .release import cache_new_films, plot_bone_ages, predict_bone_ages
from .saliency import measure_stability, plot_heat_maps
from .split import split_cohort
from .tuning import tune_networks

__all__ = [
    "cache_films",
    "cache_new_films",
    "compare_networks",
    "evaluate",
    "evaluate_bands",
    "index_cohort",
    "measure_stability",
    "plot_agreement",
    "plot_bands",
    "plot_bone_ages",
    "plot_curves",
    "plot_errors",
    "plot_heat_maps",
    "plot_predictions",
    "plot_protocols",
    "predict",
    "predict_bone_ages",
    "read_labels",
    "split_cohort",
    "train_networks",
    "tune_networks",
]
