"""The headline: each published claim, measured by its own protocol and honestly, and what is left of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from xraylab.datasets.summary_dataset import Summary
from xraylab.flow.cut_short import find_cut_short
from xraylab.plots.labels import metric_label
from xraylab.provenance import Source

from .forest import Strip, draw_strip
from .names import name_model
from .numbers import Estimate, subtract, write_number
from .params import ClaimParams, Measured, ReportingParams

__all__ = [
    "CUT",
    "ClaimRow",
    "Found",
    "Verdict",
    "find_cuts",
    "judge",
    "judge_claims",
    "read_estimate",
]

Verdict = Literal["holds", "shrinks", "vanishes", "not measured here"]

CUT = "‡"
"""Mark of a value whose training was cut short."""


@dataclass(frozen=True)
class ClaimRow:
    """One claim as the headline shows it; every number is text with its unit.

    Attributes
    ----------
    title, metric, published, source : str
        What was claimed, and on what by whom; `published` is empty where no single number was.
    data : str
        On what this run measured it.
    theirs, honest, difference : tuple of str
        Value with its unit, and interval; empty where one was not measured.
    baseline : str
        Value and interval of the baseline; empty where it was not measured.
    theirs_model, honest_model, baseline_model : str
        Readable names.
    reproduced : bool
        Whether this run read the data of the claim and the published number lies in the interval of its protocol.
    verdict : str
        What is left of the claim.
    finding, why : str
        What the verdict rests on, and what makes the protocols differ.
    strip : Strip or None
        Line of the forest plot.
    """

    title: str
    metric: str
    published: str
    source: str
    data: str
    theirs: tuple[str, str]
    honest: tuple[str, str]
    difference: tuple[str, str]
    baseline: str
    theirs_model: str
    honest_model: str
    baseline_model: str
    reproduced: bool
    verdict: Verdict
    finding: str
    why: str
    strip: Strip | None


@dataclass(frozen=True)
class Found:
    """What a run measured of a claim.

    Attributes
    ----------
    theirs, honest, baseline : Estimate or None
        None where it was not measured.
    cut : bool
        Whether a training of the two models was cut short.
    own_data : bool
        Whether the run read all of the data that the claim is about.
    """

    theirs: Estimate | None
    honest: Estimate | None
    baseline: Estimate | None
    cut: bool
    own_data: bool


def judge_claims(
    params: ReportingParams,
    summaries: Mapping[str, Summary],
    origins: Mapping[str, Source],
) -> list[ClaimRow]:
    """Return one row per claim, in the order of the parameters."""
    return [
        _lay_out(claim, params, _find(claim, summaries, origins), summaries, origins)
        for claim in params.claims
    ]


def judge(claim: ClaimParams, found: Found, baseline: str) -> tuple[Verdict, str]:
    """Return what is left of a claim, and the sentence that says from what this follows.

    The rule, with differences and their intervals as `xraylab.pipelines.reporting.numbers.subtract` makes them:

    - *not measured here*: a value or an interval is missing, or a training that was cut short did not do well enough;
    - *vanishes*: the model is not shown to be better than the baseline;
    - *shrinks*: it is, and it is worse than by the published protocol, or, on the data of the claim, than published;
    - *holds*: neither.

    Parameters
    ----------
    claim : ClaimParams
        The claim.
    found : Found
        What was measured.
    baseline : str
        Readable name of the baseline.
    """
    theirs, honest, base = found.theirs, found.honest, found.baseline
    missing = _missing(found)
    if missing or theirs is None or honest is None or base is None:
        return "not measured here", missing
    lost = subtract(honest, theirs)
    if not _is_better(honest, base, claim.better):
        verdict: Verdict = "vanishes"
        already = "" if _is_better(theirs, base, claim.better) else ", nor is it by their protocol"
        finding = f"Honestly it is not shown to be better than {baseline}{already}."
    elif _is_better(theirs, honest, claim.better):
        verdict = "shrinks"
        size = write_number(abs(lost.value))
        finding = f"Worse than by their protocol by {_with_unit(size, claim.unit)}, and still better than {baseline}."
    elif found.own_data and _is_below(honest, claim):
        verdict = "shrinks"
        finding = f"Better than {baseline}, and not as good as published."
    else:
        gained = _is_better(honest, theirs, claim.better)
        verdict = "holds"
        against = "Better than" if gained else "Not shown to be worse than"
        finding = f"{against} by their protocol, and better than {baseline}."
    if found.cut and verdict != "holds":
        return "not measured here", "A training was cut short, so that this run cannot tell."
    return verdict, finding


def read_estimate(
    summaries: Mapping[str, Summary], claim: ClaimParams, where: Measured
) -> Estimate | None:
    """Return what a run measured at a place of ``metrics.csv``; None where it has no such row."""
    summary = summaries.get(claim.pipeline)
    if summary is None or summary.metrics.empty:
        return None
    table = summary.metrics
    here = (table["protocol"] == where.protocol) & (table["model"] == where.model)
    rows = table[here & (table["split"] == claim.split) & (table["metric"] == claim.metric)]
    if rows.empty or not math.isfinite(rows["value"].iloc[0]):
        return None
    return Estimate.of(rows.iloc[0].to_dict())


def find_cuts(summary: Summary | None) -> dict[tuple[str, str], str]:
    """Return what the trainings of each protocol and model lacked, where they lacked anything."""
    table = None if summary is None else summary.tables.get("trainings")
    if table is None or "cut_short" not in table:
        return {}
    return find_cut_short(table, table["name"])


def _find(
    claim: ClaimParams, summaries: Mapping[str, Summary], origins: Mapping[str, Source]
) -> Found:
    cuts = find_cuts(summaries.get(claim.pipeline))
    places = (claim.theirs, claim.honest)
    theirs, honest, baseline = (
        read_estimate(summaries, claim, each) for each in (*places, claim.baseline)
    )
    return Found(
        theirs,
        honest,
        baseline,
        cut=any((each.protocol, each.model) in cuts for each in places),
        own_data=_is_own(claim, origins.get(claim.pipeline)),
    )


def _lay_out(
    claim: ClaimParams,
    params: ReportingParams,
    found: Found,
    summaries: Mapping[str, Summary],
    origins: Mapping[str, Source],
) -> ClaimRow:
    theirs_model, honest_model, baseline = (
        name_model(params, claim.pipeline, each.model)
        for each in (claim.theirs, claim.honest, claim.baseline)
    )
    baseline = baseline[:1].lower() + baseline[1:]
    verdict, finding = judge(claim, found, baseline)
    theirs, honest = found.theirs, found.honest
    cuts = find_cuts(summaries.get(claim.pipeline))
    lost = subtract(honest, theirs) if theirs and honest else None
    within = (
        theirs is not None and claim.value is not None and theirs.low <= claim.value <= theirs.high
    )
    return ClaimRow(
        title=claim.title,
        metric=metric_label(claim.metric),
        published="" if claim.value is None else _with_unit(write_number(claim.value), claim.unit),
        source=f"{claim.by}; {claim.data}" + (f"; {claim.note}" if claim.note else ""),
        data=_describe_data(claim, origins.get(claim.pipeline)),
        theirs=_write(theirs, claim.unit, claim.theirs, cuts),
        honest=_write(honest, claim.unit, claim.honest, cuts),
        difference=lost.parts(claim.unit, sign=True) if lost else ("", ""),
        baseline=found.baseline.write(claim.unit) if found.baseline else "",
        theirs_model=theirs_model,
        honest_model=honest_model,
        baseline_model=baseline,
        reproduced=found.own_data and within,
        verdict=verdict,
        finding=finding,
        why=claim.why,
        strip=draw_strip(theirs, honest, found.baseline, claim.value, claim.better),
    )


def _missing(found: Found) -> str:
    """Say what is missing for a verdict; empty if nothing is."""
    if found.theirs is None and found.honest is None:
        return "Neither protocol has measured it in this run."
    if found.theirs is None:
        return "Their protocol has not measured it in this run."
    if found.honest is None:
        return "The honest protocol has not measured it in this run."
    if found.baseline is None:
        return "The baseline has not been measured in this run."
    if not (found.theirs.known and found.honest.known):
        return "No interval was estimated, so that this run cannot tell."
    return ""


def _is_better(first: Estimate, second: Estimate, better: str) -> bool:
    """Tell whether one estimate is shown to be better: the whole interval of the difference says so."""
    point = second if second.known else Estimate(second.value, second.value, second.value)
    found = subtract(first, point)
    return found.low > 0 if better == "higher" else found.high < 0


def _is_below(honest: Estimate, claim: ClaimParams) -> bool:
    """Tell whether the whole interval lies on the worse side of the published number."""
    if claim.value is None:
        return False
    return honest.high < claim.value if claim.better == "higher" else honest.low > claim.value


def _is_own(claim: ClaimParams, source: Source | None) -> bool:
    """Tell whether a run read all of the data that a claim is about."""
    if source is None or source.phantoms or claim.data_set not in source.data_sets:
        return False
    return claim.n_films is None or (source.n_films or 0) >= claim.n_films


def _describe_data(claim: ClaimParams, source: Source | None) -> str:
    """Say on what a run measured a claim."""
    if source is None:
        return "data of unknown origin"
    if source.phantoms:
        return "phantoms"
    films = "films" if source.n_films is None else f"{source.n_films:,} films"
    if claim.data_set not in source.data_sets:
        return f"other data: {films}"
    if _is_own(claim, source):
        return f"their data: {films}"
    return f"a part of their data: {films}" + (f" of {claim.n_films:,}" if claim.n_films else "")


def _write(
    estimate: Estimate | None, unit: str, where: Measured, cuts: Mapping[tuple[str, str], str]
) -> tuple[str, str]:
    if estimate is None:
        return "", ""
    value, interval = estimate.parts(unit)
    return value + (f" {CUT}" if (where.protocol, where.model) in cuts else ""), interval


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}".strip()
