"""Which films the page of results shows, and how: with a picture, as a row of a table, or not at all."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xraylab.pages import data_address
from xraylab.prediction.page_films import FilmWords, describe_film, find_answer
from xraylab.prediction.result import BEFORE, Column, status_kinds

__all__ = ["MAX_PICTURES", "MAX_PICTURE_BYTES", "MAX_ROWS", "Section", "make_sections"]

MAX_PICTURES = 300
MAX_ROWS = 2_000
MAX_PICTURE_BYTES = 1_800_000
"""Limits of a page, which keep it below 4 MB however many films there are."""

_WITH_PICTURES = ("doubtful", "refused", "ok")
_LEAST_FAMILIAR_FIRST = ("doubtful", "refused")
_FOLDED = ("ok", "ignored")


@dataclass(frozen=True)
class Section:
    """The films of one kind of status.

    Attributes
    ----------
    kind : str
        Of status.
    n : int
        Films of this kind.
    n_drawn : int
        Those of them that have a thumbnail.
    pictures : tuple of (FilmWords, str)
        Films that are shown with their thumbnail, and the address of it.
    rows : tuple of FilmWords
        Films that are shown as a row of a table.
    """

    kind: str
    n: int
    n_drawn: int
    pictures: tuple[tuple[FilmWords, str], ...]
    rows: tuple[FilmWords, ...]

    @property
    def n_left_out(self) -> int:
        """Films that are not on the page."""
        return self.n - len(self.pictures) - len(self.rows)

    @property
    def folded(self) -> bool:
        """Whether the table is folded."""
        return self.kind in _FOLDED


def make_sections(
    table: pd.DataFrame, columns: Sequence[Column], thumbnails: Mapping[str, bytes]
) -> list[Section]:
    """Choose what the page shows.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per file, at full precision.
    columns : sequence of Column
        Those of the task.
    thumbnails : mapping of str to bytes
        By path; only those that are shown are read.

    Returns
    -------
    list of Section
        In the order of `xraylab.prediction.result.BEFORE`, without kinds that no file has.
    """
    table = table.reset_index(drop=True)
    answer = find_answer(table, columns)
    kinds = status_kinds(table)
    groups = {
        kind: _in_order(table[kinds == kind], kind) for kind in BEFORE if (kinds == kind).any()
    }
    drawn: dict[str, pd.Series] = {
        kind: group["path"][[path in thumbnails for path in group["path"]]]
        for kind, group in groups.items()
        if kind in _WITH_PICTURES
    }
    chosen = _choose_pictures(drawn, thumbnails)
    rest = {kind: group.drop(list(chosen.get(kind, ()))) for kind, group in groups.items()}
    places = share_places({kind: len(rows) for kind, rows in rest.items()}, MAX_ROWS)

    def describe(rows: pd.DataFrame) -> tuple[FilmWords, ...]:
        return tuple(describe_film(row, columns, answer) for row in rows.to_dict("records"))

    return [
        Section(
            kind,
            n=len(group),
            n_drawn=len(drawn.get(kind, ())),
            pictures=tuple(
                zip(describe(group.loc[list(pictures)]), pictures.values(), strict=True)
            ),
            rows=describe(rest[kind].head(places[kind])),
        )
        for kind, group in groups.items()
        for pictures in [chosen.get(kind, {})]
    ]


def share_places(wanted: Mapping[str, int], places: int) -> dict[str, int]:
    """Share out places: an equal part to each, and what one does not need to the others, in order.

    Examples
    --------
    >>> share_places({"doubtful": 2, "refused": 500, "ok": 9000}, 300)
    {'doubtful': 2, 'refused': 198, 'ok': 100}
    """
    shares = {name: min(n, places // len(wanted)) for name, n in wanted.items()}
    for name, n in wanted.items():
        shares[name] += min(n - shares[name], places - sum(shares.values()))
    return shares


def _in_order(group: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return films in the order in which a reader should see them."""
    if kind not in _LEAST_FAMILIAR_FIRST:
        return group
    scores = group["unfamiliarity"].astype(float)
    return group.loc[scores.sort_values(ascending=False, kind="stable").index]


def _choose_pictures(
    drawn: Mapping[str, pd.Series], thumbnails: Mapping[str, bytes]
) -> dict[str, dict[Hashable, str]]:
    """Return the addresses of the thumbnails that are shown, by kind of status and index of the film."""
    n_places = MAX_PICTURES
    while True:
        places = share_places({kind: len(paths) for kind, paths in drawn.items()}, n_places)
        chosen = {
            kind: {
                index: thumbnails[path] for index, path in _pick(kind, paths, places[kind]).items()
            }
            for kind, paths in drawn.items()
        }
        n_bytes = sum(len(image) for images in chosen.values() for image in images.values())
        if n_bytes <= MAX_PICTURE_BYTES:
            break
        # fewer of pictures so large
        n_places = min(n_places, sum(places.values())) * MAX_PICTURE_BYTES // n_bytes
    return {
        kind: {index: data_address(image) for index, image in images.items()}
        for kind, images in chosen.items()
    }


def _pick(kind: str, paths: pd.Series, n: int) -> pd.Series:
    """Return so many films: the first, or an even sample where films stand in no order."""
    if kind in _LEAST_FAMILIAR_FIRST:
        return paths.head(n)
    return paths.iloc[np.linspace(0, len(paths) - 1, n).round().astype(int)]
