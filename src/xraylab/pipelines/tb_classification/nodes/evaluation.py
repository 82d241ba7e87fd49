"""Predictions → metrics and tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from xraylab.evaluation.classification import class_report, classification_metrics
from xraylab.evaluation.metrics import tidy
from xraylab.evaluation.shortcuts import equals_probe
from xraylab.models.state import ModelState
from xraylab.pipelines.tb_classification.params import PROBES, EvaluationParams

from .cohort import CLASS_NAMES

__all__ = [
    "compare_backbones",
    "compare_models",
    "compare_with_shortcuts",
    "evaluate",
    "list_parts",
    "report_classes",
    "wilson",
]

_OF_A_CLASS = ("precision", "recall", "f1")
_Z = 1.959963984540054  # of a 95 % interval


def evaluate(predictions: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
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
    for protocol, model, split, rows in list_parts(predictions):
        found = classification_metrics(
            rows, "threshold", n_resamples=params.n_resamples, seed=params.seed
        )
        other = classification_metrics(
            _other_class(rows), 0.5, _OF_A_CLASS, params.n_resamples, params.seed
        )
        measured = [found, other.assign(metric=other["metric"] + f"_{CLASS_NAMES[0]}")]
        if len(set(rows["arm"])) > 1 and split == "test":
            measured.append(_measure_folds(rows))
        tables.append(tidy(protocol, model, split, pd.concat(measured)))
    return pd.concat(tables, ignore_index=True)


def list_parts(predictions: pd.DataFrame) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Give protocol, model, split and rows of all that is measured."""
    rows = predictions.assign(split=_part(predictions), name=_name(predictions))
    for (protocol, name), part in rows.groupby(["protocol", "name"], sort=False):
        splits = dict(list(part.groupby("split", sort=False)))
        test = splits.get("test", part.iloc[:0])
        if len(set(test["site"])) > 1:
            splits |= {f"test_{site}": here for site, here in test.groupby("site")}
        for split, here in splits.items():
            yield str(protocol), str(name), str(split), here


def _name(predictions: pd.DataFrame) -> pd.Series:
    """Return the model, with the site that it was trained at where that is one."""
    of_site = predictions["arm"].isin(predictions["site"])
    return predictions["model"].where(~of_site, predictions["model"] + "_" + predictions["arm"])


def _part(predictions: pd.DataFrame) -> pd.Series:
    """Return the split, apart from films that are held out at the very site that trained."""
    own = predictions["arm"] == predictions["site"]
    return predictions["split"].mask(own & (predictions["split"] == "test"), "own_site")


def _other_class(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with class 0 as the positive one, called by the threshold."""
    called = (rows["prediction"] < rows["threshold"]).astype(float)
    return rows.assign(target=1 - rows["target"], prediction=called)


def _measure_folds(rows: pd.DataFrame) -> pd.DataFrame:
    found = [
        classification_metrics(part, "threshold", ("auroc",), 0)["value"].iloc[0]
        for _, part in rows.groupby("arm")
    ]
    known = np.array([value for value in found if np.isfinite(value)])
    nan = float("nan")
    values = {
        "auroc_fold_mean": float(known.mean()) if len(known) else nan,
        "auroc_fold_sd": float(known.std(ddof=1)) if len(known) > 1 else nan,
    }
    return pd.DataFrame(
        {"metric": list(values), "value": list(values.values()), "ci_low": nan, "ci_high": nan, "n": len(known)}
    )  # fmt: skip


def report_classes(predictions: pd.DataFrame) -> pd.DataFrame:
    """Report each class of the test part as public notebooks print it.

    Returns
    -------
    DataFrame
        ``protocol, model, split, class, precision, recall, f1, support``.
    """
    tables = []
    for protocol, model, split, rows in list_parts(predictions):
        if split in ("test", "own_site"):
            table = class_report(rows, "threshold", CLASS_NAMES)
            for place, (column, value) in enumerate(
                (("protocol", protocol), ("model", model), ("split", split))
            ):
                table.insert(place, column, value)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def compare_with_shortcuts(predictions: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
    """Hold every model against every baseline that sees no lung, on the same test films.

    Returns
    -------
    DataFrame
        One row a protocol, model and baseline: ``protocol, model, split, probe, auroc_model, auroc_probe, difference,
        ci_low, ci_high, n, equals_probe``. A model that equals its probe has shown nothing.
    """
    tables = []
    for protocol, model, split, rows in list_parts(predictions):
        if split not in ("test", "own_site") or rows["model"].iloc[0] in PROBES:
            continue
        if rows["target"].nunique() < 2:  # noqa: PLR2004 - no ranking to compare
            continue
        here = predictions["protocol"] == protocol
        here &= predictions["arm"].isin(rows["arm"].unique()) & (predictions["split"] == "test")
        here &= predictions["image_id"].isin(rows["image_id"])
        for name in (each for each in PROBES if each in set(predictions["model"])):
            probed = predictions[here & (predictions["model"] == name)]
            row = equals_probe(rows, probed, params.n_resamples, params.seed)
            facts = {"protocol": protocol, "model": model, "split": split, "probe": name}
            for place, (column, value) in enumerate(facts.items()):
                row.insert(place, column, value)
            tables.append(row)
    return pd.concat(tables, ignore_index=True)


def compare_models(
    metrics: pd.DataFrame, probes: pd.DataFrame, **models: dict[str, ModelState]
) -> pd.DataFrame:
    """Lay models beside each other: what they are, what they cost, how well they do, and what they equal.

    Returns
    -------
    DataFrame
        One row a protocol and training: ``protocol, model, kind, n_parameters, n_train, epochs, minutes, threshold``
        and, of all folds together on the split ``test``, ``n, auroc, auroc_ci_low, auroc_ci_high, accuracy,
        sensitivity_at_90_specificity, equals_probe`` (the baselines that the model is not shown to be better than).
    """
    rows = []
    for protocol, states in models.items():
        for key, state in states.items():
            name = key.partition("_fold_")[0]
            test = (metrics["protocol"] == protocol) & (metrics["model"] == name)
            found = metrics[test & (metrics["split"] == "test")].set_index("metric")
            mine = probes[(probes["protocol"] == protocol) & (probes["model"] == name)]
            equal = mine.loc[mine["equals_probe"].astype(bool) & (mine["split"] == "test"), "probe"]
            fit = state.card.get("fit", {})
            rows.append(
                {
                    "protocol": protocol,
                    "model": key,
                    "kind": state.card["model"]["kind"],
                    "n_parameters": state.card.get("n_parameters"),
                    "n_train": state.card["n_train"],
                    **{fact: fit.get(fact, np.nan) for fact in ("epochs", "minutes")},
                    "threshold": state.card["threshold"],
                    "n": int(found["n"].get("auroc", 0)),
                    **{
                        metric: found["value"].get(metric, np.nan)
                        for metric in ("auroc", "accuracy", "sensitivity_at_90_specificity")
                    },
                    "auroc_ci_low": found["ci_low"].get("auroc", np.nan),
                    "auroc_ci_high": found["ci_high"].get("auroc", np.nan),
                    "equals_probe": " ".join(equal),
                }
            )
    return pd.DataFrame(rows)


def compare_backbones(metrics: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
    """Say whether the accuracies of any two backbones can be told apart, in the literature and here.

    Each was measured on a random split of its own, so that their intervals are those of separate samples.

    Returns
    -------
    DataFrame
        ``source`` (``literature``, by Wilson's interval of so many test films, or ``here``), ``model_a, accuracy_a,
        low_a, high_a, model_b, accuracy_b, low_b, high_b, overlap``; one row a source and pair.
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
