"""One folder of results: a table with one row per file found, masks, heat maps, and a page that shows them.

Rows are kept below ``.state`` as they are made, with the size and the time of change of their file, so that a run that
was stopped goes on, and a run on an unchanged folder has nothing to do.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import __version__
from xraylab.imaging.film_file import FilmFile, LoadFilm, ignored_files
from xraylab.imaging.readers import RADIOGRAPH_SUFFIXES
from xraylab.imaging.writers import encode_film
from xraylab.models.card import digest_facts
from xraylab.prediction.engine import Predictor
from xraylab.prediction.intake import LoadedFilm, load_films
from xraylab.prediction.overlays import draw_thumbnail
from xraylab.prediction.page import PageContent, render_page
from xraylab.prediction.result import Prediction, Status, round_table, status_kinds, tabulate

__all__ = ["PredictionPlan", "write_predictions"]

logger = logging.getLogger(__name__)

_STAMP, _STATE = ".xraylab.json", ".state"
_CSV, _PARQUET, _PAGE = "predictions.csv", "predictions.parquet", "summary.html"
_FORMAT = 1
_FLUSH_S = 10.0
_LOG_S = 30.0


@dataclass(frozen=True)
class PredictionPlan:
    """What shall be predicted; nothing is read until it is written.

    Attributes
    ----------
    predictor : Predictor
        The model.
    films : mapping of str to callable
        Lazy films by their path in the folder, and what is ignored there (`xraylab.imaging.FilmFolder`).
    sexes : mapping of str to str
        ``M`` or ``F`` by path, where a table beside the films names it.
    """

    predictor: Predictor
    films: Mapping[str, LoadFilm]
    sexes: Mapping[str, str]

    def write(self, folder: str) -> None:
        """Predict, and write the folder of results (`write_predictions`)."""
        write_predictions(self, Path(folder))


def write_predictions(plan: PredictionPlan, out: Path) -> pd.DataFrame:
    """Predict all films of a plan and write the folder of results; rows that are there already are kept.

    Parameters
    ----------
    plan : PredictionPlan
        Films and model.
    out : Path
        The folder: new, empty, or one of an earlier run of the same model.

    Returns
    -------
    DataFrame
        One row per file found, in the order of their paths, at full precision.

    Raises
    ------
    ValueError
        If the folder holds results of another model, or other files of the same names.
    """
    state = _State(plan, out)
    began = time.monotonic()
    todo = state.todo()
    if todo:
        _predict(plan, state, todo)
    rows = [*state.rows.values(), *_ignored_rows(plan)]
    rows.sort(key=lambda row: str(row["path"]))
    table = tabulate(rows, plan.predictor.reader.columns)
    if todo or state.remove_leftovers() or not state.is_complete(table):
        _write_results(plan, state, table)
    counts = Counter(status_kinds(table))
    logger.info(
        "%s: %d files, %s; %d predicted now in %.1f s",
        out, len(table), ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())), len(todo),
        time.monotonic() - began,
    )  # fmt: skip
    return table


class _State:
    """What an output folder holds already, and what is added to it.

    Parameters
    ----------
    plan : PredictionPlan
        Films and model.
    out : Path
        The folder.
    """

    def __init__(self, plan: PredictionPlan, out: Path) -> None:
        self.out, self.folder, self.films = out, out / _STATE, dict(plan.films)
        self.names = _name_outputs(self.films)
        params = plan.predictor.params
        options = params.model_dump(
            mode="json", exclude={"batch_size", "workers", "accelerator", "sex"}
        )
        self._common = {"options": options, "code": __version__}
        self._plan = plan
        self._check(plan)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows: dict[str, dict[str, Any]] = {}
        self._places: dict[str, Path] = {}
        self._pending: list[dict[str, Any]] = []
        self._flushed = time.monotonic()
        self.keys = {path: self._key(path, film) for path, film in self.films.items()}
        self._read()

    def _check(self, plan: PredictionPlan) -> None:
        bundle = plan.predictor.bundle
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
        taken = [name for name in (_CSV, _PARQUET, _PAGE) if (self.out / name).exists()]
        if taken:
            raise ValueError(
                f"'{self.out}' holds a file '{taken[0]}' that this software did not write. Name another folder with "
                "out=…"
            )
        self.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**stamp, "version": bundle.version}, indent=2)
        _replace(place, text.encode())

    def _key(self, path: str, film: LoadFilm) -> str:
        """Return what a row depends on: the file as its folder lists it, the sex, the options, where results lie."""
        file = _stat(film.path) if isinstance(film, FilmFile) else "made"
        default = self._plan.predictor.params.sex
        sex = self._plan.sexes.get(path, default or "")
        return digest_facts([file, sex, self.names[path], self._common])

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

    def thumbnails(self, paths: set[str]) -> dict[str, bytes]:
        """Return the small pictures of some films."""
        found: dict[str, bytes] = {}
        for place in sorted({self._places[path] for path in paths if path in self._places}):
            table = pd.read_parquet(place, columns=["path", "thumbnail"])
            for path, picture in table[table["path"].isin(paths)].itertuples(index=False):
                if picture and self._places[path] == place:
                    found[path] = picture
        return found

    def remove_leftovers(self) -> bool:
        """Remove rows, masks and maps of films that are no longer there; return whether there were any."""
        wanted = {
            self.out / kind / f"{name}{end}"
            for kind, end in _DRAWN.items()
            for name in self.names.values()
        }
        found = [
            path
            for kind in _DRAWN
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
            known = pd.read_parquet(self.out / _PARQUET, columns=["path", "status"])
        except (OSError, ValueError):
            return False
        same = known.astype(str).equals(table[["path", "status"]].astype(str))
        return same and (self.out / _CSV).is_file() and (self.out / _PAGE).is_file()


_DRAWN = {"masks": ".png", "heat_maps": ".png", "dicom_seg": ".dcm"}
"""Folders of what is drawn, and how names end there."""


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


def _predict(plan: PredictionPlan, state: _State, todo: list[str]) -> None:
    """Predict films, a batch at a time, and keep what was made of each batch."""
    predictor = plan.predictor
    size, workers = predictor.params.batch_size, min(predictor.params.n_workers, len(todo))
    voi = {"apply_voi": next(iter(predictor.bundle.preparations.values())).apply_voi}
    files = (
        (path, film.with_options(**voi) if isinstance(film, FilmFile) else film)
        for path, film in ((path, state.films[path]) for path in todo)
    )
    loaded = load_films(files, predictor.intake, workers)
    try:
        for batch in _progress(_batches(loaded, size), len(todo)):
            sexes = [
                (plan.sexes[film.path], "table") if film.path in plan.sexes else ("", "")
                for film in batch
            ]
            found = predictor.predict_loaded(batch, sexes)
            heat = _draw_heat(predictor, batch, found, sexes)
            for film, prediction in zip(batch, found, strict=True):
                _write_drawn(state, film, prediction, heat.get(film.path), predictor)
                state.add(prediction, _thumbnail(film, prediction, heat.get(film.path)))
    finally:
        state.flush()


def _batches(films: Iterator[LoadedFilm], size: int) -> Iterator[list[LoadedFilm]]:
    while batch := list(islice(films, size)):
        yield batch


def _progress(batches: Iterator[list[LoadedFilm]], total: int) -> Iterator[list[LoadedFilm]]:
    """Give batches; on a terminal with a bar, elsewhere with a line of the log from time to time."""
    from tqdm import tqdm

    began = said = time.monotonic()
    done = 0
    with tqdm(total=total, unit="film", disable=None, smoothing=0.1) as bar:
        for batch in batches:
            yield batch
            done += len(batch)
            bar.update(len(batch))
            now = time.monotonic()
            if bar.disable and now - said > _LOG_S:
                said = now
                left = (total - done) * (now - began) / done
                logger.info("%d of %d films, about %.0f s left", done, total, left)


def _draw_heat(
    predictor: Predictor,
    batch: list[LoadedFilm],
    found: list[Prediction],
    sexes: list[tuple[str, str]],
) -> dict[str, NDArray[np.float32]]:
    """Return where the model looks, by path, for the films that it predicted."""
    if not predictor.params.heat_maps:
        return {}
    places = [place for place, each in enumerate(found) if each.outputs]
    if not places:
        return {}
    maps = predictor.reader.heat([batch[each] for each in places], [sexes[each] for each in places])
    return {batch[place].path: seen for place, seen in zip(places, maps, strict=True)}


def _write_drawn(
    state: _State,
    film: LoadedFilm,
    prediction: Prediction,
    heat: NDArray[np.float32] | None,
    predictor: Predictor,
) -> None:
    """Write the mask and the heat map of a film, where there are any."""
    name = state.names[film.path]
    if prediction.mask is not None:
        grey = np.asarray(prediction.mask, np.float32)
        _replace(state.out / "masks" / f"{name}.png", encode_film(grey, bits=8))
        prediction.outputs["mask"] = f"masks/{name}.png"
        if predictor.params.dicom_seg:
            _write_segmentation(state, film, prediction)
    if heat is not None:
        picture = draw_thumbnail(film.shown, None, heat, edge_px=max(film.shown.shape))
        _replace(state.out / "heat_maps" / f"{name}.png", _as_png(picture))


def _as_png(picture: bytes) -> bytes:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    return bytes(cv2.imencode(".png", np.asarray(pixels))[1])


def _write_segmentation(state: _State, film: LoadedFilm, prediction: Prediction) -> None:
    from xraylab.prediction.dicom_seg import write_segmentation

    write_segmentation(state, film, prediction)


def _thumbnail(film: LoadedFilm, prediction: Prediction, heat: NDArray[np.float32] | None) -> bytes:
    return draw_thumbnail(film.shown, prediction.mask, heat) if film.shown.size else b""


def _ignored_rows(plan: PredictionPlan) -> list[dict[str, Any]]:
    """Return a row for each file that was found and is no film by its name."""
    return [
        Prediction(path, Status("ignored", reason.partition(": ")[2])).row()
        for path, reason in ignored_files(plan.films).items()
    ]


def _write_results(plan: PredictionPlan, state: _State, table: pd.DataFrame) -> None:
    columns = plan.predictor.reader.columns
    _replace(state.out / _CSV, round_table(table, columns).to_csv(index=False).encode("utf-8"))
    partial_file = state.out / f".{_PARQUET}"
    table.to_parquet(partial_file)
    os.replace(partial_file, state.out / _PARQUET)
    bundle = plan.predictor.bundle
    facts = {
        "Model": f"{bundle.card.get('model', '')} of {bundle.task}",
        "Version": bundle.version,
        "Trained on": bundle.trained_on,
        "Limits": str(bundle.card.get("limits", "")),
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Software": f"xraylab {__version__}",
    }
    content = PageContent(
        str(bundle.card["title"]), table, columns, _Pictures(state), {k: v for k, v in facts.items() if v}
    )  # fmt: skip
    _replace(state.out / _PAGE, render_page(content).encode("utf-8"))


class _Pictures(Mapping[str, bytes]):
    """Small pictures by path, read when they are asked for."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def __getitem__(self, path: str) -> bytes:
        found = self._state.thumbnails({path})
        return found[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._state.rows)

    def __len__(self) -> int:
        return len(self._state.rows)


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python, for JSON."""
    return value.item()


def _replace(place: Path, content: bytes) -> None:
    """Write a file that appears whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial_file = place.with_name(f".{place.name}.partial")
    partial_file.write_bytes(content)
    os.replace(partial_file, place)
