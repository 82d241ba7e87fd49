"""What each check found, as the page of an audit shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from .findings import CHECKS
from .page_films import FilmShelf, FilmWords, list_ids
from .page_words import clean, write_estimate, write_share
from .words import count_films

__all__ = [
    "MAX_FILMS",
    "MAX_FINDINGS",
    "CheckWords",
    "ExampleWords",
    "FindingWords",
    "choose_examples",
    "describe_checks",
    "list_example_ids",
    "write_verdict",
]

MAX_FINDINGS = 200
"""Findings on a page; a set of many classes may have a finding for each of them."""

MAX_FILMS = 4
"""Films of one example."""

_SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class ExampleWords:
    """One film, or the films of a pair or cluster, side by side.

    Attributes
    ----------
    films : tuple of FilmWords
        Those that are shown.
    relation : str
        What the second of two films is to the first; of several films each says it.
    n_more : int
        Films of the cluster that are not shown.
    """

    films: tuple[FilmWords, ...]
    relation: str = ""
    n_more: int = 0


@dataclass(frozen=True)
class FindingWords:
    """What the page says of a finding.

    Attributes
    ----------
    anchor : str
        By which it is linked to.
    severity : str
        ``error``, ``warning`` or ``info``.
    title, share, estimate, advice : str
        In words; empty where there is nothing to say.
    pictures, names : tuple of ExampleWords
        Examples with pictures, and without.
    """

    anchor: str
    severity: str
    title: str
    share: str
    estimate: str
    advice: str
    pictures: tuple[ExampleWords, ...] = ()
    names: tuple[ExampleWords, ...] = ()

    @property
    def grouped(self) -> bool:
        """Whether an example is of several films."""
        return any(len(each.films) > 1 for each in self.pictures)


@dataclass(frozen=True)
class CheckWords:
    """What the page says of a check.

    Attributes
    ----------
    name, title : str
        The slug, and what is shown.
    n : dict of str to int
        Findings by severity.
    findings : tuple of FindingWords
        The worst first.
    n_left_out : int
        Findings that are not on the page.
    """

    name: str
    title: str
    n: dict[str, int]
    findings: tuple[FindingWords, ...]
    n_left_out: int = 0

    @property
    def worst(self) -> FindingWords | None:
        """The first finding that asks for something."""
        return next((each for each in self.findings if each.severity != "info"), None)


def write_verdict(findings: pd.DataFrame, n_films: int) -> tuple[str, str]:
    """Return what an audit says of a set, in one sentence, and how bad that is.

    Parameters
    ----------
    findings : DataFrame
        As `xraylab.pipelines.audit.findings.tabulate_findings` gives it.
    n_films : int
        Films that were read.

    Returns
    -------
    (str, str)
        The sentence, and ``error``, ``warning`` or ``none``.

    Examples
    --------
    >>> write_verdict(pd.DataFrame({"severity": ["error", "warning", "warning", "info"]}), 100)
    ('Not fit to train on as it is: 1 error, 2 warnings.', 'error')
    >>> write_verdict(pd.DataFrame({"severity": ["info"]}), 100)
    ('Nothing was found that speaks against training on it.', 'none')
    """
    n = {each: int((findings["severity"] == each).sum()) for each in _SEVERITIES}
    counts = ", ".join(count_films(n[each], each) for each in ("error", "warning") if n[each])
    if n["error"]:
        return f"Not fit to train on as it is: {counts}.", "error"
    if not n_films:
        return "There is nothing to train on: no film could be read.", "error"
    if n["warning"]:
        return f"Look before you train: {counts}.", "warning"
    return "Nothing was found that speaks against training on it.", "none"


def list_example_ids(findings: pd.DataFrame) -> Iterator[str]:
    """Yield the image ids of all examples that a page may show."""
    for text in findings["examples"]:
        for example in list_ids(text):
            yield from example[:MAX_FILMS]


def describe_checks(findings: pd.DataFrame, shelf: FilmShelf, n_pictures: int) -> list[CheckWords]:
    """Return what the page says of each check.

    Parameters
    ----------
    findings : DataFrame
        As `xraylab.pipelines.audit.findings.tabulate_findings` gives it.
    shelf : FilmShelf
        Holds the films of all examples.
    n_pictures : int
        That may be shown. Each finding gets its first example, errors first, then each its second one, and so on.

    Returns
    -------
    list of CheckWords
        All of `xraylab.pipelines.audit.findings.CHECKS`, in order.
    """
    ranks = findings["severity"].map(_SEVERITIES.index)
    ordered = findings.loc[ranks.sort_values(kind="stable").index]
    rows: list[dict[str, Any]] = ordered.head(MAX_FINDINGS).to_dict("records")  # type: ignore[assignment]
    examples = [list_ids(row["examples"]) for row in rows]
    costs = [[_cost(each, shelf) for each in some] for some in examples]
    chosen = choose_examples(costs, n_pictures)
    described: dict[str, list[FindingWords]] = {name: [] for name in CHECKS}
    for row, some, drawn in zip(rows, examples, chosen, strict=True):
        mine = described[row["check"]]
        mine.append(_describe(row, f"{row['check']}-{len(mine) + 1}", (some, drawn), shelf))
    checks = findings["check"]
    return [
        CheckWords(
            name,
            title,
            {
                each: int((findings["severity"][checks == name] == each).sum())
                for each in _SEVERITIES
            },
            tuple(described[name]),
            int((checks == name).sum()) - len(described[name]),
        )
        for name, title in CHECKS.items()
    ]


def choose_examples(costs: Sequence[Sequence[int]], n_pictures: int) -> list[set[int]]:
    """Return which examples of each finding have pictures.

    Parameters
    ----------
    costs : sequence of sequence of int
        Pictures that each example of each finding needs; one that needs none has none.
    n_pictures : int
        In all.

    Returns
    -------
    list of set of int
        One per finding. The first examples of all come before the second ones.

    Examples
    --------
    >>> choose_examples([[2, 2], [1, 0, 1]], 4)
    [{0}, {0, 2}]
    """
    chosen: list[set[int]] = [set() for _ in costs]
    for k in range(max(map(len, costs), default=0)):
        for mine, some in zip(chosen, costs, strict=True):
            if k < len(some) and 0 < some[k] <= n_pictures:
                mine.add(k)
                n_pictures -= some[k]
    return chosen


def _cost(example: Sequence[str], shelf: FilmShelf) -> int:
    return sum(map(shelf.has_picture, example[:MAX_FILMS]))


def _describe(
    row: dict[str, Any], anchor: str, examples: tuple[Sequence[Any], set[int]], shelf: FilmShelf
) -> FindingWords:
    some, drawn = examples
    named = [each for k, each in enumerate(some) if k not in drawn]
    if drawn:  # films of which there is a picture need no list of names as well
        named = [each for each in named if not _cost(each, shelf)]
    return FindingWords(
        anchor,
        row["severity"],
        clean(row["title"]),
        write_share(int(row["n"]), int(row["total"])),
        write_estimate(row["metric"], row["value"], row["ci_low"], row["ci_high"]),
        clean(row["advice"]),
        tuple(_show(each, shelf) for k, each in enumerate(some) if k in drawn),
        tuple(_show(each, shelf, edge_px=0) for each in named),
    )


def _show(example: Sequence[str], shelf: FilmShelf, **edge: int) -> ExampleWords:
    ids = list(example[:MAX_FILMS])
    films = [shelf.describe(each, **edge) for each in ids]
    said = [shelf.relations.describe(each, of=ids[0]) for each in ids]
    if len(ids) == len("ab"):
        return ExampleWords(tuple(films), said[1])
    related = (replace(film, relation=words) for film, words in zip(films, said, strict=True))
    return ExampleWords(tuple(related), n_more=len(example) - len(ids))
