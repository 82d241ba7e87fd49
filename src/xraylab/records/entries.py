"""The clinical table of NIH ChestX-ray14, and of sets that are laid out like it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import PurePosixPath

import pandas as pd

from xraylab.records.delimited import LoadTable, UnreadableTableError, find_column, text_of
from xraylab.records.ids import clean_id

__all__ = ["read_entries"]

logger = logging.getLogger(__name__)

_START, _PUBLISHED = "data_entry", "data_entry_2017"
_IMAGE, _PATIENT = "Image Index", "Patient ID"


def read_entries(tables: Mapping[str, LoadTable]) -> tuple[str, pd.DataFrame] | None:
    """Read the clinical table among some tables: the one whose name begins with ``Data_Entry``.

    The NIH has published two, ``Data_Entry_2017`` and ``Data_Entry_2017_v2020``. Where both are there the first is
    read, which is said in the log, unless they name different patients for a film.

    Parameters
    ----------
    tables : mapping of str to callable
        Lazy tables by their path without suffix.

    Returns
    -------
    name : str
        The table that was read.
    entries : DataFrame
        Its columns, and before them ``image_id`` (as `xraylab.records.ids.clean_id` gives it) and ``patient_id`` (text,
        without leading zeros; empty where there is none). None, not a pair, where there is no such table.

    Raises
    ------
    UnreadableTableError
        If the table to be read cannot be read.
    ValueError
        If it lacks one of the two columns or lists a film twice, or two tables disagree about a film's patient.
    """
    names = [name for name in tables if _stem(name).startswith(_START)]
    if not names:
        return None
    first, *others = sorted(names, key=lambda name: (_stem(name) != _PUBLISHED, name))
    entries = _read(tables[first](), first)
    for other in others:
        try:
            _compare(entries, _read(tables[other](), other), first, other)
        except UnreadableTableError as error:
            logger.warning("Passed over: %s", error)
            continue
        logger.warning(
            "Two clinical tables name the same patients: '%s' is read, '%s' is not", first, other
        )
    return first, entries


def _stem(name: str) -> str:
    return PurePosixPath(name).name.casefold()


def _read(table: pd.DataFrame, name: str) -> pd.DataFrame:
    found = {wanted: find_column(table, (wanted,)) for wanted in (_IMAGE, _PATIENT)}
    for wanted, column in found.items():
        if column is None:
            raise ValueError(
                f"{name}.csv lacks the column '{wanted}'; it has {', '.join(map(str, table.columns))}"
            )
    ids = text_of(table[found[_IMAGE]]).map(clean_id)
    twice = ids[ids.duplicated() & (ids != "")]
    if len(twice):
        raise ValueError(f"{name}.csv lists '{twice.iloc[0]}' more than once")
    patients = text_of(table[found[_PATIENT]]).map(clean_id)
    patients = patients.str.replace(r"^0+(?=\d+$)", "", regex=True)
    return pd.concat([ids.rename("image_id"), patients.rename("patient_id"), table], axis="columns")


def _compare(first: pd.DataFrame, second: pd.DataFrame, name: str, other: str) -> None:
    both = first[["image_id", "patient_id"]].merge(
        second[["image_id", "patient_id"]], on="image_id", suffixes=("", "_other")
    )
    known = (both["patient_id"] != "") & (both["patient_id_other"] != "")
    differ = both[known & (both["patient_id"] != both["patient_id_other"])]
    if len(differ):
        row = differ.iloc[0]
        raise ValueError(
            f"{name}.csv and {other}.csv disagree about the patient of {len(differ)} films: '{row['image_id']}' is of "
            f"'{row['patient_id']}' in the first and of '{row['patient_id_other']}' in the second. Remove one of them"
        )
