"""Nodes of reporting."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from xraylab import __version__
from xraylab.datasets.summary_dataset import Summary
from xraylab.evaluation.bootstrap import FEW_GROUPS
from xraylab.provenance import Source

from .params import ReportingParams, SectionParams

__all__ = ["PROTOCOLS", "compare_protocols", "render_report"]

PROTOCOLS = {
    "published": "Reproduced",
    "honest": "Honest",
    "fair": "Fair task",
    "sites": "Other site",
}
"""Heading of each protocol's column in the comparison."""

_FEW = " †"
_MANY, _TEN = 1e4, 10.0


@dataclass(frozen=True)
class _Section:
    """One pipeline as the page shows it."""

    name: str
    params: SectionParams
    metrics: list[dict[str, str]]
    figures: list[dict[str, str]]
    source: Source | None


def render_report(
    params: ReportingParams, origins: Mapping[str, Source], **summaries: Summary | None
) -> str:
    """Render one self-contained page from the summaries of whatever has run.

    Parameters
    ----------
    params : ReportingParams
        Titles, captions and published numbers.
    origins : mapping of str to Source
        Where each pipeline's results come from.
    **summaries : Summary or None
        Metrics and figures by the name of the pipeline; None where it has not run.

    Returns
    -------
    str
        HTML that asks for no other file.

    Raises
    ------
    ValueError
        If a pipeline has no section, naming the sections.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    for name in summaries:
        if name not in params.sections:
            raise ValueError(
                f"'{name}' has no section in reporting.sections; there are {list(params.sections)}"
            )
    known = {name: each for name, each in summaries.items() if each is not None}
    tables = {name: each.metrics for name, each in known.items()}
    figures = {name: each.figures for name, each in known.items()}
    sections = [
        _Section(
            name,
            section,
            _format_metrics(tables.get(name)),
            _embed(section, figures.get(name, {})),
            origins.get(name),
        )
        for name, section in params.sections.items()
    ]
    has_run = [section for section in sections if section.metrics or section.figures]
    environment = Environment(
        loader=PackageLoader("xraylab.pipelines.reporting", "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("report.html.j2").render(
        title=params.title,
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        comparison=compare_protocols(tables, params),
        protocols=PROTOCOLS,
        notes={
            section.title: list(
                dict.fromkeys(value.note for value in section.published if value.note)
            )
            for section in params.sections.values()
            if section.published
        },
        sections=has_run,
        phantoms=[each.params.title for each in has_run if each.source and each.source.phantoms],
        few_groups=FEW_GROUPS,
        not_run=[section.params.title for section in sections if section not in has_run],
    )


def compare_protocols(
    tables: dict[str, pd.DataFrame], params: ReportingParams
) -> dict[str, list[dict[str, Any]]]:
    """Lay published numbers beside what the protocols measured.

    Returns
    -------
    dict of str to list of dict
        For each pipeline with something to compare, by its title, one row per model and metric that is published
        or measured: ``model, metric, published``, and ``measured``, the text of each protocol's value with its
        interval, empty where it was not measured.
    """
    comparison: dict[str, list[dict[str, Any]]] = {}
    for name, section in params.sections.items():
        table = tables.get(name)
        if table is None or table.empty or not section.compared:
            continue
        # a validation loss belongs to the part that chose the weights, whichever part is shown
        here = (table["split"] == section.split) | table["metric"].str.startswith("val_")
        shown = table[here & table["metric"].isin(section.compared)]
        published = {
            (value.model, value.metric): _number(value.value) for value in section.published
        }
        measured: dict[tuple[str, str], dict[str, str]] = {}
        for row in shown.to_dict("records"):
            cell = measured.setdefault((str(row["model"]), str(row["metric"])), {})
            cell[str(row["protocol"])] = _with_interval(row)
        models = dict.fromkeys(model for model, _ in [*published, *measured])
        comparison[section.title] = [
            {
                "model": model,
                "metric": metric,
                "published": published.get((model, metric), ""),
                "measured": {
                    name: measured.get((model, metric), {}).get(name, "") for name in PROTOCOLS
                },
            }
            for model in models
            for metric in section.compared
            if (model, metric) in published or (model, metric) in measured
        ]
    return comparison


def _format_metrics(table: pd.DataFrame | None) -> list[dict[str, str]]:
    if table is None:
        return []
    return [
        {
            **{column: str(row[column]) for column in ("protocol", "model", "split", "metric")},
            "value": _number(row["value"]),
            "interval": _interval(row),
            "n": f"{int(row['n']):,}",
        }
        for row in table.to_dict("records")
    ]


def _embed(section: SectionParams, figures: dict[str, bytes]) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "caption": section.captions.get(name, name.replace("_", " ")),
            "source": f"data:image/png;base64,{base64.b64encode(png).decode()}",
        }
        for name, png in figures.items()
    ]


def _number(value: float) -> str:
    """Write a number with three or four significant digits, and no exponent where it can be avoided."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if 0 < size < 1 / _MANY:
        return "< 0.0001" if value > 0 else "> −0.0001"
    if size >= _MANY:
        return f"{value:.2e}".replace("-", "−")
    digits = 2 - math.floor(math.log10(size)) if size else 0
    digits = min(4, max(3, digits)) if 0 < size < _TEN else max(0, digits)
    return f"{value:.{digits}f}".replace("-", "−")


def _interval(row: dict[Any, Any]) -> str:
    if math.isnan(row["ci_low"]) or math.isnan(row["ci_high"]):
        return ""
    mark = _FEW if row.get("n_groups", math.nan) < FEW_GROUPS else ""
    return f"{_number(row['ci_low'])} to {_number(row['ci_high'])}{mark}"


def _with_interval(row: dict[Any, Any]) -> str:
    interval = _interval(row)
    return f"{_number(row['value'])} ({interval})" if interval else _number(row["value"])
