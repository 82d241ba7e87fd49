"""Two versions of a pipeline's results side by side: metrics, models and settings."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from xraylab.datasets.versions_dataset import Version
from xraylab.evaluation.bootstrap import FEW_GROUPS
from xraylab.pages import make_environment
from xraylab.plots.labels import metric_label
from xraylab.provenance import Source

from .names import in_words, name_model, name_protocol
from .numbers import FEW, Estimate, subtract
from .params import ReportingParams, SectionParams

__all__ = ["CardRow", "ComparedPipeline", "MetricRow", "compare_pipeline", "compare_versions"]

_Key = tuple[str, str, str, str]  # protocol, model, split, metric
_Facts = Mapping[str, Any]

_KEY = ["protocol", "model", "split", "metric"]
_UNSAID = (
    "metrics",
    "history",
    "notice",
    "format",
)  # of a card: in other tables, or the same in all
_OUTCOMES = ("fit", "calibration", "threshold")
_LONG = 60  # letters of a setting
_ABSENT = "–"
_MEASURED = {0: "the same", 1: "higher", -1: "lower"}


@dataclass(frozen=True)
class MetricRow:
    """One metric of one model in both versions; every number is text.

    Attributes
    ----------
    model, protocol, split, metric : str
        Readable names.
    first, second, difference : tuple of str
        Value with its unit, and interval; empty where a version lacks it.
    verdict : str
        ``higher`` or ``lower`` where the whole interval of the difference says so, ``the same`` where no digit
        differs, else ``not shown to differ``; empty where it cannot be told.
    key : bool
        Whether the metric is one of those that the report's table of models shows.
    """

    model: str
    protocol: str
    split: str
    metric: str
    first: tuple[str, str]
    second: tuple[str, str]
    difference: tuple[str, str]
    verdict: str
    key: bool


class CardRow(NamedTuple):
    """A fact of the models' cards that differs, and in which models it does so in the same way."""

    fact: str
    first: str
    second: str
    models: str


@dataclass(frozen=True)
class ComparedPipeline:
    """What the page says of one pipeline.

    Attributes
    ----------
    name, title : str
        Of the pipeline.
    facts : list of (str, str, str)
        Where both versions come from: what, and of which kind in each.
    same_films : bool
        Whether both are known to be of the same films.
    rows : list of MetricRow
        Metrics of the split that the report shows, the most important ones first.
    only_first, only_second : list of str
        Models that one version alone has.
    settings, outcomes : list of CardRow
        What differs in the cards of models that both have: how they were made, and what came of it.
    n_models : int
        Models that both have.
    """

    name: str
    title: str
    facts: list[tuple[str, str, str]]
    same_films: bool
    rows: list[MetricRow]
    only_first: list[str]
    only_second: list[str]
    settings: list[CardRow]
    outcomes: list[CardRow]
    n_models: int


def compare_versions(
    params: ReportingParams, versions: Mapping[str, tuple[Version, Version]]
) -> str:
    """Render one self-contained page that shows two versions side by side.

    Parameters
    ----------
    params : ReportingParams
        Names and titles.
    versions : mapping of str to (Version, Version)
        By pipeline; none where no two versions are asked for.

    Returns
    -------
    str
        HTML that asks for no other file; empty for no version.
    """
    if not versions:
        return ""
    sources = [each.source for pair in versions.values() for each in pair if each.source]
    first, second = next(iter(versions.values()))
    environment = make_environment("xraylab.pipelines.reporting")
    return environment.get_template("comparison.html.j2").render(
        title=f"{params.title}: two versions",
        first=first.name,
        second=second.name,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        pipelines=[compare_pipeline(params, name, *pair) for name, pair in versions.items()],
        phantoms=any(source.phantoms for source in sources),
        few=FEW,
        few_groups=FEW_GROUPS,
    )


def compare_pipeline(
    params: ReportingParams, name: str, first: Version, second: Version
) -> ComparedPipeline:
    """Compare two versions of one pipeline."""
    section = params.sections.get(name) or SectionParams(title=in_words(name))
    shared = [key for key in first.cards if key in second.cards]
    settings, outcomes = _compare_cards(params, name, first, second, shared)
    digests = [each.source.data_digest if each.source else "" for each in (first, second)]
    return ComparedPipeline(
        name=name,
        title=section.title,
        facts=_compare_sources(first.source, second.source),
        same_films=digests[0] == digests[1] != "",
        rows=_compare_metrics(params, name, section, first, second),
        only_first=_name_cards(params, name, [key for key in first.cards if key not in shared]),
        only_second=_name_cards(params, name, [key for key in second.cards if key not in shared]),
        settings=settings,
        outcomes=outcomes,
        n_models=len(shared),
    )


def _compare_sources(first: Source | None, second: Source | None) -> list[tuple[str, str, str]]:
    one, other = _describe_source(first), _describe_source(second)
    return [
        (fact, one.get(fact, "not known"), other.get(fact, "not known"))
        for fact in dict.fromkeys([*one, *other])
    ]


def _describe_source(source: Source | None) -> dict[str, str]:
    if source is None:
        return {}
    return {
        "Run": f"{source.date[:16].replace('T', ' ')} UTC",
        "Environment": source.environment,
        "Data": source.data,
        "Films": "not known" if source.n_films is None else f"{source.n_films:,}",
        "Digest of the films": source.data_digest or "not known",
        "Code": source.code,
        "Seed": "not known" if source.seed is None else str(source.seed),
    }


def _compare_metrics(
    params: ReportingParams, name: str, section: SectionParams, first: Version, second: Version
) -> list[MetricRow]:
    """Return one row per metric of the split that the section shows, its key metrics first."""
    tables = [_read_estimates(each, section.split) for each in (first, second)]
    keys = list(dict.fromkeys([*tables[0], *tables[1]]))
    order = {metric: place for place, metric in enumerate(section.compared)}
    keys.sort(key=lambda key: order.get(key[3], len(order)))  # else as the tables have them
    return [
        _compare_metric(params, name, section, key, tables[0].get(key), tables[1].get(key))
        for key in keys
    ]


def _read_estimates(version: Version, split: str) -> dict[_Key, Estimate]:
    table = version.metrics
    shown = table[table["split"] == split] if split else table
    return {
        tuple(str(row[each]) for each in _KEY): Estimate.of(row)  # type: ignore[misc]
        for row in shown.to_dict("records")
    }


def _compare_metric(
    params: ReportingParams,
    name: str,
    section: SectionParams,
    key: _Key,
    first: Estimate | None,
    second: Estimate | None,
) -> MetricRow:
    protocol, model, split, metric = key
    unit = section.units.get(metric, "")
    difference = subtract(second, first) if first and second else None
    return MetricRow(
        model=name_model(params, name, model),
        protocol=name_protocol(params, protocol),
        split=in_words(split),
        metric=metric_label(metric),
        first=first.parts(unit) if first else ("", ""),
        second=second.parts(unit) if second else ("", ""),
        difference=difference.parts(unit, sign=True) if difference else ("", ""),
        verdict=_judge(first, second, difference),
        key=metric in section.compared,
    )


def _judge(first: Estimate | None, second: Estimate | None, difference: Estimate | None) -> str:
    """Say whether the second value is shown to differ from the first one."""
    if first is None or second is None or difference is None or math.isnan(difference.value):
        return ""
    if (first.value, first.low, first.high) == (second.value, second.low, second.high):
        return _MEASURED[0]
    if not difference.known:
        return ""
    if difference.low > 0 or difference.high < 0:
        return _MEASURED[1 if difference.value > 0 else -1]
    return "not shown to differ"


def _compare_cards(
    params: ReportingParams, name: str, first: Version, second: Version, shared: Sequence[str]
) -> tuple[list[CardRow], list[CardRow]]:
    """Return what differs in the cards of models that both versions have: settings, and what came of them."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for key in shared:
        one, other = (dict(_flatten(each.cards[key])) for each in (first, second))
        for fact in dict.fromkeys([*one, *other]):
            values = one.get(fact, _ABSENT), other.get(fact, _ABSENT)
            if values[0] != values[1]:
                found.setdefault((fact, _shorten(values[0]), _shorten(values[1])), []).append(key)
    rows = [
        (
            fact.split(".")[0] in _OUTCOMES,
            CardRow(fact, one, other, _list_models(params, name, keys, len(shared))),
        )
        for (fact, one, other), keys in found.items()
    ]
    return [row for came, row in rows if not came], [row for came, row in rows if came]


def _flatten(facts: _Facts, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return every fact of a card as text, by its keys with dots between them."""
    for key, value in facts.items():
        if not prefix and key in _UNSAID:
            continue
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def _list_models(params: ReportingParams, name: str, keys: Sequence[str], n_all: int) -> str:
    return "all" if len(keys) == n_all > 1 else "; ".join(_name_cards(params, name, keys))


def _name_cards(params: ReportingParams, name: str, keys: Sequence[str]) -> list[str]:
    """Return readable names of models that stand under ``<protocol>/<model>``."""
    split = [key.partition("/") for key in keys]
    return [
        f"{name_model(params, name, model)}, {name_protocol(params, protocol).lower()}"
        for protocol, _, model in split
    ]
