"""Films as the page of an audit shows them: a small picture, and what is known of the film."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from xraylab.pages import data_address
from xraylab.prediction.overlays import draw_thumbnail

from .page_words import clean, write_value

if TYPE_CHECKING:
    from xraylab.imaging.array_cache import ArrayCache

__all__ = ["FilmShelf", "FilmWords", "describe_relation", "list_ids"]

_EDGE_PX = 160
_MOST_OF_A_NAME, _MOST_OF_A_LABEL = 100, 60  # characters


@dataclass(frozen=True)
class FilmWords:
    """What the page says of a film.

    Attributes
    ----------
    folder, name : str
        The path of the film, in two parts.
    part, label : str
        Part of the split and label; empty where they are unknown.
    reason : str
        Why it is no film; empty for films.
    relation : str
        What it is to the film that it is a copy of; empty for others.
    copy_of : str
        Image id of that film.
    patient : str
        Digest of the patient's id; empty where that is unknown or does not matter.
    picture : str
        Address of the picture; empty where there is none.
    """

    folder: str
    name: str
    part: str = ""
    label: str = ""
    reason: str = ""
    relation: str = ""
    copy_of: str = ""
    patient: str = ""
    picture: str = ""

    @property
    def facts(self) -> str:
        """Part and label."""
        return " · ".join(filter(None, (self.part, self.label)))

    @property
    def alt(self) -> str:
        """What the picture is, in words."""
        return ", ".join(filter(None, ("film " + self.folder + self.name, self.facts)))


class FilmShelf:
    """The films that a page may show.

    Parameters
    ----------
    records : DataFrame
        One row per file found.
    clusters : DataFrame
        One row per film that has a copy.
    arrays : ArrayCache or None
        The films; None where there is none.
    image_ids : iterable of str
        All that may be asked for, so that nothing else of a large set is looked at.
    """

    def __init__(
        self,
        records: pd.DataFrame,
        clusters: pd.DataFrame,
        arrays: ArrayCache | None,
        image_ids: Iterable[str],
    ) -> None:
        wanted = set(image_ids)
        self._records = _rows_by_id(records, wanted)
        self._copies = _rows_by_id(clusters, wanted)
        self._arrays = arrays
        self._described: dict[tuple[str, int], FilmWords] = {}

    def has_picture(self, image_id: str) -> bool:
        """Return whether a film can be shown."""
        row = self._records.get(image_id)
        return self._arrays is not None and row is not None and row["status"] == "ok"

    def describe(self, image_id: str, edge_px: int = _EDGE_PX) -> FilmWords:
        """Return what the page says of a film, with its picture; with ``edge_px`` 0 without."""
        key = (image_id, edge_px)
        if key not in self._described:
            self._described[key] = self._describe(*key)
        return self._described[key]

    def _describe(self, image_id: str, edge_px: int) -> FilmWords:
        path = clean(image_id, _MOST_OF_A_NAME)
        folder, slash, name = path.rpartition("/")
        row = self._records.get(image_id)
        words = FilmWords(folder + slash, name)
        if row is None:
            return words
        copy = self._copies.get(image_id, {})
        return replace(
            words,
            part=clean(row["split"], _MOST_OF_A_LABEL),
            label=_label(row),
            reason="" if row["status"] == "ok" else clean(row["reason"]) or clean(row["status"]),
            relation=describe_relation(copy),
            copy_of=_origin(copy, image_id),
            patient=clean(copy.get("patient", ""), _MOST_OF_A_LABEL),
            picture=self._draw(image_id, edge_px) if edge_px else "",
        )

    def _draw(self, image_id: str, edge_px: int) -> str:
        if self._arrays is None or not self.has_picture(image_id):
            return ""
        film = self._arrays.films[int(self._records[image_id]["row"])]
        return data_address(draw_thumbnail(film, edge_px=edge_px))


def describe_relation(copy: dict[str, Any]) -> str:
    """Return what a film is to the film that it is a copy of; empty where it is the first of its cluster.

    Parameters
    ----------
    copy : dict
        A row of the table of clusters: ``kind, copy_of, angle_deg, mirrored, similarity``; empty for no copy.

    Examples
    --------
    >>> describe_relation({"kind": "near-duplicate", "copy_of": "a", "angle_deg": 90.0, "mirrored": True,
    ...                    "similarity": 0.971})
    'near-duplicate, turned by 90°, mirrored, similarity 0.97'
    >>> describe_relation({"kind": "same bytes", "copy_of": "a", "angle_deg": 0.0, "mirrored": False,
    ...                    "similarity": 1.0})
    'same bytes'
    >>> describe_relation({})
    ''
    """
    if not copy or not clean(copy["copy_of"]) or copy["copy_of"] == copy.get("image_id"):
        return ""
    words = [clean(copy["kind"])]
    angle, similarity = _number(copy["angle_deg"]), _number(copy["similarity"])
    if angle:
        words.append(f"turned by {angle:.1f}°".replace(".0°", "°").replace("-", "−"))
    if copy["mirrored"] is True or str(copy["mirrored"]) == "True":
        words.append("mirrored")
    if similarity and not str(copy["kind"]).startswith("same"):
        words.append(f"similarity {write_value(similarity)}")
    return ", ".join(filter(None, words))


def list_ids(text: str) -> Sequence[Any]:
    """Return a list that a cell of a table holds as JSON; an empty one for an empty cell.

    Examples
    --------
    >>> list_ids('["a.png"]'), list_ids("")
    (['a.png'], [])
    """
    return list(json.loads(text)) if text else []


def _rows_by_id(table: pd.DataFrame, wanted: set[str]) -> dict[str, dict[str, Any]]:
    found = table[table["image_id"].isin(wanted)]
    rows: list[dict[str, Any]] = found.to_dict("records")  # type: ignore[assignment]
    return {str(row["image_id"]): row for row in rows}


def _label(row: dict[str, Any]) -> str:
    label, target = clean(row["label"], _MOST_OF_A_LABEL), _number(row["target"])
    return label or (f"{target:g}".replace("-", "−") if math.isfinite(row["target"]) else "")


def _origin(copy: dict[str, Any], image_id: str) -> str:
    origin = str(copy["copy_of"]) if copy and clean(copy["copy_of"]) else ""
    return "" if origin == image_id else origin


def _number(value: Any) -> float:
    """Return a number; 0 for none."""
    return float(value) if pd.notna(value) else 0.0
