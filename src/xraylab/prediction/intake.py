"""Files to prepared films: read in processes of their own, and refused by what a file says of itself."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_all_start_methods, get_context
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.errors import SeveralFrames, UnreadableRadiograph
from xraylab.imaging.film import Film, FilmHeader
from xraylab.imaging.film_file import FilmFile
from xraylab.imaging.preprocess import PreprocessParams, prepare_film
from xraylab.prediction.result import Status

__all__ = ["RADIOGRAPHY", "Intake", "LoadedFilm", "load_film", "load_films"]

logger = logging.getLogger(__name__)

Bytes = NDArray[np.uint8]

RADIOGRAPHY = ("CR", "DX", "DR", "RG", "RF", "SC", "OT")
"""Modalities of DICOM (PS3.3 C.7.3.1.1.1) that may hold a film; SC and OT say nothing of it."""

_SHOWN_PX = 256
_CRASHED = "its decoder crashed"


@dataclass(frozen=True)
class Intake:
    """How files become films that a model can read.

    Attributes
    ----------
    preparations : mapping of str to PreprocessParams
        How films are prepared, by name.
    modalities : tuple of str
        Modalities that a DICOM file may have; one without is read.
    body_parts : tuple of str
        Words of which one must stand in what a DICOM file says of the body part, where it says anything; empty for any.
    texture : {"published", "all"} or None
        Which texture features are measured at the film's own size, if any.
    shown : bool
        Whether a small picture of the film is kept.
    """

    preparations: Mapping[str, PreprocessParams]
    modalities: tuple[str, ...] = RADIOGRAPHY
    body_parts: tuple[str, ...] = ()
    texture: Literal["published", "all"] | None = None
    shown: bool = True

    def refuse(self, header: FilmHeader | None) -> str:
        """Return why a file is no film of this kind, by what it says; empty where it may be one.

        Examples
        --------
        >>> Intake({}, body_parts=("CHEST",)).refuse(FilmHeader("DX", "HAND"))
        'its header says the body part HAND; this model reads CHEST'
        """
        if header is None:
            return ""
        if header.modality and header.modality not in self.modalities:
            return f"its header says the modality {header.modality}, which is no radiograph"
        part = header.body_part
        if part and self.body_parts and not any(word in part for word in self.body_parts):
            known = ", ".join(self.body_parts[:4]) + (" …" if len(self.body_parts) > 4 else "")  # noqa: PLR2004
            return f"its header says the body part {part}; this model reads {known}"
        return ""


@dataclass(frozen=True)
class LoadedFilm:
    """A file that was looked into, prepared for a model where it is a film.

    Attributes
    ----------
    path : str
        As it was found.
    status : Status
        ``ok``, or why there is nothing to predict: ``unreadable`` or ``refused``.
    films : dict of str to (S, S) ndarray of uint8
        The film by the name of each preparation.
    shape : (int, int)
        Height and width of the file's own film.
    scaled_by : str
        By what it was scaled.
    sex : str
        What a DICOM file says; empty where it does not.
    texture : dict of str to float
        Texture features, where they were asked for.
    shown : (h, w) ndarray of uint8
        The film as a viewer shows it, small.
    """

    path: str
    status: Status = field(default_factory=Status)
    films: dict[str, Bytes] = field(default_factory=dict)
    shape: tuple[int, int] = (0, 0)
    scaled_by: str = ""
    sex: str = ""
    texture: dict[str, float] = field(default_factory=dict)
    shown: Bytes = field(default_factory=lambda: np.zeros((0, 0), np.uint8))

    @property
    def is_film(self) -> bool:
        """Whether there is a film that can be predicted, be it refused by its header or not."""
        return bool(self.films)


def load_film(path: str, file: Any, intake: Intake) -> LoadedFilm:
    """Read one file and prepare its film.

    Parameters
    ----------
    path : str
        What it is called.
    file : FilmFile or callable
        Gives the film.
    intake : Intake
        How it is prepared.
    """
    try:
        film = file.read() if isinstance(file, FilmFile) else Film(np.asarray(file(), np.float32))
    except SeveralFrames as error:
        return LoadedFilm(path, Status("refused", error.reason))
    except UnreadableRadiograph as error:
        return LoadedFilm(path, Status("unreadable", error.reason))
    refused = intake.refuse(film.header)
    texture: dict[str, float] = {}
    try:
        films = {
            name: prepare_film(film.pixels, each) for name, each in intake.preparations.items()
        }
        if intake.texture is not None:
            from xraylab.features.texture import measure_texture

            texture = dict(measure_texture(film.pixels, intake.texture))
    except (ValueError, ArithmeticError, cv2.error) as error:  # it costs this film alone
        return LoadedFilm(path, Status("refused", f"cannot be prepared: {error}"))
    return LoadedFilm(
        path,
        Status("refused", refused) if refused else Status(),
        films,
        (int(film.pixels.shape[0]), int(film.pixels.shape[1])),
        film.scaled_by,
        film.header.sex if film.header else "",
        texture,
        _show(film.pixels) if intake.shown else np.zeros((0, 0), np.uint8),
    )


def _show(film: NDArray[np.float32]) -> Bytes:
    scale = min(_SHOWN_PX / max(film.shape), 1)
    height, width = (max(1, round(scale * edge)) for edge in film.shape)
    small = cv2.resize(film, (width, height), interpolation=cv2.INTER_AREA)
    return np.rint(small * 255).astype(np.uint8)


def load_films(
    files: Iterable[tuple[str, Any]], intake: Intake, workers: int
) -> Iterator[LoadedFilm]:
    """Read and prepare many films in processes of their own, in order, a few ahead of the caller.

    A file that ends its process costs that file alone: the others of that moment are read again, one by one.

    Parameters
    ----------
    files : iterable of (str, FilmFile)
        What each is called, and what reads it.
    intake : Intake
        How films are prepared.
    workers : int
        Processes; with 0 films are read in this one.
    """
    if not workers:
        yield from (load_film(path, file, intake) for path, file in files)
        return
    waiting = iter(files)
    while True:
        crashed = yield from _load_until_crash(waiting, intake, workers)
        if not crashed:
            return
        logger.warning("A decoder crashed: %d files are read again, one by one", len(crashed))
        yield from _load_one_by_one(crashed, intake)


def _pool(workers: int) -> ProcessPoolExecutor:
    # not forked from this process, which may hang where torch has threads; a server that has imported all starts each
    # worker at once, where the system has one
    context: Any
    if "forkserver" in get_all_start_methods():
        context = get_context("forkserver")
        context.set_forkserver_preload([__name__])
    else:
        context = get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_calm)


def _calm() -> None:
    cv2.setNumThreads(1)


def _load_until_crash(
    files: Iterator[tuple[str, Any]], intake: Intake, workers: int
) -> Generator[LoadedFilm, None, list[tuple[str, Any]]]:
    """Give films; return those that were being read when a process died, none at the end."""
    ahead: deque[tuple[str, Any]] = deque()
    futures: deque[Future[LoadedFilm]] = deque()
    with _pool(workers) as pool:

        def submit() -> None:
            for path, file in files:
                ahead.append((path, file))  # first, as a pool that is broken takes nothing
                futures.append(pool.submit(load_film, path, file, intake))
                return

        try:
            for _ in range(4 * workers):
                submit()
            while futures:
                found = futures.popleft().result()
                ahead.popleft()
                yield found
                submit()
        except BrokenProcessPool:
            return list(ahead)
    return []


def _load_one_by_one(files: Iterable[tuple[str, Any]], intake: Intake) -> Iterator[LoadedFilm]:
    """Give films, each read alone, so that it is known which of them ends its process."""
    pool = _pool(1)
    try:
        for path, file in files:
            try:
                yield pool.submit(load_film, path, file, intake).result()
            except BrokenProcessPool:
                yield LoadedFilm(path, Status("unreadable", _CRASHED))
                pool = _pool(1)
    finally:
        pool.shutdown()
