"""Figures of any training: losses and metrics by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xraylab.plots.labels import metric_label, protocol_colour, protocol_order
from xraylab.plots.panels import grid_of_panels, plain, rows_and_columns
from xraylab.plots.style import (
    INK,
    dress,
    in_order,
    key_above,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_loss_curves", "plot_metric_curves"]

_PANELS_IN_ROW = 3
_WIDE_RANGE = 100.0


def plot_loss_curves(history: pd.DataFrame) -> Figure:
    """Draw the loss of every epoch, one panel a model, one colour a protocol.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns ``protocol``, ``model``, ``epoch``, ``train_loss`` and ``val_loss`` (mean square error,
        or whatever was minimised); a loss that was not measured is NaN and leaves a gap.

    Returns
    -------
    Figure
        Training as a thin line, validation as a thick one, on a logarithmic axis shared by all.

    Raises
    ------
    ValueError
        If a column lacks or the table is empty.
    """
    return _plot_history(history, "loss", "Loss (log scale)", log=True)


def plot_metric_curves(history: pd.DataFrame, metric: str) -> Figure:
    """Draw a metric of every epoch, one panel a model, one colour a protocol.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns ``protocol``, ``model``, ``epoch``, ``train_<metric>`` and ``val_<metric>``; a value that was not
        measured is NaN and leaves a gap.
    metric : str
        The metric, such as ``auroc``.

    Returns
    -------
    Figure
        Training as a thin line, validation as a thick one, on a linear axis shared by all.

    Raises
    ------
    ValueError
        If a column lacks or the table is empty.
    """
    return _plot_history(history, metric, metric_label(metric), log=False)


def _plot_history(history: pd.DataFrame, quantity: str, label: str, *, log: bool) -> Figure:
    """Draw ``train_<quantity>`` and ``val_<quantity>`` by epoch, with the key above all panels."""
    from matplotlib.lines import Line2D

    drawn = {f"train_{quantity}": (1.0, 0.75), f"val_{quantity}": (2.2, 1.0)}
    require_columns(history, ("protocol", "model", "epoch", *drawn), "history")
    models, protocols = in_order(history["model"]), protocol_order(in_order(history["protocol"]))
    _, columns = rows_and_columns(len(models), _PANELS_IN_ROW)
    figure, axes = grid_of_panels(len(models), 3.9, _PANELS_IN_ROW, sharey=True, sharex=True)
    for index, (ax, model) in enumerate(zip(axes, models, strict=True)):
        for protocol in protocols:
            part = history[(history["model"] == model) & (history["protocol"] == protocol)]
            part = part.sort_values("epoch")
            for column, (width, alpha) in drawn.items():
                colour = protocol_colour(protocol, protocols)
                _draw_curve(ax, part["epoch"], part[column], width, color=colour, alpha=alpha)
        if log:
            ax.set_yscale("log", nonpositive="mask")
        bottom_row = index + columns >= len(models)
        ax.locator_params(axis="x", integer=True, min_n_ticks=1)
        dress(
            ax, plain(model), "Epoch" if bottom_row else "", label if index % columns == 0 else ""
        )
        ax.tick_params(labelbottom=bottom_row)
    low, high = axes[0].get_ylim()
    # powers of ten are enough here, and hundreds of minor ticks take seconds
    if log and high > _WIDE_RANGE * low:
        for ax in axes:
            ax.minorticks_off()
    handles = [
        Line2D([], [], color=protocol_colour(p, protocols), linewidth=5, solid_capstyle="butt")
        for p in protocols
    ]
    handles += [Line2D([], [], color=INK, linewidth=1.0), Line2D([], [], color=INK, linewidth=2.2)]
    key_above(figure, handles, [*protocols, "training", "validation"])
    return figure


def _draw_curve(ax: Axes, epochs: pd.Series, values: pd.Series, width: float, **look: Any) -> None:
    """Draw a line, and as a dot what no line reaches: an epoch that has no measured neighbour."""
    ax.plot(epochs, values, linewidth=width, **look)
    known = np.isfinite(np.pad(values.to_numpy(float), 1, constant_values=np.nan))
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    if alone.any():
        ax.plot(
            epochs[alone],
            values[alone],
            marker="o",
            linestyle="none",
            markersize=2.2 * width,
            **look,
        )
