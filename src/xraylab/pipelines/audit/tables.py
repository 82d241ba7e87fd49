"""Tables of labels: which one belongs to the films, which of its columns is what, and which row is which film's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from xraylab.records.delimited import LoadTable, find_column, iterate_readable, text_of
from xraylab.records.ids import match_films
from xraylab.records.split_table import IMAGE_COLUMNS, SPLIT_COLUMNS

from .folders import parse_split
from .params import ColumnsParams

__all__ = ["JoinedTable", "join_tables", "read_given_table"]

logger = logging.getLogger(__name__)

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "image": IMAGE_COLUMNS,
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
    "split": SPLIT_COLUMNS,
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

_PLANTED = "planted"  # the column in which the truth of phantoms says what was planted
_LEAST_NAMED = 0.5
_LEAST_NEW = 0.5


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

    @property
    def n_named(self) -> int:
        """Films that it says anything of."""
        return int(self.facts["named"].sum()) if "named" in self.facts else 0


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


def join_tables(
    image_ids: pd.Series, tables: Mapping[str, LoadTable], columns: ColumnsParams
) -> JoinedTable:
    """Join the tables beside the films: one of all films, or several of different ones, such as one for each part.

    A table most of whose films another one has named is not used, and none is where less than half of the films are
    named. Where tables have no column of parts and their names are those of parts, as ``train.csv``, these count.

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
    usable: list[JoinedTable] = []
    passed_over: dict[str, str] = {}
    for name, table in iterate_readable(tables):
        found = _find_columns(table, columns, "")
        joined = _join(image_ids, table, name, found) if "image" in found else None
        if _PLANTED in table.columns:
            passed_over[name] = "it is the truth of phantoms"
        elif joined is None:
            passed_over[name] = "no column names films"
        elif joined.n_named == 0:
            passed_over[name] = _few(joined, len(image_ids))
        elif not joined.columns and not parse_split(_stem(name)):
            passed_over[name] = "it has no column of labels, patients or parts"
        else:
            usable.append(joined)
    used: list[JoinedTable] = []
    named = pd.Series(False, image_ids.index)
    for joined in sorted(usable, key=lambda each: (-each.n_named, -len(each.columns), each.name)):
        new = joined.facts["named"] & ~named
        if new.sum() < _LEAST_NEW * joined.n_named:
            passed_over[joined.name] = "other tables name its films"
            continue
        used.append(joined)
        named |= joined.facts["named"]
    if named.sum() < _LEAST_NAMED * len(image_ids):
        passed_over |= {each.name: _few(each, len(image_ids)) for each in used}
        used = []
    if not used:
        return JoinedTable(pd.DataFrame(index=image_ids.index), passed_over=passed_over)
    return _merge(used, passed_over)


def _merge(used: list[JoinedTable], passed_over: dict[str, str]) -> JoinedTable:
    """Return what several tables say, the first of those that name a film."""
    parts = {each.name: parse_split(_stem(each.name)) for each in used}
    by_name = not any("split" in each.columns for each in used) and len(set(parts.values())) > 1
    merged = JoinedTable(pd.DataFrame(index=used[0].facts.index), passed_over=passed_over)
    facts = pd.DataFrame({"named": False}, index=used[0].facts.index)
    columns: dict[str, str] = {}
    for each in used:
        new = each.facts["named"] & ~facts["named"]
        own = each.facts.drop(columns="named")
        if by_name:
            own = own.assign(split=parts[each.name])
        for fact in own:
            known = facts[fact] if fact in facts else pd.Series("", facts.index, dtype="str")
            facts[fact] = known.where(~new, own[fact])
        facts["named"] |= new
        columns |= each.columns | ({"split": "the tables' names"} if by_name else {})
    return replace(
        merged,
        facts=facts,
        columns=columns,
        name=", ".join(each.name for each in used),
        n_rows=sum(each.n_rows for each in used),
        unmatched=[row for each in used for row in each.unmatched],
        ambiguous={k: v for each in used for k, v in each.ambiguous.items()},
    )


def _few(joined: JoinedTable, n_films: int) -> str:
    several = f", {len(joined.ambiguous)} of them more than once" if joined.ambiguous else ""
    return f"it names {joined.n_named + len(joined.ambiguous)} of {n_films} films{several}"


def _stem(name: str) -> str:
    return PurePosixPath(name).name


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
        if column is None or column in found.values():
            continue
        # "part" and "set" may name parts of a body or of a study
        if fact == "split" and not asked and not any(map(parse_split, table[column].unique())):
            continue
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
