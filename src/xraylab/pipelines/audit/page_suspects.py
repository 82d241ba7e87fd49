"""Films whose neighbours have another label, as the page of an audit shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .page_films import FilmShelf, FilmWords, list_ids
from .page_words import clean

__all__ = ["MAX_SUSPECTS", "SuspectWords", "describe_suspects", "list_suspect_ids"]

MAX_SUSPECTS = 8
_NEIGHBOURS = 5
_SMALL_PX = 96


@dataclass(frozen=True)
class SuspectWords:
    """A film and those that look most like it.

    Attributes
    ----------
    film : FilmWords
        Whose label is in doubt.
    words : str
        What speaks against it.
    neighbours : tuple of FilmWords
        The nearest first.
    """

    film: FilmWords
    words: str
    neighbours: tuple[FilmWords, ...]


def list_suspect_ids(suspects: pd.DataFrame) -> Iterator[str]:
    """Yield the image ids of all films that are shown with the suspects."""
    for row in _rows(suspects):
        yield str(row["image_id"])
        yield from list_ids(row["neighbours"])[:_NEIGHBOURS]


def describe_suspects(suspects: pd.DataFrame, shelf: FilmShelf) -> list[SuspectWords]:
    """Return the first suspects, each with its nearest neighbours.

    Parameters
    ----------
    suspects : DataFrame
        ``image_id, label, other, share, neighbours``, in order of doubt.
    shelf : FilmShelf
        Holds the films of `list_suspect_ids`.
    """
    return [
        SuspectWords(
            shelf.describe(str(row["image_id"])),
            f"Labelled “{clean(row['label'], 60)}”. {100 * float(row['share']):.0f} % of the films that look most "
            f"like it have another label, most of them “{clean(row['other'], 60)}”.",
            tuple(
                shelf.describe(each, _SMALL_PX)
                for each in list_ids(row["neighbours"])[:_NEIGHBOURS]
            ),
        )
        for row in _rows(suspects)
    ]


def _rows(suspects: pd.DataFrame) -> list[dict[Any, Any]]:
    return suspects.head(MAX_SUSPECTS).to_dict("records")
