"""Figures of the cohort, of predictions, and of how they hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.flow import compare
from xraylab.flow.cut_short import mark_cut_short
from xraylab.imaging.array_cache import ArrayCache

from .evaluation import wilson
from .params import CLASS_NAMES, PROBES, TbEvaluationParams, TbReleaseParams

__all__ = [
    "plot_backbones",
    "plot_cohort",
    "plot_confusion",
    "plot_curves",
    "plot_protocols",
    "plot_reliability",
    "plot_roc",
    "plot_samples",
    "plot_site_roc",
]

_SAMPLES = 3  # films of each site and class
_QUANTITIES = {
    "mean_intensity": "Mean grey",
    "std_intensity": "Deviation of greys",
    "height_px": "Height, px",
    "width_px": "Width, px",
    "lung_fraction": "Share of the film that is lung",
    "age_years": "Age, years",
}


def plot_cohort(cohort: pd.DataFrame) -> tuple[plots.Figure, plots.Figure]:
    """Draw counts by class and site, and the distributions of greys, sizes and age by class."""
    table = cohort.assign(label=cohort["target"].map(dict(enumerate(CLASS_NAMES))))
    known = {name: words for name, words in _QUANTITIES.items() if table[name].notna().any()}
    return plots.plot_class_counts(table), plots.plot_class_distributions(table, known)


def plot_samples(arrays: ArrayCache, cohort: pd.DataFrame) -> plots.Figure:
    """Draw a few prepared films of each site and class."""
    panels = []
    label = cohort["target"].map(dict(enumerate(CLASS_NAMES)))
    for (site, name), rows in cohort.groupby(["site", label], sort=True):
        spread = np.linspace(0, len(rows) - 1, min(_SAMPLES, len(rows))).round().astype(int)
        for image_id in rows["image_id"].iloc[np.unique(spread)]:
            panels.append(
                (f"{image_id}\n{site}, {name}", np.asarray(arrays.films[arrays.row_of(image_id)]))
            )
    return plots.plot_film_grid(panels, "Films as the networks see them")


def plot_curves(history: pd.DataFrame, trainings: pd.DataFrame) -> plots.Figure:
    """Draw the loss of every training that took epochs, those of all folds of a model in one panel."""
    keys = ["protocol", "model"]
    named = history.merge(
        trainings.assign(name=compare.measured_as(trainings))[[*keys, "name"]], on=keys
    )
    by = [named["protocol"], named["name"].rename("model"), named["epoch"]]
    means = named.groupby(by, sort=False)[["train_loss", "val_loss"]].mean().reset_index()
    return plots.plot_loss_curves(means)


def plot_protocols(metrics: pd.DataFrame, trainings: pd.DataFrame) -> plots.Figure:
    """Draw the area under the ROC curve of models and baselines; trainings at one site have a matrix instead."""
    metrics = mark_cut_short(metrics, trainings)
    of_all = metrics[metrics["protocol"] != "sites"]
    return plots.plot_protocol_comparison(
        of_all if len(of_all) else metrics, "auroc", reference=(0.5, "chance")
    )


def plot_backbones(metrics: pd.DataFrame, params: TbEvaluationParams) -> plots.Figure:
    """Draw the accuracy of each backbone on its own random split, with what was published and its interval."""
    here = metrics[(metrics["protocol"] == "published") & ~metrics["model"].isin(PROBES)]
    facts = {"protocol": f"in the literature, n = {params.n_literature}", "split": "test"}
    rows = [
        {
            **facts,
            "model": name,
            "metric": "accuracy",
            "value": value,
            "ci_low": low,
            "ci_high": high,
        }
        for name, value in params.literature.items()
        for low, high in [wilson(value, params.n_literature)]
    ]
    return plots.plot_protocol_comparison(pd.concat([here, pd.DataFrame(rows)]), "accuracy")


def plot_roc(
    predictions: pd.DataFrame,
    metrics: pd.DataFrame,
    trainings: pd.DataFrame,
    params: TbEvaluationParams,
    release: TbReleaseParams,
) -> plots.Figure:
    """Draw receiver operating characteristics of models and baselines, sites of training apart."""
    tables, numbers, metrics = [], [], mark_cut_short(metrics, trainings)
    for protocol, model, split, rows in compare.list_parts(predictions):
        if split == "test":
            site = rows["arm"].iloc[0] if (rows["arm"].isin(predictions["site"])).any() else ""
            panel = f"{protocol}, trained at {site}" if site else protocol
            name = str(rows["model"].iloc[0])
            tables.append(rows.assign(protocol=panel, model=name, split="test"))
            numbers.append(_auroc(metrics, protocol, model, split, panel, name))
    return plots.plot_roc(
        pd.concat(tables), pd.concat(numbers), baselines=PROBES, positive=CLASS_NAMES[1],
        reported=(params.shown_model, release.model),
    )  # fmt: skip


def plot_site_roc(
    predictions: pd.DataFrame,
    metrics: pd.DataFrame,
    trainings: pd.DataFrame,
    params: TbEvaluationParams,
    release: TbReleaseParams,
) -> plots.Figure:
    """Draw receiver operating characteristics of the honest protocol on the films of each site."""
    shown = _shown(predictions)
    tables, numbers, metrics = [], [], mark_cut_short(metrics, trainings)
    for protocol, model, split, rows in compare.list_parts(shown):
        if split.startswith("test_") or (split == "test" and len(set(rows["site"])) == 1):
            panel = f"tested at {rows['site'].iloc[0]}"
            tables.append(rows.assign(protocol=panel, split="test"))
            numbers.append(_auroc(metrics, protocol, model, split, panel, model))
    return plots.plot_roc(
        pd.concat(tables), pd.concat(numbers), baselines=PROBES, positive=CLASS_NAMES[1],
        reported=(params.shown_model, release.model),
    )  # fmt: skip


def _auroc(
    metrics: pd.DataFrame, protocol: str, model: str, split: str, panel: str, name: str
) -> pd.DataFrame:
    here = (metrics["protocol"] == protocol) & (metrics["model"] == model)
    here &= (metrics["split"] == split) & (metrics["metric"] == "auroc")
    return metrics[here].assign(protocol=panel, model=name, split="test")


def _shown(predictions: pd.DataFrame) -> pd.DataFrame:
    return predictions[predictions["protocol"] == compare.shown_protocol(predictions)]


def plot_reliability(
    predictions: pd.DataFrame, metrics: pd.DataFrame, params: TbEvaluationParams
) -> plots.Figure:
    """Draw how often a prediction comes true, for every model of the honest protocol."""
    rows = _shown(predictions)
    return compare.plot_reliability(rows, metrics, params, PROBES, CLASS_NAMES[1])


def plot_confusion(predictions: pd.DataFrame) -> plots.Figure:
    """Draw the confusion matrix of every model of the honest protocol, at the threshold of its validation part."""
    return compare.plot_confusion(_shown(predictions), PROBES, CLASS_NAMES)
