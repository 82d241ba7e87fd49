"""How much memory the feature pass takes, and how that grows with the number of films.

``python -m benchmarks.feature_memory [--films 200 2000] [--out FOLDER]``

Each number of films gets a fresh process, which runs the real node on links to a few films and reports the peak
of its resident memory. The process that only imports, and measures one film, is the base.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.films import find_films
from benchmarks.report import Table, machine, publish
from xraylab.dose.plan import AdditiveRecipe, plan_additive, to_rows
from xraylab.imaging import read_radiograph
from xraylab.pipelines.feature_extraction.nodes import extract_features
from xraylab.pipelines.feature_extraction.params import FeatureExtractionParams

__all__ = ["main"]

WORKERS = 2
SOURCES = 16
PUBLIC_FILMS = 112_120
"""Films of the public set."""


def _measure_folder(folder: Path, count: int) -> dict[str, float]:
    """Run the feature pass over the first films of a folder, in this process."""
    films = {path.stem: partial(read_radiograph, path) for path in sorted(folder.iterdir())[:count]}
    rows = [
        row
        for name in films
        for row in to_rows(name, name, plan_additive(name, AdditiveRecipe(), seed=0))
    ]
    exposures = pd.DataFrame(rows).astype({"noise_key": np.uint64})
    params = FeatureExtractionParams(which="all", workers=WORKERS)
    start = time.perf_counter()
    features, rejected = extract_features(films, exposures, params)
    seconds = time.perf_counter() - start
    if len(rejected) or len(features) != len(exposures):
        raise RuntimeError(
            f"{len(features)} of {len(exposures)} exposures measured; rejected: {len(rejected)} films"
        )
    return {"films": count, "seconds": seconds, "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    """Return the peak of this process's resident memory.

    Not the ``ru_maxrss`` of Linux, which a child takes over from its parent.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 2**10


def _link_films(films: Sequence[Path], count: int, folder: Path) -> None:
    for number in range(count):
        (folder / f"film_{number:06d}.png").symlink_to(films[number % len(films)])


def _measure_in_fresh_process(folder: Path, count: int) -> dict[str, float]:
    root = Path(__file__).resolve().parents[1]
    paths = [str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.feature_memory", "--measure", str(folder), str(count)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(
        description="Peak memory of the feature pass by number of films."
    )
    parser.add_argument(
        "--films", type=int, nargs="+", default=[200, 2000], help="default: 200 2000"
    )
    parser.add_argument("--out", type=Path, help="folder for the table as Markdown and CSV")
    parser.add_argument("--measure", nargs=2, metavar=("FOLDER", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        print(json.dumps(_measure_folder(Path(options.measure[0]), int(options.measure[1]))))
        return
    counts = sorted(set(options.films))
    if counts[0] < 2:
        parser.error(f"--films must be at least 2, got {counts[0]}")
    with tempfile.TemporaryDirectory() as name:
        source, links = Path(name) / "source", Path(name) / "films"
        source.mkdir()
        links.mkdir()
        films, kind = find_films(SOURCES, source)
        _link_films(films, counts[-1], links)
        runs = [_measure_in_fresh_process(links, count) for count in (1, *counts)]
    publish([_table(runs, kind)], options.out)


def _table(runs: list[dict[str, float]], kind: str) -> Table:
    """Lay out the runs, the first of which is the base, and extrapolate the largest to the public set."""
    base, first, last = runs[0], runs[1], runs[-1]
    table = Table(
        "feature_memory",
        "Feature pass by number of films",
        [
            "films",
            "exposures",
            "seconds",
            "ms per film",
            "peak MiB",
            f"peak / that of {first['films']} films",
        ],
    )
    for run in runs:
        count = int(run["films"])
        table.rows.append(
            [
                count,
                3 * count,
                run["seconds"],
                1e3 * run["seconds"] / count,
                run["peak_mib"],
                run["peak_mib"] / first["peak_mib"],
            ]
        )
    added = (last["films"] - first["films"]) or 1
    per_film = (last["seconds"] - base["seconds"]) / (last["films"] - 1)
    growth_kib = 1024 * (last["peak_mib"] - first["peak_mib"]) / added
    public_mib = last["peak_mib"] + growth_kib * (PUBLIC_FILMS - last["films"]) / 1024
    table.note = (
        f"Links to {SOURCES} {kind}, 1024 × 1024 pixels, all features of 3 exposures a film, {WORKERS} threads. "
        f"One film takes {base['peak_mib']:.0f} MiB, nearly all of it Python and its libraries, and its seconds are "
        f"those of loading the compiled code. Each further film adds {growth_kib:.1f} KiB of table rows and "
        f"{1e3 * per_film:.1f} ms. Extrapolated to the {PUBLIC_FILMS:,} films of the public set: "
        f"{per_film * PUBLIC_FILMS / 60:.0f} minutes and {public_mib:.0f} MiB. {machine()}"
    )
    return table


if __name__ == "__main__":
    main()
