"""Nodes of dose_estimation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.evaluation.conformal import (
    calibrate,
    coverage_metrics,
    prediction_interval,
    residual_scores,
)
from xraylab.evaluation.leakage import check_leakage, regroup
from xraylab.evaluation.metrics import DEFAULT_METRICS, score_predictions, tidy
from xraylab.evaluation.splits import NO_FOLD, assign_splits, split_rows_at_random
from xraylab.features.texture import EXTENDED_FEATURES, PUBLISHED_FEATURES
from xraylab.flow.given_split import apply_table, say_unused
from xraylab.models.state import ModelState
from xraylab.records.split_table import SplitTable
from xraylab.tabular.interface import FitOptions
from xraylab.tabular.kinds import fit_tabular_model, restore_tabular_model

from .params import EvaluationParams, ProtocolParams

__all__ = [
    "LEAST_DOSE",
    "evaluate",
    "fit_models",
    "interval_radius",
    "plot_errors",
    "plot_losses",
    "plot_predictions",
    "plot_protocols",
    "predict",
    "split_cohort",
]

KEYS = ["image_id", "recipe", "level"]

LEAST_DOSE = 1e-3
"""Of the full dose: what a prediction is taken for at least."""


def split_cohort(
    features: pd.DataFrame, params: ProtocolParams, table: SplitTable | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose the examples of a protocol, split them, and pass the split through the leak gate.

    Parameters
    ----------
    features : DataFrame
        `xraylab.features.tables.Features`.
    params : ProtocolParams
        The protocol.
    table : SplitTable, optional
        The parts of films that a user gives, in place of those by groups.

    Returns
    -------
    cohort : DataFrame
        One row an exposure: ``image_id, group_id, recipe, level, digest, split, fold, target``.
    leakage : DataFrame
        What the gate found, and the ``action`` that was taken.

    Raises
    ------
    ValueError
        If there is no exposure of the recipe, or a part of the split would be empty.
    LeakError
        With ``on_leak: fail``, and in a table also with ``regroup``, if anything leaks.
    """
    chosen = features[features["recipe"] == params.recipe]
    if chosen.empty:
        raise ValueError(
            f"no exposure of the recipe '{params.recipe}' among {sorted(set(features['recipe']))}; "
            "see dose_simulation.recipes"
        )
    cohort = chosen[["image_id", "group_id", "recipe", "level", "digest"]].reset_index(drop=True)
    cohort["fold"] = NO_FOLD
    cohort["target"] = chosen[params.target].to_numpy(np.float64)
    if params.split == "rows":
        if table is not None:
            say_unused(table, params.split)
        _, test = split_rows_at_random(len(cohort), params.test_fraction, params.seed)
        cohort["split"] = np.where(cohort.index.isin(test), "test", "train")
        leaks = check_leakage(cohort, params.on_leak)
        return cohort, leaks.assign(action="reported")

    if table is not None:
        return apply_table(cohort, table, params.on_leak)
    fractions = {
        "train": 1 - params.val_fraction - params.test_fraction,
        "val": params.val_fraction,
        "test": params.test_fraction,
    }
    fractions = {name: share for name, share in fractions.items() if share > 0}

    def resplit(groups: pd.Series) -> pd.Series:
        return assign_splits(groups, fractions, params.seed)

    cohort["split"] = resplit(cohort["group_id"])
    leaks = check_leakage(cohort, params.on_leak)
    if params.on_leak == "regroup":
        return regroup(cohort, resplit), leaks.assign(action="regrouped")
    return cohort, leaks.assign(action="reported")


def fit_models(
    features: pd.DataFrame, cohort: pd.DataFrame, params: ProtocolParams
) -> tuple[dict[str, ModelState], pd.DataFrame]:
    """Fit every model of a protocol on its training part.

    Returns
    -------
    models : dict of str to ModelState
        Weights and card by the model's name.
    history : DataFrame
        ``model, epoch, train_loss, val_loss``; ``val_loss`` is missing without a validation part.
    """
    rows = _join(features, cohort)
    train, val = rows[rows["split"] == "train"], rows[rows["split"] == "val"]
    models, histories = {}, []
    for name, spec in params.models.items():
        columns = list(spec.features) if spec.features else _feature_columns(features)
        validation = (val[columns], val["target"]) if len(val) else None
        options = FitOptions(params.seed, validation=validation)
        target = train["target"].rename(params.target)
        fitted = fit_tabular_model(spec, train[columns], target, options)
        fit_history = fitted.record.history
        last = fit_history.iloc[-1]
        losses = {
            key: float(last[key]) for key in ("train_loss", "val_loss") if pd.notna(last[key])
        }
        models[name] = fitted.state({"metrics": losses})
        histories.append(fit_history.assign(model=name))
    history = pd.concat(histories, ignore_index=True)
    return models, history[["model", "epoch", "train_loss", "val_loss"]]


def predict(
    features: pd.DataFrame,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    params: ProtocolParams,
) -> pd.DataFrame:
    """Predict every exposure of the cohort by every model, with a conformal interval where one is asked for.

    Returns
    -------
    DataFrame
        ``image_id, group_id, recipe, level, model, split, fold, target, prediction, interval_low,
        interval_high``. The
        interval is calibrated on the validation part and missing for ``train`` and ``val`` rows.
    """
    rows = _join(features, cohort)
    tables = []
    for name, state in models.items():
        table = rows[[*KEYS, "group_id", "split", "fold", "target"]].assign(
            model=name, prediction=restore_tabular_model(state).predict(rows)
        )
        table["interval_low"] = np.nan
        table["interval_high"] = np.nan
        if params.interval is not None:
            _add_interval(table, params)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _add_interval(table: pd.DataFrame, params: ProtocolParams) -> None:
    """Write the interval of the test rows of one model into its table."""
    if params.interval is None:
        return
    radius = interval_radius(table, params)
    test = (table["split"] == "test").to_numpy()
    centre = table["prediction"].to_numpy()[test]
    centre = _centre(centre) if params.interval == "relative" else centre
    low, high = prediction_interval(centre, radius, params.interval)
    table.loc[test, "interval_low"] = low
    table.loc[test, "interval_high"] = high


def _centre(prediction: NDArray[np.float64]) -> NDArray[np.float64]:
    # a relative interval needs a positive centre; a dose is never under a thousandth of the full one
    return np.maximum(prediction, LEAST_DOSE)


def interval_radius(rows: pd.DataFrame, params: ProtocolParams) -> float:
    """Return the radius of the interval of one model, calibrated on the validation part of its predictions.

    Raises
    ------
    ValueError
        If the protocol asks for no interval.
    """
    if params.interval is None:
        raise ValueError("the protocol asks for no interval")
    val = rows[rows["split"] == "val"]
    prediction = val["prediction"].to_numpy()
    prediction = _centre(prediction) if params.interval == "relative" else prediction
    scores = residual_scores(val["target"].to_numpy(), prediction, params.interval)
    return calibrate(scores, val["group_id"], params.coverage)


def evaluate(predictions: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
    """Measure every protocol, model and split, with 95 % intervals by bootstrap over groups.

    Returns
    -------
    DataFrame
        Tidy metrics: ``r2, mae, rmse, mse, bias``, the relative error, the share of predictions within the just
        noticeable difference, and for conformal intervals ``coverage`` and ``interval_width``.
    """
    just_noticeable = f"share_within_{100 * params.just_noticeable_difference:g}pct"
    names = (*DEFAULT_METRICS, "relative_error_mean", "relative_error_median", just_noticeable)
    metrics = [score_predictions(predictions, names, params.n_resamples, params.seed)]
    with_interval = predictions[predictions["interval_low"].notna()]
    for (protocol, model, split), rows in with_interval.groupby(
        ["protocol", "model", "split"], sort=False
    ):
        measured = coverage_metrics(rows, params.n_resamples, params.seed)
        metrics.append(tidy(str(protocol), str(model), str(split), measured))
    table = pd.concat(metrics, ignore_index=True)
    # `share_within_17pct` is no plain name once the percentage has a fraction
    table["metric"] = table["metric"].str.replace(".", "_", regex=False)
    return table


def plot_losses(history: pd.DataFrame) -> plots.Figure:
    """Draw the loss of every model that is fitted in steps."""
    steps = history.groupby(["protocol", "model"])["epoch"].transform("size")
    return plots.plot_loss_curves(history[steps > 1])


def plot_predictions(predictions: pd.DataFrame, metrics: pd.DataFrame) -> plots.Figure:
    """Draw predicted against true dose on the test part."""
    return plots.plot_predicted_against_true(predictions, metrics)


def plot_errors(predictions: pd.DataFrame) -> plots.Figure:
    """Draw the error by dose level on the test part."""
    return plots.plot_error_by_level(predictions)


def plot_protocols(metrics: pd.DataFrame, params: EvaluationParams) -> plots.Figure:
    """Draw the relative error of every model under every protocol, beside what readers can just notice."""
    just_noticeable = params.just_noticeable_difference
    reference = (just_noticeable, f"{100 * just_noticeable:g} %: just noticed by readers")
    return plots.plot_protocol_comparison(metrics, "relative_error_median", reference=reference)


def _join(features: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Join cohort rows with their features, by key and never by order."""
    columns = [*KEYS, *_feature_columns(features)]
    joined = cohort.merge(
        features[columns], on=KEYS, how="left", validate="one_to_one", indicator=True
    )
    without = joined[joined["_merge"] != "both"]
    if len(without):
        raise ValueError(
            f"{len(without)} exposures have no features, such as that of '{without['image_id'].iloc[0]}'"
        )
    return joined.drop(columns="_merge")


def _feature_columns(features: pd.DataFrame) -> list[str]:
    return [name for name in (*PUBLISHED_FEATURES, *EXTENDED_FEATURES) if name in features.columns]
