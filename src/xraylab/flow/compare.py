"""Protocols side by side: their tables, what was measured on each part, baselines, sites, and the shared figures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.evaluation.calibration import reliability_table
from xraylab.evaluation.classification import classification_metrics, confusion_counts
from xraylab.evaluation.shortcuts import equals_probe
from xraylab.evaluation.splits import NO_FOLD
from xraylab.flow.params import ClassifierEvaluationParams, EvaluationParams

__all__ = [
    "OWN_SITE",
    "UNSEEN",
    "combine_tables",
    "compare_models",
    "compare_with_probes",
    "gather_protocols",
    "list_parts",
    "measure_auroc_folds",
    "measure_folds",
    "measured_as",
    "plot_confusion",
    "plot_reliability",
    "shown_protocol",
    "tabulate_sites",
]

logger = logging.getLogger(__name__)

OWN_SITE = "own_site"
"""Part of the films that are held out at the very site that an arm was trained on."""

UNSEEN = "test_unseen"
"""Part of the test films that have no copy in training or validation, where some have one."""

SEPARATOR = "__"
"""Between the protocol and the table in the names of what `gather_protocols` takes."""

_AGAINST = ["protocol", "model", "split", "probe", "auroc_model", "auroc_probe", "difference"]
_AGAINST += ["ci_low", "ci_high", "n", "equals_probe"]

Part = tuple[str, str, str, pd.DataFrame]


def gather_protocols(
    films: pd.DataFrame,
    tables: Sequence[str],
    complete: bool = True,
    of_other_films: Sequence[str] = (),
    **parts: pd.DataFrame,
) -> tuple[pd.DataFrame, ...]:
    """Put the tables of all protocols that have run below each other.

    Parameters
    ----------
    films : DataFrame
        The films that there are now: ``image_id`` and, where there is one, ``digest``.
    tables : sequence of str
        Which tables.
    complete : bool
        Whether a protocol takes every film; otherwise it may leave some out.
    of_other_films : sequence of str
        Protocols that have a data set of their own.
    **parts : DataFrame
        ``<protocol>__<table>``, and ``<protocol>__cohort`` for each protocol; empty where it has not run.

    Returns
    -------
    tuple of DataFrame
        One per table, with the ``protocol`` in the first column. A protocol that has not run, or ran on other films,
        is left out, and the log says so.

    Raises
    ------
    ValueError
        If no protocol is left.
    """
    protocols = dict.fromkeys(name.partition(SEPARATOR)[0] for name in parts)
    used = []
    for protocol in protocols:
        own = parts[f"{protocol}{SEPARATOR}cohort"]
        if own.empty:
            logger.info("The protocol '%s' has not run and is left out", protocol)
        elif protocol not in of_other_films and not _is_of(own, films, complete):
            logger.warning(
                "The protocol '%s' ran on other films than there are now and is left out; run it again",
                protocol,
            )
        else:
            used.append(protocol)
    if not used:
        raise ValueError(
            f"none of the protocols {', '.join(protocols)} has run on these films: run one of them first"
        )
    return tuple(
        combine_tables(
            {
                each: parts[f"{each}{SEPARATOR}{table}"]
                for each in used
                if f"{each}{SEPARATOR}{table}" in parts
            }
        )
        for table in tables
    )


def combine_tables(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other, with their name in the first column, ``protocol``.

    Examples
    --------
    >>> combine_tables({"honest": pd.DataFrame({"n": [1]}), "sites": pd.DataFrame({"n": [2]})})
      protocol  n
    0   honest  1
    1    sites  2
    """
    named = [table.copy() for table in tables.values()]
    for name, table in zip(tables, named, strict=True):
        table.insert(0, "protocol", name)
    return pd.concat(named, ignore_index=True) if named else pd.DataFrame(columns=["protocol"])


def _is_of(cohort: pd.DataFrame, films: pd.DataFrame, complete: bool) -> bool:
    """Tell whether a cohort holds these films and no others."""
    keys = [name for name in ("image_id", "digest") if name in cohort and name in films]
    own, there = (set(table[keys].itertuples(index=False, name=None)) for table in (cohort, films))
    return own <= there and (not complete or set(cohort["image_id"]) == set(films["image_id"]))


def list_parts(predictions: pd.DataFrame) -> Iterator[Part]:
    """Give protocol, model, split and rows of all that is measured.

    Splits are ``val`` and ``test``. Where test films come from several sites, those of each are a part of their own
    (``test_<site>``). Where a site was trained on, the model is named ``<model>_<site>``, and its own held-out films
    are ``own_site``. Where some test films have copies among those that were trained on, the others are
    ``test_unseen``.
    """
    rows = predictions
    if "site" in rows:
        own = rows["arm"] == rows["site"]
        trained_at = rows["arm"].isin(rows["site"])
        rows = rows.assign(
            split=rows["split"].mask(own & (rows["split"] == "test"), OWN_SITE),
            name=rows["model"].where(~trained_at, rows["model"] + "_" + rows["arm"]),
        )
    else:
        rows = rows.assign(name=rows["model"])
    for (protocol, name), part in rows.groupby(["protocol", "name"], sort=False):
        for split, here in _splits_of(part).items():
            yield str(protocol), str(name), split, here.drop(columns="name")


def _splits_of(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    splits = {str(split): part for split, part in rows.groupby("split", sort=False)}
    test = splits.get("test", rows.iloc[:0])
    if "site" in rows and len(set(test["site"])) > 1:
        splits |= {f"test_{site}": here for site, here in test.groupby("site")}
    if "unseen" in rows and 0 < test["unseen"].sum() < len(test):
        splits[UNSEEN] = test[test["unseen"]]
    return splits


def measure_folds(
    rows: pd.DataFrame, metric: str, measure: Callable[[pd.DataFrame], float]
) -> pd.DataFrame:
    """Measure each fold by itself: the mean and the standard deviation over folds.

    Parameters
    ----------
    rows : DataFrame
        Test rows with their ``arm``.
    metric : str
        Name of what is measured.
    measure : callable
        The value of one fold; nan where it has none.

    Returns
    -------
    DataFrame
        ``metric`` (``<metric>_fold_mean, <metric>_fold_sd``), ``value, ci_low, ci_high, n`` (folds).
    """
    found = np.array([measure(part) for _, part in rows.groupby("arm")], np.float64)
    known = found[np.isfinite(found)]
    values = {
        f"{metric}_fold_mean": float(known.mean()) if len(known) else np.nan,
        f"{metric}_fold_sd": float(known.std(ddof=1)) if len(known) > 1 else np.nan,
    }
    return pd.DataFrame({"metric": list(values), "value": list(values.values())}).assign(
        ci_low=np.nan, ci_high=np.nan, n=len(known)
    )


def measure_auroc_folds(rows: pd.DataFrame) -> pd.DataFrame:
    """Measure the AUROC of each fold by itself, as `measure_folds` does."""
    return measure_folds(
        rows,
        "auroc",
        lambda part: float(
            classification_metrics(part, "threshold", ("auroc",), 0)["value"].iloc[0]
        ),
    )


def compare_models(
    trainings: pd.DataFrame, metrics: pd.DataFrame, wanted: Sequence[str], interval_of: str
) -> pd.DataFrame:
    """Lay models beside each other: what they are, what they cost, how well they do on the test part.

    Parameters
    ----------
    trainings : DataFrame
        One row per protocol and training, as `xraylab.flow.train.describe_models` gives it.
    metrics : DataFrame
        Tidy metrics of all protocols.
    wanted : sequence of str
        Metrics of the split ``test`` that are shown.
    interval_of : str
        The one whose interval and number of films are shown.

    Returns
    -------
    DataFrame
        The columns of `trainings`, ``n``, the metrics, ``<interval_of>_ci_low`` and ``<interval_of>_ci_high``. Folds
        of a model have the metrics of all folds together.
    """
    test = metrics[metrics["split"] == "test"]
    values, n, low, high = (
        test.pivot_table(column, ["protocol", "model"], "metric", sort=False)
        for column in ("value", "n", "ci_low", "ci_high")
    )
    found = values.reindex(columns=list(wanted))
    found.insert(0, "n", n.get(interval_of, np.nan))
    for name, table in (("ci_low", low), ("ci_high", high)):
        found[f"{interval_of}_{name}"] = table.get(interval_of, np.nan)
    joined = trainings.assign(measured=measured_as(trainings)).merge(
        found.rename_axis(["protocol", "measured"]).reset_index(),
        on=["protocol", "measured"], how="left",
    )  # fmt: skip
    joined["n"] = joined["n"].fillna(0).astype(int)
    return joined.drop(columns="measured")


def measured_as(trainings: pd.DataFrame) -> pd.Series:
    """Return the name (N,) under which each training is measured: folds of a model together."""
    return trainings["model"].where(trainings["fold"] == NO_FOLD, trainings["name"])


def compare_with_probes(
    predictions: pd.DataFrame, params: EvaluationParams, probes: Sequence[str]
) -> pd.DataFrame:
    """Hold every model against every baseline on the same test films.

    Parameters
    ----------
    predictions : DataFrame
        Of models and baselines, under all protocols.
    params : EvaluationParams
        Resamples and seed.
    probes : sequence of str
        The baselines.

    Returns
    -------
    DataFrame
        One row per protocol, model, part of the test films and baseline: ``protocol, model, split, probe,
        auroc_model, auroc_probe, difference, ci_low, ci_high, n, equals_probe``. A model that equals its probe has
        shown nothing. Test films of one class have no AUROC, and no row.
    """
    tables = []
    for protocol, model, split, rows in list_parts(predictions):
        if split not in ("test", OWN_SITE) or rows["model"].iloc[0] in probes:
            continue
        if rows["target"].nunique() < 2:  # noqa: PLR2004 - no ranking to compare
            continue
        here = (predictions["protocol"] == protocol) & (predictions["split"] == "test")
        here &= predictions["arm"].isin(rows["arm"].unique())
        here &= predictions["image_id"].isin(rows["image_id"])
        for probe in (each for each in probes if each in set(predictions["model"])):
            row = equals_probe(
                rows,
                predictions[here & (predictions["model"] == probe)],
                params.n_resamples,
                params.seed,
            )
            facts = {"protocol": protocol, "model": model, "split": split, "probe": probe}
            tables.append(_with_facts(row, facts))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_AGAINST)


def _with_facts(table: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table with the same facts in the first columns of each row."""
    return table.assign(**facts)[[*facts, *table.columns]]


def tabulate_sites(
    predictions: pd.DataFrame,
    measure: Callable[[pd.DataFrame, str, str], Mapping[str, pd.DataFrame]],
) -> pd.DataFrame:
    """Measure every model on every site.

    Parameters
    ----------
    predictions : DataFrame
        Of the protocol whose arms are sites.
    measure : callable
        Takes the rows, the site that trained and the site that tests, and returns tables of metrics by their kind.

    Returns
    -------
    DataFrame
        One row per model, site that trained, site that tests, kind and metric: ``model, train_site, test_site, kind,
        metric, value, ci_low, ci_high, n``. Where both sites are one, its held-out part.
    """
    tables = []
    test = predictions[predictions["split"] == "test"]
    for (model, arm, site), rows in test.groupby(["model", "arm", "site"], sort=True):
        for kind, table in measure(rows, str(arm), str(site)).items():
            facts = {
                "model": str(model),
                "train_site": str(arm),
                "test_site": str(site),
                "kind": kind,
            }
            tables.append(_with_facts(table, facts))
    matrix = pd.concat(tables, ignore_index=True)
    names = [
        "model",
        "train_site",
        "test_site",
        "kind",
        "metric",
        "value",
        "ci_low",
        "ci_high",
        "n",
    ]
    return matrix[names]


def shown_protocol(predictions: pd.DataFrame) -> str:
    """Return the protocol to show: the honest one, or the first where that has not run."""
    names = list(dict.fromkeys(predictions["protocol"]))
    return "honest" if "honest" in names else str(names[0])


def plot_reliability(
    predictions: pd.DataFrame,
    metrics: pd.DataFrame,
    params: ClassifierEvaluationParams,
    probes: Sequence[str],
    positive: str,
) -> plots.Figure:
    """Draw how often a prediction comes true, one panel per model and protocol."""
    tables, errors = {}, {}
    for label, protocol, model, rows in _models(predictions, probes):
        tables[label] = reliability_table(rows, params.n_bins)
        here = (metrics["protocol"] == protocol) & (metrics["model"] == model)
        value = metrics[here & (metrics["split"] == "test") & (metrics["metric"] == "ece")]["value"]
        errors[label] = float(value.iloc[0])
    return plots.plot_reliability(tables, errors, positive)


def plot_confusion(
    predictions: pd.DataFrame, probes: Sequence[str], class_names: tuple[str, str]
) -> plots.Figure:
    """Draw the confusion matrix of every model at the threshold of its validation part."""
    counts = {
        label: confusion_counts(rows, "threshold")["n"].tolist()
        for label, _, _, rows in _models(predictions, probes)
    }
    return plots.plot_confusion(counts, class_names)


def _models(
    predictions: pd.DataFrame, probes: Sequence[str]
) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Give label, protocol, name and test rows of every model that is no baseline."""
    several = len(set(predictions["protocol"])) > 1
    for protocol, model, split, rows in list_parts(predictions):
        if split == "test" and rows["model"].iloc[0] not in probes:
            yield f"{model}, {protocol}" if several else model, protocol, model, rows
