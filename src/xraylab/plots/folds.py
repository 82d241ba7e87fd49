"""Predictions of a cross-validation, fold by fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xraylab.plots.labels import protocol_order
from xraylab.plots.style import (
    INK,
    LABEL_PT,
    MUTED,
    NOTE_PT,
    dress,
    grid_of_axes,
    in_order,
    key_above,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["plot_fold_scatter"]

_FOLD_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")


def plot_fold_scatter(
    predictions: pd.DataFrame, metrics: pd.DataFrame, quantity: str = "lesion ratio"
) -> Figure:
    """Draw each held-out prediction against the target, a panel for each protocol and model, a colour for each fold.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns ``protocol, model, fold, target, prediction``.
    metrics : pandas.DataFrame
        Tidy metrics; R² and the root mean square error stand above each panel as they stand there.
    quantity : str
        What is predicted, for the axes.

    Returns
    -------
    Figure
        Up to three panels in a line, each on a scale of its own, as the targets of two protocols may differ by orders
        of magnitude.

    Raises
    ------
    ValueError
        If a column lacks, or the table is empty.
    """
    from matplotlib.lines import Line2D

    columns = ("protocol", "model", "fold", "target", "prediction")
    require_columns(predictions, columns, "predictions")
    panels = [
        (protocol, model)
        for protocol in protocol_order(in_order(predictions["protocol"]))
        for model in in_order(predictions.loc[predictions["protocol"] == protocol, "model"])
    ]
    wide = min(3, len(panels))
    lines = -(-len(panels) // wide)
    figure, axes = grid_of_axes(lines, wide, 10.0 / max(wide, 2) + 0.3)
    folds = sorted(predictions["fold"].unique())
    for ax in axes.ravel()[len(panels) :]:
        ax.set_visible(False)
    for ax, (protocol, model) in zip(axes.ravel(), panels, strict=False):
        cell = predictions[(predictions["protocol"] == protocol) & (predictions["model"] == model)]
        ends = cell[["target", "prediction"]].to_numpy(float)
        margin = 0.05 * float(np.ptp(ends)) or 1e-9
        limits = float(ends.min()) - margin, float(ends.max()) + margin
        ax.axline((limits[0], limits[0]), slope=1, color=MUTED, linewidth=1.0, zorder=1)
        for place, fold in enumerate(folds):
            rows = cell[cell["fold"] == fold]
            colour = _FOLD_COLOURS[place % len(_FOLD_COLOURS)]
            ax.scatter(
                rows["target"],
                rows["prediction"],
                s=22,
                color=colour,
                alpha=0.8,
                linewidths=0,
                zorder=3,
            )
        ax.set(xlim=limits, ylim=limits, aspect="equal")
        dress(ax)
        ax.ticklabel_format(scilimits=(-2, 3))
        ax.locator_params(nbins=5)
        title = f"{protocol}: {model.replace('_', ' ')}\n{_scores(metrics, protocol, model)}, n = {len(cell):,}"
        ax.set_title(title, loc="left", fontsize=NOTE_PT, color=INK, linespacing=1.35)
        ax.tick_params(labelsize=NOTE_PT - 1)
    figure.supxlabel(f"Observed {quantity}", fontsize=LABEL_PT, color=INK)
    figure.supylabel(f"Predicted {quantity}, out of fold", fontsize=LABEL_PT, color=INK)
    handles = [
        Line2D(
            [], [], marker="o", linestyle="none", color=_FOLD_COLOURS[place % len(_FOLD_COLOURS)]
        )
        for place in range(len(folds))
    ]
    key_above(figure, handles, [f"fold {fold}" for fold in folds])
    return figure


def _scores(metrics: pd.DataFrame, protocol: str, model: str) -> str:
    here = (metrics["protocol"] == protocol) & (metrics["model"] == model)
    found = {str(row["metric"]): float(row["value"]) for row in metrics[here].to_dict("records")}
    r2 = found.get("r2", np.nan)
    parts = [f"R² {r2:.3f}" if np.isfinite(r2) else "R² not defined"]
    parts += [f"RMSE {found['rmse']:.3g}"] if "rmse" in found else []
    return ", ".join(parts).replace("-", "−")
