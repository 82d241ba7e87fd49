"""Nodes of reporting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from xraylab import __version__
from xraylab.datasets.summary_dataset import Summary
from xraylab.evaluation.bootstrap import FEW_GROUPS
from xraylab.pages import make_environment
from xraylab.provenance import Source

from . import forest
from .claims import CUT, judge_claims
from .numbers import FEW
from .params import ReportingParams
from .sections import Section, make_section

__all__ = ["render_report"]


def render_report(
    params: ReportingParams, origins: Mapping[str, Source], **summaries: Summary | None
) -> str:
    """Render one self-contained page from the summaries of whatever has run.

    Parameters
    ----------
    params : ReportingParams
        Claims, names, titles and captions.
    origins : mapping of str to Source
        Where each pipeline's results come from.
    **summaries : Summary or None
        What to show, by the name of the pipeline; None where it has not run.

    Returns
    -------
    str
        HTML that asks for no other file.

    Raises
    ------
    ValueError
        If a pipeline has no section, naming the sections.
    """
    for name in summaries:
        if name not in params.sections:
            raise ValueError(
                f"'{name}' has no section in reporting.sections; there are {list(params.sections)}"
            )
    known = {name: each for name, each in summaries.items() if each is not None}
    has_run = {
        name: known[name]
        for name in params.sections
        if name in known and (not known[name].metrics.empty or known[name].figures)
    }
    sections = [
        make_section(params, name, each, origins.get(name)) for name, each in has_run.items()
    ]
    environment = make_environment("xraylab.pipelines.reporting")
    claimed = {claim.pipeline for claim in params.claims}
    return environment.get_template("page.html.j2").render(
        title=params.title,
        facts=_describe_run(sections),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        claims=judge_claims(params, has_run, origins) if claimed & has_run.keys() else [],
        sections=sections,
        phantoms=[each.params.title for each in sections if each.source and each.source.phantoms],
        strangers=_find_strangers(sections),
        not_run=[section.title for name, section in params.sections.items() if name not in has_run],
        forest=forest,
        marks={"few": FEW, "cut": CUT},
        few_groups=FEW_GROUPS,
    )


def _describe_run(sections: Sequence[Section]) -> dict[str, str]:
    """Return what the first lines say of the results: data, environment, date, version and seed."""
    sources = [section.source for section in sections if section.source is not None]
    if not sources:
        return {"Version": f"xraylab {__version__}"}
    return {
        "Data": _join(each.data for each in sources),
        "Environment": _join(each.environment for each in sources),
        "Run": _join(sorted({f"{each.date[:16].replace('T', ' ')} UTC" for each in sources})[-1:]),
        "Version": "xraylab " + _join(each.code for each in sources),
        "Seed": _join("not known" if each.seed is None else str(each.seed) for each in sources),
    }


def _join(words: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(words))


def _find_strangers(sections: Sequence[Section]) -> dict[str, str]:
    """Return in what a section differs from the environment and data of most, by its name."""
    kinds = {
        section.name: (section.source.environment, section.source.data)
        for section in sections
        if section.source is not None
    }
    if not kinds:
        return {}
    (usual, _), *_ = Counter(kinds.values()).most_common()
    return {
        name: f"environment {environment}, {data}"
        for name, (environment, data) in kinds.items()
        if (environment, data) != usual
    }
