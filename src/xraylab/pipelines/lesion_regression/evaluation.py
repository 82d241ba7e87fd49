"""Predictions → metrics, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.evaluation.metrics import score_predictions, tidy
from xraylab.evaluation.regression import r2_gains
from xraylab.evaluation.splits import NO_FOLD
from xraylab.flow.masks import RankedFilms
from xraylab.flow.params import EvaluationParams
from xraylab.flow.split import SINGLE
from xraylab.imaging.array_cache import ArrayCache, LoadFilm
from xraylab.tabular.tree_params import TreeKind

from .task import NETWORK

__all__ = [
    "add_network",
    "evaluate",
    "join_trainings",
    "plot_cv_scatter",
    "plot_overlays",
    "plot_protocols",
    "select_shap_values",
]

BASELINE = "predicted_ratio"
"""What any honest model must beat: a line through the predicted ratio alone."""


def add_network(protocol_predictions: pd.DataFrame, films: pd.DataFrame) -> pd.DataFrame:
    """Put the predictions of the network, if there is one, before those of the protocols.

    They are out of fold by patient, so that they count as ``honest``. Where a table gives the parts, those of its test
    films count alone.

    Returns
    -------
    DataFrame
        ``protocol, image_id, group_id, data_set, annotation, model, split, fold, target, prediction``, and the
        network's ``dice, iou, false_area, empty_agreement``.
    """
    from xraylab.evaluation.segmentation import EMPTY_TRUTH

    ordered = [
        "protocol", "image_id", "group_id", "data_set", "annotation", "model", "split", "fold", "target", "prediction",
        "dice", "iou", *EMPTY_TRUTH,
    ]  # fmt: skip
    tables = [protocol_predictions]
    if len(films):
        tested = films[films["split"] == "test"]
        network = tested.assign(protocol="honest", model=NETWORK, prediction=tested["lesion_ratio"])
        tables.insert(0, network[ordered])
    return pd.concat(tables, ignore_index=True).reindex(columns=ordered)


def evaluate(
    predictions: pd.DataFrame, history: pd.DataFrame, params: EvaluationParams
) -> pd.DataFrame:
    """Measure every protocol and model on rows that it was not fitted to, with 95 % intervals over groups.

    Returns
    -------
    DataFrame
        Tidy metrics: ``r2, mae, rmse, mse, bias``; ``r2_box`` and ``r2_mask``, the same on films with boxes and with
        pixel masks alone; ``r2_gain``, R² minus that of the predicted ratio alone, on the same rows; and of the
        network ``dice, iou`` (mean, median, 5th percentile, worst) on films with pixel masks in which a lesion is
        drawn, the same ``_box``, on films without a lesion ``false_area`` and ``empty_agreement``, and ``val_loss``
        and ``val_dice`` of its trainings, the mean over folds.
    """
    from xraylab.evaluation.segmentation import EMPTY_TRUTH, segmentation_metrics

    n, seed = params.n_resamples, params.seed
    tables = [score_predictions(predictions, n_resamples=n, seed=seed)]
    for annotation, rows in predictions.groupby("annotation", sort=True):
        if annotation in ("box", "mask"):
            table = score_predictions(rows, ("r2",), n, seed)
            tables.append(table.assign(metric=f"r2_{annotation!s}"))
    for protocol, rows in predictions.groupby("protocol", sort=False):
        table = r2_gains(rows, BASELINE, (NETWORK,), n, seed)
        if len(table):
            tables.append(table.assign(protocol=str(protocol)))
    network = predictions[predictions["model"] == NETWORK]
    for annotation, suffix in (("mask", ""), ("box", "_box")):
        rows = network[network["annotation"] == annotation]
        if len(rows):
            renamed = rows.rename(columns={"dice": f"dice{suffix}", "iou": f"iou{suffix}"})
            empty = [name for name in EMPTY_TRUTH if annotation == "mask" and name in rows]
            names = [f"dice{suffix}", f"iou{suffix}", *empty]
            table = segmentation_metrics(renamed, names, n, seed)
            tables.append(tidy("honest", NETWORK, "test", table))
    if len(history):
        tables.append(_measure_trainings(history))
    return pd.concat(tables, ignore_index=True)


def _measure_trainings(history: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over folds of the least validation loss, and of the Dice beside it."""
    best = history.loc[history.groupby("model")["val_loss"].idxmin()]
    losses = pd.DataFrame(
        {
            "metric": ["val_loss", "val_dice"],
            "value": [best["val_loss"].mean(), best["val_dice"].mean()],
            "ci_low": np.nan,
            "ci_high": np.nan,
            "n": len(best),
        }
    )
    return tidy("honest", NETWORK, "val", losses)


def join_trainings(network_trainings: pd.DataFrame, best_hyperparams: pd.DataFrame) -> pd.DataFrame:
    """Put what is known of the regressions below the trainings of the network that gives them their features.

    Parameters
    ----------
    network_trainings : DataFrame
        As `xraylab.flow.train.describe_models` gives it, with the ``protocol``; empty where no network was trained.
    best_hyperparams : DataFrame
        ``protocol, model, fold, n_trials, stopped_by, cut_short``, one row per search.

    Returns
    -------
    DataFrame
        The trainings of the network, under the protocol ``honest``, that of its metrics; then one row per protocol
        and kind of model. What its searches or the network lacked is in ``cut_short``.
    """
    if best_hyperparams.empty or network_trainings.empty:
        return network_trainings
    of_network = [
        f"network {words}" for words in network_trainings["cut_short"].dropna().unique() if words
    ]
    rows = []
    for (protocol, model), searches in best_hyperparams.groupby(["protocol", "model"], sort=False):
        of_search = [
            f"search {words}" for words in searches["cut_short"].dropna().unique() if words
        ]
        stopped_by = ", ".join(searches["stopped_by"].unique())
        known = {
            "protocol": protocol,
            "model": model,
            "name": model,
            "arm": SINGLE,
            "fold": NO_FOLD,
        }
        words = "; ".join([*of_network, *of_search])
        rows.append({**known, "kind": model, "stopped_by": stopped_by, "cut_short": words})
    network = network_trainings.assign(protocol="honest")
    return pd.concat([network, pd.DataFrame(rows)], ignore_index=True)


def select_shap_values(shap_values: pd.DataFrame, kind: TreeKind) -> pd.DataFrame:
    """Return the Shapley values of one kind of model, for all protocols."""
    return shap_values[shap_values["model"] == kind].drop(columns="model").reset_index(drop=True)


def plot_cv_scatter(
    predictions: pd.DataFrame, metrics: pd.DataFrame, kind: TreeKind
) -> plots.Figure:
    """Draw predictions of one kind of model against the target, under every protocol."""
    own = predictions["model"].isin([kind, f"{kind}_by_image"])
    return plots.plot_fold_scatter(predictions[own], metrics)


def plot_protocols(metrics: pd.DataFrame) -> plots.Figure:
    """Draw R² of every model that learns, under every protocol."""
    shown = metrics[~metrics["model"].isin([NETWORK, "mean", "identity"])]
    return plots.plot_protocol_comparison(shown, "r2")


def plot_overlays(
    arrays: ArrayCache, masks: Mapping[str, LoadFilm], films: pd.DataFrame
) -> plots.Figure:
    """Draw annotated and predicted lesions of the best, the median and the worst film of each kind of annotation."""
    places = {"worst": 1, "median": 0.5, "upper quarter": 0.25, "best": 0}
    panels: dict[str, list[Any]] = {}
    for annotation, part in films.groupby("annotation", sort=False):
        name = "boxes" if annotation == "box" else "pixel masks"
        for word, row in RankedFilms(part, places):
            place = arrays.row_of(row["image_id"])
            mask = np.asarray(masks[row["image_id"]]() > 0.5, np.uint8)  # noqa: PLR2004
            film, truth = np.asarray(arrays.films[place]), np.asarray(arrays.masks[place])
            label = f"{word}: {row['image_id']}\nDice {row['dice']:.3f}"
            panels.setdefault(name, []).append((label, film, truth, mask))
    return plots.plot_mask_overlays(
        panels, "Lesions out of fold: no network was trained on its films"
    )
