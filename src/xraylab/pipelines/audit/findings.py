"""What an audit finds: one row per finding, and which films it is about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

__all__ = [
    "CHECKS",
    "FINDING_COLUMNS",
    "Check",
    "Finding",
    "Severity",
    "list_affected",
    "tabulate_findings",
]

Check = Literal["files", "copies", "groups", "splits", "shortcuts", "labels"]
Severity = Literal["error", "warning", "info"]

CHECKS: dict[str, str] = {
    "files": "Files",
    "copies": "Copies",
    "groups": "Patients and studies",
    "splits": "Parts",
    "shortcuts": "Shortcuts",
    "labels": "Labels",
}
"""The checks, in order, and their titles."""

FINDING_COLUMNS = (
    *("check", "finding", "severity", "title", "n", "total", "share"),
    *("value", "ci_low", "ci_high", "metric", "examples", "advice"),
)

_EXAMPLES = 6

Example: TypeAlias = Sequence[str]
"""One film, or the films of one cluster or pair, by image id."""


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes
    ----------
    check : str
        One of `CHECKS`.
    finding : str
        Its name, such as ``copies_across_parts``; the same in every audit.
    severity : {"error", "warning", "info"}
        ``error``: a model that is trained or tested on this set cannot be trusted. ``warning``: look before training.
        ``info``: what was seen, and nothing to be done.
    title : str
        One sentence that a person understands without the rest.
    n, total : int
        Films (or groups, or pairs) that it is about, of how many.
    advice : str
        What to do about it, in one or two sentences; empty for ``info``.
    examples : sequence of sequence of str
        Image ids; each example is one film, or the films of a pair or cluster. The first few are kept.
    affected : sequence of str
        Image ids of all films that it is about.
    value, ci_low, ci_high : float
        A figure with its 95 % interval, such as an AUROC; nan where there is none.
    metric : str
        What the figure is, such as ``AUROC``; empty where there is none.

    Raises
    ------
    ValueError
        For an unknown check or severity.
    """

    check: Check
    finding: str
    severity: Severity
    title: str
    n: int
    total: int
    advice: str = ""
    examples: Sequence[Example] = ()
    affected: Sequence[str] = field(default=(), repr=False)
    value: float = np.nan
    ci_low: float = np.nan
    ci_high: float = np.nan
    metric: str = ""

    def __post_init__(self) -> None:
        if self.check not in get_args(Check) or self.severity not in get_args(Severity):
            raise ValueError(f"unknown check or severity: {self.check!r}, {self.severity!r}")


def tabulate_findings(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return one row per finding.

    Parameters
    ----------
    findings : iterable of Finding
        Of one check or of several.

    Returns
    -------
    DataFrame
        Columns `FINDING_COLUMNS`, ``examples`` as JSON (a list of lists of image ids), and ``affected``, as JSON (a
        list of image ids).

    Examples
    --------
    >>> found = Finding("files", "blank", "warning", "1 film is blank.", 1, 4, examples=[["a.png"]])
    >>> table = tabulate_findings([found])
    >>> table[["finding", "n", "share", "examples"]].to_numpy().tolist()
    [['blank', 1, 0.25, '[["a.png"]]']]
    """
    rows: list[dict[str, Any]] = []
    for each in findings:
        row = {name: getattr(each, name) for name in FINDING_COLUMNS if name != "share"}
        row["share"] = each.n / each.total if each.total else 0.0
        examples = [list(map(str, some)) for some in list(each.examples)[:_EXAMPLES]]
        row["examples"] = json.dumps(examples, ensure_ascii=False)
        row["affected"] = json.dumps(list(map(str, each.affected)), ensure_ascii=False)
        rows.append(row)
    kinds = {"n": "int64", "total": "int64"}
    floats = ("share", "value", "ci_low", "ci_high")
    columns = [*FINDING_COLUMNS, "affected"]
    return pd.DataFrame(rows, columns=columns).astype(
        {each: kinds.get(each, "float64" if each in floats else "str") for each in columns}
    )


def list_affected(findings: pd.DataFrame) -> pd.DataFrame:
    """Return which finding is about which film.

    Parameters
    ----------
    findings : DataFrame
        As `tabulate_findings` gives it.

    Returns
    -------
    DataFrame
        ``finding, image_id``, one row for each film that a finding is about.

    Examples
    --------
    >>> found = Finding("files", "blank", "warning", "1 film is blank.", 1, 4, affected=["a.png"])
    >>> list_affected(tabulate_findings([found])).to_numpy().tolist()
    [['blank', 'a.png']]
    """
    rows = [
        (finding, image_id)
        for finding, affected in zip(findings["finding"], findings["affected"], strict=True)
        for image_id in json.loads(affected)
    ]
    return pd.DataFrame(rows, columns=["finding", "image_id"], dtype="str")
