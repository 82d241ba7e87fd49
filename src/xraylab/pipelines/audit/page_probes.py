"""The forest plot of an audit: how well each probe predicts the label."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from xraylab.pages import Interval, Scale

from .page_words import clean, write_estimate, write_value

__all__ = ["HEIGHT", "WIDTH", "Chart", "ProbeRow", "draw_charts"]

WIDTH, HEIGHT = 320, 24
"""Size of a strip, in units of its own."""

_Y = HEIGHT / 2
_CHANCE = {"AUROC": 0.5}  # of other metrics 0
_ROOM = 0.2  # left of chance, as a share of the way from chance to 1
_MAX_ROWS = 40
_ALL = "all classes"


@dataclass(frozen=True)
class ProbeRow:
    """One line of the plot.

    Attributes
    ----------
    probe, target : str
        What it sees, and what it predicts; the target is empty where all are of all classes.
    value, interval, words : str
        The figure; the ends of its interval; both in one sentence.
    n : int
        Films.
    above_chance : bool
        Whether the interval lies above chance.
    dot : Interval
        Where it stands.
    """

    probe: str
    target: str
    value: str
    interval: str
    words: str
    n: int
    above_chance: bool
    dot: Interval


@dataclass(frozen=True)
class Chart:
    """All probes of one metric.

    Attributes
    ----------
    metric : str
        What was measured.
    chance : str
        Its value by chance, in words.
    chance_x, one_x : float
        Where chance and 1 stand.
    rows, more : tuple of ProbeRow
        Probes of all classes, or all where there are no others; and those of single classes.
    n_left_out : int
        That are not on the page.
    """

    metric: str
    chance: str
    chance_x: float
    one_x: float
    rows: tuple[ProbeRow, ...]
    more: tuple[ProbeRow, ...]
    n_left_out: int


def draw_charts(probes: pd.DataFrame) -> list[Chart]:
    """Return one chart per metric; the best probe first.

    Parameters
    ----------
    probes : DataFrame
        ``probe, target, metric, value, ci_low, ci_high, n, above_chance``.

    Examples
    --------
    >>> probes = pd.DataFrame({"probe": ["file size"], "target": ["all classes"], "metric": ["AUROC"], "value": [0.9],
    ...                        "ci_low": [0.85], "ci_high": [0.94], "n": [400], "above_chance": [True]})
    >>> chart = draw_charts(probes)[0]
    >>> chart.rows[0].value, chart.rows[0].interval, chart.rows[0].dot.x > chart.chance_x
    ('0.90', '0.85 to 0.94', True)
    """
    known = probes[probes["value"].notna()]
    return [_draw(str(metric), table) for metric, table in known.groupby("metric", sort=False)]


def _draw(metric: str, table: pd.DataFrame) -> Chart:
    chance = _CHANCE.get(metric, 0.0)
    scale = Scale(chance - _ROOM * (1 - chance), 1.0, WIDTH, 8)
    ordered = table.sort_values("value", ascending=False, kind="stable")
    whole = ordered["target"] == _ALL
    first, rest = (ordered[whole], ordered[~whole]) if whole.any() else (ordered, ordered[whole])
    rows, more = (
        tuple(_row(each, scale) for each in some.head(_MAX_ROWS).to_dict("records"))
        for some in (first, rest)
    )
    return Chart(
        clean(metric),
        write_value(chance),
        scale.place(chance),
        scale.place(1.0),
        rows,
        more,
        len(table) - len(rows) - len(more),
    )


def _row(row: dict[Any, Any], scale: Scale) -> ProbeRow:
    value, low, high = (float(row[name]) for name in ("value", "ci_low", "ci_high"))
    known = math.isfinite(low) and math.isfinite(high)
    ends = (low, high) if known else (value, value)
    return ProbeRow(
        clean(row["probe"], 100),
        "" if row["target"] == _ALL else clean(row["target"], 60),
        write_value(value),
        f"{write_value(low)} to {write_value(high)}" if known else "",
        write_estimate(str(row["metric"]), value, low, high),
        int(row["n"]),
        bool(row["above_chance"]),
        scale.interval(value, *ends, _Y),
    )
