"""One folder of results: a table with one row per file found, masks, heat maps, and a page that shows them.

Rows are kept below ``.state`` as they are made, with the size and the time of change of their file, so that a run that
was stopped goes on, and a run on an unchanged folder has nothing to do.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import __version__
from xraylab.imaging.dicom import looks_like_dicom
from xraylab.imaging.film_file import FilmFile, FilmFolder, LoadFilm, ignored_files
from xraylab.imaging.progress import show_progress
from xraylab.imaging.writers import encode_film
from xraylab.pages import printable
from xraylab.prediction.engine import Predictor
from xraylab.prediction.intake import LoadedFilm, load_films
from xraylab.prediction.overlays import HEAT_WORDS, OUTLINE_WORDS, draw_thumbnail
from xraylab.prediction.page import PageContent, render_page
from xraylab.prediction.result import Prediction, Status, round_table, status_kinds, tabulate
from xraylab.prediction.state import RESULTS, Pictures, ResultsFolder, replace_file

__all__ = ["PredictionPlan", "write_predictions"]

logger = logging.getLogger(__name__)


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

    def __post_init__(self) -> None:
        """Write out what cannot be written in a table or a page: a name may hold any byte."""
        ignored = getattr(self.films, "ignored", {})
        films = FilmFolder(
            {printable(path): film for path, film in self.films.items()},
            {printable(path): rule for path, rule in ignored.items()},
        )
        object.__setattr__(self, "films", films)
        object.__setattr__(
            self, "sexes", {printable(path): sex for path, sex in self.sexes.items()}
        )

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
    state = ResultsFolder(plan.predictor, plan.films, plan.sexes, out)
    _check_drawn(plan.predictor)
    began = time.monotonic()
    todo = state.todo()
    if todo:
        _predict(plan, state, todo)
    rows = [*state.rows.values(), *_ignored_rows(plan)]
    rows.sort(key=lambda row: str(row["path"]))
    table = tabulate(rows, plan.predictor.reader.columns)
    gone = state.remove_leftovers()
    if todo or gone or not state.is_complete(table):
        _write_results(plan, state, table)
    counts = Counter(status_kinds(table))
    logger.info(
        "%s: %d files, %s; %d predicted now in %.1f s",
        out, len(table), ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())), len(todo),
        time.monotonic() - began,
    )  # fmt: skip
    return table


def _predict(plan: PredictionPlan, state: ResultsFolder, todo: list[str]) -> None:
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
        for batch in show_progress(_batches(loaded, size), len(todo), len):
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
    state: ResultsFolder,
    film: LoadedFilm,
    prediction: Prediction,
    heat: NDArray[np.float32] | None,
    predictor: Predictor,
) -> None:
    """Write the mask and the heat map of a film, where there are any."""
    name = state.names[film.path]
    state.forget_drawn(film.path)
    if prediction.mask is not None:
        grey = np.asarray(prediction.mask, np.float32)
        replace_file(state.out / "masks" / f"{name}.png", encode_film(grey, bits=8))
        prediction.outputs["mask"] = f"masks/{name}.png"
        if predictor.params.dicom_seg:
            _write_segmentation(state, film.path, prediction.mask, predictor)
    if heat is not None:
        picture = draw_thumbnail(film.shown, None, heat, edge_px=max(film.shown.shape))
        replace_file(state.out / "heat_maps" / f"{name}.png", _as_png(picture))


def _as_png(picture: bytes) -> bytes:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    return bytes(cv2.imencode(".png", np.asarray(pixels))[1])


def _write_segmentation(
    state: ResultsFolder, path: str, mask: NDArray[np.uint8], predictor: Predictor
) -> None:
    """Write the mask of a DICOM file as a DICOM Segmentation; other files have none."""
    from xraylab.prediction.dicom_seg import SEGMENTS, encode_segmentation

    film = state.films[path]
    source = film.read_bytes() if isinstance(film, FilmFile) else b""
    if looks_like_dicom(source):
        bundle = predictor.bundle
        segments = [SEGMENTS[each] for each in predictor.reader.segments]
        try:
            content = encode_segmentation(
                source, mask, segments, model=bundle.task, version=bundle.version
            )
        except ValueError as error:
            logger.warning("'%s' has no DICOM Segmentation: it %s", path, error)
            return
        replace_file(state.out / "dicom_seg" / f"{state.names[path]}.dcm", content)


def _check_drawn(predictor: Predictor) -> None:
    """Raise ValueError for drawings that the task has none of."""
    if predictor.params.dicom_seg and not predictor.reader.segments:
        raise ValueError(f"{predictor.bundle.task} draws no masks: dicom_seg has nothing to write")


def _thumbnail(film: LoadedFilm, prediction: Prediction, heat: NDArray[np.float32] | None) -> bytes:
    return draw_thumbnail(film.shown, prediction.mask, heat) if film.shown.size else b""


def _ignored_rows(plan: PredictionPlan) -> list[dict[str, Any]]:
    """Return a row for each file that was found and is no film by its name."""
    return [
        Prediction(path, Status("ignored", reason.partition(": ")[2])).row()
        for path, reason in ignored_files(plan.films).items()
    ]


def _write_results(plan: PredictionPlan, state: ResultsFolder, table: pd.DataFrame) -> None:
    columns = plan.predictor.reader.columns
    replace_file(
        state.out / RESULTS["csv"], round_table(table, columns).to_csv(index=False).encode("utf-8")
    )
    partial_file = state.out / f".{RESULTS['parquet']}"
    table.to_parquet(partial_file)
    os.replace(partial_file, state.out / RESULTS["parquet"])
    bundle = plan.predictor.bundle
    facts = {
        "Model": f"{bundle.card.get('model', '')} of {bundle.task}",
        "Version": bundle.version,
        "Trained on": bundle.trained_on,
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Software": f"xraylab {__version__}",
    }
    drawn = [HEAT_WORDS] if plan.predictor.params.heat_maps else []
    drawn += [OUTLINE_WORDS] if plan.predictor.reader.segments else []
    content = PageContent(
        str(bundle.card["title"]),
        table,
        columns,
        Pictures(state),
        {name: fact for name, fact in facts.items() if fact},
        about=str(bundle.card.get("limits", "")),
        legend=" ".join(drawn),
    )
    replace_file(state.out / RESULTS["page"], render_page(content).encode("utf-8"))
