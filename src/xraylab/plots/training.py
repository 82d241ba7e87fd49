"""Figures of any training: losses by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xraylab.plots.labels import protocol_colour, protocol_order
from xraylab.plots.style import (
    INK,
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

__all__ = ["plot_loss_curves"]

_PANELS_IN_ROW = 3


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
    from matplotlib.lines import Line2D

    require_columns(history, ("protocol", "model", "epoch", "train_loss", "val_loss"), "history")
    models, protocols = in_order(history["model"]), protocol_order(in_order(history["protocol"]))
    columns = min(len(models), _PANELS_IN_ROW)
    rows = -(-len(models) // columns)
    figure, axes = grid_of_axes(rows, columns, 3.9, sharey=True, sharex=True)
    for index, model in enumerate(models):
        ax: Axes = axes[index // columns, index % columns]
        for protocol in protocols:
            part = history[(history["model"] == model) & (history["protocol"] == protocol)]
            part = part.sort_values("epoch")
            colour = protocol_colour(protocol, protocols)
            ax.plot(part["epoch"], part["train_loss"], color=colour, linewidth=1.0, alpha=0.75)
            ax.plot(part["epoch"], part["val_loss"], color=colour, linewidth=2.2)
        ax.set_yscale("log", nonpositive="mask")
        bottom_row = index + columns >= len(models)
        dress(
            ax,
            model,
            "Epoch" if bottom_row else "",
            "Loss (log scale)" if index % columns == 0 else "",
        )
        ax.tick_params(labelbottom=bottom_row)
    for ax in axes.flat[len(models) :]:
        ax.set_axis_off()
    handles = [
        Line2D([], [], color=protocol_colour(p, protocols), linewidth=5, solid_capstyle="butt")
        for p in protocols
    ]
    handles += [Line2D([], [], color=INK, linewidth=1.0), Line2D([], [], color=INK, linewidth=2.2)]
    key_above(figure, handles, [*protocols, "training", "validation"])
    return figure
