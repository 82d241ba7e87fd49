"""How fast exposures are simulated and measured, beside the notebook's way and a good OpenCV way.

``python -m benchmarks.feature_speed [--films 8] [--rounds 9] [--out FOLDER]``
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from joblib import Parallel, delayed

from benchmarks.feature_ways import LEVELS, WAYS, check_agreement
from benchmarks.films import find_films
from benchmarks.report import Table, interleave, machine, median_ratio, medians, publish
from xraylab.dose.kernels import fill_normal
from xraylab.dose.noise import normal_quantiles
from xraylab.dose.simulate import simulate_additive
from xraylab.features.texture import measure_texture
from xraylab.imaging import read_radiograph

__all__ = ["main"]

_THREADS = (1, 2)
_PART_ROUNDS = 15
_BASES = ("notebook", "OpenCV")


def _run_over(inputs: Sequence[Any], work: Callable[[Any], object], threads: int) -> None:
    Parallel(n_jobs=threads, prefer="threads")(delayed(work)(each) for each in inputs)


def _compare(
    name: str, title: str, runs: dict[str, Callable[[], object]], films: int, rounds: int
) -> Table:
    seconds = interleave(runs, rounds)
    table = Table(
        name,
        title,
        ["way", "ms per film", "ms per exposure", *(f"{base} / way" for base in _BASES)],
    )
    for way, middle in medians(seconds).items():
        film_ms = 1e3 * middle / films
        ratios = [median_ratio(seconds[base], seconds[way]) for base in _BASES]
        table.rows.append([way, film_ms, film_ms / len(LEVELS), *ratios])
    return table


def _time_from_disk(films: Sequence[Path], rounds: int, threads: int) -> Table:
    """Time every way from the PNG to the features."""
    runs = {name: partial(_run_over, films, way, threads) for name, way in WAYS.items()}
    at_once = "1 film" if threads == 1 else f"{threads} films"
    title = f"From PNG to features, {len(LEVELS)} exposures a film, {at_once} at once"
    return _compare(f"feature_speed_{threads}_threads", title, runs, len(films), rounds)


def _time_one_process(films: Sequence[Path], rounds: int) -> Table:
    """Time each way as it is used: the public demo's loop, the same loop in OpenCV, the pipeline's workers."""
    runs: dict[str, Callable[[], object]] = {
        name: partial(_run_over, films, WAYS[name], 1) for name in _BASES
    }
    for name in ("xraylab published", "xraylab all"):
        runs[name] = partial(_run_over, films, WAYS[name], _THREADS[-1])
    title = (
        "One process, each way as it is used: notebook and OpenCV in a loop, "
        f"xraylab on {_THREADS[-1]} threads, as the pipeline runs it"
    )
    return _compare("feature_speed_one_process", title, runs, len(films), rounds)


def _time_in_memory(films: Sequence[Path], rounds: int) -> Table:
    """Time every way on films that are read already."""
    runs = {
        name: partial(_run_over, [way.read(path) for path in films], way.measure, 1)
        for name, way in WAYS.items()
    }
    title = f"Simulate and measure only, {len(LEVELS)} exposures a film that is read already"
    return _compare("feature_speed_in_memory", title, runs, len(films), rounds)


def _time_parts(films: Sequence[Path], film_ms: float) -> Table:
    """Time each part alone, on one thread; the floor is what no arrangement of these parts avoids."""
    film = read_radiograph(films[0])
    other = np.empty_like(film)
    flat, quantiles = other.reshape(-1), normal_quantiles()
    parts: dict[str, Callable[[], object]] = {
        "read the PNG (cv2.imread)": partial(_run_over, films, WAYS["OpenCV"].read, 1),
        "read the film (read_radiograph)": partial(_run_over, films, read_radiograph, 1),
        "normal numbers (fill_normal)": partial(fill_normal, flat, np.uint64(7), quantiles),
        "one pass over memory (sum)": film.sum,
        "simulate (simulate_additive)": partial(simulate_additive, film, 0.8, 0.02, 7, other),
        "measure, published": partial(measure_texture, film, "published"),
        "measure, all": partial(measure_texture, film, "all"),
        "normal numbers (cv2.randn)": partial(cv2.randn, np.empty_like(film), 0.0, 0.02),
        "normal numbers (NumPy)": partial(np.random.default_rng(0).normal, 0.0, 0.02, film.shape),
    }
    ms = {name: 1e3 * value for name, value in medians(interleave(parts, _PART_ROUNDS)).items()}
    for name in ("read the PNG (cv2.imread)", "read the film (read_radiograph)"):
        ms[name] /= len(films)
    read, normal = ms["read the PNG (cv2.imread)"], ms["normal numbers (fill_normal)"]
    floor = read + len(LEVELS) * (normal + ms["one pass over memory (sum)"])
    return Table(
        "feature_speed_parts",
        "Each part alone, one thread, one film",
        ["part", "ms"],
        [[name, value] for name, value in ms.items()],
        f"The floor of a film of {len(LEVELS)} exposures is to read the PNG once and, for each exposure, to draw "
        f"its normal numbers and to pass over memory once: {floor:.1f} ms, {read:.1f} of them for reading. "
        f"xraylab takes {film_ms:.1f} ms for the published features, {film_ms / floor:.2f} times the floor.",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description="Features of exposures, three ways side by side.")
    parser.add_argument("--films", type=int, default=8, help="how many films (default 8)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds timed (default 9)")
    parser.add_argument("--out", type=Path, help="folder for the tables as Markdown and CSV")
    options = parser.parse_args(arguments)
    if min(options.films, options.rounds) < 1:
        parser.error(
            f"--films and --rounds must be at least 1, got {options.films}, {options.rounds}"
        )
    with tempfile.TemporaryDirectory() as folder:
        films, kind = find_films(options.films, Path(folder))
        difference = max(check_agreement(path) for path in films)
        as_used = _time_one_process(films, options.rounds)
        from_disk = [_time_from_disk(films, options.rounds, threads) for threads in _THREADS]
        in_memory = _time_in_memory(films, options.rounds)
        film_ms = next(row[1] for row in from_disk[0].rows if row[0] == "xraylab published")
        parts = _time_parts(films, float(str(film_ms)))
    in_memory.note = (
        f"All tables: {len(films)} {kind}, 1024 × 1024 pixels, medians of {options.rounds} interleaved rounds; a "
        f"ratio is the median of those within a round. OpenCV has its default of {cv2.getNumThreads()} threads of its "
        f"own in all of them. Every feature agrees to {100 * difference:.1f} % between the ways, whose noise differs. "
        f"{machine()}"
    )
    publish([as_used, *from_disk, in_memory, parts], options.out)


if __name__ == "__main__":
    main()
