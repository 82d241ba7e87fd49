"""Nodes of lung_segmentation, in the order in which data pass them."""

from .cohort import cache_films, index_cohort, split_cohort
from .evaluation import (
    compare_networks,
    evaluate,
    measure_masks,
    plot_curves,
    plot_overlays,
    plot_protocols,
    plot_sites,
    tabulate_sites,
)
from .networks import predict_masks, train_networks
from .release import cache_new_films, describe_lungs, plot_lung_masks, predict_lungs

__all__ = [
    "cache_films",
    "cache_new_films",
    "compare_networks",
    "describe_lungs",
    "evaluate",
    "index_cohort",
    "measure_masks",
    "plot_curves",
    "plot_lung_masks",
    "plot_overlays",
    "plot_protocols",
    "plot_sites",
    "predict_lungs",
    "predict_masks",
    "split_cohort",
    "tabulate_sites",
    "train_networks",
]
