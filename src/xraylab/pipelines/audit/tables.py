"""Tables of labels: which one belongs to the films, which of its columns is what, and which row is which film's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from xraylab.records.delimited import LoadTable, find_column, iterate_readable, text_of
from xraylab.records.ids import match_films

from .params import ColumnsParams

__all__ = ["JoinedTable", "join_table", "read_given_table"]

logger = logging.getLogger(__name__)

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "image": (
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
    ),
    "patient": (
        *(
            "patient_id",
            "patientid",
            "patient id",
            "patient",
            "subject_id",
            "subjectid",
            "subject id",
            "subject",
        ),
        *("person_id", "pid", "mrn", "participant", "participant_id"),
    ),
    "study": (
        *(
            "study_id",
            "studyid",
            "study id",
            "study",
            "studyinstanceuid",
            "study_instance_uid",
            "accession",
        ),
        *("accession_number", "accessionnumber", "exam_id"),
    ),
    "split": (
        "split",
        "set",
        "subset",
        "partition",
        "part",
        "phase",
        "dataset_split",
        "data_split",
    ),
    "label": (
        *(
            "label",
            "labels",
            "class",
            "class_name",
            "target",
            "finding",
            "findings",
            "finding labels",
        ),
        *(
            "finding_labels",
            "finding label",
            "diagnosis",
            "category",
            "pathology",
            "boneage",
            "bone age",
            "bone_age",
        ),
        *("bone age (months)", "fractured", "fracture", "y", "ground_truth"),
    ),
    "site": (
        "site",
        "hospital",
        "institution",
        "center",
        "centre",
        "source",
        "location_id",
        "scanner_site",
    ),
    "sex": (
        "sex",
        "gender",
        "patient gender",
        "patient_gender",
        "patient sex",
        "patient_sex",
        "patientsex",
        "male",
    ),
    "age": ("age", "patient age", "patient_age", "patientage", "age_years", "age (years)"),
}
"""Names of columns, the likeliest first; in any case."""

FACTS = tuple(name for name in COLUMN_NAMES if name != "image")

_LEAST_NAMED = 0.5


@dataclass(frozen=True)
class JoinedTable:
    """What a table says of films.

    Attributes
    ----------
    facts : (N, …) DataFrame of str
        A column for each of `FACTS` that the table has, on the index of the films; empty where it says nothing.
    columns : dict of str to str
        The table's own names of these.
    name : str
        What the table is called; empty where there is none.
    n_rows : int
        Its rows.
    unmatched : list of str
        Names of rows that are no film's here.
    ambiguous : dict of str to str
        Films whose row cannot be told from another's, with the reason.
    passed_over : dict of str to str
        Other tables that were looked at, with the reason why they are not used.
    """

    facts: pd.DataFrame
    columns: dict[str, str] = field(default_factory=dict)
    name: str = ""
    n_rows: int = 0
    unmatched: list[str] = field(default_factory=list)
    ambiguous: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)


def read_given_table(
    image_ids: pd.Series, table: pd.DataFrame, name: str, columns: ColumnsParams
) -> JoinedTable:
    """Join the table that a user has named.

    Raises
    ------
    ValueError
        If it has no column of films, lacks a column that was named, or names none of the films.
    """
    found = _find_columns(table, columns, name)
    if "image" not in found:
        raise ValueError(
            f"the table '{name}' has no column that names films: it has {', '.join(map(str, table.columns))}. Set "
            "audit.columns.image"
        )
    joined = _join(image_ids, table, name, found)
    if not joined.ambiguous and len(joined.unmatched) == joined.n_rows:
        example = f", such as '{joined.unmatched[0]}'" if joined.unmatched else ""
        raise ValueError(
            f"the table '{name}' names none of the {len(image_ids)} films in its column '{found['image']}'{example}. "
            "Set audit.columns.image, or name another folder of films"
        )
    return joined


def join_table(
    image_ids: pd.Series, tables: Mapping[str, LoadTable], columns: ColumnsParams
) -> JoinedTable:
    """Join the table beside the films that names most of them; a table that names less than half is not used.

    Parameters
    ----------
    image_ids : (N,) Series of str
        Paths of the films.
    tables : mapping of str to callable
        Lazy tables by their path without suffix.
    columns : ColumnsParams
        Columns that the user has named.

    Returns
    -------
    JoinedTable
        With no fact where there is no such table.
    """
    joined: list[JoinedTable] = []
    passed_over: dict[str, str] = {}
    for name, table in iterate_readable(tables):
        found = _find_columns(table, columns, "")
        if "image" not in found:
            passed_over[name] = "no column names films"
            continue
        each = _join(image_ids, table, name, found)
        n_named = int(each.facts["named"].sum())
        if n_named < _LEAST_NAMED * len(image_ids):
            several = f", {len(each.ambiguous)} of them more than once" if each.ambiguous else ""
            n_films = n_named + len(each.ambiguous)
            passed_over[name] = f"it names {n_films} of {len(image_ids)} films{several}"
        elif len(found) > 1:
            joined.append(each)
        else:
            passed_over[name] = "it has no column of labels, patients or parts"
    if not joined:
        return JoinedTable(pd.DataFrame(index=image_ids.index), passed_over=passed_over)
    best = max(joined, key=lambda each: (each.facts["named"].sum(), len(each.columns)))
    for other in joined:
        if other is not best:
            passed_over[other.name] = f"'{best.name}' is used"
    return JoinedTable(
        best.facts,
        best.columns,
        best.name,
        best.n_rows,
        best.unmatched,
        best.ambiguous,
        passed_over,
    )


def _find_columns(table: pd.DataFrame, columns: ColumnsParams, name: str) -> dict[str, str]:
    """Return the table's own name of each column that it has; with a `name` those that the user named must be there."""
    found: dict[str, str] = {}
    for fact, names in COLUMN_NAMES.items():
        asked = getattr(columns, fact)
        column = find_column(table, (asked,) if asked else names)
        if column is None and asked and name:
            raise ValueError(
                f"the table '{name}' has no column '{asked}' (audit.columns.{fact}): it has "
                f"{', '.join(map(str, table.columns))}"
            )
        if column is not None and column not in found.values():
            found[fact] = column
    return found


def _join(
    image_ids: pd.Series, table: pd.DataFrame, name: str, columns: dict[str, str]
) -> JoinedTable:
    kept = table[list(columns.values())].drop_duplicates().reset_index(drop=True)
    written = text_of(kept[columns["image"]])
    matches = match_films(image_ids, written.tolist())
    rows = image_ids.map(matches.row_of)
    named = rows.notna()
    places = rows[named].astype(int)
    facts = pd.DataFrame({"named": named}, index=image_ids.index)
    for fact, column in columns.items():
        if fact != "image":
            values = text_of(kept[column]).to_numpy(object)
            facts[fact] = ""
            facts.loc[named, fact] = values[np.asarray(places)]
    own = {fact: column for fact, column in columns.items() if fact != "image"}
    unmatched = [written.iloc[row] for row in matches.unmatched]
    return JoinedTable(facts, own, name, len(kept), unmatched, matches.reasons)
