"""Figures of any regression: predictions against truth, errors by level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xraylab.plots.labels import protocol_colour, protocol_order
from xraylab.plots.style import (
    INK,
    LABEL_PT,
    MUTED,
    NOTE_PT,
    RULE,
    TITLE_PT,
    dress,
    grid_of_axes,
    in_order,
    jitter,
    key_above,
    levels_or_bins,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_error_by_level", "plot_predicted_against_true"]

_MODEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
_MODEL_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_MOST_LEVELS = 6  # of a continuous target


def plot_predicted_against_true(
    predictions: pd.DataFrame,
    metrics: pd.DataFrame,
    split: str = "test",
    quantity: str = "dose",
    unit: str = "fraction of full dose",
) -> Figure:
    """Draw predictions against the truth: one row per protocol, one column per model, one square panel each.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns ``protocol, model, split, target, prediction``; where ``interval_low`` and
        ``interval_high`` are there too, a band spans their medians.
    metrics : pandas.DataFrame
        Tidy metrics (``protocol, model, split, metric, value``): R² and MAE stand above each
        panel as they stand there, never computed anew.
    split : str
        The split that is drawn.
    quantity, unit : str
        What is predicted, for the axes.

    Returns
    -------
    Figure
        A panel for each model of each protocol, one scale for all, with the identity line. The scale holds every
        target and 99 % of the predictions.

    Raises
    ------
    ValueError
        If a column lacks, a table is empty, or no row is of the split.
    """
    require_columns(
        predictions, ("protocol", "model", "split", "target", "prediction"), "predictions"
    )
    part = _of_split(predictions, split, "predictions")
    protocols = protocol_order(in_order(part["protocol"]))
    models = {name: in_order(part.loc[part["protocol"] == name, "model"]) for name in protocols}
    columns = max(len(names) for names in models.values())
    limits = _robust_limits(part)

    figure, axes = grid_of_axes(len(protocols), columns, 9.0 / max(columns, 3) + 0.55)
    for row, protocol in enumerate(protocols):
        for column, ax in enumerate(axes[row]):
            if column >= len(models[protocol]):
                ax.set_visible(False)
                continue
            model = models[protocol][column]
            cell = part[(part["protocol"] == protocol) & (part["model"] == model)]
            ax.axline((limits[0], limits[0]), slope=1, color=MUTED, linewidth=1.0, zorder=3)
            ax.set(xlim=limits, ylim=limits, aspect="equal")
            _draw_predictions(ax, cell, protocol_colour(protocol, protocols))
            dress(ax, "", "", f"{protocol}, n = {len(cell):,}" if column == 0 else "")
            ax.set_title(
                f"{model.replace('_', ' ')}\n{_scores(metrics, protocol, model, split)}",
                loc="left", fontsize=NOTE_PT - 1, color=INK, linespacing=1.3,
            )  # fmt: skip
            ax.tick_params(labelleft=column == 0, labelsize=NOTE_PT)
        axes[row, 0].yaxis.label.set(fontweight="bold", fontsize=TITLE_PT)
    figure.supxlabel(f"True {quantity} ({unit})", fontsize=LABEL_PT, color=INK)
    figure.supylabel(f"Predicted {quantity} ({unit})", fontsize=LABEL_PT, color=INK)
    return figure


def _robust_limits(part: pd.DataFrame) -> tuple[float, float]:
    """Return limits that hold every target and all but the wildest predictions."""
    target, prediction = part["target"].to_numpy(float), part["prediction"].to_numpy(float)
    low = min(float(target.min()), float(np.percentile(prediction, 0.5)))
    high = max(float(target.max()), float(np.percentile(prediction, 99.5)))
    span = float(np.ptp(target)) or 1.0
    low, high = max(low, target.min() - span), min(high, target.max() + span)
    margin = 0.06 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def _draw_predictions(ax: Axes, cell: pd.DataFrame, colour: str) -> None:
    if cell.empty:
        return
    target, n = cell["target"].to_numpy(float), len(cell)
    distinct = np.unique(target)
    gap = float(np.diff(distinct).min()) if distinct.size > 1 else 0.0
    width = 0.35 * gap if distinct.size <= n / 4 else 0.0  # repeated levels overprint without it
    ax.scatter(
        jitter(target, width), cell["prediction"], s=float(np.clip(3e3 / n, 3.0, 18.0)), color=colour,
        alpha=float(np.clip(12.0 / np.sqrt(n), 0.03, 0.75)), linewidths=0, rasterized=True, zorder=4,
    )  # fmt: skip
    if {"interval_low", "interval_high"} <= set(cell.columns):
        known = cell[
            np.isfinite(cell[["interval_low", "interval_high"]].to_numpy(float)).all(axis=1)
        ]
        if not known.empty:
            band = known.groupby(levels_or_bins(known["target"]))[
                ["interval_low", "interval_high"]
            ].median()
            ax.fill_between(
                band.index.to_numpy(float), band["interval_low"], band["interval_high"],
                color=colour, alpha=0.16, linewidth=0, zorder=1,
            )  # fmt: skip


def _scores(metrics: pd.DataFrame, protocol: str, model: str, split: str) -> str:
    rows = metrics[
        (metrics["protocol"] == protocol)
        & (metrics["model"] == model)
        & (metrics["split"] == split)
    ]
    found = {str(row["metric"]): float(row["value"]) for row in rows.to_dict("records")}
    parts = [f"R² {found['r2']:.2f}"] if "r2" in found else []
    parts += [f"MAE {found['mae']:.3g}"] if "mae" in found else []
    return ", ".join(parts).replace("-", "−")


def plot_error_by_level(
    predictions: pd.DataFrame,
    split: str = "test",
    quantity: str = "dose",
    unit: str = "fraction of full dose",
) -> Figure:
    """Draw the spread of the error at each true level: median, middle half and middle 95 % of the rows.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns ``protocol, model, split, target, prediction``. The level is the target; many
        distinct targets are cut into six bins of equal counts.
    split : str
        The split that is drawn.
    quantity, unit : str
        What is predicted, for the axes.

    Returns
    -------
    Figure
        One panel a protocol, sharing the error axis; models stand side by side within a level.

    Raises
    ------
    ValueError
        If a column lacks, the table is empty, or no row is of the split.
    """
    require_columns(
        predictions, ("protocol", "model", "split", "target", "prediction"), "predictions"
    )
    part = _of_split(predictions, split, "predictions")
    part = part.assign(error=part["prediction"].astype(float) - part["target"].astype(float))
    models, protocols = in_order(part["model"]), protocol_order(in_order(part["protocol"]))
    # each protocol has levels of its own, and a panel as wide as they need
    levelled = {
        protocol: rows.assign(level=levels_or_bins(rows["target"], _MOST_LEVELS))
        for protocol, rows in part.groupby("protocol", sort=False)
    }
    widths = [max(levelled[protocol]["level"].nunique(), 2) for protocol in protocols]
    figure, axes = grid_of_axes(1, len(protocols), 4.4, sharey=True, width_ratios=widths)
    for index, (ax, protocol) in enumerate(zip(axes[0], protocols, strict=True)):
        rows = levelled[protocol]
        levels = np.unique(rows["level"].to_numpy(float))
        ax.axhline(0, color=MUTED, linewidth=1.0, zorder=1)
        run = [model for model in models if model in set(rows["model"])]
        for side, model in enumerate(run):
            shift = 0.7 * ((side + 0.5) / len(run) - 0.5)
            _draw_error_spread(ax, rows[rows["model"] == model], levels, shift, models.index(model))
        for edge in np.arange(levels.size - 1) + 0.5:
            ax.axvline(edge, color=RULE, linewidth=0.7, zorder=0)
        ax.set_xticks(range(levels.size), [f"{level:.2g}" for level in levels])
        ax.set_xlim(-0.5, levels.size - 0.5)
        error = f"Predicted − true {quantity}\n({unit})" if index == 0 else ""
        dress(ax, protocol, "", error, grid="y")
    figure.supxlabel(f"True {quantity} ({unit})", fontsize=LABEL_PT, color=INK)
    _model_key(figure, models)
    return figure


def _draw_error_spread(
    ax: Axes,
    cell: pd.DataFrame,
    levels: np.ndarray[Any, np.dtype[np.float64]],
    shift: float,
    place: int,
) -> None:
    colour = _MODEL_COLOURS[place % len(_MODEL_COLOURS)]
    for position, level in enumerate(levels):
        errors = cell.loc[cell["level"] == level, "error"].to_numpy(float)
        if errors.size == 0:
            continue
        q = np.percentile(errors, (2.5, 25, 50, 75, 97.5))
        x = position + shift
        ax.vlines(x, q[0], q[4], color=colour, linewidth=1.1, zorder=3)
        ax.vlines(x, q[1], q[3], color=colour, linewidth=4.2, zorder=4)
        ax.plot(
            x, q[2], marker=_MODEL_MARKERS[place % len(_MODEL_MARKERS)], markersize=6, color=colour,
            markeredgecolor="white", markeredgewidth=0.9, linestyle="none", zorder=5,
        )  # fmt: skip


def _model_key(figure: Figure, models: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D(
            [], [], marker=_MODEL_MARKERS[place % len(_MODEL_MARKERS)], markersize=6, linewidth=1.4,
            color=_MODEL_COLOURS[place % len(_MODEL_COLOURS)], markeredgecolor="white",
        )
        for place in range(len(models))
    ]  # fmt: skip
    handles += [
        Line2D([], [], color=MUTED, linewidth=4.2),
        Line2D([], [], color=MUTED, linewidth=1.1),
    ]
    key_above(figure, handles, [*models, "middle half", "middle 95 %"])


def _of_split(frame: pd.DataFrame, split: str, name: str) -> pd.DataFrame:
    part = frame[frame["split"] == split]
    if part.empty:
        raise ValueError(
            f"{name} has no rows of the split '{split}'; it has {in_order(frame['split'])}"
        )
    return part
