"""One film in words, as the page of results shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from xraylab.pages import printable, shorten
from xraylab.prediction.result import Column

__all__ = ["FilmWords", "describe_film", "find_answer", "format_value"]

_FILES = ("mask", "heat_map", "dicom_seg")
"""Columns that name a file beside the page."""

_LOW, _HIGH, _COVERAGE = "interval_low", "interval_high", "coverage"
_MOST_OF_A_NAME, _MOST_OF_A_REASON = 140, 300  # characters


@dataclass(frozen=True)
class FilmWords:
    """What the page says of a film.

    Attributes
    ----------
    folder, name : str
        The path of the film, in two parts.
    status, reason : str
        The kind of status, and why.
    answer : str
        The prediction with its unit; empty where there is none.
    interval : str
        Such as ``90 % interval 98.2 to 120.4 months``; empty where there is none.
    verdict : str
        Words of the prediction, such as the finding.
    values : tuple of (str, str)
        Label and value of everything else that was predicted.
    files : tuple of (str, str)
        Label and address of files that belong to the film.
    unfamiliarity : str
        The score; empty where there is none.
    """

    folder: str
    name: str
    status: str
    reason: str
    answer: str = ""
    interval: str = ""
    verdict: str = ""
    values: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    unfamiliarity: str = ""


def format_value(value: Any, column: Column) -> str:
    """Return a value as a person writes it: rounded, with its unit; empty for none.

    Examples
    --------
    >>> column = Column("months", "Bone age", "months", 1)
    >>> format_value(123.456, column), format_value(-0.01, column), format_value(None, column)
    ('123.5 months', '0.0 months', '')
    """
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not isinstance(value, Real):
        return shorten(printable(str(value)), _MOST_OF_A_REASON)
    rounded = round(float(value), column.digits) + 0.0  # -0.0 becomes 0.0
    number = f"{rounded:.{column.digits}f}".replace("-", "−")
    return f"{number} {column.unit}".rstrip()


def find_answer(table: pd.DataFrame, columns: Sequence[Column]) -> Column | None:
    """Return the column that answers the task's question: the first of numbers."""
    for column in columns:
        known = table[column.name].dropna() if column.name in table else pd.Series(dtype=object)
        if any(isinstance(value, Real) and not isinstance(value, bool) for value in known.head(1)):
            return column
    return None


def describe_film(
    row: Mapping[Any, Any], columns: Sequence[Column], answer: Column | None
) -> FilmWords:
    """Return what the page says of a film.

    Parameters
    ----------
    row : mapping
        A row of the table, at full precision.
    columns : sequence of Column
        Those of the task.
    answer : Column or None
        Which of them is the prediction itself.

    Examples
    --------
    >>> months = Column("months", "Bone age", "months", 0)
    >>> low, high = Column("interval_low", "From", "months", 0), Column("interval_high", "To", "months", 0)
    >>> row = {"path": "a/1.png", "status": "ok", "months": 101.4, "interval_low": 90.2, "interval_high": 112.6}
    >>> words = describe_film(row, [months, low, high], months)
    >>> words.folder, words.name, words.answer, words.interval
    ('a/', '1.png', '101 months', 'interval 90 to 113 months')
    """
    kind, _, reason = str(row["status"]).partition(": ")
    path = shorten(printable(str(row["path"])), _MOST_OF_A_NAME)
    folder, slash, name = path.rpartition("/")
    interval, spoken_for = _interval(row, columns, answer)
    spoken_for |= {*_FILES, answer.name if answer else ""}
    words = [(each, format_value(row.get(each.name), each)) for each in columns]
    rest = [(each, text) for each, text in words if text and each.name not in spoken_for]
    place = columns.index(answer) if answer else len(columns)
    verdicts = [each for each in columns[place:] if isinstance(row.get(each.name), str)]
    verdict = next((each for each in verdicts if each.name not in spoken_for), None)
    return FilmWords(
        folder=folder + slash,
        name=name,
        status=kind,
        reason=shorten(printable(reason), _MOST_OF_A_REASON),
        answer=format_value(row.get(answer.name), answer) if answer else "",
        interval=interval,
        verdict=format_value(row[verdict.name], verdict) if verdict else "",
        values=tuple((each.label, text) for each, text in rest if each is not verdict),
        files=tuple(
            (each.label, _address(str(row[each.name])))
            for each, text in words
            if text and each.name in _FILES
        ),
        unfamiliarity=format_value(row.get("unfamiliarity"), Column("unfamiliarity", "")),
    )


def _interval(
    row: Mapping[Any, Any], columns: Sequence[Column], answer: Column | None
) -> tuple[str, set[str]]:
    """Return the interval in words, and the columns that it is made of; empty where there is none."""
    ends = [each for each in columns if each.name in (_LOW, _HIGH)]
    if answer is None or len(ends) != len((_LOW, _HIGH)):
        return "", set()
    low, high = (format_value(row.get(name), answer) for name in (_LOW, _HIGH))
    if not low or not high:
        return "", set()
    coverage = row.get(_COVERAGE)
    words = f"interval {low.removesuffix(answer.unit).strip()} to {high}"
    if not isinstance(coverage, Real) or np.isnan(float(coverage)):
        return words, {_LOW, _HIGH}
    return f"{100 * float(coverage):.0f} % {words}", {_LOW, _HIGH, _COVERAGE}


def _address(path: str) -> str:
    # a name may hold a colon, which must not begin an address of another kind
    return quote(path, safe="/", errors="surrogateescape")
