"""Files and what is known of them → one row per file, and a list of what was recognised, and by what."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from xraylab.imaging.array_cache import ArrayCache
from xraylab.imaging.film_file import IGNORED
from xraylab.pages import printable
from xraylab.records.delimited import LoadTable, to_numbers
from xraylab.records.groups import group_films
from xraylab.records.readings import parse_age, parse_sex

from .folders import (
    find_labels,
    find_patients,
    find_splits,
    find_studies,
    parse_file_names,
    parse_split,
)
from .params import AuditParams
from .scan import MASK
from .tables import JoinedTable, join_tables, read_given_table

__all__ = ["recognise_films"]

Sources = dict[str, pd.Series]

_NUMBERS = ("file_bytes", "bits", "channels", "jpeg_quality", "kvp", "grey_range", "colour")
_TEXTS = ("format", "manufacturer", "view", "modality", "body_part", "photometric", "scaled_by")
_DIGESTS = ("source", "digest", "instance")
_FLAGS = ("camera", "named")
_MANY_CLASSES = 20
_SHOWN = 6
_NOT_FOUND = "not found"


def recognise_films(
    arrays: ArrayCache, tables: Mapping[str, LoadTable], params: AuditParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Say of every file what it is, and of every film what tables, headers, folders and names say.

    Parameters
    ----------
    arrays : ArrayCache
        Films that could be read, with what their files say, and why others could not.
    tables : mapping of str to callable
        The table that the user has named, or those that lie beside the films.
    params : AuditParams
        Which table and columns are meant.

    Returns
    -------
    records : DataFrame
        One row per file found: ``image_id, status`` (``ok, unreadable, mask, ignored``), ``reason, row`` (of
        `arrays`, -1 without), ``split, label, target, patient, study, series, group_id, site, sex, age_years,
        age_note`` and what its file says. Ids are those of the source: outputs hide them.
    recognised : DataFrame
        ``what, found, how``: in plain words, in the order in which a reader wants to know.

    Raises
    ------
    ValueError
        If a table that was named has no column of films, or names none of them.
    """
    records = _list_files(arrays)
    inputs = ~records["status"].isin(["mask", "ignored"])
    ids = records.loc[inputs, "image_id"]
    table = _join(ids, tables, params)
    found = _gather(ids, records, table, params)
    said: list[dict[str, str]] = [_describe_files(records), _describe_table(table, params)]
    for fact, word in _WORDS.items():
        values, how = _first_source(found[fact], strict=fact in _NAMED)
        records[fact] = values.reindex(records.index, fill_value="")
        said.append({"what": word, "found": _describe(fact, values), "how": how})
    records["series"] = records["series"].fillna("")
    records = _parse_values(records, table.columns.get("sex", ""))
    groups = group_films(ids, found["patient"]).reindex(records.index, fill_value="")
    records["group_id"] = groups.where(records["status"] == "ok", "")
    return records, pd.DataFrame([each for each in said if each["found"]])


_WORDS = {
    "split": "Parts",
    "label": "Labels",
    "patient": "Patients",
    "study": "Studies",
    "site": "Sites",
    "sex": "Sex",
    "age": "Age",
}
"""What is recognised, and its name for a reader."""

_NAMED = ("split", "label", "site")


def _list_files(arrays: ArrayCache) -> pd.DataFrame:
    """Return one row per file found, in order."""
    index = arrays.index.reset_index(drop=True)
    films = index.assign(status="ok", reason="", row=np.arange(len(index)))
    others = arrays.rejected.copy()
    reason = others["reason"].astype(str)
    kinds = np.select(
        [reason.str.startswith(IGNORED), reason == MASK], ["ignored", "mask"], "unreadable"
    )
    others = others.assign(status=kinds, row=-1, reason=reason.str.removeprefix(IGNORED))
    records = pd.concat([films, others]).sort_values("image_id", ignore_index=True)
    texts = (*_TEXTS, *_DIGESTS, "patient_id", "study", "series", "sex", "age")
    for name in texts:
        records[name] = records[name].fillna("").astype("str") if name in records else ""
    for name in (*_NUMBERS, "height_px", "width_px"):
        records[name] = records[name].astype("float64") if name in records else math.nan
    for name in _FLAGS:
        records[name] = records[name].fillna(value=False).astype(bool) if name in records else False
    # a name may hold any byte, and tables and pages show it
    records["image_id"] = records["image_id"].astype(str).map(printable)
    return records.drop(columns=["hashes", "path"], errors="ignore")


def _join(ids: pd.Series, tables: Mapping[str, LoadTable], params: AuditParams) -> JoinedTable:
    if params.table is None:
        return join_tables(ids, tables, params.columns)
    (load,) = tables.values()
    return read_given_table(ids, load(), params.table, params.columns)


def _gather(
    ids: pd.Series, records: pd.DataFrame, table: JoinedTable, params: AuditParams
) -> dict[str, Sources]:
    """Return, for each fact, what every source says (N,), the most trusted source first."""
    files = records.loc[ids.index]
    names = parse_file_names(ids)
    from_table = {
        fact: {f"column '{column}' of {table.name}": table.facts[fact]}
        for fact, column in table.columns.items()
    }
    folders = find_labels(ids) if params.label_folders else pd.Series("", ids.index)
    others: dict[str, Sources] = {
        "split": {"the names of folders": find_splits(ids)},
        "label": {"the names of folders": folders, names.rule: names.label},
        "patient": {
            "PatientID of the DICOM files": files["patient_id"],
            "the names of folders or files": find_patients(ids),
            names.rule: names.patient,
        },
        "study": {
            "StudyInstanceUID of the DICOM files": files["study"],
            "the names of folders": find_studies(ids),
        },
        "site": {names.rule: names.site},
        "sex": {"PatientSex of the DICOM files": files["sex"]},
        "age": {"PatientAge of the DICOM files": files["age"]},
    }
    found = {fact: {**from_table.get(fact, {}), **sources} for fact, sources in others.items()}
    # one patient for all films is a placeholder, such as ANONYMOUS
    found["patient"] = {
        name: said for name, said in found["patient"].items() if len(said) < 2 or said.nunique() > 1
    } or {"nothing": pd.Series("", ids.index, dtype="str")}
    return found


def _first_source(sources: Sources, strict: bool) -> tuple[pd.Series, str]:
    """Return what the first source says that knows anything, and its name; gaps are filled by the next ones.

    Where names are those of classes, a source fills gaps only if it says the same as the first where both speak.
    """
    index = next(iter(sources.values())).index
    values = pd.Series("", index, dtype="str")
    used: list[str] = []
    for name, found in sources.items():
        new = (values == "") & (found != "")
        if new.any() and not (used and strict and _differ(values, found)):
            values = values.where(~new, found)
            used.append(name)
    return values, " and ".join(used)


def _differ(values: pd.Series, found: pd.Series) -> bool:
    """Tell whether two sources contradict each other somewhere, or cannot be compared."""
    both = (values != "") & (found != "")
    return bool((values[both] != found[both]).any()) or not both.any()


def _describe(fact: str, values: pd.Series) -> str:
    known = values[values != ""]
    if not len(known):
        return _NOT_FOUND
    missing = len(values) - len(known)
    without = f"; {missing:,} films without" if missing else ""
    named = known.map(lambda each: parse_split(each) or each) if fact == "split" else known
    counts = named.value_counts()
    if fact in ("patient", "study"):
        return f"{len(counts):,} of {len(known):,} films{without}"
    if fact == "age" or (fact == "label" and _is_number(known)):
        numbers = known.nunique()
        return f"{numbers:,} different values of {len(known):,} films{without}"
    shown = ", ".join(f"{name} {n:,}" for name, n in counts.head(_SHOWN).items())
    more = f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
    return f"{shown}{more}{without}"


def _is_number(labels: pd.Series) -> bool:
    """Tell whether labels are numbers to be estimated, not names of classes."""
    if labels.nunique() <= _MANY_CLASSES:
        return False
    return bool(pd.to_numeric(labels, errors="coerce").notna().all())


def _parse_values(records: pd.DataFrame, sex_column: str) -> pd.DataFrame:
    """Turn what is written into parts, numbers, sexes and ages."""
    written = records["split"].astype(str)
    parts = {each: parse_split(each) or each for each in written.unique()}
    labels = records["label"].astype(str)
    is_number = _is_number(labels[labels != ""])
    target = to_numbers(labels, "labels") if is_number else pd.Series(math.nan, records.index)
    ages = {each: parse_age(each, "y") for each in records["age"].astype(str).unique()}
    sexes = {each: parse_sex(each, sex_column or "sex") for each in records["sex"].unique()}
    return records.assign(
        split=written.map(parts).astype("str"),
        label="" if is_number else labels,
        target=target,
        sex=records["sex"].astype(str).map(sexes).astype("str"),
        age_years=records["age"].map({k: v[0] for k, v in ages.items()}).astype("float64"),
        age_note=records["age"].map({k: v[1] for k, v in ages.items()}).astype("str"),
    ).drop(columns=["age", "patient_id"])


def _describe_files(records: pd.DataFrame) -> dict[str, str]:
    counts = records["status"].value_counts()
    words = {"ok": "films", "unreadable": "unreadable", "mask": "masks", "ignored": "ignored"}
    said = ", ".join(f"{counts[kind]:,} {word}" for kind, word in words.items() if kind in counts)
    formats = records.loc[records["status"] == "ok", "format"].value_counts()
    kinds = ", ".join(f"{name or 'made here'} {n:,}" for name, n in formats.items())
    return {
        "what": "Files",
        "found": said or "none",
        "how": f"by their content: {kinds}" if kinds else "",
    }


def _describe_table(table: JoinedTable, params: AuditParams) -> dict[str, str]:
    parts: list[str] = []
    if table.name:
        n_films = len(table.facts)
        parts.append(f"{table.name}: {table.n_named:,} of {n_films:,} films, {table.n_rows:,} rows")
        if table.unmatched:
            parts.append(f"{len(table.unmatched):,} rows of no film here")
        if table.ambiguous:
            parts.append(f"{len(table.ambiguous):,} films with more than one row, not used")
    others = "; ".join(f"'{name}' is not used: {why}" for name, why in table.passed_over.items())
    how = "named by the user" if params.table is not None else others
    return {
        "what": "Tables",
        "found": "; ".join(parts) or ("none used" if others else ""),
        "how": how,
    }
