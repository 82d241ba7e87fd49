"""Films as the page of an audit shows them: a small picture, and what is known of the film."""

from __future__ import annotations

import json
import math
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from xraylab.pages import data_address
from xraylab.prediction.overlays import draw_thumbnail

from .page_relations import Relations
from .page_words import clean

if TYPE_CHECKING:
    from xraylab.imaging.array_cache import ArrayCache

__all__ = ["FilmShelf", "FilmWords", "list_ids"]

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
        What it is to the film that it stands beside; empty where that is no copy of it.
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

    Attributes
    ----------
    relations : Relations
        What copies are to each other.
    below : str
        The folder that all films lie in, which their names leave out.
    """

    def __init__(
        self,
        records: pd.DataFrame,
        clusters: pd.DataFrame,
        arrays: ArrayCache | None,
        image_ids: Iterable[str],
    ) -> None:
        wanted = set(image_ids)
        rows = records[records["image_id"].isin(wanted)].to_dict("records")
        self._records: dict[str, dict[Any, Any]] = {str(row["image_id"]): row for row in rows}
        self.relations = Relations(clusters, wanted)
        self.below = _find_common_folder(records)
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
        path = clean(image_id.removeprefix(self.below), _MOST_OF_A_NAME)
        folder, slash, name = path.rpartition("/")
        row = self._records.get(image_id)
        words = FilmWords(folder + slash, name)
        if row is None:
            return words
        return replace(
            words,
            part=clean(row["split"], _MOST_OF_A_LABEL),
            label=_label(row),
            reason="" if row["status"] == "ok" else clean(row["reason"]) or clean(row["status"]),
            patient=clean(self.relations.patient(image_id), _MOST_OF_A_LABEL),
            picture=self._draw(image_id, edge_px) if edge_px else "",
        )

    def _draw(self, image_id: str, edge_px: int) -> str:
        if self._arrays is None or not self.has_picture(image_id):
            return ""
        film = self._arrays.films[int(self._records[image_id]["row"])]
        return data_address(draw_thumbnail(film, edge_px=edge_px))


def list_ids(text: str) -> Sequence[Any]:
    """Return a list that a cell of a table holds as JSON; an empty one for an empty cell.

    Examples
    --------
    >>> list_ids('["a.png"]'), list_ids("")
    (['a.png'], [])
    """
    return list(json.loads(text)) if text else []


def _label(row: dict[str, Any]) -> str:
    label, target = clean(row["label"], _MOST_OF_A_LABEL), float(row["target"])
    return label or (f"{target:g}".replace("-", "−") if math.isfinite(target) else "")


def _find_common_folder(records: pd.DataFrame) -> str:
    """Return the folder that all films lie in, with a slash at its end; empty where there is none."""
    films = records.loc[records["status"] == "ok", "image_id"]
    if films.empty:
        return ""
    # what the first and the last in the order of text share, all share
    shared = posixpath.commonpath([posixpath.dirname(each) for each in (films.min(), films.max())])
    return f"{shared}/" if shared else ""
