"""Films and tables of labels, joined by id → cohort."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from xraylab.flow.cohort import describe_films, find_clusters, group_by_patient, plan_films
from xraylab.flow.split import GroupsSplit, fold_beside, split_films
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.imaging.film_file import IGNORED, ignored_files
from xraylab.records.delimited import (
    LoadTable,
    find_column,
    iterate_readable,
    text_of,
    to_numbers,
)
from xraylab.records.ids import clean_id, match_films
from xraylab.records.readings import log_notes, parse_sex
from xraylab.records.split_table import SplitTable

from .params import AgeCohortParams, ProtocolParams

__all__ = [
    "cache_films",
    "index_cohort",
    "read_film_sexes",
    "read_labels",
    "read_sexes",
    "split_cohort",
]

logger = logging.getLogger(__name__)

_WHOLE = r"(?P<folders>(?:.*/)?)0*(?P<number>\d+)"
_LABELS = ("image_id", "target", "sex", "official_split", "table")


def read_labels(
    tables: Mapping[str, LoadTable], params: AgeCohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the tables of labels that are there, whatever their columns are called and in whatever order they stand.

    Parameters
    ----------
    tables : mapping of str to callable
        Lazy tables by their path without suffix; those whose name `AgeCohortParams.tables` lists are read.
    params : AgeCohortParams
        What tables and columns are called.

    Returns
    -------
    labels : DataFrame
        One row per id: ``image_id`` (the whole number as text, after the film's folders where the table names them),
        ``target`` (months), ``sex`` (``M`` or ``F``),
        ``official_split`` and ``table``.
    rejected : DataFrame
        ``image_id, reason``: rows without an id, or whose id is no whole number or stands in more rows than one; whose
        age is missing or cannot be; whose sex cannot be read.

    Raises
    ------
    UnreadableTableError
        If one of these tables cannot be read.
    ValueError
        If there is none of the tables, a table lacks a column of ids or of the sex, or no row is of use.
    """
    splits = {name.lower(): split for name, split in params.tables.items()}
    known = {path: splits.get(PurePosixPath(path).name.lower()) for path in sorted(tables)}
    read = [
        _read_table(tables[path](), path, params).assign(official_split=split)
        for path, split in known.items()
        if split is not None
    ]
    if not read:
        raise ValueError(
            f"there is no table of labels: expected {', '.join(params.tables)} (.csv); there "
            f"{'are ' + ', '.join(known) if known else 'is none'} (bone_age.cohort.tables)"
        )
    rows = pd.concat(read, ignore_index=True)
    # a table that lies there twice, as a doubled folder of an archive has it, says nothing new
    same = rows["is_whole"] & rows.duplicated(["image_id", "target", "sex", "official_split"])
    if same.any():
        logger.warning("%d rows of labels stand there twice and are read once", same.sum())
        rows = rows[~same].reset_index(drop=True)
    rows["reason"] = _judge(rows, params)
    bad = rows["reason"] != ""
    labels, rejected = rows[~bad], rows[bad].drop_duplicates("image_id")
    if labels.empty:
        first = rejected.iloc[0]
        raise ValueError(
            f"none of {len(rows)} rows of labels can be used, such as '{first['image_id']}': {first['reason']}"
        )
    return (
        labels.loc[:, list(_LABELS)].reset_index(drop=True),
        rejected.loc[:, ["image_id", "reason"]].reset_index(drop=True),
    )


def read_sexes(
    image_ids: Sequence[str], tables: Mapping[str, LoadTable], params: AgeCohortParams
) -> dict[str, str]:
    """Return ``M`` or ``F`` by image id, from all tables that have a column of ids and one of the sex.

    Rows are joined by `xraylab.records.ids.match_films`. A table that cannot be read is passed over; a film whose row
    is in doubt, whose sex cannot be read, or of whose sex tables differ, is left out. The log says so.
    """
    told: dict[str, set[str]] = {}
    notes: dict[str, str] = {}
    for path, table in iterate_readable(tables):
        if find_column(table, params.id_columns) is None:
            continue
        column = find_column(table, params.sex_columns)
        if column is None:
            continue
        written = text_of(table[column])
        matches = match_films(image_ids, _ids(table, path, params).tolist())
        notes |= matches.reasons
        for image_id, row in matches.row_of.items():
            sex = parse_sex(written.iloc[row], column)
            if sex:
                told.setdefault(image_id, set()).add(sex)
            elif written.iloc[row]:
                notes[image_id] = (
                    f"its sex '{written.iloc[row]}' in '{path}' can be neither M nor F"
                )
    notes |= {
        image_id: "tables differ about its sex"
        for image_id, sexes in told.items()
        if len(sexes) > 1
    }
    log_notes({image_id: notes.get(image_id, "") for image_id in image_ids}, "The sexes")
    return {image_id: sexes.pop() for image_id, sexes in told.items() if len(sexes) == 1}


def read_film_sexes(
    films: Mapping[str, LoadFilm], tables: Mapping[str, LoadTable], params: AgeCohortParams
) -> dict[str, str]:
    """Return ``M`` or ``F`` by the path of a film, as tables beside the films say (`read_sexes`)."""
    return read_sexes(list(films), tables, params)


def _read_table(table: pd.DataFrame, path: str, params: AgeCohortParams) -> pd.DataFrame:
    """Return the rows of one table under our names; ``written`` and ``told_sex`` as they stand there."""
    written = _ids(table, path, params)
    sex_column = _require(table, path, "sex", params.sex_columns)
    sex = text_of(table[sex_column])
    column = find_column(table, params.age_columns)
    age = pd.Series("", index=table.index) if column is None else table[column]
    parts = written.map(clean_id).str.extract(f"^{_WHOLE}$")
    number = parts["folders"] + parts["number"]
    line = pd.Series([f"{path}, row {row + 1}" for row in range(len(table))], index=table.index)
    return pd.DataFrame(
        {
            "image_id": number.fillna(written.where(written != "", line)),
            "target": to_numbers(age, f"The bone ages in '{path}'"),
            "sex": [parse_sex(each, sex_column) for each in sex],
            "table": path,
            "is_whole": number.notna(),
            "written": written,
            "told_sex": sex,
        }
    )


def _ids(table: pd.DataFrame, path: str, params: AgeCohortParams) -> pd.Series:
    return text_of(table[_require(table, path, "id", params.id_columns)])


def _require(table: pd.DataFrame, path: str, what: str, names: tuple[str, ...]) -> str:
    column = find_column(table, names)
    if column is None:
        raise ValueError(
            f"the table '{path}' has no column of the {what}: expected {' or '.join(names)}, it has "
            f"{', '.join(map(str, table.columns))}"
        )
    return column


def _judge(rows: pd.DataFrame, params: AgeCohortParams) -> pd.Series:
    """Say why a row cannot be used; empty text where it can."""
    reason = pd.Series("", index=rows.index)
    ages = rows["target"].map(lambda age: "none" if np.isnan(age) else f"{age:g}")
    repeated = rows["is_whole"] & rows.duplicated("image_id", keep=False)
    out = ~rows["target"].between(params.min_months, params.max_months) & rows["target"].notna()
    reason[rows["sex"] == ""] = "its sex '" + rows["told_sex"] + "' can be neither M nor F"
    reason[out] = (
        "its bone age of "
        + ages
        + f" months lies out of {params.min_months:g} to {params.max_months:g}"
    )
    reason[rows["target"].isna()] = "has no bone age in '" + rows["table"] + "'"
    # a part of the set may be published without ages, such as that of the challenge's test
    without = rows["target"].isna().groupby(rows["table"]).transform("all")
    reason[without] = f"{IGNORED}no row of '" + rows["table"] + "' has a bone age"
    together = ages.groupby(rows["image_id"]).transform(", ".join)
    reason[repeated] = "its id stands in more than one row (bone ages: " + together + " months)"
    reason[~rows["is_whole"]] = "its id '" + rows["written"] + "' is no whole number"
    return reason


def cache_films(
    films: dict[str, LoadFilm],
    labels: pd.DataFrame,
    bad_rows: pd.DataFrame,
    params: AgeCohortParams,
) -> CachePlan:
    """Join films and labels (`xraylab.records.ids.match_films`), and plan the arrays.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by their path under the data set; the name is the id.
    labels, bad_rows : DataFrame
        As `read_labels` gives them.
    params : AgeCohortParams
        How films are prepared.

    Returns
    -------
    CachePlan
        What the cache decodes, by image id. Bad rows, labels without a film, films without a label and films whose
        label is in doubt are rejected beforehand.

    Raises
    ------
    ValueError
        If no film has a label.
    """
    ids = [*labels["image_id"], *bad_rows["image_id"]]
    matches = match_films(films, ids)
    used = {ids[row]: films[film] for film, row in matches.row_of.items() if row < len(labels)}
    unpaired = {ids[row]: "has no film" for row in matches.unmatched}
    # official parts are published without labels
    labelled = {PurePosixPath(film).parts[0] for film in matches.row_of}
    rejected = {
        name: "has no label"
        if PurePosixPath(film).parts[0] in labelled
        else f"{IGNORED}no film of its part of the set has a label"
        for film, name in _short_names(films).items()
        if film not in matches.row_of and film not in matches.reasons
    }
    rejected |= matches.reasons
    bad = dict(zip(bad_rows["image_id"], bad_rows["reason"], strict=True))
    unpaired |= {name: reason for name, reason in bad.items() if name in unpaired}
    rejected |= {name: reason for name, reason in bad.items() if name not in unpaired}
    if not used:
        raise ValueError(
            f"none of {len(films)} films has a label among {len(labels)}: a film is named by its id, such as "
            f"'{labels['image_id'].iloc[0]}.png'"
        )
    return plan_films(
        used, params, rejected={**ignored_files(films), **rejected}, unpaired=unpaired
    )


def _short_names(films: Iterable[str]) -> dict[str, str]:
    """Return what each film is called: its number, or its path where another film has the same number."""
    names = {film: PurePosixPath(film).name.lstrip("0") or "0" for film in films}
    counts = Counter(names.values())
    return {film: name if counts[name] == 1 else film for film, name in names.items()}


def index_cohort(
    arrays: ArrayCache, labels: pd.DataFrame, params: AgeCohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List what can be used: one row per film, with its label and what it is known by.

    Parameters
    ----------
    arrays : ArrayCache
        The films that could be read.
    labels : DataFrame
        As `read_labels` gives them.
    params : AgeCohortParams
        When two films are near-duplicates.

    Returns
    -------
    cohort : DataFrame
        ``image_id, group_id`` (the film, or all films of a child where the files name children), ``sex, target``
        (months), ``official_split, height_px, width_px, source, digest, duplicate_cluster``, and ``split``
        and ``fold``, still empty.
    rejected : DataFrame
        ``image_id, reason``.
    """
    known = labels.set_index("image_id").reindex(arrays.index["image_id"].astype(str))
    cohort = describe_films(
        arrays,
        group_by_patient(arrays, params),
        find_clusters(arrays, params),
        **{name: known[name].to_numpy() for name in ("sex", "target", "official_split")},
    )
    return cohort, arrays.rejected


def split_cohort(
    all_films: pd.DataFrame, params: ProtocolParams, table: SplitTable | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split films under one protocol, or as a user's table says, and pass the split through the leak gate.

    Returns
    -------
    cohort : DataFrame
        As `xraylab.flow.split.split_films` gives it; beside a single split, unless it is a table's, the folds of its
        training and validation films.
    leakage : DataFrame
        What the gate found.

    Raises
    ------
    ValueError
        If a part of the split would be empty.
    LeakError
        With ``on_leak: fail``, and in a table also with ``regroup``, if anything leaks.
    """
    cohort, leaks = split_films(all_films, params.split, params.seed, table=table)
    arms = [cohort]
    if isinstance(params.split, GroupsSplit) and params.n_folds and table is None:
        arms += fold_beside(cohort, params.n_folds, params.split.val_fraction, params.seed)
    return pd.concat(arms, ignore_index=True), leaks
