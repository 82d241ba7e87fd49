"""Figures of segmentation: outlines on films, and how a network of one site does at another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xraylab.plots.labels import metric_label
from xraylab.plots.panels import plain, rows_and_columns
from xraylab.plots.style import (
    INK,
    MUTED,
    NOTE_PT,
    TITLE_PT,
    grid_of_axes,
    in_order,
    key_above,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Panel = tuple[str, Image, Image | None, Image]

__all__ = ["draw_outline", "plot_mask_overlays", "plot_site_matrix"]

TRUE_COLOUR, PREDICTED_COLOUR = "#E69F00", "#56B4E9"
_COLUMNS = 4


def plot_mask_overlays(rows: Mapping[str, Sequence[Panel]], title: str = "") -> Figure:
    """Draw the outlines of true and predicted masks on films.

    Parameters
    ----------
    rows : mapping of str to sequence of (label, film, truth, predicted)
        Named rows of panels; films (H, W) of uint8, masks (H, W) of 0 and 1, the truth None where it is not known. A
        row of more than four panels is broken.
    title : str
        Heading of the figure.

    Returns
    -------
    Figure
        The truth in orange, what was predicted in blue.

    Raises
    ------
    ValueError
        If there is no panel.
    """
    from matplotlib.lines import Line2D

    lines = [
        (name if start == 0 else "", list(panels[start : start + _COLUMNS]))
        for name, panels in rows.items()
        for start in range(0, len(panels), _COLUMNS)
    ]
    if not lines:
        raise ValueError("there is no film to draw")
    columns = max(len(panels) for _, panels in lines)
    figure, axes = grid_of_axes(len(lines), columns, 10.0 / max(columns, 3) + 0.45)
    for (name, panels), line in zip(lines, axes, strict=True):
        line[0].set_ylabel(name, fontsize=TITLE_PT, fontweight="bold", color=INK)
        for ax, (label, film, truth, predicted) in zip(line, panels, strict=False):
            ax.imshow(film, cmap="gray", vmin=0, vmax=255)
            if truth is not None:
                draw_outline(ax, truth, TRUE_COLOUR)
            draw_outline(ax, predicted, PREDICTED_COLOUR)
            ax.set_title(label, loc="left", fontsize=NOTE_PT, color=INK)
        for ax in line:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            ax.set_visible(bool(ax.images))
    has_truth = any(panel[2] is not None for _, panels in lines for panel in panels)
    colours = [*([TRUE_COLOUR] if has_truth else []), PREDICTED_COLOUR]
    names = [*(["truth"] if has_truth else []), "predicted"]
    key_above(figure, [Line2D([], [], color=colour, linewidth=2) for colour in colours], names)
    if title:
        figure.supxlabel(title, x=0.01, ha="left", fontsize=NOTE_PT, color=MUTED)
    return figure


def draw_outline(ax: Axes, mask: Image, colour: str) -> None:
    """Draw the outline of a mask (H, W); one that is empty or full has none."""
    if mask.any() and not mask.all():
        # a rim of background, so that an outline closes where a mask touches the edge
        padded = np.pad(mask, 1)
        height, width = padded.shape
        ax.contour(
            np.arange(width) - 1,
            np.arange(height) - 1,
            padded,
            levels=[0.5],
            colors=[colour],
            linewidths=1.3,
        )


def plot_site_matrix(matrix: pd.DataFrame, metric: str) -> Figure:
    """Draw a metric for every site that trained, on every site that tests.

    Parameters
    ----------
    matrix : pandas.DataFrame
        Columns ``model, train_site, test_site, metric, value, ci_low, ci_high, n``.
    metric : str
        The metric that is drawn.

    Returns
    -------
    Figure
        One panel a model, two beside each other; rows are sites that trained, columns sites that test.

    Raises
    ------
    ValueError
        If a column lacks, or nothing is left of this metric.
    """
    names = ("model", "train_site", "test_site", "metric", "value", "ci_low", "ci_high", "n")
    require_columns(matrix, names, "matrix")
    part = matrix[matrix["metric"] == metric]
    if part.empty:
        raise ValueError(f"matrix has no rows of '{metric}'; it has {in_order(matrix['metric'])}")
    models, sites = in_order(part["model"]), sorted({*part["train_site"], *part["test_site"]})
    rows, columns = rows_and_columns(len(models), 2)
    figure, axes = grid_of_axes(rows, columns, 1.5 + 1.1 * len(sites))
    for ax in axes.ravel()[len(models) :]:
        ax.set_visible(False)
    low, high = float(part["value"].min()), float(part["value"].max())
    for ax, model in zip(axes.ravel(), models, strict=False):
        here = part[part["model"] == model]
        grid = np.full((len(sites), len(sites)), np.nan)
        for row in here.to_dict("records"):
            place = sites.index(row["train_site"]), sites.index(row["test_site"])
            grid[place] = row["value"]
            ax.text(
                place[1], place[0], _cell(row), ha="center", va="center", fontsize=TITLE_PT, color=INK,
                linespacing=1.5,
            )  # fmt: skip
        ax.imshow(
            grid,
            cmap="Blues",
            vmin=low - 1.5 * max(high - low, 0.02),
            vmax=high + 1.5 * max(high - low, 0.02),
        )
        ax.set_xticks(range(len(sites)), sites, fontsize=NOTE_PT, color=INK)
        ax.set_yticks(
            range(len(sites)), sites, fontsize=NOTE_PT, color=INK, rotation=90, va="center"
        )
        ax.set_xlabel("tested at", fontsize=NOTE_PT, color=MUTED)
        ax.set_ylabel("trained at", fontsize=NOTE_PT, color=MUTED)
        ax.set_title(
            f"{metric_label(metric)}, {plain(model)}",
            loc="left",
            fontsize=TITLE_PT,
            fontweight="bold",
            color=INK,
        )
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    return figure


def _cell(row: dict[Any, Any]) -> str:
    interval = f"\n{row['ci_low']:.3f} – {row['ci_high']:.3f}" if np.isfinite(row["ci_low"]) else ""
    return f"{row['value']:.3f}{interval}\nn = {row['n']}"
