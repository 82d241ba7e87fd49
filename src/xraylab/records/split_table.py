"""A table that says in which part of a split each film lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from xraylab.records.delimited import find_column, text_of
from xraylab.records.ids import clean_id, plain_name

__all__ = [
    "IMAGE_COLUMNS",
    "PART_NAMES",
    "SPLIT_COLUMNS",
    "SplitTable",
    "parse_split_table",
    "read_part",
]

IMAGE_COLUMNS = (
    *(
        "image_id",
        "imageid",
        "image id",
        "image index",
        "image_index",
        "image",
        "image_path",
        "image path",
    ),
    *(
        "path",
        "filepath",
        "file_path",
        "file path",
        "filename",
        "file_name",
        "file name",
        "file",
        "image_name",
    ),
    *(
        "image name",
        "img",
        "img_path",
        "dicom_id",
        "dicom",
        "sopinstanceuid",
        "id",
        "case id",
        "name",
    ),
)
"""Usual names of the column that names films, the likeliest first, in any case."""

SPLIT_COLUMNS = (
    "split",
    "set",
    "subset",
    "partition",
    "part",
    "phase",
    "dataset_split",
    "data_split",
)
"""Usual names of the column of parts, the likeliest first, in any case."""

PART_NAMES = {
    **dict.fromkeys(("train", "training", "trn", "learn", "learning"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "tune", "tuning"), "val"),
    **dict.fromkeys(
        ("test", "testing", "tst", "holdout", "hold out", "eval", "evaluation"), "test"
    ),
}
"""Parts of a split by the words that are used for them."""

_NO_PART = ("", "none", "nan")


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
    name = plain_name(written)
    return "" if name in _NO_PART else PART_NAMES.get(name)


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
