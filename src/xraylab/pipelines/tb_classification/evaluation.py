"""Predictions → metrics and tables."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from xraylab.evaluation.classification import class_report, classification_metrics
from xraylab.evaluation.metrics import tidy
from xraylab.flow import compare

from .params import CLASS_NAMES, PROBES, TbEvaluationParams

__all__ = [
    "compare_backbones",
    "compare_models",
    "evaluate",
    "report_classes",
    "wilson",
]

_OF_A_CLASS = ("precision", "recall", "f1")
_Z = 1.959963984540054  # of a 95 % interval


def evaluate(predictions: pd.DataFrame, params: TbEvaluationParams) -> pd.DataFrame:
    """Measure every protocol, model and split, with 95 % intervals by bootstrap over groups.

    Returns
    -------
    DataFrame
        Tidy metrics of `classification_metrics`, precision, recall and F1 of the class *normal* (``_normal``), and with
        folds the mean and standard deviation of their AUROC (``auroc_fold_mean, auroc_fold_sd``). Splits are ``val``,
        ``test``, and the test films of each site (``test_<site>``); where one site trains, the model's name ends in it,
        ``own_site`` is its held-out part and ``test`` the others.
    """
    tables = []
    for protocol, model, split, rows in compare.list_parts(predictions):
        found = classification_metrics(
            rows, "threshold", n_resamples=params.n_resamples, seed=params.seed
        )
        other = classification_metrics(
            _other_class(rows), 0.5, _OF_A_CLASS, params.n_resamples, params.seed
        )
        measured = [found, other.assign(metric=other["metric"] + f"_{CLASS_NAMES[0]}")]
        if len(set(rows["arm"])) > 1 and split == "test":
            measured.append(compare.measure_auroc_folds(rows))
        tables.append(tidy(protocol, model, split, pd.concat(measured)))
    return pd.concat(tables, ignore_index=True)


def _other_class(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with class 0 as the positive one, called by the threshold."""
    called = (rows["prediction"] < rows["threshold"]).astype(float)
    return rows.assign(target=1 - rows["target"], prediction=called)


def report_classes(predictions: pd.DataFrame) -> pd.DataFrame:
    """Report each class of the test part as public notebooks print it.

    Returns
    -------
    DataFrame
        ``protocol, model, split, class, precision, recall, f1, support``.
    """
    tables = []
    for protocol, model, split, rows in compare.list_parts(predictions):
        if split in ("test", "own_site"):
            table = class_report(rows, "threshold", CLASS_NAMES)
            for place, (column, value) in enumerate(
                (("protocol", protocol), ("model", model), ("split", split))
            ):
                table.insert(place, column, value)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def compare_models(
    trainings: pd.DataFrame, metrics: pd.DataFrame, probes: pd.DataFrame
) -> pd.DataFrame:
    """Lay models beside each other: what they are, what they cost, how well they do, and what they equal.

    Returns
    -------
    DataFrame
        As `xraylab.flow.compare.compare_models` gives it; ``equals_probe`` names the baselines that the model is not
        shown to be better than.
    """
    wanted = ("auroc", "accuracy", "sensitivity_at_90_specificity")
    table = compare.compare_models(trainings, metrics, wanted, "auroc")
    equal = probes[probes["equals_probe"].astype(bool) & (probes["split"] == "test")]
    names = equal.groupby(["protocol", "model"])["probe"].agg(" ".join)
    keys = zip(table["protocol"], compare.measured_as(table), strict=True)
    return table.assign(equals_probe=[names.get(key, "") for key in keys])


def compare_backbones(metrics: pd.DataFrame, params: TbEvaluationParams) -> pd.DataFrame:
    """Say whether the accuracies of any two backbones can be told apart, in the literature and here.

    Each was measured on a random split of its own, so that their intervals are those of separate samples.

    Returns
    -------
    DataFrame
        ``source`` (``literature``, by Wilson's interval of so many test films, or ``here``), ``model_a, accuracy_a,
        low_a, high_a, model_b, accuracy_b, low_b, high_b, overlap``; one row per source and pair.
    """
    known = {
        "literature": {
            name: (value, *wilson(value, params.n_literature))
            for name, value in params.literature.items()
        },
        "here": {},
    }
    of_test = metrics[(metrics["protocol"] == "published") & (metrics["split"] == "test")]
    for row in of_test[of_test["metric"] == "accuracy"].to_dict("records"):
        if row["model"] not in PROBES:
            known["here"][str(row["model"])] = (row["value"], row["ci_low"], row["ci_high"])
    rows: list[dict[str, Any]] = []
    for source, found in known.items():
        for (name_a, a), (name_b, b) in combinations(found.items(), 2):
            rows.append(
                {
                    "source": source,
                    **_side("a", name_a, a),
                    **_side("b", name_b, b),
                    "overlap": bool(a[1] <= b[2] and b[1] <= a[2]),
                }
            )
    columns = [f"{name}_{side}" for side in "ab" for name in ("model", "accuracy", "low", "high")]
    return pd.DataFrame(rows, columns=["source", *columns, "overlap"])


def _side(side: str, name: str, values: tuple[float, float, float]) -> dict[str, Any]:
    return {f"model_{side}": name} | {
        f"{what}_{side}": value
        for what, value in zip(("accuracy", "low", "high"), values, strict=True)
    }


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of n films."""
    centre = share + _Z**2 / (2 * n)
    half = _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return float((centre - half) / scale), float((centre + half) / scale)
