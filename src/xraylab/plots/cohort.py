"""Figures of a cohort before anything is learned: how many films of which class, and what tells classes apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from xraylab.plots.panels import grid_of_panels, plain
from xraylab.plots.style import (
    INK,
    LABEL_PT,
    NOTE_PT,
    dress,
    grid_of_axes,
    in_order,
    jitter,
    key_above,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["plot_class_counts", "plot_class_distributions"]

_CLASS_COLOURS = ("#56B4E9", "#D55E00", "#009E73", "#CC79A7")
_SPREAD = 0.28  # width of a strip of points, of which one class takes 1


def plot_class_counts(table: pd.DataFrame, title: str = "") -> Figure:
    """Draw how many films of each class each site has.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``site, label``, one row per film.
    title : str
        Heading.

    Returns
    -------
    Figure
        A bar a site and class, with its count and its share of the site.

    Raises
    ------
    ValueError
        If a column lacks or the table is empty.
    """
    from matplotlib.patches import Patch

    require_columns(table, ("site", "label"), "table of films")
    labels, sites = sorted(set(table["label"])), in_order(table["site"])
    figure, axes = grid_of_axes(1, 1, 1.0 + 0.42 * len(sites) * len(labels))
    ax = axes[0, 0]
    most = 1
    for place, site in enumerate(sites):
        here = table[table["site"] == site]
        for lane, label in enumerate(labels):
            n = int((here["label"] == label).sum())
            y = place + 0.8 * ((lane + 0.5) / len(labels) - 0.5)
            ax.barh(y, n, height=0.7 / len(labels), color=_CLASS_COLOURS[lane % 4])
            words = f"{n:,}  ({100 * n / len(here):.0f} %)"
            ax.annotate(
                words, (n, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=NOTE_PT, color=INK
            )  # fmt: skip
            most = max(most, n)
    ax.set_yticks(range(len(sites)), [plain(site) for site in sites])
    ax.set(xlim=(0, 1.22 * most), ylim=(len(sites) - 0.5, -0.5))
    dress(ax, title, "Films", "", grid="x")
    ax.tick_params(axis="y", length=0, labelsize=LABEL_PT, colors=INK)
    handles = [Patch(color=_CLASS_COLOURS[lane % 4]) for lane in range(len(labels))]
    key_above(figure, handles, labels)
    return figure


def plot_class_distributions(table: pd.DataFrame, quantities: Mapping[str, str]) -> Figure:
    """Draw what is known of each film beside its class, by site and class: a shortcut shows here first.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``site, label`` and one per quantity, one row per film; what is missing draws no point.
    quantities : mapping of str to str
        Column and what its axis is called.

    Returns
    -------
    Figure
        A panel a quantity: a point a film, a bar at the median, and the middle half of each class.

    Raises
    ------
    ValueError
        If a column lacks or the table is empty.
    """
    from matplotlib.lines import Line2D

    require_columns(table, ("site", "label", *quantities), "table of films")
    labels, sites = sorted(set(table["label"])), in_order(table["site"])
    figure, axes = grid_of_panels(len(quantities), 3.1, 3)
    for ax, (column, name) in zip(axes, quantities.items(), strict=True):
        for place, site in enumerate(sites):
            for lane, label in enumerate(labels):
                here = table.loc[(table["site"] == site) & (table["label"] == label), column]
                values = here.dropna().to_numpy(float)
                if not len(values):
                    continue
                x = place + 0.8 * ((lane + 0.5) / len(labels) - 0.5)
                colour = _CLASS_COLOURS[lane % 4]
                places = jitter(np.full(len(values), x), _SPREAD)
                ax.scatter(places, values, s=9, color=colour, alpha=0.6, linewidths=0, zorder=3)
                low, middle, high = np.percentile(values, [25, 50, 75])
                ax.vlines(x, low, high, color=INK, linewidth=1.4, zorder=4)
                ax.hlines(middle, x - 0.12, x + 0.12, color=INK, linewidth=2.2, zorder=4)
        ax.set_xticks(range(len(sites)), [plain(site) for site in sites])
        ax.set_xlim(-0.6, len(sites) - 0.4)
        dress(ax, "", "", name, grid="y")
        ax.tick_params(axis="x", length=0, colors=INK)
    handles = [
        Line2D([], [], marker="o", linestyle="none", color=_CLASS_COLOURS[lane % 4])
        for lane in range(len(labels))
    ]
    key_above(figure, handles, labels)
    return figure
