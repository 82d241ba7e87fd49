"""The words and colours that every figure and the report share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "MODEL_COLOURS",
    "PROTOCOL_COLOURS",
    "cut_short_mark",
    "cut_short_note",
    "metric_label",
    "protocol_colour",
    "protocol_order",
]

#: Colour-blind safe (Okabe and Ito 2008): one colour a protocol, the same in every figure and page.
PROTOCOL_COLOURS = {
    "published": "#D55E00",
    "honest": "#0072B2",
    "fair": "#009E73",
    "sites": "#CC79A7",
}
#: One colour a model where models share axes, in the order of the table.
MODEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
_OTHER_COLOURS = ("#56B4E9", "#E69F00", "#555555")

_METRIC_LABELS = {
    "r2": "R²",
    "mae": "Mean absolute error",
    "rmse": "Root mean square error",
    "mse": "Mean square error",
    "bias": "Mean error (bias)",
    "dice": "Dice",
    "iou": "Intersection over union",
    "hd95": "Hausdorff distance, 95 %",
    "assd": "Average surface distance",
    "auroc": "Area under ROC",
    "auprc": "Area under precision-recall",
    "ece": "Expected calibration error",
    "f1": "F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall (sensitivity)",
    "specificity": "Specificity",
    "brier": "Brier score",
    "sensitivity_at_90_specificity": "Sensitivity at 90 % specificity",
    "coverage": "Coverage of the intervals",
}
_BY_GROUP = "_by_group"


def metric_label(metric: str) -> str:
    """Return a metric's name for a reader; an unknown one is written out as it is, without underscores.

    A name that ends on ``_by_group`` is its metric with one vote a group instead of one a film.
    """
    if metric.endswith(_BY_GROUP) and metric != _BY_GROUP:
        return f"{metric_label(metric.removesuffix(_BY_GROUP))}, one vote a family"
    if metric in _METRIC_LABELS:
        return _METRIC_LABELS[metric]
    words = metric.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def protocol_order(protocols: list[str]) -> list[str]:
    """Return the distinct protocols: published, honest, fair, then the others as they come."""
    distinct = list(dict.fromkeys(protocols))
    known = [name for name in PROTOCOL_COLOURS if name in distinct]
    return known + [name for name in distinct if name not in PROTOCOL_COLOURS]


def protocol_colour(protocol: str, protocols: list[str]) -> str:
    """Return the colour of one protocol among those that a figure shows."""
    if protocol in PROTOCOL_COLOURS:
        return PROTOCOL_COLOURS[protocol]
    others = [name for name in protocol_order(protocols) if name not in PROTOCOL_COLOURS]
    return _OTHER_COLOURS[others.index(protocol) % len(_OTHER_COLOURS)]


def cut_short_mark(row: Mapping[Any, Any]) -> str:
    """Return the asterisk of a value whose model lacked something in its training, as ``cut_short`` says.

    Examples
    --------
    >>> cut_short_mark({"value": 0.9, "cut_short": "stopped by the clock"}), cut_short_mark({"value": 0.9})
    ('*', '')
    """
    words = row.get("cut_short")
    return "*" if isinstance(words, str) and words else ""


def cut_short_note(rows: Iterable[Mapping[Any, Any]]) -> str:
    """Return the footnote of those asterisks; empty where no row has one.

    Examples
    --------
    >>> cut_short_note([{"cut_short": "stopped by the clock"}, {"cut_short": ""}])
    '* training cut short: stopped by the clock'
    """
    reasons = dict.fromkeys(str(row["cut_short"]) for row in rows if cut_short_mark(row))
    return f"* training cut short: {', or '.join(reasons)}" if reasons else ""
