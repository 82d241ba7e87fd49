"""Marks of models whose training was cut short, for the figures that show what was measured of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from xraylab.flow.compare import measured_as

__all__ = ["find_cut_short", "mark_cut_short", "marked"]


def find_cut_short(trainings: pd.DataFrame, names: pd.Series) -> dict[tuple[str, str], str]:
    """Return what the trainings of each protocol and model lacked, where they lacked anything.

    Parameters
    ----------
    trainings : DataFrame
        One row per training, with ``protocol, cut_short``.
    names : (N,) Series of str
        Name of the model of each training; what its trainings lacked is joined, each reason once.

    Returns
    -------
    dict of (str, str) to str
        By protocol and name.

    Examples
    --------
    >>> trainings = pd.DataFrame({"protocol": "honest", "name": "cnn", "cut_short": ["stopped by the clock", ""]})
    >>> find_cut_short(trainings, trainings["name"])
    {('honest', 'cnn'): 'stopped by the clock'}
    """
    found: dict[tuple[str, str], dict[str, None]] = {}
    words = trainings["cut_short"].fillna("").astype(str)
    for protocol, name, text in zip(trainings["protocol"], names, words, strict=True):
        if text:
            found.setdefault((str(protocol), str(name)), {}).update(dict.fromkeys(text.split("; ")))
    return {key: "; ".join(reasons) for key, reasons in found.items()}


def mark_cut_short(metrics: pd.DataFrame, trainings: pd.DataFrame) -> pd.DataFrame:
    """Return metrics with what the training of each model lacked.

    Parameters
    ----------
    metrics : DataFrame
        Tidy metrics, with ``protocol, model``.
    trainings : DataFrame
        One row per training, with ``protocol, model, name, fold, cut_short``.

    Returns
    -------
    DataFrame
        With the column ``cut_short``: words, or empty where no training of the model was cut short.

    Examples
    --------
    >>> metrics = pd.DataFrame({"protocol": "honest", "model": ["cnn", "mean_age"], "value": [8.0, 52.0]})
    >>> training = {"protocol": "honest", "model": "cnn_fold_0", "name": "cnn", "fold": 0}
    >>> trainings = pd.DataFrame([{**training, "cut_short": "stopped by the clock"}])
    >>> mark_cut_short(metrics, trainings)["cut_short"].tolist()
    ['stopped by the clock', '']
    """
    if "cut_short" not in trainings:
        return metrics.assign(cut_short="")
    words = find_cut_short(trainings, measured_as(trainings))
    keys = zip(metrics["protocol"], metrics["model"], strict=True)
    return metrics.assign(cut_short=[words.get(key, "") for key in keys])


def marked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that draws metrics, its last table, as one that takes the trainings after them."""

    def draw(*tables: Any) -> Any:
        *others, metrics, trainings = tables
        return function(*others, mark_cut_short(metrics, trainings))

    draw.__name__, draw.__annotations__ = function.__name__, {}
    return draw
