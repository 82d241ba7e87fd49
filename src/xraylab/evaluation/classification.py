"""Measures of a binary classifier with intervals, and the tables behind its figures.

A film is called positive at prediction >= threshold. Each interval is the 95 % percentile interval of a bootstrap over
groups, and all metrics share its resamples. What counts films is a function of sums over groups; what ranks them is
computed for all resamples at once as weights of rows that are sorted once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.binary import (
    RANK_METRICS,
    BinaryRows,
    Weight,
    check_binary_rows,
    check_thresholds,
    measure_ranks,
)
from xraylab.evaluation.bootstrap import bootstrap_counts
from xraylab.evaluation.calibration import N_BINS, assign_bins

__all__ = [
    "CLASSIFICATION_METRICS",
    "class_report",
    "classification_metrics",
    "confusion_counts",
    "precision_recall_points",
    "roc_points",
]

Floats = NDArray[np.float64]

_COUNT_METRICS = (
    "accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "brier", "ece", "prevalence",
)  # fmt: skip

CLASSIFICATION_METRICS = (
    "accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "auroc", "auprc", "brier", "ece",
    "prevalence", "sensitivity_at_90_specificity",
)  # fmt: skip
"""All metrics of `classification_metrics`; recall is the sensitivity, auprc the average precision."""


def classification_metrics(
    rows: pd.DataFrame,
    threshold: float | str,
    metrics: Sequence[str] = CLASSIFICATION_METRICS,
    n_resamples: int = 1000,
    seed: int = 0,
    weight: Weight = "row",
) -> pd.DataFrame:
    """Measure predicted probabilities, each metric with a 95 % interval by bootstrap over groups.

    Parameters
    ----------
    rows : (N, …) DataFrame
        With columns ``group_id``, ``target`` (0 or 1) and ``prediction`` (probability of 1, in [0, 1]).
    threshold : float or str
        In [0, 1]; or the name of a column that holds one per row, where each fold has its own.
    metrics : sequence of str
        Of `CLASSIFICATION_METRICS`. ``balanced_accuracy`` is the mean of recall and specificity, ``brier`` the mean
        square of prediction - target, ``prevalence`` the share of class 1, ``sensitivity_at_90_specificity`` the
        highest sensitivity on the empirical ROC curve of these rows at a specificity of at least 90 %, whatever the
        threshold. ``ece`` is the expected calibration error over ten bins of equal mass, the same bins in every
        resample; noise only adds to it, so its interval is biased upward and may lie above the value.
    n_resamples : int
        Bootstrap resamples; 0 for no interval.
    seed : int
        Seed of the resamples.
    weight : {"row", "group"}
        ``group``: each group counts as one and its rows share that, so that a film with many copies weighs no more
        than another; names then end in ``_by_group``.

    Returns
    -------
    DataFrame
        Columns ``metric, value, ci_low, ci_high, n, n_groups``, one row per metric in the given order. ``n`` is
        the number of rows, or of groups where these are weighed. A value is nan where it does not exist: recall and
        auprc without a film of class 1, specificity without one of class 0, balanced accuracy, auroc and
        sensitivity_at_90_specificity without both, precision where no film is called positive, f1 where none is nor
        should be. Such resamples are left out of its interval, which is nan with one or two groups.

    Raises
    ------
    ValueError
        For an unknown metric, and as `check_binary_rows` and `check_thresholds` raise.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("abcd"), "target": [0, 0, 1, 1]})
    >>> rows["prediction"] = [0.1, 0.6, 0.4, 0.9]
    >>> table = classification_metrics(rows, 0.5, ["accuracy", "recall", "auroc"], n_resamples=0)
    >>> table.set_index("metric")["value"].to_dict()
    {'accuracy': 0.5, 'recall': 0.5, 'auroc': 0.75}
    """
    unknown = [name for name in metrics if name not in CLASSIFICATION_METRICS]
    if unknown:
        raise ValueError(
            f"unknown metric '{unknown[0]}'; valid metrics: {', '.join(CLASSIFICATION_METRICS)}"
        )
    checked = check_binary_rows(rows, weight)
    per_group = _group_sums(checked, check_thresholds(rows, threshold))
    ranks = measure_ranks(checked) if set(metrics) & set(RANK_METRICS) else None

    def measure(times: Floats) -> Floats:
        counted = _reduce(times @ per_group)
        return counted if ranks is None else np.concatenate([counted, ranks(times)], axis=1)

    # the ranks hold some arrays of this size at once
    n_cells = checked.n_groups if ranks is None else 8 * len(rows)
    bounds = bootstrap_counts(measure, checked.n_groups, n_resamples, seed, n_cells)
    suffix, n = ("", len(rows)) if weight == "row" else ("_by_group", checked.n_groups)
    places = {name: i for i, name in enumerate((*_COUNT_METRICS, *RANK_METRICS))}
    chosen = [places[name] for name in metrics]
    return pd.DataFrame(
        {
            "metric": [f"{name}{suffix}" for name in metrics],
            **{
                name: values[chosen]
                for name, values in zip(("value", "ci_low", "ci_high"), bounds, strict=True)
            },
            "n": n,
            "n_groups": checked.n_groups,
        }
    )


def class_report(
    rows: pd.DataFrame, threshold: float | str, names: tuple[str, str]
) -> pd.DataFrame:
    """Report each class separately, as public notebooks print it.

    Parameters
    ----------
    rows, threshold
        As `classification_metrics` takes them.
    names : (str, str)
        What class 0 and class 1 are called.

    Returns
    -------
    DataFrame
        ``class, precision, recall, f1, support``: a row for each class, then ``macro avg`` (mean of both) and
        ``weighted avg`` (weighted by support). nan where a value does not exist.

    Raises
    ------
    ValueError
        As `check_binary_rows` and `check_thresholds` raise.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("abcd"), "target": [0, 0, 1, 1]})
    >>> rows["prediction"] = [0.1, 0.2, 0.4, 0.9]
    >>> class_report(rows, 0.5, ("normal", "ill")).round(2)
              class  precision  recall    f1  support
    0        normal       0.67    1.00  0.80        2
    1           ill       1.00    0.50  0.67        2
    2     macro avg       0.83    0.75  0.73        4
    3  weighted avg       0.83    0.75  0.73        4
    """
    counts = confusion_counts(rows, threshold)["n"].to_numpy(np.float64).reshape(2, 2)
    right, support = np.diag(counts), counts.sum(axis=1)
    called = counts.sum(axis=0)
    with np.errstate(invalid="ignore"):
        lines = np.stack([right / called, right / support, 2 * right / (called + support)])
    averages = [lines.mean(axis=1), (lines * support).sum(axis=1) / support.sum()]
    table = pd.DataFrame([*lines.T, *averages], columns=["precision", "recall", "f1"])
    table.insert(0, "class", [*names, "macro avg", "weighted avg"])
    return table.assign(support=[*support.astype(int), len(rows), len(rows)])


def confusion_counts(rows: pd.DataFrame, threshold: float | str) -> pd.DataFrame:
    """Count what each class was called.

    Parameters
    ----------
    rows, threshold
        As `classification_metrics` takes them.

    Returns
    -------
    DataFrame
        ``target, predicted, n, share`` with the four rows (0, 0), (0, 1), (1, 0), (1, 1); ``share`` of the rows of that
        target, nan where it has none.

    Raises
    ------
    ValueError
        As `check_binary_rows` and `check_thresholds` raise.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("abcd"), "target": [0, 0, 1, 1]})
    >>> confusion_counts(rows.assign(prediction=[0.1, 0.2, 0.4, 0.9]), 0.5)
       target  predicted  n  share
    0       0          0  2    1.0
    1       0          1  0    0.0
    2       1          0  1    0.5
    3       1          1  1    0.5
    """
    from sklearn.metrics import confusion_matrix

    checked = check_binary_rows(rows)
    called = checked.prediction >= check_thresholds(rows, threshold)
    counts = confusion_matrix(checked.target, called, labels=[0, 1])
    with np.errstate(invalid="ignore"):
        shares = counts / counts.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "target": [0, 0, 1, 1],
            "predicted": [0, 1, 0, 1],
            "n": counts.ravel(),
            "share": shares.ravel(),
        }
    )


def roc_points(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the corners of the ROC curve.

    Parameters
    ----------
    rows : (N, …) DataFrame
        As `classification_metrics` takes them.

    Returns
    -------
    DataFrame
        ``threshold, false_positive_rate, sensitivity`` from (0, 0), at an infinite threshold, to (1, 1). Empty with one
        class only.

    Raises
    ------
    ValueError
        As `check_binary_rows` raises.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("ab"), "target": [0, 1], "prediction": [0.2, 0.7]})
    >>> roc_points(rows)
       threshold  false_positive_rate  sensitivity
    0        inf                  0.0          0.0
    1        0.7                  0.0          1.0
    2        0.2                  1.0          1.0
    """
    from sklearn.metrics import roc_curve

    checked = check_binary_rows(rows)
    points: dict[str, Floats] = dict.fromkeys(
        ("threshold", "false_positive_rate", "sensitivity"), np.empty(0)
    )
    if checked.has_both_classes:
        false, true, thresholds = roc_curve(checked.target, checked.prediction)
        points = {"threshold": thresholds, "false_positive_rate": false, "sensitivity": true}
    return pd.DataFrame(points)


def precision_recall_points(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the points of the precision-recall curve, which is a staircase.

    Parameters
    ----------
    rows : (N, …) DataFrame
        As `classification_metrics` takes them.

    Returns
    -------
    DataFrame
        ``threshold, recall, precision`` by rising threshold, from a recall of 1 to (0, 1), at an infinite threshold.
        Empty with one class only.

    Raises
    ------
    ValueError
        As `check_binary_rows` raises.

    Examples
    --------
    >>> rows = pd.DataFrame({"group_id": list("ab"), "target": [0, 1], "prediction": [0.2, 0.7]})
    >>> precision_recall_points(rows)
       threshold  recall  precision
    0        0.2     1.0        0.5
    1        0.7     1.0        1.0
    2        inf     0.0        1.0
    """
    from sklearn.metrics import precision_recall_curve

    checked = check_binary_rows(rows)
    points: dict[str, Floats] = dict.fromkeys(("threshold", "recall", "precision"), np.empty(0))
    if checked.has_both_classes:
        precision, recall, thresholds = precision_recall_curve(
            checked.target, checked.prediction, drop_intermediate=True
        )
        points = {
            "threshold": np.append(thresholds, np.inf),
            "recall": recall,
            "precision": precision,
        }
    return pd.DataFrame(points)


def _group_sums(rows: BinaryRows, thresholds: Floats) -> Floats:
    """Return weighted sums (G, 5 + bins): true and false positives, true and false negatives, squares, bins' errors."""
    called = (rows.prediction >= thresholds).astype(np.float64)
    error = rows.prediction - rows.target
    bins, _ = assign_bins(rows.prediction)
    columns = [
        called * rows.target,
        called * (1 - rows.target),
        (1 - called) * (1 - rows.target),
        (1 - called) * rows.target,
        error**2,
        *(error * (bins == number) for number in range(N_BINS)),
    ]
    return np.stack(
        [np.bincount(rows.groups, rows.weight * column) for column in columns], axis=1
    ).astype(np.float64)


def _reduce(sums: Floats) -> Floats:
    """Turn sums (B, 5 + bins) as `_group_sums` orders them into the metrics (B, M) of `_COUNT_METRICS`."""
    true, false, true_negative, missed, square = sums.T[:5]
    n = true + false + true_negative + missed
    with np.errstate(invalid="ignore"):
        recall, specificity = true / (true + missed), true_negative / (true_negative + false)
        values = {
            "accuracy": (true + true_negative) / n,
            "balanced_accuracy": (recall + specificity) / 2,
            "precision": true / (true + false),
            "recall": recall,
            "specificity": specificity,
            "f1": 2 * true / (2 * true + false + missed),
            "brier": square / n,
            "ece": np.abs(sums[:, 5:]).sum(axis=1) / n,
            "prevalence": (true + missed) / n,
        }
    return np.stack([values[name] for name in _COUNT_METRICS], axis=1)
