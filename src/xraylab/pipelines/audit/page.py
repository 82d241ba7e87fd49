"""The page of an audit: one self-contained HTML file that says whether a set of films is fit to train on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd

from xraylab.models.card import NOTICE
from xraylab.pages import make_environment

from . import page_probes
from .page_films import FilmShelf
from .page_findings import (
    CheckWords,
    FindingWords,
    describe_checks,
    list_example_ids,
    write_verdict,
)
from .page_suspects import describe_suspects, list_suspect_ids
from .page_tables import count_by_parts, count_by_size, count_moves, count_parts, count_reasons
from .page_words import clean
from .words import count_films

if TYPE_CHECKING:
    from xraylab.imaging.array_cache import ArrayCache

__all__ = ["MAX_PICTURES", "AuditContent", "render_audit"]

MAX_PICTURES = 150
"""Pictures on a page, which keep it below 4 MB however many films there are."""

_MAX_REASONS = 4
_NOT_FOUND = "not found"  # as recognise.py has it

_ABOUT = {
    "files": "Can every file be read, and is each a film like the others?",
    "copies": "Is a film in the set more than once, perhaps turned, mirrored, cropped or saved again?",
    "groups": "Is each patient, study and series on one side of the split only?",
    "splits": "Do the parts hold what they must, and are they alike?",
    "shortcuts": "Can the label be told from what shows no disease? A model would learn that instead.",
    "labels": "Do films that look alike have the same label, and has each class enough films?",
}


@dataclass(frozen=True)
class AuditContent:
    """What the page shows.

    Attributes
    ----------
    title : str
        Name of the folder of films.
    facts : mapping of str to object
        Shown as a list: folder, date, version of the software, seconds, files found, films read.
    records : DataFrame
        One row per file found.
    recognised : DataFrame
        ``what, found, how``: what was recognised, and from what.
    findings : DataFrame
        As `xraylab.pipelines.audit.findings.tabulate_findings` gives it.
    clusters : DataFrame
        One row per film that has a copy.
    probes : DataFrame
        One row per probe and target.
    suspects : DataFrame
        Films whose neighbours have another label, in order of doubt.
    split : DataFrame
        The split that is proposed, one row per film.
    arrays : ArrayCache or None
        The films; None where there is none.
    """

    title: str
    facts: Mapping[str, Any]
    records: pd.DataFrame
    recognised: pd.DataFrame
    findings: pd.DataFrame
    clusters: pd.DataFrame
    probes: pd.DataFrame
    suspects: pd.DataFrame
    split: pd.DataFrame
    arrays: ArrayCache | None


def render_audit(content: AuditContent) -> str:
    """Render the page of an audit.

    Films are drawn as they are in the array cache; copies are not turned back. At most `MAX_PICTURES` are shown:
    first the suspects with their neighbours, then one example of each finding, errors first, then a second one of
    each, and so on. Examples without a picture are named.

    Parameters
    ----------
    content : AuditContent
        What it shows. Words and names in it are escaped, and what cannot be seen is written out.

    Returns
    -------
    str
        HTML that asks for no other file, needs no script, and is below 4 MB. It links to ``findings.csv``,
        ``clusters.csv``, ``split.csv`` and ``films.csv`` in its own folder.

    Examples
    --------
    >>> from xraylab.pipelines.audit.findings import Finding, tabulate_findings
    >>> found = tabulate_findings([Finding("files", "blank", "warning", "1 film is blank.", 1, 1)])
    >>> records = pd.DataFrame({"image_id": ["a.png"], "status": ["ok"], "reason": [""], "row": [0]})
    >>> empty = {"clusters": ["cluster", "image_id", "split"], "probes": ["metric", "value"],
    ...          "recognised": ["what"], "suspects": ["image_id", "neighbours"],
    ...          "split": ["image_id", "split", "official_split", "moved", "reason"]}
    >>> tables = {name: pd.DataFrame(columns=columns) for name, columns in empty.items()}
    >>> content = AuditContent("films", {}, records=records, findings=found, arrays=None, **tables)
    >>> "Look before you train: 1 warning." in render_audit(content)
    True
    """
    suspect_ids = list(list_suspect_ids(content.suspects))
    asked = chain(suspect_ids, list_example_ids(content.findings))
    shelf = FilmShelf(content.records, content.clusters, content.arrays, asked)
    n_left = MAX_PICTURES - sum(map(shelf.has_picture, suspect_ids))
    checks = describe_checks(content.findings, shelf, n_left)
    verdict, severity = write_verdict(
        content.findings, int((content.records["status"] == "ok").sum())
    )
    reasons, n_more = _list_reasons(checks)
    template = make_environment("xraylab.pipelines.audit").get_template("audit.html.j2")
    return template.render(
        title=clean(content.title, 100),
        verdict=verdict,
        severity=severity,
        reasons=reasons,
        n_more_reasons=n_more,
        facts={clean(name): _write_fact(fact) for name, fact in content.facts.items()},
        recognised=_list_recognised(content.recognised),
        below=clean(shelf.below),
        checks=checks,
        about=_ABOUT,
        count=count_films,
        sizes=count_by_size(content.clusters),
        parts_of_clusters=count_by_parts(content.clusters),
        charts=page_probes.draw_charts(content.probes),
        plot=page_probes,
        suspects=describe_suspects(content.suspects, shelf),
        n_suspects=len(content.suspects),
        parts=count_parts(content.split) if len(content.split) else [],
        has_parts=bool(content.split["official_split"].astype(bool).any()),
        moves=count_moves(content.split),
        n_moved=int(content.split["moved"].astype(bool).sum()),
        n_split=len(content.split),
        n_files=len(content.records),
        left_out=count_reasons(content.records),
        notice=NOTICE,
    )


def _list_reasons(checks: list[CheckWords]) -> tuple[list[FindingWords], int]:
    """Return the findings that the verdict names, the worst first, and how many more there are."""
    found = [each for check in checks for each in check.findings if each.severity != "info"]
    ordered = sorted(found, key=lambda each: each.severity != "error")
    return ordered[:_MAX_REASONS], max(0, len(ordered) - _MAX_REASONS)


def _write_fact(fact: Any) -> str:
    return f"{fact:,}" if isinstance(fact, int) else clean(fact)


def _list_recognised(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return what was recognised, and in one row what was not."""
    rows = [
        {str(name): clean(value) for name, value in row.items()} for row in table.to_dict("records")
    ]
    missing = [row["what"] for row in rows if row["found"] == _NOT_FOUND]
    found = [row for row in rows if row["found"] != _NOT_FOUND]
    lacking = {"what": _NOT_FOUND, "found": ", ".join(missing).lower(), "how": ""}
    return [*found, lacking] if missing else found
