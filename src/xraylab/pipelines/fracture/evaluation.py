"""Predictions → metrics, tables and figures."""

from __future__ import annotations

import pandas as pd

from xraylab import plots
from xraylab.evaluation.classification import classification_metrics
from xraylab.evaluation.metrics import tidy
from xraylab.flow import compare
from xraylab.flow.params import ClassifierEvaluationParams

from .params import CLASS_NAMES, PROBES

__all__ = [
    "compare_networks",
    "compare_with_shortcuts",
    "evaluate",
    "plot_confusion",
    "plot_curves",
    "plot_precision_recall",
    "plot_protocols",
    "plot_reliability",
    "plot_roc",
]

_BY_GROUP = ("accuracy", "f1", "auroc", "auprc")


def evaluate(predictions: pd.DataFrame, params: ClassifierEvaluationParams) -> pd.DataFrame:
    """Measure every protocol, model and part, with 95 % intervals by bootstrap over families of copies.

    Returns
    -------
    DataFrame
        Tidy metrics of `classification_metrics`, those that weigh each family as one film (``_by_group``), and with
        folds the mean and standard deviation of their AUROC (``auroc_fold_mean, auroc_fold_sd``).
    """
    options = {"n_resamples": params.n_resamples, "seed": params.seed}
    tables = []
    for protocol, model, split, rows in compare.list_parts(predictions):
        measured = [
            classification_metrics(rows, "threshold", **options),
            classification_metrics(rows, "threshold", _BY_GROUP, **options, weight="group"),
        ]
        if len(set(rows["arm"])) > 1 and split == "test":
            measured.append(compare.measure_auroc_folds(rows))
        tables.append(tidy(protocol, model, split, pd.concat(measured)))
    return pd.concat(tables, ignore_index=True)


def compare_with_shortcuts(
    predictions: pd.DataFrame, params: ClassifierEvaluationParams
) -> pd.DataFrame:
    """Hold every network against every baseline that looks at no bone, on the same test films."""
    return compare.compare_with_probes(predictions, PROBES, params)


def compare_networks(trainings: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """Lay networks beside each other: what they are, what they cost, how well they do on the test part."""
    return compare.compare_models(trainings, metrics, ("auroc", "accuracy", "f1"), "auroc")


def plot_curves(history: pd.DataFrame) -> tuple[plots.Figure, plots.Figure]:
    """Draw loss and accuracy of every epoch."""
    return plots.plot_loss_curves(history), plots.plot_metric_curves(history, "accuracy")


def plot_protocols(metrics: pd.DataFrame) -> plots.Figure:
    """Draw the AUROC of every model under every protocol."""
    return plots.plot_protocol_comparison(metrics, "auroc", reference=(0.5, "chance"))


def plot_roc(predictions: pd.DataFrame, metrics: pd.DataFrame) -> plots.Figure:
    """Draw the receiver operating characteristic of every model under every protocol."""
    return plots.plot_roc(predictions, metrics, baselines=PROBES)


def plot_precision_recall(predictions: pd.DataFrame, metrics: pd.DataFrame) -> plots.Figure:
    """Draw precision against recall of every model under every protocol."""
    return plots.plot_precision_recall(predictions, metrics, baselines=PROBES)


def plot_reliability(
    predictions: pd.DataFrame, metrics: pd.DataFrame, params: ClassifierEvaluationParams
) -> plots.Figure:
    """Draw how often a prediction comes true, for every network under every protocol."""
    return compare.plot_reliability(predictions, metrics, PROBES, params.n_bins, "a fracture")


def plot_confusion(predictions: pd.DataFrame) -> plots.Figure:
    """Draw the confusion matrix of every network under every protocol, at the threshold of its validation part."""
    return compare.plot_confusion(predictions, PROBES, CLASS_NAMES)
