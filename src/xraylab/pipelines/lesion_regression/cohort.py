"""Films, boxes, masks and clinical tables → cohort."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from xraylab.flow.cohort import describe_films, find_clusters, masks_by_film, plan_films
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.imaging.film_file import IGNORED, ignored_files
from xraylab.records.delimited import LoadTable, find_column, text_of, to_numbers
from xraylab.records.entries import read_entries
from xraylab.records.groups import group_films, patients_of_files
from xraylab.records.ids import clean_id, match_films
from xraylab.records.readings import log_notes, parse_age, parse_sex

from .boxes import draw_boxes
from .params import CLINICAL_FEATURES, LesionCohortParams

__all__ = ["cache_films", "index_cohort", "read_tables"]

logger = logging.getLogger(__name__)

BOXES, MASKS = "nih_chest_xray14", "covid_lesions"
"""The data sets: of films with boxes, and of films with pixel masks."""

_ENTRY_COLUMNS = {
    "Patient Age": "age",
    "Patient Gender": "sex",
    "View Position": "view",
    "Follow-up #": "follow_up",
}
_BOX_COLUMNS = {
    "Image Index": "image_id",
    "Finding Label": "label",
    "Bbox [x": "left",
    "y": "top",
    "w": "width",
    "h]": "height",
}
# The published head reads OriginalImage[Width,Height], with a comma inside of a name.
_FRAME_COLUMNS = {
    "frame_width": ("OriginalImage[Width", "OriginalImageWidth"),
    "frame_height": ("Height]", "OriginalImageHeight"),
}
_ALIASES = {"Patient Gender": ("Patient Gender", "Patient Sex")}
_SEX, _VIEW = {"M": 0.0, "F": 1.0}, {"PA": 0.0, "AP": 1.0}


def read_tables(
    tables: Mapping[str, LoadTable], params: LesionCohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the clinical tables and the lists of boxes that lie beside the films.

    Parameters
    ----------
    tables : mapping of str to callable
        Tables by ``<data set>/<file without .csv>``. ``Data_Entry…`` of either data set is a clinical table
        (`xraylab.records.entries.read_entries` says which, where there are two); the lists of boxes are named in the
        parameters. The published heads of the latter read ``Bbox [x,y,w,h],,,``, so that commas stand inside a name.
    params : LesionCohortParams
        Labels and lists.

    Returns
    -------
    entries : DataFrame
        One row per film: ``image_id, data_set, patient_id, age`` (years, missing beyond 120), ``sex`` (0 male, 1
        female), ``view`` (0 PA, 1 AP), ``follow_up`` and ``reading_note`` (what could not be read).
    boxes : DataFrame
        One row per box of a wanted label: ``image_id, list, label, left, top, width, height`` in pixels of the film
        that it was drawn on, and ``frame_width, frame_height``, the size that a clinical table states of it.

    Raises
    ------
    ValueError
        If a table lacks a column, lists a film twice, a box is no number or has no area, or no wanted list is there.
    """
    entries, boxes = [], []
    for data_set in (MASKS, BOXES):
        here = {name: load for name, load in tables.items() if name.startswith(f"{data_set}/")}
        read = read_entries(here)
        if read is not None:
            name, table = read
            entries.append(_clean_entries(table, name).assign(data_set=data_set))
    for name in sorted(tables):
        data_set, _, stem = name.rpartition("/")
        if data_set == BOXES and stem in params.box_lists:
            boxes.append(_read_boxes(tables[name](), name).assign(list=stem))
    if not boxes:
        there = ", ".join(sorted(tables)) or "none"
        raise ValueError(
            f"no list of boxes {', '.join(params.box_lists)} in {BOXES}; tables there: {there}"
        )
    listed = pd.concat(boxes, ignore_index=True)
    chosen = listed[listed["label"].isin(params.labels)]
    if chosen.empty:
        valid = sorted(set(listed["label"]))
        logger.warning("No box is labelled %s; there are %s", ", ".join(params.labels), valid)
    columns = ["image_id", "data_set", "patient_id", *_ENTRY_COLUMNS.values(), "reading_note"]
    known = pd.concat(entries, ignore_index=True) if entries else pd.DataFrame(columns=columns)
    ordered = ["image_id", "list", *list(_BOX_COLUMNS.values())[1:], *_FRAME_COLUMNS]
    sizes = [rows[["image_id", *_FRAME_COLUMNS]] for rows in entries if len(rows)]
    frames = pd.concat(sizes).drop_duplicates("image_id") if sizes else None
    framed = (
        chosen.assign(**dict.fromkeys(_FRAME_COLUMNS, np.nan))
        if frames is None
        else chosen.merge(frames, on="image_id", how="left", validate="many_to_one")
    )
    return known[columns], framed[ordered].reset_index(drop=True)


def _named(table: pd.DataFrame, columns: dict[str, str], name: str) -> pd.DataFrame:
    """Return some columns of a table as text, under our names."""
    found = {}
    for column, ours in columns.items():
        there = find_column(table, _ALIASES.get(column, (column,)))
        if there is None:
            raise ValueError(
                f"{name}.csv lacks the column '{column}'; it has {list(table.columns)}"
            )
        found[ours] = text_of(table[there])
    return pd.DataFrame(found)


def _clean_entries(table: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = table[["image_id", "patient_id"]].join(_named(table, _ENTRY_COLUMNS, name))
    ages = {written: parse_age(written, unit="y") for written in rows["age"].unique()}
    sexes = {written: _SEX.get(parse_sex(written)) for written in rows["sex"].unique()}
    odd_sex = rows["sex"].map(sexes).isna() & (rows["sex"] != "")
    notes = rows["age"].map({written: note for written, (_, note) in ages.items()})
    sex_notes = ("its sex '" + rows["sex"] + "' is neither M nor F").where(odd_sex, "")
    between = np.where((notes != "") & (sex_notes != ""), "; ", "")
    rows["reading_note"] = notes + between + sex_notes
    log_notes(
        dict(zip(rows["image_id"], rows["reading_note"], strict=True)), f"The rows of {name}.csv"
    )
    frames = {name: find_column(table, names) for name, names in _FRAME_COLUMNS.items()}
    return rows.assign(
        **{
            name: np.nan
            if column is None
            else to_numbers(text_of(table[column]), f"{name}.csv, '{column}'")
            for name, column in frames.items()
        },
        patient_id=rows["patient_id"].where(rows["patient_id"] != "", rows["image_id"]),
        age=rows["age"]
        .map({written: age for written, (age, _) in ages.items()})
        .astype(np.float64),
        sex=rows["sex"].map(sexes).astype(np.float64),
        view=rows["view"].str.upper().map(_VIEW).astype(np.float64),
        follow_up=to_numbers(rows["follow_up"], f"{name}.csv, 'Follow-up #'"),
    )


def _read_boxes(table: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = _named(table, _BOX_COLUMNS, name)
    rows["image_id"] = rows["image_id"].map(clean_id)
    for side in ("left", "top", "width", "height"):
        rows[side] = to_numbers(rows[side], f"{name}.csv, {side} of the boxes")
    bad = rows[
        rows[["left", "top"]].isna().any(axis=1) | ~(rows["width"] > 0) | ~(rows["height"] > 0)
    ]
    if len(bad):
        row = bad.iloc[0]
        raise ValueError(
            f"{name}.csv: the box of '{row['image_id']}' must be numbers with a width and a height above 0, got "
            f"{[float(row[side]) for side in ('left', 'top', 'width', 'height')]}"
        )
    return rows


def cache_films(
    box_films: dict[str, LoadFilm],
    mask_films: dict[str, LoadFilm],
    lesion_masks: dict[str, LoadFilm],
    boxes: pd.DataFrame,
    params: LesionCohortParams,
) -> CachePlan:
    """Pair every film with its boxes or its pixel mask, and plan their arrays.

    Parameters
    ----------
    box_films, mask_films : dict of str to callable
        Lazy films of each data set by image id.
    lesion_masks : dict of str to callable
        Lazy pixel masks; named as their film, with or without ``_mask``.
    boxes : DataFrame
        As `read_tables` gives it.
    params : LesionCohortParams
        How films are prepared.

    Returns
    -------
    CachePlan
        What the cache decodes. Films without annotation, and annotations without a film, are rejected beforehand.

    Raises
    ------
    ValueError
        If no film is annotated, or one id is in both data sets.
    """
    boxes, doubtful = _join(boxes, box_films)
    both = sorted(set(box_films) & set(mask_films))
    if both:
        raise ValueError(f"the image id '{both[0]}' is in {BOXES} and in {MASKS}: rename one")
    drawn: dict[str, list[LoadFilm]] = {}
    for image_id, mask in draw_boxes(boxes, box_films, params.box_frame_px):
        if isinstance(mask, str):
            doubtful[image_id] = mask
        else:
            drawn[image_id] = [mask]
    masks = masks_by_film(lesion_masks)
    drawn.update({image_id: masks[image_id] for image_id in mask_films if image_id in masks})
    if not drawn and doubtful:
        image_id, reason = next(iter(doubtful.items()))
        raise ValueError(
            f"none of {len(doubtful)} boxed films can be used, such as '{image_id}': {reason}"
        )
    if not drawn:
        raise ValueError(
            f"none of {len(box_films) + len(mask_films)} films has a box labelled {', '.join(params.labels)} or a "
            "lesion mask"
        )
    films = {**box_films, **mask_films}
    labels = ", ".join(params.labels)
    # by design a small part of the set has boxes: the other films are no inputs
    rejected = {
        name: f"{IGNORED}has no box labelled {labels}" for name in box_films if name not in drawn
    }
    rejected |= {name: "has no lesion mask" for name in mask_films if name not in drawn}
    rejected |= doubtful
    unpaired = {name: "is a lesion mask without a film" for name in masks if name not in mask_films}
    listed = set(boxes["image_id"])
    unpaired |= {name: "has a box and no film" for name in sorted(listed) if name not in box_films}
    return plan_films(
        {image_id: films[image_id] for image_id in drawn},
        params,
        masks=drawn,
        rejected={**ignored_files(box_films, mask_films, lesion_masks), **rejected},
        empty_masks="keep",
        unpaired=unpaired,
    )


def _join(rows: pd.DataFrame, films: Iterable[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Give rows the id of the film that they are of, and say of which films this is in doubt."""
    written = rows["image_id"].drop_duplicates().tolist()
    matches = match_films(films, written)
    film_of = {written[row]: film for film, row in matches.row_of.items()}
    names = rows["image_id"].map(lambda name: film_of.get(name, name)).astype("str")
    return rows.assign(image_id=names), matches.reasons


def index_cohort(
    arrays: ArrayCache, boxes: pd.DataFrame, entries: pd.DataFrame, params: LesionCohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List what can be used, joined by image with what the clinical tables say of it.

    Returns
    -------
    cohort : DataFrame
        One row per film: ``image_id, group_id`` (``<data set>/<patient>``, or the image where no table and no file
        knows the patient), ``data_set, annotation`` (``box`` or ``mask``), ``patient_id, age, sex, view, follow_up``
        (missing where unknown), ``height_px, width_px, source, digest, duplicate_cluster``, ``target`` (the share of
        the film that is lesion by its annotation), and ``split`` and ``fold``, still empty.
    rejected : DataFrame
        ``image_id, reason``.
    """
    ids = arrays.index["image_id"].astype(str)
    by_box = ids.isin(set(_join(boxes, ids)[0]["image_id"]))
    films = pd.DataFrame(
        {
            "image_id": ids,
            "data_set": np.where(by_box, BOXES, MASKS),
            "annotation": np.where(by_box, "box", "mask"),
        }
    )
    own = [
        _join(entries[entries["data_set"] == name], here["image_id"])[0]
        for name, here in films.groupby("data_set")
    ]
    known = films.merge(
        pd.concat(own), on=["image_id", "data_set"], how="left", validate="one_to_one"
    )
    known["patient_id"] = known["patient_id"].fillna(known["image_id"]).astype(str)
    known["reading_note"] = known["reading_note"].fillna("")
    cohort = describe_films(
        arrays,
        _group(known, patients_of_files(arrays.index, params.patient_folder)),
        find_clusters(arrays, params),
        **{name: known[name] for name in ("data_set", "annotation", "patient_id", "reading_note")},
        **{name: known[name].astype(np.float64) for name in CLINICAL_FEATURES},
        target=[float(mask.mean()) for mask in arrays.masks],
    )
    return cohort, arrays.rejected


def _group(films: pd.DataFrame, patients: Mapping[str, pd.Series]) -> pd.Series:
    """Return the group of each film; the data sets have no patient in common."""
    names = films["data_set"] + "/" + films["patient_id"]
    groups = [
        group_films(rows, {name: source[rows.index] for name, source in patients.items()})
        for _, rows in names.groupby(films["data_set"])
    ]
    joined: pd.Series = pd.concat(groups)
    return joined
