"""Predictions → metrics, tables and figures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pandas as pd

from xraylab import plots
from xraylab.evaluation.conformal import coverage_metrics
from xraylab.evaluation.metrics import regression_metrics, tidy
from xraylab.flow import compare
from xraylab.flow.split import SINGLE
from xraylab.flow.train import shown_model

from .params import BASELINES, AgeEvaluationParams

__all__ = [
    "compare_networks",
    "evaluate",
    "evaluate_bands",
    "plot_agreement",
    "plot_bands",
    "plot_errors",
    "plot_predictions",
    "reported",
]

_METRICS = ("mae", "rmse", "r2", "bias", "share_within_6", "share_within_12")
_BY_SEX = ("mae", "bias")
_SEXES = {"F": "female", "M": "male"}


def reported(predictions: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Return the rows that are reported: of the single split where a protocol has one, else of all folds together."""
    rows = predictions[predictions["split"] == split]
    has_single = rows.groupby("protocol")["arm"].transform(lambda arms: (arms == SINGLE).any())
    return rows[(rows["arm"] == SINGLE) | ~has_single.astype(bool)]


def evaluate(predictions: pd.DataFrame, params: AgeEvaluationParams) -> pd.DataFrame:
    """Measure every protocol and model, with 95 % intervals by bootstrap over groups.

    Returns
    -------
    DataFrame
        Tidy metrics in months: ``mae, rmse, r2, bias, share_within_6, share_within_12``; ``mae`` and ``bias`` of each
        sex (``mae_female`` …); where there are intervals ``coverage`` and ``interval_width``, of each sex too; with
        folds the mean and standard deviation of the MAE over them (``mae_fold_mean, mae_fold_sd``), and where folds
        are all there is the MAE of the one that did best on its own test films (``mae_best_fold``), as published.
    """
    options = params.n_resamples, params.seed
    tables = []
    for split in ("val", "test"):
        for (protocol, model), rows in _models(reported(predictions, split)):
            measured = [regression_metrics(rows, _METRICS, *options)]
            for sex, name in _SEXES.items():
                part = rows[rows["sex"] == sex]
                if len(part):
                    measured.append(_named(regression_metrics(part, _BY_SEX, *options), name))
            if split == "test":
                measured += list(_measure_intervals(rows, options))
                folds = predictions[
                    (predictions["protocol"] == protocol) & (predictions["model"] == model)
                    & (predictions["split"] == "test") & (predictions["arm"] != SINGLE)
                ]  # fmt: skip
                if len(folds):
                    measured.append(
                        _measure_folds(folds, only_folds=SINGLE not in set(rows["arm"]))
                    )
            tables.append(tidy(protocol, model, split, pd.concat(measured)))
    return pd.concat(tables, ignore_index=True)


def _models(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    for (protocol, model), part in rows.groupby(["protocol", "model"], sort=False):
        yield (str(protocol), str(model)), part


def _named(table: pd.DataFrame, suffix: str) -> pd.DataFrame:
    return table.assign(metric=table["metric"] + f"_{suffix}")


def _measure_intervals(rows: pd.DataFrame, options: tuple[int, int]) -> Iterator[pd.DataFrame]:
    if rows["interval_low"].isna().any():
        return
    yield coverage_metrics(rows, *options)
    for sex, name in _SEXES.items():
        part = rows[rows["sex"] == sex]
        if len(part):
            yield _named(coverage_metrics(part, *options), name)


def _measure_folds(folds: pd.DataFrame, *, only_folds: bool) -> pd.DataFrame:
    errors = folds.assign(error=(folds["prediction"] - folds["target"]).abs())
    table = compare.measure_folds(errors, "mae", lambda rows: float(rows["error"].mean()))
    if not only_folds:
        return table
    best = errors.groupby("arm")["error"].mean().min()
    row = table.iloc[[0]].assign(metric="mae_best_fold", value=best)
    return pd.concat([table, row], ignore_index=True)


def evaluate_bands(predictions: pd.DataFrame, params: AgeEvaluationParams) -> pd.DataFrame:
    """Measure error and bias by sex and age band, on the reported test films.

    Returns
    -------
    DataFrame
        ``protocol, model, sex`` (``F``, ``M`` or ``all``), ``band`` (such as ``60 to 120``), ``metric`` (``mae`` or
        ``bias``), ``value, ci_low, ci_high`` (months) and ``n``.
    """
    edges = params.age_bands
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    rows = reported(predictions)
    band = pd.cut(rows["target"], edges, right=False, labels=names)
    tables = []
    for (protocol, model), part in _models(rows):
        for sex in ("all", *_SEXES):
            of_sex = part if sex == "all" else part[part["sex"] == sex]
            for name in names:
                here = of_sex[band[of_sex.index] == name]
                if here.empty:
                    continue
                table = regression_metrics(here, _BY_SEX, params.n_resamples, params.seed)
                told = {"protocol": protocol, "model": model, "sex": sex, "band": name}
                for place, (column, value) in enumerate(told.items()):
                    table.insert(place, column, value)
                tables.append(table)
    return pd.concat(tables, ignore_index=True)


def compare_networks(
    trainings: pd.DataFrame, metrics: pd.DataFrame, params: AgeEvaluationParams
) -> pd.DataFrame:
    """Lay networks beside each other and beside what others reached.

    Returns
    -------
    DataFrame
        As `xraylab.flow.compare.compare_models` gives it; then the anchors, as protocol ``literature``, with their
        ``note``.
    """
    table = compare.compare_models(trainings, metrics, ("mae",), "mae").assign(note="")
    anchors = [
        {"protocol": "literature", "model": name, "mae": anchor.mae, "note": anchor.note}
        for name, anchor in params.anchors.items()
    ]
    return pd.concat([table, pd.DataFrame(anchors)], ignore_index=True)


def plot_predictions(predictions: pd.DataFrame, metrics: pd.DataFrame) -> plots.Figure:
    """Draw predicted against true age."""
    return plots.plot_predicted_against_true(
        _shown(predictions), metrics, quantity="bone age", unit="months"
    )


def plot_errors(predictions: pd.DataFrame) -> plots.Figure:
    """Draw the distribution of the errors."""
    return plots.plot_error_histogram(_shown(predictions), unit="months")


def plot_agreement(predictions: pd.DataFrame) -> plots.Figure:
    """Draw the difference of prediction and truth against their mean, after Bland and Altman."""
    return plots.plot_bland_altman(_shown(predictions), quantity="bone age", unit="months")


def plot_bands(bands: pd.DataFrame, params: AgeEvaluationParams) -> plots.Figure:
    """Draw error and bias of the shown model by age band, for either sex."""
    model = shown_model(bands, params.shown_model)
    of_model = bands[(bands["model"] == model) & (bands["sex"] != "all")]
    protocol = compare.shown_protocol(of_model)
    return plots.plot_error_by_band(
        of_model[of_model["protocol"] == protocol], f"{model}, {protocol}", unit="months"
    )


def _shown(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = reported(predictions)
    return rows[~rows["model"].isin(BASELINES)]
