"""Nodes of lesion_regression, in the order in which data pass them."""

from xraylab.evaluation.protocols import combine_protocols

from .cohort import cache_films, index_cohort, read_tables
from .evaluation import (
    combine_predictions,
    evaluate,
    plot_cv_scatter,
    plot_overlays,
    plot_protocols,
    plot_shap_importance,
    select_shap_values,
    tabulate_folds,
)
from .networks import measure_films, predict_masks, split_folds, train_networks
from .regression import fit_models, predict_rows, repeat_table, tune_models
from .release import cache_new_films, describe_lesions, plot_lesion_masks, predict_lesions
from .rows import index_table, make_rows

__all__ = [
    "cache_films",
    "cache_new_films",
    "combine_predictions",
    "combine_protocols",
    "describe_lesions",
    "evaluate",
    "fit_models",
    "index_cohort",
    "index_table",
    "make_rows",
    "measure_films",
    "plot_cv_scatter",
    "plot_lesion_masks",
    "plot_overlays",
    "plot_protocols",
    "plot_shap_importance",
    "predict_lesions",
    "predict_masks",
    "predict_rows",
    "read_tables",
    "repeat_table",
    "select_shap_values",
    "split_folds",
    "tabulate_folds",
    "train_networks",
    "tune_models",
]
