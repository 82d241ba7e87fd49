"""A cache of arrays while it is written: kept part by part, so that a run that was killed does not decode again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["CARD", "CacheWriter", "find_interrupted", "read_parts"]

CARD = "card.json"

_PART = 500  # films after which the table of what is written is kept
_SUFFIX = ".partial"
_INTERRUPTED = ".interrupted"

Bytes = NDArray[np.uint8]


class CacheWriter:
    """Write films and masks one after the other, with a table of them in parts.

    Parameters
    ----------
    place : Path
        Where the cache will be; it is written beside it.
    card : dict
        How films are prepared.
    has_masks : bool
        Whether each film has a mask.

    Attributes
    ----------
    folder : Path
        Where it is written.
    """

    def __init__(self, place: Path, card: Mapping[str, Any], has_masks: bool) -> None:
        self.folder = place.with_name(f".{place.name}{_SUFFIX}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        self._has_masks = has_masks
        self._rows: list[Mapping[str, Any]] = []
        self._parts: list[pd.DataFrame] = []

    def __enter__(self) -> CacheWriter:
        self._films = open(self.folder / "films.u8", "wb")
        self._masks = open(self.folder / "masks.u8", "wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._films.close()
        self._masks.close()

    def add(self, row: Mapping[str, Any], film: Bytes, mask: Bytes) -> None:
        """Write a film, its mask where films have any, and its row."""
        self._films.write(film.data)
        if self._has_masks:
            self._masks.write(mask.data)
        self._rows.append(row)
        if len(self._rows) >= _PART:
            self._keep_part()

    def table(self) -> pd.DataFrame:
        """Return the rows of all films that were added."""
        if self._rows or not self._parts:
            self._keep_part()
        parts = [part for part in self._parts if len(part)]
        return pd.concat(parts, ignore_index=True) if parts else self._parts[0]

    def clear_parts(self) -> None:
        """Remove the parts of the table, which has been written as a whole."""
        for path in self.folder.glob("part-*.parquet"):
            path.unlink()

    def _keep_part(self) -> None:
        part = pd.DataFrame(self._rows)
        self._rows = []
        self._films.flush()  # arrays first: a row whose array is missing would be worse than no row
        self._masks.flush()
        if len(part):
            part.to_parquet(self.folder / f"part-{len(self._parts):06}.parquet")
        self._parts.append(part)


def find_interrupted(place: Path) -> Path | None:
    """Set aside what a run that was killed has left of a cache, and return where it is; None if there is nothing.

    Of what two such runs have left the larger is kept.

    Examples
    --------
    >>> find_interrupted(Path("no folder/films")) is None
    True
    """
    left = place.with_name(f".{place.name}{_SUFFIX}")
    aside = place.with_name(f".{place.name}{_INTERRUPTED}")
    if left.exists():
        if _size(left) > _size(aside):
            shutil.rmtree(aside, ignore_errors=True)
            left.rename(aside)
        else:
            shutil.rmtree(left, ignore_errors=True)
    return aside if aside.exists() else None


def read_parts(folder: Path) -> pd.DataFrame:
    """Return the rows of all whole parts in a folder.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> read_parts(Path("no folder"))
    Traceback (most recent call last):
        ...
    ValueError: 'no folder' holds no part of a cache
    """
    found: list[pd.DataFrame] = []
    for path in sorted(folder.glob("part-*.parquet")):
        try:
            found.append(pd.read_parquet(path))
        except (OSError, ValueError):
            break  # the one that was being written
    if not found:
        raise ValueError(f"'{folder}' holds no part of a cache")
    return pd.concat(found, ignore_index=True)


def _size(folder: Path) -> int:
    return len(list(folder.glob("part-*.parquet")))
