"""Published beside honest, for any metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from xraylab.plots.labels import (
    cut_short_mark,
    cut_short_note,
    metric_label,
    protocol_colour,
    protocol_order,
)
from xraylab.plots.panels import footer, letters, wrapped
from xraylab.plots.style import (
    INK,
    MUTED,
    NOTE_PT,
    RULE,
    dress,
    grid_of_axes,
    in_order,
    key_above,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_protocol_comparison"]


def plot_protocol_comparison(
    metrics: pd.DataFrame,
    metric: str,
    split: str = "test",
    as_published: Mapping[str, float] | None = None,
    reference: tuple[float, str] | None = None,
) -> Figure:
    """Compare one metric under every protocol: a line a model, a dot with its 95 % interval a protocol.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Tidy metrics: ``protocol, model, split, metric, value, ci_low, ci_high``; an interval that was
        not estimated is NaN and draws no bar. Where there is a column ``cut_short`` and it is not empty, the value has
        an asterisk, and a footnote gives the words of that column.
    metric : str
        The metric that is drawn.
    split : str
        The split that is drawn.
    as_published : mapping of model to value, optional
        Numbers from the literature, drawn as an open diamond.
    reference : (value, label), optional
        A value to compare with, drawn as a dashed line.

    Returns
    -------
    Figure
        One axes, models from top to bottom in the order of the table.

    Raises
    ------
    ValueError
        If a column lacks, or nothing is left of this metric and split.
    """
    from matplotlib.lines import Line2D

    require_columns(
        metrics, ("protocol", "model", "split", "metric", "value", "ci_low", "ci_high"), "metrics"
    )
    part = metrics[(metrics["metric"] == metric) & (metrics["split"] == split)]
    if part.empty:
        raise ValueError(
            f"metrics has no rows of '{metric}' on the split '{split}'; "
            f"it has the metrics {in_order(metrics['metric'])} on {in_order(metrics['split'])}"
        )
    models, protocols = in_order(part["model"]), protocol_order(in_order(part["protocol"]))
    figure, axes = grid_of_axes(1, 1, 1.2 + 0.2 * len(models) * (len(protocols) + 1))
    ax = axes[0, 0]
    for place, model in enumerate(models):
        for lane, protocol in enumerate(protocols):
            row = part[(part["model"] == model) & (part["protocol"] == protocol)]
            y = place + 0.62 * ((lane + 0.5) / len(protocols) - 0.5)
            if not row.empty:
                _draw_interval(ax, row.iloc[0], y, protocol_colour(protocol, protocols))
        if as_published and model in as_published:
            ax.plot(
                as_published[model], place, marker="D", markersize=7.5, markerfacecolor="white",
                markeredgecolor=INK, markeredgewidth=1.3, linestyle="none", zorder=6,
            )  # fmt: skip
    for edge in np.arange(len(models) - 1) + 0.5:
        ax.axhline(edge, color=RULE, linewidth=0.7)
    ax.set_ylim(len(models) - 0.5, -0.5)
    ax.set_yticks(range(len(models)), [model.replace("_", " ") for model in models])
    if reference is not None:
        ax.axvline(reference[0], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        ax.annotate(
            reference[1], (reference[0], 0.01), xycoords=("data", "axes fraction"), xytext=(5, 0),
            textcoords="offset points", fontsize=NOTE_PT, color=MUTED, va="bottom",
        )  # fmt: skip
    dress(
        ax,
        f"{metric_label(metric)}, {split} split",
        f"{metric_label(metric)}, dot, and its 95 % interval",
        "",
        grid="x",
    )
    ax.tick_params(axis="y", length=0, colors=INK)
    ax.margins(x=0.12)
    handles = [
        Line2D([], [], color=protocol_colour(p, protocols), marker="o", markersize=6.5, linewidth=2)
        for p in protocols
    ]
    labels = list(protocols)
    if as_published:
        handles.append(
            Line2D(
                [],
                [],
                marker="D",
                markersize=7,
                markerfacecolor="white",
                markeredgecolor=INK,
                linestyle="none",
            )
        )
        labels.append("in the literature")
    key_above(figure, handles, labels)
    whole = letters(figure.get_size_inches()[0] - 0.4)
    footer(figure, wrapped(cut_short_note(part.to_dict("records")), whole))
    return figure


def _draw_interval(ax: Axes, row: pd.Series, y: float, colour: str) -> None:
    value = float(row["value"])
    ends = np.array([row["ci_low"], row["ci_high"]], float)
    if np.isfinite(ends).all():
        ax.hlines(y, ends[0], ends[1], color=colour, linewidth=2.0, zorder=3)
    ax.plot(
        value,
        y,
        marker="o",
        markersize=7,
        color=colour,
        markeredgecolor="white",
        linestyle="none",
        zorder=4,
    )
    right = max(value, ends[1]) if np.isfinite(ends).all() else value
    words = f"{value:.3g}{cut_short_mark(row.to_dict())}"
    ax.annotate(
        words, (right, y), xytext=(8, 0), textcoords="offset points", va="center",
        fontsize=NOTE_PT, color=INK,
    )  # fmt: skip
