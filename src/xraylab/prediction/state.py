"""What a folder of results holds already: rows with what they depend on, so that a run that was stopped goes on.

Rows are kept below ``.state`` as they are made, with the size and the time of change of their file, so that a run on an
unchanged folder has nothing to do.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from xraylab import __version__
from xraylab.imaging.film_file import FilmFile, LoadFilm
from xraylab.imaging.readers import RADIOGRAPH_SUFFIXES
from xraylab.models.card import digest_facts
from xraylab.prediction.engine import Predictor
from xraylab.prediction.result import Prediction

__all__ = ["DRAWN", "RESULTS", "Pictures", "ResultsFolder", "replace_file"]

RESULTS = {"csv": "predictions.csv", "parquet": "predictions.parquet", "page": "summary.html"}
"""Files of a folder of results."""

DRAWN = {"masks": ".png", "heat_maps": ".png", "dicom_seg": ".dcm"}
"""Folders of what is drawn, and how names end there."""

_STAMP, _STATE = ".xraylab.json", ".state"
_FORMAT = 1
_FLUSH_S = 10.0


class ResultsFolder:
    """What an output folder holds already, and what is added to it.

    Parameters
    ----------
    predictor : Predictor
        The model, and how films are predicted.
    films : mapping of str to callable
        Lazy films by their path.
    sexes : mapping of str to str
        What tables say of them.
    out : Path
        The folder.

    Raises
    ------
    ValueError
        If the folder holds results of another model, or other files of the same names.
    """

    def __init__(
        self,
        predictor: Predictor,
        films: Mapping[str, LoadFilm],
        sexes: Mapping[str, str],
        out: Path,
    ) -> None:
        self.out, self.folder, self.films = out, out / _STATE, dict(films)
        self.names = _name_outputs(self.films)
        params = predictor.params
        options = params.model_dump(
            mode="json", exclude={"batch_size", "workers", "accelerator", "sex"}
        )
        self._common = {"options": options, "code": __version__}
        self._sexes = {path: sexes.get(path, params.sex or "") for path in self.films}
        self._check(predictor)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows: dict[str, dict[str, Any]] = {}
        self._places: dict[str, Path] = {}
        self._pending: list[dict[str, Any]] = []
        self._flushed = time.monotonic()
        self.keys = {path: self._key(path, film) for path, film in self.films.items()}
        self._read()

    def _check(self, predictor: Predictor) -> None:
        bundle = predictor.bundle
        stamp = {"format": _FORMAT, "task": bundle.task, "model": bundle.digest}
        place = self.out / _STAMP
        if place.is_file():
            found = json.loads(place.read_text(encoding="utf-8"))
            if found != {**found, **stamp}:
                raise ValueError(
                    f"'{self.out}' holds results of another model ({found.get('task')}, "
                    f"version {found.get('version')}). Name another folder with out=…, or remove that one"
                )
            return
        taken = [name for name in RESULTS.values() if (self.out / name).exists()]
        if taken:
            raise ValueError(
                f"'{self.out}' holds a file '{taken[0]}' that this software did not write. Name another folder with "
                "out=…"
            )
        self.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**stamp, "version": bundle.version}, indent=2)
        replace_file(place, text.encode())

    def _key(self, path: str, film: LoadFilm) -> str:
        """Return what a row depends on: the file as its folder lists it, the sex, the options, where results lie."""
        file = _stat(film.path) if isinstance(film, FilmFile) else "made"
        return digest_facts([file, self._sexes[path], self.names[path], self._common])

    def _read(self) -> None:
        for place in sorted(self.folder.glob("*.parquet")):
            try:
                known = pd.read_parquet(place, columns=["path", "key", "row"])
            except (OSError, ValueError):  # cut by a kill: made again
                place.unlink()
                continue
            for path, key, row in known.itertuples(index=False):
                if self.keys.get(path) == key:
                    self.rows[path] = json.loads(row)
                    self._places[path] = place

    def todo(self) -> list[str]:
        """Return the films that have no row yet, in order."""
        return [path for path in sorted(self.films) if path not in self.rows]

    def add(self, prediction: Prediction, thumbnail: bytes) -> None:
        """Keep a row; it is written soon."""
        row = prediction.row()
        self.rows[prediction.path] = row
        text = json.dumps(row, default=_plain)
        key = self.keys[prediction.path]
        self._pending.append(
            {"path": prediction.path, "key": key, "row": text, "thumbnail": thumbnail}
        )
        if time.monotonic() - self._flushed > _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are kept."""
        if self._pending:
            place = self.folder / f"{time.time_ns():020d}.parquet"
            partial_file = place.with_suffix(".partial")
            pd.DataFrame(self._pending).to_parquet(partial_file)
            os.replace(partial_file, place)
            self._places |= {each["path"]: place for each in self._pending}
            self._pending = []
        self._flushed = time.monotonic()

    def thumbnail(self, path: str) -> bytes:
        """Return the small picture of a film; raise KeyError where there is none."""
        found = _read_pictures(self._places[path]).get(path)
        if not found:
            raise KeyError(path)
        return found

    def forget_drawn(self, path: str) -> None:
        """Remove what an earlier run has drawn of a film."""
        for kind, end in DRAWN.items():
            (self.out / kind / f"{self.names[path]}{end}").unlink(missing_ok=True)

    def remove_leftovers(self) -> bool:
        """Remove rows, masks and maps of films that are no longer there; return whether there were any."""
        wanted = {
            self.out / kind / f"{name}{end}"
            for kind, end in DRAWN.items()
            for name in self.names.values()
        }
        found = [
            path
            for kind in DRAWN
            for path in (self.out / kind).rglob("*")
            if path.is_file() and path not in wanted
        ]
        for path in found:
            path.unlink()
        for place in self.folder.glob("*.parquet"):
            if place not in self._places.values():
                place.unlink()
                found.append(place)
        return bool(found)

    def is_complete(self, table: pd.DataFrame) -> bool:
        """Return whether the results that are there are those of this table."""
        try:
            known = pd.read_parquet(self.out / RESULTS["parquet"], columns=["path", "status"])
        except (OSError, ValueError):
            return False
        same = known.astype(str).equals(table[["path", "status"]].astype(str))
        return same and all((self.out / name).is_file() for name in RESULTS.values())


@lru_cache(maxsize=4)
def _read_pictures(place: Path) -> dict[str, bytes]:
    table = pd.read_parquet(place, columns=["path", "thumbnail"])
    return dict(table.itertuples(index=False, name=None))


def _stat(path: str) -> str:
    """Return size and time of change of a file, as its file system knows them."""
    from fsspec.core import url_to_fs

    filesystem, place = url_to_fs(path)
    try:
        found = filesystem.info(place)
    except OSError:
        return ""
    keys = ("size", "mtime", "ETag", "LastModified", "updated")
    return json.dumps([str(found.get(key, "")) for key in keys])


def _name_outputs(films: Mapping[str, Any]) -> dict[str, str]:
    """Return how the outputs of each film are called: as the film, without its suffix where that is no other's name.

    Examples
    --------
    >>> _name_outputs({"a.png": 1, "b/a.dcm": 1, "c.png": 1, "c.dcm": 1})
    {'a.png': 'a', 'b/a.dcm': 'b/a', 'c.png': 'c.png', 'c.dcm': 'c.dcm'}
    """
    short = {path: _without_suffix(path) for path in films}
    counts = Counter(short.values())
    return {path: name if counts[name] == 1 else path for path, name in short.items()}


def _without_suffix(path: str) -> str:
    place = PurePosixPath(path)
    return str(place.with_suffix("")) if place.suffix.lower() in RADIOGRAPH_SUFFIXES else path


class Pictures(Mapping[str, bytes]):
    """Small pictures by path, read when they are asked for."""

    def __init__(self, state: ResultsFolder) -> None:
        self._state = state

    def __getitem__(self, path: str) -> bytes:
        return self._state.thumbnail(path)

    def __contains__(self, path: object) -> bool:
        return bool(self._state.rows.get(str(path), {}).get("scaled_by"))  # it was read

    def __iter__(self) -> Iterator[str]:
        return iter(self._state.rows)

    def __len__(self) -> int:
        return len(self._state.rows)


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python, for JSON."""
    return value.item()


def replace_file(place: Path, content: bytes) -> None:
    """Write a file that appears whole, by a rename."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial_file = place.with_name(f".{place.name}.partial")
    partial_file.write_bytes(content)
    os.replace(partial_file, place)
