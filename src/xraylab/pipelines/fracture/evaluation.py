"""Predictions → metrics."""

from __future__ import annotations

import pandas as pd

from xraylab.evaluation.classification import classification_metrics
from xraylab.evaluation.metrics import tidy
from xraylab.flow import compare
from xraylab.flow.params import ClassifierEvaluationParams

__all__ = ["evaluate"]

_BY_GROUP = ("accuracy", "f1", "auroc", "auprc")


def evaluate(predictions: pd.DataFrame, params: ClassifierEvaluationParams) -> pd.DataFrame:
    """Measure every protocol, model and part, with 95 % intervals by bootstrap over families of copies.

    Returns
    -------
    DataFrame
        Tidy metrics of `classification_metrics`, those that weigh each family as one film (``_by_group``), and with
        folds the mean and standard deviation of their AUROC (``auroc_fold_mean, auroc_fold_sd``).
    """
    n, seed = params.n_resamples, params.seed
    tables = []
    for protocol, model, split, rows in compare.list_parts(predictions):
        measured = [
            classification_metrics(rows, "threshold", n_resamples=n, seed=seed),
            classification_metrics(rows, "threshold", _BY_GROUP, n, seed, weight="group"),
        ]
        if len(set(rows["arm"])) > 1 and split == "test":
            measured.append(compare.measure_auroc_folds(rows))
        tables.append(tidy(protocol, model, split, pd.concat(measured)))
    return pd.concat(tables, ignore_index=True)
