"""A contact sheet of films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xraylab.plots.panels import (
    check_film,
    clear,
    fit_film,
    footer,
    grid_of_panels,
    label_letters,
    rows_and_columns,
    wrapped,
)
from xraylab.plots.style import INK, NOTE_PT, TITLE_PT, WIDTH_IN

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Film = NDArray[np.uint8]

__all__ = ["NOTICE", "plot_film_grid", "plot_message"]

NOTICE = "Research software, not a medical device."
_TALLEST = 1.4  # height of a film's box, in its width


def plot_film_grid(
    panels: Sequence[tuple[str, Film]], title: str = "", columns: int = 6, notice: str = NOTICE
) -> Figure:
    """Show films beside each other, each under its label.

    Parameters
    ----------
    panels : sequence of (label, film)
        Films (H, W) of uint8, of any shapes. A label may hold line breaks, and is broken to its film's width.
    title : str
        Heading of the figure.
    columns : int
        The most films in a row, at least 1.
    notice : str
        Line below the films; empty for none.

    Returns
    -------
    Figure
        One axes a film, at the film's own aspect.

    Raises
    ------
    ValueError
        If there is no film, a film is not (H, W), or ``columns`` is below 1.
    """
    if not panels:
        raise ValueError("there is no film to draw")
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    for label, film in panels:
        check_film(film, label)
    _, across = rows_and_columns(len(panels), columns)
    width = WIDTH_IN / max(across, 3) - 0.12
    labels = [wrapped(label, label_letters(width)) for label, _ in panels]
    lines = max(label.count("\n") + 1 for label in labels)
    tallest = min(max(np.shape(film)[0] / np.shape(film)[1] for _, film in panels), _TALLEST)
    figure, axes = grid_of_panels(len(panels), width * tallest + 0.16 * lines + 0.15, columns)
    for ax, label, (_, film) in zip(axes, labels, panels, strict=True):
        fit_film(ax, film, 0.0, 1.0, tallest)
        ax.set(xlim=(0.0, 1.0), ylim=(tallest, 0.0))
        ax.set_title(label, loc="left", fontsize=NOTE_PT, color=INK, pad=4)
        clear(ax)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE_PT, fontweight="bold", color=INK)
    footer(figure, notice)
    return figure


def plot_message(text: str) -> Figure:
    """Return a figure that holds a sentence, where there is nothing to draw."""
    from xraylab.plots.figure import ShownFigure

    figure = ShownFigure(figsize=(WIDTH_IN / 2, 1.0), facecolor="white")
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=TITLE_PT, color=INK)
    return figure
