"""Detectors of copies side by side, on files whose copies are known: what each finds, joins wrongly, and costs.

``python -m benchmarks.copy_detectors [--peers PYTHON …] [--films 60] [--only NAME …] [--phantoms] [--out FOLDER]``

xraylab runs in this interpreter; the others (`benchmarks.copy_peers`) in the first of the given ones that has them, one
after the other, each in a process of its own. Public films are taken where they lie beside the checkout.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks import copy_peers
from benchmarks.copy_films import KINDS, FilmFolder, lay_out
from benchmarks.report import Table, machine, publish
from xraylab.duplicates.clusters import join_copies

__all__ = ["main"]

_OURS = "xraylab"
Folders = dict[str, FilmFolder]


class Run:
    """What a detector listed, by folder."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.seconds: dict[str, tuple[float, float]] = json.loads(
            (out / "seconds.json").read_text(encoding="utf-8")
        )

    def listed(self, folder: FilmFolder) -> pd.DataFrame:
        """Return the pairs that were listed, as positions in the folder."""
        pairs = pd.read_csv(self.out / f"{folder.name}.csv", dtype=str)
        place = pd.Series(range(len(folder.family)), folder.family.index)
        return pairs.apply(lambda names: names.map(place)).astype("int64")

    def seconds_per_thousand(self, folder: FilmFolder) -> tuple[float, float]:
        """Return seconds of wall-clock and of processor time per 1,000 files."""
        wall, processor = self.seconds[folder.name]
        per = 1000 / len(folder.family)
        return wall * per, processor * per


def _run(name: str, peers: Sequence[str], folders: list[FilmFolder], out: Path) -> Run | str:
    """Run a detector, or return why it cannot be run."""
    if (out / "seconds.json").exists():
        return Run(out)
    script = Path(copy_peers.__file__)
    reason = "no interpreter is given"
    for python in [sys.executable] if name == _OURS else peers:
        command = [python, str(script), name, str(out), *(str(each.path) for each in folders)]
        done = subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        if done.returncode == 0:
            return Run(out)
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {done.returncode}"
        if done.returncode != copy_peers.NOT_INSTALLED:
            break
    return reason


def _pairs_of(*by: pd.Series) -> int:
    sizes = pd.concat(by, axis=1).value_counts().to_numpy()
    return int((sizes * (sizes - 1) // 2).sum())


def _share(part: int, whole: int) -> float | str:
    return part / whole if whole else "none"


def _score(run: Run, folder: FilmFolder) -> list[object]:
    """Return precision of the pairs listed; precision and recall of all pairs when joined; false clusters."""
    family = folder.family.reset_index(drop=True).rename("family")
    listed = run.listed(folder)
    names = pd.Series([f"{k:07}" for k in range(len(family))])
    cluster = join_copies(names, listed)
    right, joined = _pairs_of(cluster, family), _pairs_of(cluster)
    same = family[listed["first"]].to_numpy() == family[listed["second"]].to_numpy()
    films_in = (
        pd.DataFrame({"cluster": cluster, "family": family})
        .drop_duplicates()
        .value_counts("cluster")
    )
    return [
        _share(int(same.sum()), len(same)),
        _share(right, joined),
        _share(right, _pairs_of(family)),
        int((films_in > 1).sum()),
    ]


_SCORES = ["precision as listed", "precision, joined", "recall, joined", "false clusters"]
_SECONDS = ["wall s a 1,000", "CPU s a 1,000"]


def _table_of_set(folder: FilmFolder, title: str, runs: dict[str, Run]) -> Table:
    table = Table(f"copies_{folder.name}", title, ["detector", *_SCORES, *_SECONDS])
    for name, run in runs.items():
        seconds = run.seconds_per_thousand(folder)
        table.rows.append([name, *_score(run, folder), *seconds])
    return table


def _found(run: Run, folder: FilmFolder) -> tuple[float, int]:
    """Return the share of the copies that are listed with their film, and the pairs of two films that are."""
    family = folder.family.to_numpy()
    listed = run.listed(folder)
    same = family[listed["first"]] == family[listed["second"]]
    return float(same.sum() / (len(family) / 2)), int((~same).sum())


def _table_of_kinds(folders: Folders, runs: dict[str, Run], what: str) -> Table:
    size = len(folders["kind_00"].family) // 2
    table = Table(
        "copies_by_kind",
        f"Share of copies found: {size} {what}, and a copy of each",
        ["what was done to the copy", *runs],
    )
    false = dict.fromkeys(runs, 0)
    for place, kind in enumerate(KINDS):
        row: list[object] = [kind]
        for name, run in runs.items():
            share, wrong = _found(run, folders[f"kind_{place:02}"])
            row.append(share)
            false[name] += wrong
        table.rows.append(row)
    table.rows.append(["*false pairs in all rows*", *false.values()])
    return table


def _tables(folders: Folders, runs: dict[str, Run], what: str) -> list[Table]:
    films = folders["planted"].family.nunique()
    titles = {
        "planted": f"{films} {what} with {len(KINDS)} copies each",
        "bones": "Public bones",
        "distinct": "Public chests without copies",
    }
    tables = [
        _table_of_set(folders[name], f"{title}: {len(folders[name].family):,} files", runs)
        for name, title in titles.items()
        if name in folders
    ]
    tables[0].note = machine()
    return [*tables, _table_of_kinds(folders, runs, what)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    names = list(copy_peers.DETECTORS)
    parser = argparse.ArgumentParser(description="Detectors of copies, side by side.")
    parser.add_argument("--peers", nargs="+", default=[], help="interpreters that have the peers")
    parser.add_argument("--films", type=int, default=60, help="films copied (default 60)")
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--phantoms", action="store_true", help="phantoms, whatever lies there")
    parser.add_argument("--keep", type=Path, help="folder that keeps films and runs, to go on from")
    parser.add_argument("--out", type=Path, help="folder for the tables as Markdown and CSV")
    options = parser.parse_args(arguments)
    runs: dict[str, Run] = {}
    missing = Table("copies_not_run", "Not run", ["detector", "why"])
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder)
        folders = lay_out(place / "films", options.films, options.phantoms)
        for name in options.only:
            out = place / re.sub(r"\W+", "_", name)
            run = _run(name, options.peers, list(folders.values()), out)
            if isinstance(run, str):
                missing.rows.append([name, run])
            else:
                runs[name] = run
        what = "phantoms" if (place / "films" / "phantoms").exists() else "public films"
        publish([*_tables(folders, runs, what), *([missing] if missing.rows else [])], options.out)


if __name__ == "__main__":
    main()
