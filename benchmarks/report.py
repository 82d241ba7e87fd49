"""Time ways of doing one thing side by side, and write the tables."""

from __future__ import annotations

import csv
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

PACKAGES = ("numpy", "numba", "opencv-python-headless", "scikit-image", "scipy")


@dataclass
class Table:
    """A titled table; ``note`` stands under it."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[object]] = field(default_factory=list)
    note: str = ""

    def markdown(self) -> str:
        """Return the table in Markdown, with its title and note."""
        cells = [
            self.columns,
            ["---"] * len(self.columns),
            *[[_text(cell) for cell in row] for row in self.rows],
        ]
        lines = ["| " + " | ".join(row) + " |" for row in cells]
        return "\n".join(
            [f"### {self.title}", "", *lines, "", *([self.note, ""] if self.note else [])]
        )


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def publish(tables: list[Table], out: Path | None) -> None:
    """Print tables as Markdown; with a folder, also write each there as NAME.md and NAME.csv."""
    for table in tables:
        print(table.markdown(), flush=True)
        if out is None:
            continue
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{table.name}.md").write_text(table.markdown(), encoding="utf-8")
        with (out / f"{table.name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([table.columns, *table.rows])


def interleave(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time each way once a round, in turn, so that what else the machine does meets all alike.

    Each way is called once before, untimed. Returns seconds by way, one for each round.
    """
    for way in ways.values():
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        names = list(ways)
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            start = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def medians(seconds: dict[str, list[float]]) -> dict[str, float]:
    return {name: median(values) for name, values in seconds.items()}


def median_ratio(base: list[float], other: list[float]) -> float:
    """Median over the rounds of base / other: neighbours in time are compared."""
    return median(first / second for first, second in zip(base, other, strict=True))


def machine() -> str:
    """Name processor, cores and versions, for the note under a table."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}."
