"""Films and tables of labels, joined by id → cohort."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.duplicates import name_looks
from xraylab.evaluation.splits import NO_FOLD
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.imaging.fingerprint import TURNS
from xraylab.pipelines.bone_age.params import CohortParams

__all__ = ["cache_films", "index_cohort", "read_labels", "read_sexes"]

logger = logging.getLogger(__name__)

_WHOLE = r"0*(\d+)(?:\.0+)?"  # 1377.0 is how a table with a gap may write it
_MALE, _FEMALE = ("m", "male", "true", "1", "1.0"), ("f", "female", "false", "0", "0.0")
_LABELS = ("image_id", "target", "sex", "official_split", "table")


def read_labels(
    tables: dict[str, Callable[[], pd.DataFrame]], params: CohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the tables of labels that are there, whatever their columns are called and in whatever order they stand.

    Parameters
    ----------
    tables : dict of str to callable
        Lazy tables by their path without suffix; those whose name `CohortParams.tables` lists are read.
    params : CohortParams
        What tables and columns are called.

    Returns
    -------
    labels : DataFrame
        One row an id: ``image_id`` (the whole number as text), ``target`` (months), ``sex`` (``M`` or ``F``),
        ``official_split`` and ``table``.
    rejected : DataFrame
        ``image_id, reason``: rows without an id, or whose id is no whole number or stands in more rows than one; whose
        age is missing or cannot be; whose sex cannot be read.

    Raises
    ------
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
    tables: dict[str, Callable[[], pd.DataFrame]], params: CohortParams
) -> dict[str, str]:
    """Return ``M`` or ``F`` by the name of a film, from all tables that have a column of ids and one of the sex.

    Names are in lower case, without leading zeros; a name of whose sex tables differ is left out.
    """
    told: dict[str, set[str]] = {}
    for path in sorted(tables):
        table = tables[path]()
        if _find(table, params.id_columns) is None or _find(table, params.sex_columns) is None:
            continue
        ids = _text(table, path, "id", params.id_columns)
        for name, sex in zip(
            ids, _read_sex(_text(table, path, "sex", params.sex_columns)), strict=True
        ):
            if sex:
                told.setdefault(name.removesuffix(".png").lstrip("0") or "0", set()).add(sex)
    return {name: sexes.pop() for name, sexes in told.items() if len(sexes) == 1}


def _read_sex(told: pd.Series) -> NDArray[np.str_]:
    return np.where(told.isin(_MALE), "M", np.where(told.isin(_FEMALE), "F", ""))


def _read_table(table: pd.DataFrame, path: str, params: CohortParams) -> pd.DataFrame:
    """Return the rows of one table under our names; ``written`` and ``told_sex`` as they stand there."""
    written = _text(table, path, "id", params.id_columns)
    sex = _text(table, path, "sex", params.sex_columns)
    column = _find(table, params.age_columns)
    age = pd.Series(np.nan, index=table.index) if column is None else table[column]
    number = written.str.extract(rf"^{_WHOLE}$")[0]
    line = pd.Series([f"{path}, row {row + 1}" for row in range(len(table))], index=table.index)
    return pd.DataFrame(
        {
            "image_id": number.fillna(written.where(written != "", line)),
            "target": pd.to_numeric(age, errors="coerce").astype(float),
            "sex": _read_sex(sex),
            "table": path,
            "is_whole": number.notna(),
            "written": written,
            "told_sex": sex,
        }
    )


def _find(table: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    columns = {str(column).strip().lower(): column for column in table.columns}
    return next((columns[name.lower()] for name in names if name.lower() in columns), None)


def _text(table: pd.DataFrame, path: str, what: str, names: tuple[str, ...]) -> pd.Series:
    column = _find(table, names)
    if column is None:
        raise ValueError(
            f"the table '{path}' has no column of the {what}: expected {' or '.join(names)}, it has "
            f"{', '.join(map(str, table.columns))}"
        )
    return table[column].astype("str").fillna("").str.strip().str.lower()


def _judge(rows: pd.DataFrame, params: CohortParams) -> pd.Series:
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
    together = ages.groupby(rows["image_id"]).transform(", ".join)
    reason[repeated] = "its id stands in more than one row (bone ages: " + together + " months)"
    reason[~rows["is_whole"]] = "its id '" + rows["written"] + "' is no whole number"
    return reason


def cache_films(
    films: dict[str, LoadFilm], labels: pd.DataFrame, bad_rows: pd.DataFrame, params: CohortParams
) -> CachePlan:
    """Join films and labels by id, and plan the arrays.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by their path under the data set; the name is the id.
    labels, bad_rows : DataFrame
        As `read_labels` gives them.
    params : CohortParams
        How films are prepared.

    Returns
    -------
    CachePlan
        What the cache decodes, by image id. Bad rows, labels without a film, films without a label and ids that two
        films have are known to be of no use.

    Raises
    ------
    ValueError
        If no film has a label.
    """
    named: dict[str, list[str]] = {}
    for path in sorted(films):
        named.setdefault(PurePosixPath(path).name.lstrip("0") or "0", []).append(path)
    labelled = set(labels["image_id"])
    rejected = {number: "has no label" for number in named if number not in labelled}
    rejected.update({number: "has no film" for number in labelled if number not in named})
    rejected.update(zip(bad_rows["image_id"], bad_rows["reason"], strict=True))
    for number, paths in named.items():
        if len(paths) > 1:
            rejected[number] = f"its id is that of {len(paths)} films: {', '.join(paths)}"
    used = {number: films[paths[0]] for number, paths in named.items() if number not in rejected}
    if not used:
        raise ValueError(
            f"none of {len(films)} films has a label among {len(labels)}: a film is named by its id, such as "
            f"'{labels['image_id'].iloc[0]}.png'"
        )
    return CachePlan(
        used,
        rejected=rejected,
        preprocess=params.preprocess,
        workers=params.workers,
        max_rejected_fraction=params.max_rejected_fraction,
    )


def index_cohort(
    arrays: ArrayCache, labels: pd.DataFrame, params: CohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List what can be used: one row a film, with its label and what it is known by.

    Parameters
    ----------
    arrays : ArrayCache
        The films that could be read.
    labels : DataFrame
        As `read_labels` gives them.
    params : CohortParams
        When two films look alike.

    Returns
    -------
    cohort : DataFrame
        ``image_id, group_id`` (the film: the set holds one a child as far as is known), ``sex, target`` (months),
        ``official_split, height_px, width_px, source, digest, look``, and ``split`` and ``fold``, still empty.
    rejected : DataFrame
        ``image_id, reason``.
    """
    index = arrays.index
    ids = index["image_id"].astype(str)
    hashes = np.stack(
        [np.frombuffer(looks, np.uint64).reshape(TURNS, -1) for looks in index["looks"]]
    )
    told = labels.set_index("image_id").reindex(ids)
    cohort = pd.DataFrame(
        {
            "image_id": ids,
            "group_id": ids,
            **{name: told[name].to_numpy() for name in ("sex", "target", "official_split")},
            **{name: index[name] for name in ("height_px", "width_px", "source", "digest")},
            "look": name_looks(ids, hashes, params.max_look_distance),
            "split": "",
            "fold": NO_FOLD,
        }
    )
    return cohort, arrays.rejected
