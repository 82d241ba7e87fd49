"""The section of one pipeline: models, figures, what was left out, model card and provenance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from xraylab.datasets.summary_dataset import Summary
from xraylab.imaging.film_file import IGNORED
from xraylab.plots.labels import metric_label
from xraylab.provenance import Source

from .claims import CUT, find_cuts
from .figures import embed_figure
from .names import in_words, name_model, name_protocol, split_name
from .numbers import Estimate
from .params import ReportingParams, SectionParams

__all__ = ["Column", "Figure", "ModelRow", "ModelTable", "Section", "make_section"]

_Key = tuple[str, str, str]  # protocol, suffix, metric

_SHOWN_REASONS = 6
_SPLITS = {"all": "All", "train": "Training", "val": "Validation", "test": "Test"}


@dataclass(frozen=True)
class Figure:
    """A figure of the page."""

    caption: str
    alt: str
    source: str


@dataclass(frozen=True)
class Column:
    """A metric under a protocol.

    Attributes
    ----------
    group, metric : str
        Headings; the metric with its unit.
    first : bool
        Whether it is the first column of its group.
    """

    group: str
    metric: str
    first: bool


@dataclass(frozen=True)
class ModelRow:
    """One model: its readable name, that of tables and figures, and value and interval for each column, if measured."""

    model: str
    key: str
    baseline: bool
    cells: list[tuple[str, str]]


@dataclass(frozen=True)
class ModelTable:
    """One row per model, one group of columns per protocol.

    Attributes
    ----------
    groups : dict of str to int
        Heading of each group, and how many columns it has.
    columns : list of Column
        From left to right.
    rows : list of ModelRow
        Baselines come last.
    """

    groups: dict[str, int]
    columns: list[Column]
    rows: list[ModelRow]


@dataclass(frozen=True)
class Section:
    """One pipeline as the page shows it."""

    name: str
    params: SectionParams
    source: Source | None
    models: ModelTable | None
    metrics: list[dict[str, str]]
    key_figures: list[Figure]
    more_figures: list[Figure]
    films: list[dict[str, str]]
    film_parts: list[str]
    rejected: list[tuple[str, int]]
    n_rejected: int
    n_ignored: int
    leaks: list[dict[str, str]] | None
    stopped_by: str
    cuts: list[str]


def make_section(
    params: ReportingParams, name: str, summary: Summary, source: Source | None
) -> Section:
    """Put the section of a pipeline together from its summary."""
    section = params.sections[name]
    tables = summary.tables
    cuts = find_cuts(summary)
    figures = {each: _figure(params, name, each, png) for each, png in summary.figures.items()}
    key = [figure for each, figure in figures.items() if each in section.key_figures]
    more = [figure for each, figure in figures.items() if each not in section.key_figures]
    reasons, n_rejected, n_ignored = _count_reasons(tables.get("rejected"))
    films = _list_films(params, tables.get("cohort"))
    return Section(
        name=name,
        params=section,
        source=source,
        models=_tabulate_models(params, name, summary.metrics, cuts),
        metrics=_list_metrics(params, name, summary.metrics),
        key_figures=key,
        more_figures=more,
        films=films,
        film_parts=[part for part in _SPLITS.values() if any(part in row for row in films)],
        rejected=reasons,
        n_rejected=n_rejected,
        n_ignored=n_ignored,
        leaks=_list_leaks(params, tables.get("leakage")),
        stopped_by=_describe_stops(tables.get("trainings")),
        cuts=[
            f"{name_model(params, name, model)}, {name_protocol(params, protocol).lower()}: {words}"
            for (protocol, model), words in cuts.items()
        ],
    )


def _figure(params: ReportingParams, pipeline: str, name: str, png: bytes) -> Figure:
    section = params.sections[pipeline]
    return Figure(
        caption=section.captions.get(name, f"{in_words(name)}."),
        alt=f"{section.title}, figure: {in_words(name).lower()}. The caption says what it shows.",
        source=embed_figure(png, params.figure_width_px, params.figure_quality),
    )


def _tabulate_models(
    params: ReportingParams,
    pipeline: str,
    metrics: pd.DataFrame,
    cuts: Mapping[tuple[str, str], str],
) -> ModelTable | None:
    """Lay what was measured out with one row per model; None where nothing is compared."""
    section = params.sections[pipeline]
    if metrics.empty or not section.compared:
        return None
    here = metrics["metric"].isin(section.compared)
    if section.split:
        here &= metrics["split"] == section.split
    cells: dict[str, dict[_Key, tuple[str, str]]] = {}
    for row in metrics[here].to_dict("records"):
        model, suffix = split_name(params, pipeline, str(row["model"]))
        protocol = str(row["protocol"])
        value, interval = Estimate.of(row).parts()
        mark = f" {CUT}" if (protocol, model) in cuts else ""
        key = (protocol, suffix, str(row["metric"]))
        cells.setdefault(model, {})[key] = value + mark, interval
    keys = _order_columns(params, section, {key for found in cells.values() for key in found})
    columns = [
        Column(
            name_protocol(params, protocol, suffix),
            _metric_heading(section, metric),
            place == 0 or keys[place - 1][:2] != (protocol, suffix),
        )
        for place, (protocol, suffix, metric) in enumerate(keys)
    ]
    rows = [
        ModelRow(
            name_model(params, pipeline, model),
            model,
            model in section.baselines,
            [found.get(key, ("", "")) for key in keys],
        )
        for model, found in cells.items()
    ]
    rows.sort(key=lambda row: row.baseline)
    return ModelTable(Counter(column.group for column in columns), columns, rows) if rows else None


def _order_columns(params: ReportingParams, section: SectionParams, keys: set[_Key]) -> list[_Key]:
    """Return the columns that hold anything: by protocol, then by suffix, then as the metrics are listed."""
    order = list(params.protocols)

    def rank(key: _Key) -> tuple[int, str, str, int]:
        protocol, suffix, metric = key
        place = order.index(protocol) if protocol in order else len(order)
        return place, protocol, suffix, section.compared.index(metric)

    return sorted(keys, key=rank)


def _metric_heading(section: SectionParams, metric: str) -> str:
    unit = section.units.get(metric, "")
    return f"{metric_label(metric)}, {unit}" if unit else metric_label(metric)


def _list_metrics(
    params: ReportingParams, pipeline: str, metrics: pd.DataFrame
) -> list[dict[str, str]]:
    """Return every metric of the split that the section shows, as text."""
    section = params.sections[pipeline]
    if metrics.empty:
        return []
    shown = metrics[metrics["split"] == section.split] if section.split else metrics
    return [
        {
            "protocol": name_protocol(params, str(row["protocol"])),
            "model": name_model(params, pipeline, str(row["model"])),
            "split": in_words(str(row["split"])),
            "metric": metric_label(str(row["metric"])),
            "value": Estimate.of(row).write(section.units.get(str(row["metric"]), "")),
            "n": f"{int(row['n']):,}",
        }
        for row in shown.to_dict("records")
    ]


def _list_films(params: ReportingParams, counts: pd.DataFrame | None) -> list[dict[str, str]]:
    """Return one row per protocol: how many films, and groups in brackets, there are in each split."""
    if counts is None:
        return []
    rows: dict[str, dict[str, str]] = {}
    for row in counts.to_dict("records"):
        protocol, folds = str(row["protocol"]), int(row["n_folds"])
        heading = name_protocol(params, protocol) if protocol else "No split"
        found = rows.setdefault(
            protocol, {"protocol": f"{heading}, {folds} folds" if folds else heading}
        )
        found[_SPLITS[str(row["split"])]] = f"{int(row['n_films']):,} ({int(row['n_groups']):,})"
    return list(rows.values())


def _count_reasons(rejected: pd.DataFrame | None) -> tuple[list[tuple[str, int]], int, int]:
    """Return the commonest reasons with how many films they hold for, and the films rejected and ignored."""
    if rejected is None or rejected.empty:
        return [], 0, 0
    reasons = rejected["reason"].astype(str)
    ignored = reasons.str.startswith(IGNORED)
    kinds = Counter(_generalise(reason) for reason in reasons[~ignored])
    common = kinds.most_common(_SHOWN_REASONS)
    rest = sum(kinds.values()) - sum(n for _, n in common)
    if rest:
        common.append(("other reasons", rest))
    return common, int((~ignored).sum()), int(ignored.sum())


def _generalise(reason: str) -> str:
    """Return a reason without what it says of a single film, so that films of one kind count together.

    Examples
    --------
    >>> _generalise("is a truncated PNG (a chunk of 8,192 bytes passes its end)")
    'is a truncated PNG'
    >>> _generalise("its mask has 192 x 96 pixels, the film 192 x 192")
    'its mask has … x … pixels, the film … x …'
    """
    short = re.sub(r"\s*\([^()]*\)|:.*$", "", reason)
    short = re.sub(r"'[^']*'|\d[\d,.]*\d|\d", "…", short).strip()
    return short or reason


def _list_leaks(
    params: ReportingParams, leakage: pd.DataFrame | None
) -> list[dict[str, str]] | None:
    """Return one row per protocol, kind and action; None where the gate has not run."""
    if leakage is None:
        return None
    if leakage.empty:
        return []
    counted = leakage.fillna({"action": ""}).groupby(["protocol", "kind", "action"], sort=False)
    return [
        {
            "protocol": name_protocol(params, str(protocol)),
            "kind": ", ".join(filter(None, (in_words(str(kind)), str(action)))),
            "found": f"{len(rows):,} ({int(rows['n_pairs'].sum()):,})",
        }
        for (protocol, kind, action), rows in counted
    ]


def _describe_stops(trainings: pd.DataFrame | None) -> str:
    """Say what ended the trainings, such as ``epochs (4), early stopping (1)``."""
    if trainings is None or "stopped_by" not in trainings:
        return ""
    stops = trainings["stopped_by"].fillna("").astype(str)
    counts = Counter(stops[stops != ""])
    return ", ".join(f"{words} ({n})" for words, n in counts.most_common())
