"""Films, boxes, masks and clinical tables → cohort."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.duplicates import name_looks
from xraylab.evaluation.splits import NO_FOLD
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.imaging.fingerprint import TURNS
from xraylab.imaging.preprocess import MaskSizeError
from xraylab.pipelines.lesion_regression.params import CohortParams

__all__ = ["BoxMask", "cache_films", "index_cohort", "read_tables"]

logger = logging.getLogger(__name__)

BOXES, MASKS = "nih_chest_xray14", "covid_lesions"
"""The data sets: of films with boxes, and of films with pixel masks."""

_ENTRY_COLUMNS = {
    "Image Index": "image_id",
    "Patient ID": "patient_id",
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
_OLDEST = 120  # years; the public table has ages of 400
_SEX, _VIEW = {"M": 0.0, "F": 1.0}, {"PA": 0.0, "AP": 1.0}
_LEAST_INSIDE = 0.5  # share of a box that must lie on the film

LoadTable = Callable[[], "pd.DataFrame"]  # in quotes: pandas is loaded when it is first used


def read_tables(
    tables: Mapping[str, LoadTable], params: CohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the clinical tables and the lists of boxes that lie beside the films.

    Parameters
    ----------
    tables : mapping of str to callable
        Tables by ``<data set>/<file without .csv>``. ``Data_Entry…`` of either data set is a clinical table; the lists
        of boxes are named in the parameters. The published heads of the latter read ``Bbox [x,y,w,h],,,``, so that
        commas stand inside a name.
    params : CohortParams
        Labels and lists.

    Returns
    -------
    entries : DataFrame
        One row a film: ``image_id, data_set, patient_id, age`` (years, missing beyond 120), ``sex`` (0 male, 1 female),
        ``view`` (0 PA, 1 AP), ``follow_up``.
    boxes : DataFrame
        One row a box of a wanted label: ``image_id, list, label, left, top, width, height`` in pixels of the film.

    Raises
    ------
    ValueError
        If a table lacks a column, lists a film twice, a box is no number or has no area, or no wanted list is there.
    """
    entries, boxes = [], []
    for name in sorted(tables):
        data_set, _, stem = name.rpartition("/")
        if data_set in (BOXES, MASKS) and stem.startswith("Data_Entry"):
            entries.append(_read_entries(tables[name](), name).assign(data_set=data_set))
        elif data_set == BOXES and stem in params.box_lists:
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
    columns = ["image_id", "data_set", *list(_ENTRY_COLUMNS.values())[1:]]
    known = pd.concat(entries, ignore_index=True) if entries else pd.DataFrame(columns=columns)
    ordered = ["image_id", "list", *list(_BOX_COLUMNS.values())[1:]]
    return known[columns], chosen[ordered].reset_index(drop=True)


def _stem(names: pd.Series) -> pd.Series:
    return names.astype(str).str.replace(r"\.[A-Za-z]+$", "", regex=True)


def _named(table: pd.DataFrame, columns: dict[str, str], name: str) -> pd.DataFrame:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(
            f"{name}.csv lacks the column '{missing[0]}'; it has {list(table.columns)}"
        )
    named = table[list(columns)].rename(columns=columns)
    return named.assign(image_id=_stem(named["image_id"]))


def _read_entries(table: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = _named(table, _ENTRY_COLUMNS, name)
    twice = rows["image_id"][rows["image_id"].duplicated()]
    if len(twice):
        raise ValueError(f"{name}.csv lists '{twice.iloc[0]}' more than once")
    # the first release of the public table writes 058Y
    age = pd.to_numeric(rows["age"].astype(str).str.removesuffix("Y"), errors="coerce")
    patient = rows["patient_id"].astype("string").str.removesuffix(".0")
    return rows.assign(
        patient_id=patient.fillna(rows["image_id"]).astype(str),
        age=age.where((age >= 0) & (age <= _OLDEST)).astype(np.float64),
        sex=rows["sex"].map(_SEX).astype(np.float64),
        view=rows["view"].map(_VIEW).astype(np.float64),
        follow_up=pd.to_numeric(rows["follow_up"], errors="coerce").astype(np.float64),
    )


def _read_boxes(table: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = _named(table, _BOX_COLUMNS, name)
    for side in ("left", "top", "width", "height"):
        rows[side] = pd.to_numeric(rows[side], errors="coerce").astype(np.float64)
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


@dataclass(frozen=True)
class BoxMask:
    """The boxes of one film, drawn as a mask when it is asked for.

    Attributes
    ----------
    film : callable
        Loads the film, for its size.
    boxes : tuple of (float, float, float, float)
        Left, top, width and height of each, in pixels of the film.
    """

    film: LoadFilm
    boxes: tuple[tuple[float, float, float, float], ...]

    def __call__(self) -> NDArray[np.float32]:
        """Return the mask (H, W): 1 inside of any box, 0 elsewhere.

        Raises
        ------
        MaskSizeError
            If less than half of a box lies on the film: it was drawn on a film of another size.
        """
        height, width = self.film().shape
        mask = np.zeros((height, width), np.float32)
        for left, top, wide, high in self.boxes:
            columns = slice(max(0, round(left)), max(0, min(width, round(left + wide))))
            rows = slice(max(0, round(top)), max(0, min(height, round(top + high))))
            inside = max(0, columns.stop - columns.start) * max(0, rows.stop - rows.start)
            if inside < _LEAST_INSIDE * wide * high:
                raise MaskSizeError(
                    f"its box {left:g}, {top:g}, {wide:g} x {high:g} does not lie on the film of {width} x {height} px"
                )
            mask[rows, columns] = 1
        return mask

    def digest(self) -> str:
        """Return a digest of the boxes."""
        return hashlib.blake2b(json.dumps(self.boxes).encode(), digest_size=16).hexdigest()


def cache_films(
    box_films: dict[str, LoadFilm],
    mask_films: dict[str, LoadFilm],
    lesion_masks: dict[str, LoadFilm],
    boxes: pd.DataFrame,
    params: CohortParams,
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
    params : CohortParams
        How films are prepared.

    Returns
    -------
    CachePlan
        What the cache decodes. Films without annotation, and annotations without a film, are known to be of no use.

    Raises
    ------
    ValueError
        If no film is annotated, or one id is in both data sets.
    """
    both = sorted(set(box_films) & set(mask_films))
    if both:
        raise ValueError(f"the image id '{both[0]}' is in {BOXES} and in {MASKS}: rename one")
    drawn: dict[str, list[LoadFilm]] = {}
    for image_id, rows in boxes.groupby("image_id", sort=True):
        if image_id in box_films:
            corners = rows[["left", "top", "width", "height"]].itertuples(index=False)
            load = box_films[str(image_id)]
            drawn[str(image_id)] = [BoxMask(load, tuple((a, b, c, d) for a, b, c, d in corners))]
    masks = {
        PurePosixPath(name).name.removesuffix("_mask"): lesion_masks[name] for name in lesion_masks
    }
    drawn.update({image_id: [masks[image_id]] for image_id in mask_films if image_id in masks})
    if not drawn:
        raise ValueError(
            f"none of {len(box_films) + len(mask_films)} films has a box labelled {', '.join(params.labels)} or a "
            "lesion mask"
        )
    films = {**box_films, **mask_films}
    labels = ", ".join(params.labels)
    rejected = {name: f"has no box labelled {labels}" for name in box_films if name not in drawn}
    rejected |= {name: "has no lesion mask" for name in mask_films if name not in drawn}
    rejected |= {
        name: "is a lesion mask without a film" for name in masks if name not in mask_films
    }
    listed = set(boxes["image_id"])
    rejected |= {name: "has a box and no film" for name in sorted(listed) if name not in box_films}
    return CachePlan(
        {image_id: films[image_id] for image_id in drawn},
        drawn,
        rejected,
        params.preprocess,
        params.workers,
        params.max_rejected_fraction,
        empty_masks="keep",
    )


def index_cohort(
    arrays: ArrayCache, boxes: pd.DataFrame, entries: pd.DataFrame, params: CohortParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List what can be used, joined by image with what the clinical tables say of it.

    Returns
    -------
    cohort : DataFrame
        One row a film: ``image_id, group_id`` (``<data set>/<patient>``, or the image where no table knows the
        patient), ``data_set, annotation`` (``box`` or ``mask``), ``patient_id, age, sex, view, follow_up`` (missing
        where unknown), ``height_px, width_px, source, digest, look``, ``target`` (the share of the film that is
        lesion by its annotation), and ``split`` and ``fold``, still empty.
    rejected : DataFrame
        ``image_id, reason``.
    """
    index = arrays.index
    ids = index["image_id"].astype(str)
    hashes = np.stack(
        [np.frombuffer(looks, np.uint64).reshape(TURNS, -1) for looks in index["looks"]]
    )
    by_box = ids.isin(set(boxes["image_id"]))
    films = pd.DataFrame(
        {
            "image_id": ids,
            "data_set": np.where(by_box, BOXES, MASKS),
            "annotation": np.where(by_box, "box", "mask"),
        }
    )
    joined = films.merge(entries, on=["image_id", "data_set"], how="left", validate="one_to_one")
    patient = joined["patient_id"].fillna(joined["image_id"]).astype(str)
    joined["patient_id"] = patient
    joined.insert(1, "group_id", joined["data_set"] + "/" + patient)
    cohort = joined.assign(
        height_px=index["height_px"].to_numpy(),
        width_px=index["width_px"].to_numpy(),
        source=index["source"].str.split("+").str[0].to_numpy(),
        digest=index["digest"].to_numpy(),
        look=name_looks(ids, hashes, params.max_look_distance).to_numpy(),
        target=[float(mask.mean()) for mask in arrays.masks],
        split="",
        fold=NO_FOLD,
    )
    for name in ("age", "sex", "view", "follow_up"):
        cohort[name] = cohort[name].astype(np.float64)
    return cohort, arrays.rejected
