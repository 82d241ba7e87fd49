"""Figures of any classifier of two classes: what its probabilities mean, and where it errs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from xraylab.plots.labels import MODEL_COLOURS
from xraylab.plots.panels import (
    letters,
    place_beside,
    plain,
    rows_and_columns,
    square_side,
    squares,
    wrapped,
)
from xraylab.plots.style import (
    INK,
    LABEL_PT,
    MUTED,
    NOTE_PT,
    dress,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts: TypeAlias = "pd.DataFrame | Sequence[int]"

__all__ = ["plot_confusion", "plot_reliability"]

_CLASSES = 2
_COUNTS_IN, _BELOW_IN = 0.6, 1.5  # height of a histogram, and of all that stands below a panel
_CONFUSION_MARGINS_IN = (0.85, 0.2)
_DARK_CELL = 0.6  # a share beyond which the cell is dark and its words white


def plot_reliability(
    tables: Mapping[str, pd.DataFrame],
    ece: Mapping[str, float] | None = None,
    outcome: str = "positive",
) -> Figure:
    """Draw reliability diagrams: how often what was predicted with a probability came true.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        For each panel its bins: ``mean_prediction`` and ``share_positive`` in [0, 1], ``ci_low`` and ``ci_high`` of the
        share (Wilson's interval), ``n`` films. A bin without films (n = 0, or NaN) is not drawn.
    ece : mapping of str to float, optional
        Expected calibration error of a panel, written above it.
    outcome : str
        What class 1 is called.

    Returns
    -------
    Figure
        Square panels with the diagonal of perfect calibration, each above a histogram of its bins' counts.

    Raises
    ------
    ValueError
        If there is no panel, a column lacks, or a table has no bin with films.
    """
    if not tables:
        raise ValueError("there is no table of bins to draw")
    bins = {name: _filled_bins(table, name) for name, table in tables.items()}
    _, columns = rows_and_columns(len(bins))
    heads = [
        (plain(name), f"{_error(ece, name)}n = {int(table['n'].sum()):,}")
        for name, table in bins.items()
    ]
    figure, axes, side = squares(heads, _BELOW_IN)
    most = max(int(table["n"].max()) for table in bins.values())
    for index, (ax, table) in enumerate(zip(axes, bins.values(), strict=True)):
        first = index % columns == 0
        _draw_reliability(ax, table)
        ax.set_ylabel(f"Share {outcome}" if first else "", fontsize=LABEL_PT, color=INK)
        ax.tick_params(labelbottom=False)
        below = place_beside(ax, 0.0, -_COUNTS_IN - 0.15, side, _COUNTS_IN)
        below.vlines(
            table["mean_prediction"], 0, table["n"], color="#7FA8C9", linewidth=5.0, capstyle="butt"
        )
        below.set(xlim=ax.get_xlim(), ylim=(0, 1.08 * most), xticks=ax.get_xticks())
        dress(below, "", f"Predicted probability, {outcome}", "Films" if first else "", grid="y")
        below.locator_params(axis="y", nbins=3, integer=True)
    return figure


def _error(ece: Mapping[str, float] | None, name: str) -> str:
    value = (ece or {}).get(name, np.nan)
    return f"ECE {value:.3f}, " if np.isfinite(value) else ""


def _filled_bins(table: pd.DataFrame, name: str) -> pd.DataFrame:
    columns = ["mean_prediction", "share_positive", "ci_low", "ci_high", "n"]
    require_columns(table, columns, f"bins of '{name}'")
    known = np.isfinite(table[columns[:2]].to_numpy(float)).all(axis=1) & (table["n"] > 0)
    if not known.any():
        raise ValueError(f"bins of '{name}': none of {len(table)} holds a film")
    filled: pd.DataFrame = table[known]
    return filled.sort_values("mean_prediction")


def _draw_reliability(ax: Axes, table: pd.DataFrame) -> None:
    x, y = table["mean_prediction"].to_numpy(float), table["share_positive"].to_numpy(float)
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, zorder=1)
    ax.vlines(x, table["ci_low"], table["ci_high"], color=MODEL_COLOURS[0], linewidth=1.6, zorder=3)
    ax.plot(
        x, y, color=MODEL_COLOURS[0], linewidth=1.0, marker="o", markersize=6, markeredgecolor="white",
        markeredgewidth=0.9, zorder=4,
    )  # fmt: skip
    ticks = np.linspace(0, 1, 6)
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=ticks, yticks=ticks)


def plot_confusion(counts: Mapping[str, Counts], class_names: tuple[str, str]) -> Figure:
    """Draw confusion matrices: of the films of each true class, the share and number called each class.

    Parameters
    ----------
    counts : mapping of str to (2, 2) pandas.DataFrame or (tn, fp, fn, tp)
        For each panel its counts. A table has a true class a row and a predicted class a column, the negative class
        first.
    class_names : (negative, positive)
        What the classes are called.

    Returns
    -------
    Figure
        One panel an entry; shades are shares of the row, and a class without films shows a dash.

    Raises
    ------
    ValueError
        If there is no panel, or counts are not four numbers of at least 0.
    """
    if not counts:
        raise ValueError("there are no counts to draw")
    tables = {name: _two_by_two(given, name) for name, given in counts.items()}
    _, columns = rows_and_columns(len(tables), 4)
    side = square_side(len(tables), 4, _CONFUSION_MARGINS_IN)
    names = [wrapped(name, letters(side / 2 - 0.1), 3) for name in class_names]
    below = 0.55 + 0.165 * (1 + max(name.count("\n") for name in names))
    heads = [(plain(name), f"n = {int(table.sum()):,}") for name, table in tables.items()]
    figure, axes, _ = squares(heads, below, 4, _CONFUSION_MARGINS_IN)
    for index, (ax, table) in enumerate(zip(axes, tables.values(), strict=True)):
        first = index % columns == 0
        _draw_confusion(ax, table)
        ax.grid(visible=False)
        ax.set_xticks(range(_CLASSES), names, fontsize=NOTE_PT, color=INK)
        ax.set_yticks(
            range(_CLASSES), names if first else ["", ""], fontsize=NOTE_PT, color=INK, rotation=90, va="center",
        )  # fmt: skip
        ax.set_xlabel("predicted", fontsize=NOTE_PT, color=MUTED)
        ax.set_ylabel("true" if first else "", fontsize=NOTE_PT, color=MUTED)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    return figure


def _two_by_two(given: Counts, name: str) -> Floats:
    table = np.asarray(given, np.float64)
    if table.shape not in ((_CLASSES, _CLASSES), (_CLASSES**2,)):
        raise ValueError(f"counts of '{name}' must be 2 × 2 or (tn, fp, fn, tp), not {table.shape}")
    if not np.isfinite(table).all() or (table < 0).any():
        raise ValueError(f"counts of '{name}' must be at least 0, not {table.ravel().tolist()}")
    return table.reshape(_CLASSES, _CLASSES)


def _draw_confusion(ax: Axes, table: Floats) -> None:
    import matplotlib as mpl

    totals = table.sum(axis=1, keepdims=True)
    share = np.divide(table, totals, out=np.full_like(table, np.nan), where=totals > 0)
    shades = mpl.colormaps["Blues"].with_extremes(bad="#F0F2F4")
    ax.imshow(share, cmap=shades, vmin=0.0, vmax=1.15)
    for (row, column), part in np.ndenumerate(share):
        colour = "white" if part > _DARK_CELL else INK
        words = f"{100 * part:.1f} %" if np.isfinite(part) else "–"
        ax.text(
            column, row - 0.08, words, ha="center", va="center", fontsize=NOTE_PT + 3, fontweight="bold", color=colour
        )  # fmt: skip
        ax.text(
            column, row + 0.14, f"{int(table[row, column]):,}", ha="center", va="center", fontsize=NOTE_PT, color=colour
        )  # fmt: skip
    ax.axhline(0.5, color="white", linewidth=2)
    ax.axvline(0.5, color="white", linewidth=2)
