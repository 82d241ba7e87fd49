"""One look for every figure: sizes, colours and axes, set on the objects and never on global state.

Figures are 10 inches wide: at the 150 dots an inch that ``FigureDataset`` saves with they come out
1,500 pixels wide, and stay readable when a page shows them at 1,200. The colours are those of Okabe
and Ito (2008) for names, viridis for ordered levels and a blue-white-red scale about zero; all three
are told apart with any common colour blindness.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = [
    "INK",
    "MUTED",
    "dress",
    "grid_of_axes",
    "jitter",
    "key",
    "level_colours",
    "levels_or_bins",
    "note",
    "require_columns",
]

WIDTH_IN = 10.0
INK = "#1B1F24"
MUTED = "#5A6472"
RULE = "#D8DDE3"
TITLE_PT, LABEL_PT, TICK_PT, NOTE_PT = 11.5, 10.5, 9.5, 9.5
#: Up to so many distinct values are levels of their own; above it they are binned.
MAX_LEVELS = 12


def require_columns(frame: pd.DataFrame, columns: Iterable[str], name: str) -> None:
    """Raise ValueError that names what a table lacks: rows, or columns.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table that a figure is made from.
    columns : iterable of str
        The columns that the figure needs.
    name : str
        What the message calls the table.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(
            f"{name} lacks the column(s) {missing}; it has {[str(c) for c in frame.columns]}"
        )
    if frame.empty:
        raise ValueError(f"{name} has no rows, so there is nothing to draw")


def grid_of_axes(
    rows: int, columns: int, panel_height_in: float, **options: Any
) -> tuple[Figure, NDArray[np.object_]]:
    """Make an empty figure of the house width with a grid of axes.

    Parameters
    ----------
    rows, columns : int
        The grid, each at least 1.
    panel_height_in : float
        Height of one row in inches.
    **options
        Passed to ``Figure.subplots``, for example ``sharey=True``.

    Returns
    -------
    Figure
        With constrained layout, white, attached to no window and to no pyplot state.
    (rows, columns) ndarray of Axes
        The axes, not yet dressed.
    """
    from xraylab.plots.figure import ShownFigure

    # A lone panel as wide as three would be a banner; it gets a width that suits its height.
    width = WIDTH_IN if columns > 1 else min(WIDTH_IN, max(6.5, 1.6 * rows * panel_height_in))
    figure = ShownFigure(
        figsize=(width, rows * panel_height_in + 0.4), layout="constrained", facecolor="white"
    )
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def dress(ax: Axes, title: str = "", x: str = "", y: str = "", grid: str = "both") -> None:
    """Give axes the house look: left title, labelled axes, two spines, a faint grid behind the data."""
    ax.set_title(title, loc="left", fontsize=TITLE_PT, fontweight="bold", color=INK, pad=8)
    ax.set_xlabel(x, fontsize=LABEL_PT, color=INK)
    ax.set_ylabel(y, fontsize=LABEL_PT, color=INK)
    ax.tick_params(which="both", labelsize=TICK_PT, colors=MUTED, length=3, width=0.8)
    ax.tick_params(which="minor", length=1.5, labelsize=TICK_PT - 1)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
        spine.set_linewidth(0.8)
    ax.set_axisbelow(True)
    if grid != "none":
        ax.grid(visible=True, axis=grid, which="major", color=RULE, linewidth=0.7)  # type: ignore[arg-type]


def note(ax: Axes, text: str, corner: str = "upper left") -> None:
    """Write a short note into a corner of the axes, on a white ground so that data never hides it."""
    vertical, horizontal = corner.split()
    x, y = (0.03 if horizontal == "left" else 0.97), (0.97 if vertical == "upper" else 0.03)
    ax.text(
        x, y, text, transform=ax.transAxes, fontsize=NOTE_PT, color=INK, ha=horizontal, zorder=10,
        va="top" if vertical == "upper" else "bottom", linespacing=1.35,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.82, "pad": 2.5},
    )  # fmt: skip


def key(ax: Axes, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> None:
    """Add the house legend: no frame, small, ink-coloured."""
    settings = {"frameon": False, "fontsize": NOTE_PT, "labelcolor": INK, "handlelength": 1.6}
    ax.legend(list(handles), list(labels), **{**settings, **options})


def level_colours(n_levels: int) -> list[str]:
    """Return colours for n ordered levels, dark to light, without viridis' palest end."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    positions = np.linspace(0.0, 0.82, n_levels) if n_levels > 1 else [0.3]
    return [to_hex(mpl.colormaps["viridis"](position)) for position in positions]


def jitter(values: NDArray[np.floating[Any]], width: float) -> NDArray[np.float64]:
    """Spread equal values over a width with a golden-ratio sequence: even, and the same at every run.

    Parameters
    ----------
    values : (N,) ndarray
        Positions along the axis.
    width : float
        Whole width of the spread in the values' own unit, >= 0.

    Returns
    -------
    (N,) ndarray of float64
        ``values`` moved by at most half the width.
    """
    turns = np.arange(values.size) * 0.6180339887498949
    return np.asarray(values + width * ((turns % 1.0) - 0.5), np.float64)


def levels_or_bins(values: pd.Series, n_bins: int = 12) -> pd.Series:
    """Return for each value the level that it is drawn at.

    Up to ``MAX_LEVELS`` distinct values are their own levels; more are cut into bins of equal
    counts, each drawn at its median.

    Parameters
    ----------
    values : (N,) Series of float
        Finite numbers.
    n_bins : int
        How many bins to cut into; fewer come out where values tie.

    Returns
    -------
    (N,) Series of float
        The level of each row, on the same index.
    """
    import pandas as pd

    numbers = values.astype(float)
    if numbers.nunique() <= MAX_LEVELS:
        return numbers
    bins = pd.qcut(numbers, n_bins, labels=False, duplicates="drop")
    return numbers.groupby(bins).transform("median")


def in_order(values: pd.Series) -> list[str]:
    """Return the distinct values as text, in the order in which they first stand."""
    return list(dict.fromkeys(values.astype(str)))


def key_above(figure: Figure, handles: list[Any], labels: list[str]) -> None:
    """Add the house legend in one row above all axes."""
    figure.legend(
        handles, labels, loc="outside upper left", ncols=len(labels), frameon=False,
        fontsize=NOTE_PT, labelcolor=INK, handlelength=1.4, columnspacing=1.6,
    )  # fmt: skip


def colour_bar(figure: Figure, image: Any, axes: list[Any], label: str, **options: Any) -> None:
    """Add a colour bar beside axes, in the house look."""
    bar = figure.colorbar(image, ax=axes, pad=0.01, **{"shrink": 0.8, "fraction": 0.03, **options})
    bar.set_label(label, fontsize=NOTE_PT, color=INK)
    bar.ax.tick_params(labelsize=NOTE_PT - 1, colors=MUTED)
    outline: Any = bar.outline
    outline.set_visible(False)
