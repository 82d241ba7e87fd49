"""Nodes of tb_classification, in the order in which data pass them."""

from .cohort import cache_films, index_cohort, split_cohort
from .evaluation import (
    compare_backbones,
    compare_models,
    compare_with_shortcuts,
    evaluate,
    report_classes,
)
from .features import embed_films, guess_lungs, measure_radiomics
from .figures import (
    plot_backbones,
    plot_cohort,
    plot_confusion,
    plot_curves,
    plot_protocols,
    plot_reliability,
    plot_roc,
    plot_samples,
    plot_site_roc,
)
from .probes import join_predictions, predict_by_shortcut
from .release import (
    cache_new_films,
    embed_new_films,
    plot_tuberculosis,
    predict_tuberculosis,
)
from .saliency import check_saliency, plot_saliency, plot_saliency_checks
from .sites import plot_recalibration, plot_sites, tabulate_sites
from .training import predict, train_models

__all__ = [
    "cache_films",
    "cache_new_films",
    "check_saliency",
    "compare_backbones",
    "compare_models",
    "compare_with_shortcuts",
    "embed_films",
    "embed_new_films",
    "evaluate",
    "guess_lungs",
    "index_cohort",
    "join_predictions",
    "measure_radiomics",
    "plot_backbones",
    "plot_cohort",
    "plot_confusion",
    "plot_curves",
    "plot_protocols",
    "plot_recalibration",
    "plot_reliability",
    "plot_roc",
    "plot_saliency",
    "plot_saliency_checks",
    "plot_samples",
    "plot_site_roc",
    "plot_sites",
    "plot_tuberculosis",
    "predict",
    "predict_by_shortcut",
    "predict_tuberculosis",
    "report_classes",
    "split_cohort",
    "tabulate_sites",
    "train_models",
]
