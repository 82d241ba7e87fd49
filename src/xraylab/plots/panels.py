"""Small multiples: panels in rows, headings of two weights, and words that keep to their panel."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xraylab.plots.style import INK, MUTED, NOTE_PT, TITLE_PT, WIDTH_IN, dress, grid_of_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = [
    "check_film",
    "clear",
    "fit_film",
    "footer",
    "grid_of_panels",
    "head",
    "label_letters",
    "letters",
    "pack",
    "place_beside",
    "plain",
    "rows_and_columns",
    "square_side",
    "squares",
    "wrapped",
]

_EM = 0.55  # mean width of a letter of the figures' font, as a part of its size
_FILM_AXES = 2
_BOLD = 1.15  # how much wider a bold letter is
_MOST_SIDE_IN = 4.2  # of a square panel


def rows_and_columns(n_panels: int, most_columns: int = 3) -> tuple[int, int]:
    """Return the most even grid for n panels: no more columns than allowed, then no more than its rows need.

    Examples
    --------
    >>> [rows_and_columns(n) for n in (1, 3, 4, 5, 12)]
    [(1, 1), (1, 3), (2, 2), (2, 3), (4, 3)]
    """
    rows = -(-n_panels // most_columns)
    return rows, -(-n_panels // rows)


def grid_of_panels(
    n_panels: int, panel_height_in: float, most_columns: int = 3, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Make a figure with n axes in the most even grid; what the grid has beyond them is switched off.

    Parameters
    ----------
    n_panels : int
        Axes to make, at least 1.
    panel_height_in : float
        Height of one row in inches.
    most_columns : int
        The most axes beside each other.
    **options
        Passed to ``Figure.subplots``.

    Returns
    -------
    Figure
        As `xraylab.plots.style.grid_of_axes` makes it.
    list of Axes
        The n axes, row by row.
    """
    rows, columns = rows_and_columns(n_panels, most_columns)
    figure, grid = grid_of_axes(rows, columns, panel_height_in, **options)
    pack(figure)
    axes: list[Axes] = grid.ravel().tolist()
    for ax in axes[n_panels:]:
        ax.set_axis_off()
    return figure, axes[:n_panels]


def pack(figure: Figure) -> None:
    """Let square panels and films stand close to each other, whatever room the grid would give them."""
    figure.set_layout_engine("compressed")


def squares(
    heads: Sequence[tuple[str, str]],
    below_in: float,
    most_columns: int = 3,
    margins_in: tuple[float, float] = (0.72, 0.62),
    right_in: float = 0.15,
) -> tuple[Figure, list[Axes], float]:
    """Make square panels with headings, placed to the inch: no layout engine moves what is put beside them.

    Parameters
    ----------
    heads : sequence of (title, words)
        One a panel, at least one.
    below_in : float
        Room below each panel in inches.
    most_columns : int
        The most panels beside each other.
    margins_in : (left, between)
        Room at the left of the page, and between two panels, in inches.
    right_in : float
        Room at the right of the page in inches.

    Returns
    -------
    Figure
        As wide as the page, or less where the panels are at their largest.
    list of Axes
        The panels, dressed, without limits and names of axes.
    float
        Their side in inches.
    """
    from xraylab.plots.figure import ShownFigure

    rows, columns = rows_and_columns(len(heads), most_columns)
    left, between = margins_in
    side = square_side(len(heads), most_columns, margins_in)
    width = letters(side, TITLE_PT * _BOLD)
    lines = max(wrapped(title, width).count("\n") for title, _ in heads) + 1
    top = 0.36 + 0.2 * lines
    cell = top + side + below_in
    page = left + columns * side + (columns - 1) * between + right_in
    figure = ShownFigure(figsize=(page, rows * cell), facecolor="white")
    axes = []
    for index, (title, words) in enumerate(heads):
        row, column = divmod(index, columns)
        x, y = left + column * (side + between), (rows - row) * cell - top - side
        axes.append(_place(figure, x, y, side, side))
        dress(axes[-1])
        head(axes[-1], title, words, width)
    return figure, axes, side


def square_side(
    n_panels: int, most_columns: int = 3, margins_in: tuple[float, float] = (0.72, 0.62)
) -> float:
    """Return the side of the panels that `squares` makes, in inches."""
    _, columns = rows_and_columns(n_panels, most_columns)
    free = WIDTH_IN - margins_in[0] - (columns - 1) * margins_in[1] - 0.15
    return min(free / columns, _MOST_SIDE_IN)


def place_beside(ax: Axes, x: float, y: float, width: float, height: float) -> Axes:
    """Add axes whose lower left corner lies at (x, y) inches from the lower left corner of others."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("axes to place others beside must belong to a figure")
    page, box = figure.get_size_inches(), ax.get_position(original=True)
    return _place(figure, box.x0 * page[0] + x, box.y0 * page[1] + y, width, height)


def _place(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    across, up = figure.get_size_inches()
    return figure.add_axes((x / across, y / up, width / across, height / up))


def label_letters(width_in: float) -> int:
    """Return how many letters of a file's name, rich in digits and capitals, fit into a width in inches."""
    return letters(width_in, 1.12 * NOTE_PT)


def letters(width_in: float, size_pt: float = NOTE_PT) -> int:
    """Return how many letters of a size fit into a width in inches, at least 8."""
    return max(8, int(width_in * 72.0 / (_EM * size_pt)))


def wrapped(text: str, width: int, most_lines: int = 3) -> str:
    """Break text into lines of at most ``width`` letters, also within a long file name.

    Line breaks that the text has stay. What would take more than ``most_lines`` loses its middle, since names of files
    often differ at their end.
    """
    lines = _lines(text, width)
    if len(lines) > most_lines:
        keep = max(width * most_lines - most_lines, 3)
        while len(lines) > most_lines and keep > 1:
            half = keep // 2
            lines = _lines(f"{text[: keep - half]}…{text[len(text) - half :]}", width)
            keep -= 1
    return "\n".join(lines[:most_lines])


def _lines(text: str, width: int) -> list[str]:
    return [
        line
        for part in text.split("\n")
        for line in textwrap.wrap(part, width, break_on_hyphens=True) or [""]
    ]


def plain(name: str) -> str:
    """Return a name for a reader: underscores become spaces."""
    return name.replace("_", " ")


def head(ax: Axes, title: str, words: str = "", width: int = 0) -> None:
    """Head axes with a bold title and, below it, a plain line of words.

    Parameters
    ----------
    ax : Axes
        Axes that `xraylab.plots.style.dress` has dressed or will not dress.
    title, words : str
        Both may hold several lines; either may be empty.
    width : int
        Letters to a line; 0 for half the page.
    """
    width = width or letters(WIDTH_IN / 2, TITLE_PT * _BOLD)
    title, words = wrapped(title, width), wrapped(words, int(width * TITLE_PT * _BOLD / NOTE_PT))
    ax.set_title(
        words, loc="left", fontsize=NOTE_PT, fontweight="normal", color=MUTED, pad=6, linespacing=1.3
    )  # fmt: skip
    lift = 7.0 + (words.count("\n") + 1) * NOTE_PT * 1.4 if words else 7.0
    ax.annotate(
        title, (0.0, 1.0), xycoords="axes fraction", xytext=(0, lift), textcoords="offset points",
        fontsize=TITLE_PT, fontweight="bold", color=INK, ha="left", va="bottom", annotation_clip=False,
    )  # fmt: skip


def fit_film(ax: Axes, film: NDArray[np.uint8], left: float, wide: float, high: float) -> None:
    """Draw a film as large as fits into a box of axes units, in its upper left corner.

    Parameters
    ----------
    ax : Axes
        Axes whose vertical axis points down.
    film : (H, W) ndarray of uint8
        The film; its aspect is kept.
    left, wide, high : float
        Left edge, width and height of the box; its upper edge is at 0.
    """
    rows, columns = film.shape
    scale = min(wide / columns, high / rows)
    place = (left, left + scale * columns, scale * rows, 0.0)
    ax.imshow(film, cmap="gray", vmin=0, vmax=255, extent=place)


def check_film(film: Any, name: str) -> None:
    """Raise ValueError that names the film if it is not (H, W)."""
    if np.ndim(film) != _FILM_AXES:
        raise ValueError(f"film '{name}' must be (H, W), not {np.shape(film)}")


def clear(ax: Axes) -> None:
    """Take ticks and frame from axes that show a film."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def footer(figure: Figure, text: str) -> None:
    """Write a line below all axes, at the left."""
    if text:
        figure.supxlabel(text, x=0.01, ha="left", fontsize=NOTE_PT, color=MUTED)
