"""Predictions → metrics, tables and figures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.evaluation.calibration import reliability_table
from xraylab.evaluation.classification import classification_metrics, confusion_counts
from xraylab.evaluation.metrics import tidy
from xraylab.evaluation.shortcuts import equals_probe
from xraylab.models.state import ModelState
from xraylab.pipelines.fracture.params import PROBES, EvaluationParams

from .audit import CLASS_NAMES

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

UNSEEN = "test_unseen"
"""Split of the test films that have no copy in training or validation, where some have one."""

_BY_GROUP = ("accuracy", "f1", "auroc", "auprc")


def evaluate(predictions: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
    """Measure every protocol, model and split, with 95 % intervals by bootstrap over families of copies.

    Returns
    -------
    DataFrame
        Tidy metrics of `classification_metrics`, those that weigh each family as one film (``_by_group``), and with
        folds the mean and standard deviation of the AUROC of the folds (``auroc_fold_mean, auroc_fold_sd``).
    """
    tables = []
    for protocol, model, split, rows in _list_parts(predictions):
        measured = [
            classification_metrics(
                rows, "threshold", n_resamples=params.n_resamples, seed=params.seed
            ),
            classification_metrics(
                rows, "threshold", _BY_GROUP, params.n_resamples, params.seed, weight="group"
            ),
        ]
        if len(set(rows["arm"])) > 1 and split == "test":
            measured.append(_measure_folds(rows))
        tables.append(tidy(protocol, model, split, pd.concat(measured)))
    return pd.concat(tables, ignore_index=True)


def _list_parts(predictions: pd.DataFrame) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Give the rows of each protocol, model and split; test films without a copy are a part of their own too."""
    by = ["protocol", "model"]
    for (protocol, model), rows in predictions.groupby(by, sort=False):
        parts = dict(list(rows.groupby("split")))
        unseen = rows[rows["unseen"]]
        if 0 < len(unseen) < len(parts["test"]):
            parts[UNSEEN] = unseen
        for split, part in parts.items():
            yield str(protocol), str(model), str(split), part


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


def compare_with_shortcuts(predictions: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
    """Hold every network against every baseline that looks at no bone, on the same test films.

    Returns
    -------
    DataFrame
        One row a protocol, network and baseline: ``protocol, model, probe, auroc_model, auroc_probe, difference,
        ci_low, ci_high, n, equals_probe``. A network that equals its probe has shown nothing.
    """
    tables = []
    test = predictions[predictions["split"] == "test"]
    for protocol, rows in test.groupby("protocol", sort=False):
        by_model = dict(list(rows.groupby("model", sort=False)))
        for model in (name for name in by_model if name not in PROBES):
            for probe in PROBES:
                row = equals_probe(
                    by_model[model], by_model[probe], params.n_resamples, params.seed
                )
                row.insert(0, "probe", probe)
                row.insert(0, "model", model)
                row.insert(0, "protocol", protocol)
                tables.append(row)
    return pd.concat(tables, ignore_index=True)


def compare_networks(metrics: pd.DataFrame, **models: dict[str, ModelState]) -> pd.DataFrame:
    """Lay networks beside each other: what they are, what they cost, how well they do on the test part.

    Returns
    -------
    DataFrame
        One row a protocol and training: ``protocol, model, network, n_parameters, n_train, n_train_families, epochs,
        minutes, val_loss, threshold`` and, of all folds together on the split ``test``, ``n, auroc, auroc_ci_low,
        auroc_ci_high, accuracy, f1``.
    """
    rows = []
    for protocol, states in models.items():
        for key, state in states.items():
            name = key.partition("_fold_")[0]
            here = (metrics["protocol"] == protocol) & (metrics["model"] == name)
            found = metrics[here & (metrics["split"] == "test")].set_index("metric")
            card = state.card
            rows.append(
                {
                    "protocol": protocol,
                    "model": key,
                    "network": card["network"]["encoder"] or "cnn",
                    **{k: card[k] for k in ("n_parameters", "n_train", "n_train_families")},
                    **{k: card["fit"][k] for k in ("epochs", "minutes", "val_loss")},
                    "threshold": card["threshold"],
                    "n": int(found["n"].get("auroc", 0)),
                    **{k: found["value"].get(k, np.nan) for k in ("auroc", "accuracy", "f1")},
                    "auroc_ci_low": found["ci_low"].get("auroc", np.nan),
                    "auroc_ci_high": found["ci_high"].get("auroc", np.nan),
                }
            )
    return pd.DataFrame(rows)


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
    predictions: pd.DataFrame, metrics: pd.DataFrame, params: EvaluationParams
) -> plots.Figure:
    """Draw how often a prediction comes true, for every network under every protocol."""
    tables, errors = {}, {}
    for name, rows in _shown(predictions):
        tables[name] = reliability_table(rows, params.n_bins)
        protocol, model = rows[["protocol", "model"]].iloc[0]
        here = (metrics["protocol"] == protocol) & (metrics["model"] == model)
        value = metrics[here & (metrics["split"] == "test") & (metrics["metric"] == "ece")]["value"]
        errors[name] = float(value.iloc[0])
    return plots.plot_reliability(tables, errors)


def plot_confusion(predictions: pd.DataFrame) -> plots.Figure:
    """Draw the confusion matrix of every network under every protocol, at the threshold of its validation part."""
    counts = {
        name: confusion_counts(rows, "threshold")["n"].tolist()
        for name, rows in _shown(predictions)
    }
    return plots.plot_confusion(counts, CLASS_NAMES)


def _shown(predictions: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    test = predictions[(predictions["split"] == "test") & ~predictions["model"].isin(PROBES)]
    for (protocol, model), rows in test.groupby(["protocol", "model"], sort=False):
        yield f"{model}, {protocol}", rows
