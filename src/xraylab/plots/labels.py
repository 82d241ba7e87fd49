"""The words and colours that every figure and the report share."""

from __future__ import annotations

__all__ = ["PROTOCOL_COLOURS", "metric_label", "protocol_colour", "protocol_order"]

#: Colour-blind safe (Okabe and Ito 2008): one colour a protocol, the same in every figure and page.
PROTOCOL_COLOURS = {
    "published": "#D55E00",
    "honest": "#0072B2",
    "fair": "#009E73",
    "sites": "#CC79A7",
}
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
    "coverage": "Coverage of the intervals",
}


def metric_label(metric: str) -> str:
    """Return a metric's name for a reader; an unknown one is written out as it is, without underscores."""
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
