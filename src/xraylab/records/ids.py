"""Ids of films as tables and folders write them, and which row is which film's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Matches", "clean_id", "match_films", "plain_name"]

_SUFFIX = re.compile(r"\.(png|jpe?g|dcm|dicom|tiff?|bmp|webp)$", re.IGNORECASE)
_FLOAT = re.compile(r"(\d+)\.0*")

Parts = tuple[str, ...]


def clean_id(written: object) -> str:
    r"""Return an id without what tables add to it.

    White space around it, the ending of a film's file (``.png``, ``.jpg``, ``.dcm`` …), the ``.0`` of a whole number
    that was read as a float, ``./`` before it and backslashes in a path.

    Examples
    --------
    >>> [clean_id(each) for each in (" 3153.0", "00000150_002.PNG", "patientA\\1.dcm", 7)]
    ['3153', '00000150_002', 'patientA/1', '7']
    """
    path = str(written).strip().replace("\\", "/")
    parts = [part.strip() for part in path.split("/") if part.strip() not in ("", ".")]
    if not parts:
        return ""
    name = _SUFFIX.sub("", parts[-1]).strip()
    number = _FLOAT.fullmatch(name)
    return "/".join([*parts[:-1], number[1] if number else name])


def plain_name(folder: str) -> str:
    """Return the name of a folder in one spelling.

    Examples
    --------
    >>> plain_name("Non_fractured"), plain_name(" not  Fractured ")
    ('non fractured', 'not fractured')
    """
    return " ".join(re.split(r"[\s_-]+", folder.strip().casefold()))


def _parts(clean: str) -> Parts:
    """Return the name and then its folders, in a form that is equal for equal ids."""
    *folders, name = clean.casefold().split("/")
    if name.isdigit():
        name = name.lstrip("0") or "0"
    return name, *reversed(folders)


@dataclass(frozen=True)
class Matches:
    """Which row of a table is which film's.

    Attributes
    ----------
    row_of : dict of str to int
        Position of its row, by film; a film without one is left out.
    reasons : dict of str to str
        Films whose row cannot be told from another's, with the reason.
    unmatched : list of int
        Positions of rows that are no film's here.
    """

    row_of: dict[str, int]
    reasons: dict[str, str]
    unmatched: list[int]


def match_films(films: Iterable[str], rows: Sequence[object]) -> Matches:
    """Find the row of each film by its name, and by its folders where names repeat.

    Ids are compared as `clean_id` gives them, without regard to case and to leading zeros of whole numbers. Where no
    name repeats among the films or among the rows, the name is enough. Where names repeat, ``patientA/1`` is the film
    whose path ends so, and a bare ``1`` is a film's only if a single one is called so. What fits more than one is
    nobody's: it is listed, never guessed.

    Parameters
    ----------
    films : iterable of str
        Image ids, or paths under a folder.
    rows : sequence
        The id of each row, as it is written; empty ones fit nothing.

    Returns
    -------
    Matches

    Examples
    --------
    >>> match_films(["a/1", "b/1", "b/2"], ["b/1.png", "2"]).row_of
    {'b/1': 0, 'b/2': 1}
    >>> match_films(["a/1", "b/1"], ["1"]).reasons["a/1"]
    "its name is that of 2 films, and the table's '1' may be any of them"
    """
    of_film = {film: _parts(clean_id(film)) for film in films}
    of_row = [_parts(clean_id(row)) for row in rows]
    rows_by_name: dict[str, set[Parts]] = defaultdict(set)
    numbers_by_name: dict[str, list[int]] = defaultdict(list)
    members: dict[str, list[str]] = defaultdict(list)
    for film, parts in of_film.items():
        members[parts[0]].append(film)
    for number, parts in enumerate(of_row):
        rows_by_name[parts[0]].add(parts)
        numbers_by_name[parts[0]].append(number)
    numbers_by_name.pop("", None)
    has_paths = any(len(parts) > 1 for parts in of_row)
    repeats = any(len(group) > 1 for group in (*members.values(), *rows_by_name.values()))
    row_of: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for name, numbers in numbers_by_name.items():
        scores = {
            (film, row): shared + (has_paths and of_film[film] == of_row[row])
            for film in members.get(name, [])
            for row in numbers
            if (shared := _shared(of_film[film], of_row[row], strict=repeats))
        }
        found, doubtful = _settle(scores)
        row_of |= found
        reasons |= {film: _explain(wanted, rows) for film, wanted in doubtful.items()}
    in_doubt = {row for film in reasons for row in numbers_by_name[of_film[film][0]]}
    taken = in_doubt | set(row_of.values())
    return Matches(row_of, reasons, [row for row in range(len(rows)) if row not in taken])


def _shared(film: Parts, row: Parts, strict: bool) -> int:
    """Return how many parts agree from the name upwards; 0 if the folders contradict each other."""
    n_parts = min(len(film), len(row))
    equal = next((n for n in range(n_parts) if film[n] != row[n]), n_parts)
    return equal if equal == n_parts or not strict else 0


Wanted = tuple[list[int], int]


def _settle(scores: dict[tuple[str, int], int]) -> tuple[dict[str, int], dict[str, Wanted]]:
    """Join films and rows of one name that are each other's best and only choice.

    Returns the row of each film, and for each film in doubt the rows that it may have and how many films the first of
    them may be of.
    """
    best_of_row: dict[int, list[str]] = {}
    for row in {row for _, row in scores}:
        here = {film: score for (film, each), score in scores.items() if each == row}
        best_of_row[row] = [film for film, score in here.items() if score == max(here.values())]
    found: dict[str, int] = {}
    doubtful: dict[str, Wanted] = {}
    for film in dict.fromkeys(film for film, _ in scores):
        rows = {row: scores[film, row] for row, films in best_of_row.items() if film in films}
        best = [row for row, score in rows.items() if score == max(rows.values())]
        if len(best) == 1 and len(best_of_row[best[0]]) == 1:
            found[film] = best[0]
        elif best:
            doubtful[film] = (sorted(best), len(best_of_row[best[0]]))
    return found, doubtful


def _explain(wanted: Wanted, written: Sequence[object]) -> str:
    rows, n_films = wanted
    if len(rows) > 1:
        named = ", ".join(f"'{written[row]}'" for row in rows)
        return f"{len(rows)} rows of the table may be its own: {named}"
    return f"its name is that of {n_films} films, and the table's '{written[rows[0]]}' may be any of them"
