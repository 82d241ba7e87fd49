"""Time the search for copies on many films, decoding included.

``python -m benchmarks.copy_speed [--films 10000] [--folder FOLDER] [--out FOLDER]``

Films are made of the public chests that lie beside the checkout, of phantoms otherwise: two of them are bent, each in
its own way, and mixed. One film in twenty is a copy, turned and perhaps mirrored, of the film before it. A folder that
is given keeps them for the next time.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from benchmarks.copy_films import phantom_originals, pick_chests
from benchmarks.report import Table, machine, publish
from xraylab.duplicates.clusters import find_duplicate_clusters
from xraylab.duplicates.rotations import TurnedCopyParams
from xraylab.imaging.array_cache import CachePlan, read_cache, write_cache
from xraylab.imaging.film_file import FilmFile
from xraylab.imaging.preprocess import PreprocessParams

__all__ = ["main"]

Film = NDArray[np.uint8]
_SIDE = 1024
_EVERY = 20  # one film in so many is a copy
_KNOTS = 6
_BEND = 60.0  # standard deviation of the displacement, in pixels


@cache
def _read(path: Path) -> Film:
    film = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return np.asarray(cv2.resize(film, (_SIDE, _SIDE)), np.uint8)


@cache
def _grid() -> NDArray[np.float32]:
    return np.indices((_SIDE, _SIDE), np.float32)


def _bend(path: Path, rng: np.random.Generator) -> Film:
    """Displace the pixels of a film smoothly."""
    knots = rng.normal(0, _BEND, (2, _KNOTS, _KNOTS)).astype(np.float32)
    shift = [cv2.resize(part, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC) for part in knots]
    rows, columns = _grid()
    bent = cv2.remap(
        _read(path), columns + shift[0], rows + shift[1], cv2.INTER_LINEAR, None, cv2.BORDER_REFLECT
    )
    return np.asarray(bent, np.uint8)


def _make(number: int, sources: list[Path]) -> Film:
    """Return a film by its number: the mean of two bent ones."""
    rng = np.random.default_rng(number)
    first, second = rng.choice(len(sources), 2, replace=False)
    return cv2.addWeighted(_bend(sources[first], rng), 0.6, _bend(sources[second], rng), 0.4, 0)


def _write(number: int, sources: list[Path], folder: Path) -> None:
    path = folder / f"{number:06}.png"
    if path.exists():
        return
    is_copy = number % _EVERY == _EVERY - 1
    film = _make(number - is_copy, sources)
    if is_copy:
        rng = np.random.default_rng(number)
        film = film[:, ::-1] if rng.integers(2) else film
        middle = ((_SIDE - 1) / 2, (_SIDE - 1) / 2)
        matrix = cv2.getRotationMatrix2D(middle, float(rng.uniform(0, 360)), 1.0)
        film = cv2.warpAffine(np.ascontiguousarray(film), matrix, (_SIDE, _SIDE))
    whole = folder / f".{path.name}"
    whole.write_bytes(cv2.imencode(".png", film, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])
    whole.rename(path)


def _seconds() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def _measure(paths: list[Path], work: str) -> tuple[Table, pd.Series]:
    """Decode and search; return the seconds of both, and the cluster of each film."""
    plan = CachePlan(
        films={path.name: FilmFile(str(path)) for path in paths},
        preprocess=PreprocessParams(size_px=224, equalise="none", aspect="pad"),
    )
    start = _seconds()
    write_cache(plan, work)
    arrays = read_cache(work)
    decoded = _seconds()
    index, rule = arrays.index, TurnedCopyParams()
    shapes = index[["height_px", "width_px"]].to_numpy(float)
    clusters, _ = find_duplicate_clusters(
        index["image_id"], arrays.films, rule, index["digest"], shapes
    )
    found = _seconds()
    steps = {"decode": (start, decoded), "find copies": (decoded, found), "both": (start, found)}
    table = Table("copies_speed", "Copies among many films", ["step", "wall-clock, s", "CPU, s"])
    for name, (begin, end) in steps.items():
        table.rows.append([name, end[0] - begin[0], end[1] - begin[1]])
    return table, clusters


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description="Copies among many films.")
    parser.add_argument("--films", type=int, default=10_000, help="films (default 10,000)")
    parser.add_argument("--folder", type=Path, help="folder that keeps the films")
    parser.add_argument("--out", type=Path, help="folder for the table as Markdown and CSV")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or Path(place) / "films"
        folder.mkdir(parents=True, exist_ok=True)
        sources = pick_chests() or phantom_originals(Path(place) / "phantoms", 90)
        numbers = range(options.films)
        Parallel(-1, prefer="threads")(
            delayed(_write)(number, sources, folder) for number in numbers
        )
        paths = [folder / f"{number:06}.png" for number in numbers]
        table, clusters = _measure(paths, str(Path(place) / "cache"))
    origin = pd.Series([n - (n % _EVERY == _EVERY - 1) for n in numbers])
    wrong = origin.groupby(clusters.to_numpy()).nunique()
    found = clusters.duplicated(keep=False) & origin.duplicated(keep=False)
    table.note = (
        f"{options.films:,} films of {_SIDE} px made of {len(sources)}, "
        f"{int(origin.duplicated().sum())} of them copies: {int(found.sum()) // 2} found, "
        f"{int((wrong.to_numpy() > 1).sum())} clusters of different films. {machine()}"
    )
    publish([table], options.out)


if __name__ == "__main__":
    main()
