"""A table that says in which part of a split each film lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from xraylab.records.delimited import find_column, text_of
from xraylab.records.ids import clean_id

__all__ = ["IMAGE_COLUMNS", "SPLIT_COLUMNS", "SplitTable", "parse_split_table", "read_part"]

IMAGE_COLUMNS = (
    *("image_id", "image", "image id", "image index", "image_index", "id", "case id"),
    *("filename", "file_name", "file name", "file", "filepath", "file_path", "path", "image_path"),
)
"""Usual names of the column that names films, in any case."""

SPLIT_COLUMNS = ("split", "part", "partition", "subset")
"""Usual names of the column of parts, in any case."""

_PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
    "": ("", "none", "nan"),
}
_PART_OF = {name: part for part, names in _PARTS.items() for name in names}


@dataclass(frozen=True)
class SplitTable:
    """The parts of films, as a table gives them.

    Attributes
    ----------
    path : str
        The file, for messages.
    films : tuple of str
        How each row names its film.
    parts : tuple of str
        Part of each row: ``train``, ``val``, ``test``, or empty for a film that is in none.
    """

    path: str
    films: tuple[str, ...]
    parts: tuple[str, ...]


def read_part(written: str) -> str | None:
    """Return the part of a split by one of its usual names; None for a name that is none.

    Examples
    --------
    >>> [read_part(each) for each in (" Training", "valid", "TEST", "", "fold 1")]
    ['train', 'val', 'test', '', None]
    """
    return _PART_OF.get(written.strip().casefold())


def parse_split_table(table: pd.DataFrame, path: str) -> SplitTable:
    """Read which film lies in which part.

    Parameters
    ----------
    table : DataFrame
        With a column of `IMAGE_COLUMNS` and one of `SPLIT_COLUMNS`; others are ignored. Parts have their usual names,
        see `read_part`.
    path : str
        Its file, for messages.

    Returns
    -------
    SplitTable
        A row that is there twice is one.

    Raises
    ------
    ValueError
        If a column is missing, a part has another name, a row names no film, or two rows of one film disagree.

    Examples
    --------
    >>> table = pd.DataFrame({"Image Index": ["a.png", "b.png"], "Split": ["Training", ""]})
    >>> parse_split_table(table, "split.csv").parts
    ('train', '')
    """
    films = text_of(table[_column(table, IMAGE_COLUMNS, "films", path)])
    column = _column(table, SPLIT_COLUMNS, "parts", path)
    written = text_of(table[column])
    parts = written.map(read_part)
    if parts.isna().any():
        raise ValueError(
            f"the table of the split '{path}': '{column}' is '{written[parts.isna()].iloc[0]}' for "
            f"'{films[parts.isna()].iloc[0]}'; it must be train, val, test, or empty for a film in no part"
        )
    if (films == "").any():
        raise ValueError(f"the table of the split '{path}': {int((films == '').sum())} rows name no film")  # fmt: skip
    rows = pd.DataFrame({"film": films, "part": parts, "key": films.map(clean_id).str.casefold()})
    rows = rows.drop_duplicates(["key", "part"])
    twice = rows["key"].duplicated(keep=False)
    if twice.any():
        first = rows[rows["key"] == rows.loc[twice, "key"].iloc[0]]
        raise ValueError(
            f"the table of the split '{path}' names '{first['film'].iloc[0]}' twice: as "
            + " and as ".join(f"'{part}'" for part in first["part"])
        )
    return SplitTable(path, tuple(rows["film"]), tuple(rows["part"]))


def _column(table: pd.DataFrame, names: Sequence[str], what: str, path: str) -> str:
    column = find_column(table, names)
    if column is None:
        raise ValueError(
            f"the table of the split '{path}' lacks the column '{names[0]}' of {what}; it has "
            f"{', '.join(map(str, table.columns))}"
        )
    return column
