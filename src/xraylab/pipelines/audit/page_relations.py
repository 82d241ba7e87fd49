"""What the copies that stand side by side on a page are to each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd

from .page_words import clean, write_value

__all__ = ["Relations"]

_FIRST, _NEAR = "first", "near-duplicate"
_KINDS = ("same bytes", "same pixels", _NEAR)
_WHOLE, _HALF = 360.0, 180.0
_LEAST_ANGLE = 0.05  # degrees; less is written as none


class _Turn(NamedTuple):
    """Mirrored left to right or not, and then turned counter-clockwise."""

    angle_deg: float = 0.0
    mirrored: bool = False

    def after(self, first: _Turn) -> _Turn:
        """Return what this one does after another one."""
        inner = -first.angle_deg if self.mirrored else first.angle_deg
        return _Turn((self.angle_deg + inner) % _WHOLE, self.mirrored != first.mirrored)

    def back(self) -> _Turn:
        """Return what takes it back; a mirror takes itself back."""
        return self if self.mirrored else _Turn(-self.angle_deg % _WHOLE)


class Relations:
    """How any two films of a cluster are related.

    The table of clusters links each film to one other, often through several films to the first. Two films that stand
    side by side are compared along these links.

    Parameters
    ----------
    clusters : DataFrame
        One row per film that has a copy: ``cluster, image_id, kind, copy_of, angle_deg, mirrored, similarity``.
    image_ids : iterable of str
        All that may be asked for; other clusters are not looked at.

    Examples
    --------
    >>> columns = ["cluster", "image_id", "kind", "copy_of", "angle_deg", "mirrored", "similarity"]
    >>> rows = [(1, "a", "first", "", 0.0, False, 1.0), (1, "b", "near-duplicate", "a", 350.0, True, 0.971),
    ...         (1, "c", "same bytes", "b", 0.0, False, 1.0)]
    >>> relations = Relations(pd.DataFrame(rows, columns=columns), ["a", "b", "c"])
    >>> relations.describe("b", of="a")
    'near-duplicate, mirrored, then turned by 10° clockwise, similarity 0.97'
    >>> relations.describe("c", of="b"), relations.describe("x", of="a")
    ('same bytes', '')
    """

    def __init__(self, clusters: pd.DataFrame, image_ids: Iterable[str]) -> None:
        asked = clusters["image_id"].isin(set(image_ids))
        found = clusters[clusters["cluster"].isin(set(clusters.loc[asked, "cluster"]))]
        self._rows: dict[str, dict[Any, Any]] = {
            str(row["image_id"]): row for row in found.to_dict("records")
        }

    def describe(self, image_id: str, of: str) -> str:
        """Return what a film is to another one; empty where they are no copies of each other."""
        if image_id == of or not {image_id, of} <= self._rows.keys():
            return ""
        here, there = self._rows[image_id], self._rows[of]
        if here["cluster"] != there["cluster"]:
            return ""
        kinds, turn = self._between(image_id, of)
        direct = here if here["copy_of"] == of else there if there["copy_of"] == image_id else {}
        words = [max(kinds, key=_KINDS.index, default=_NEAR), *_describe_turn(turn)]
        if words[0] == _NEAR and pd.notna(direct.get("similarity")):
            words.append(f"similarity {write_value(float(direct['similarity']))}")
        return ", ".join(words)

    def patient(self, image_id: str) -> str:
        """Return the digest of the patient's id of a film that has a copy; empty where it is unknown."""
        return clean(self._rows.get(image_id, {}).get("patient", ""))

    def _between(self, image_id: str, of: str) -> tuple[set[str], _Turn]:
        """Return the kinds of the links between two films, and how the second is turned to be the first."""
        here, there = self._way(image_id), self._way(of)
        shared = next((each for each in here if each in there), None)
        if shared is None:  # no way is known
            return {_NEAR}, _Turn()
        turns: list[_Turn] = []
        kinds: set[str] = set()
        for way in (here, there):
            total = _Turn()
            for each in reversed(way[: way.index(shared)]):
                row = self._rows[each]
                kinds.add(str(row["kind"]))
                total = _Turn(float(row["angle_deg"]), bool(row["mirrored"])).after(total)
            turns.append(total)
        return kinds, turns[0].after(turns[1].back())

    def _way(self, image_id: str) -> list[str]:
        """Return the films that one is linked to, one after the other, itself first."""
        way = [image_id]
        while (row := self._rows.get(way[-1])) is not None and row["kind"] != _FIRST:
            if row["copy_of"] in way or row["copy_of"] not in self._rows:
                break
            way.append(str(row["copy_of"]))
        return way


def _describe_turn(turn: _Turn) -> list[str]:
    """Return a turn in words, by the smaller angle."""
    clockwise = turn.angle_deg > _HALF
    angle = round(_WHOLE - turn.angle_deg if clockwise else turn.angle_deg, 1)
    words = ["mirrored"] if turn.mirrored else []
    if angle >= _LEAST_ANGLE:
        way = "" if angle == _HALF else " clockwise" if clockwise else " counter-clockwise"
        words.append(f"{'then ' if words else ''}turned by {angle:g}°{way}")
    return words
