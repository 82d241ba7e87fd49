"""How far predictions of a number are from the truth: distribution, agreement, and by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xraylab.plots.labels import protocol_colour, protocol_order
from xraylab.plots.style import (
    INK,
    LABEL_PT,
    MUTED,
    TITLE_PT,
    dress,
    grid_of_axes,
    in_order,
    key,
    note,
    require_columns,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["plot_bland_altman", "plot_error_by_band", "plot_error_histogram"]

_COLUMNS = ("protocol", "model", "target", "prediction")
_BINS = 40
_LIMITS_OF_AGREEMENT = 1.96  # standard deviations
_GROUP_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def plot_error_histogram(predictions: pd.DataFrame, unit: str = "") -> Figure:
    """Draw the distribution of prediction - target: one row per protocol, one panel per model, one scale for all.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns ``protocol, model, target, prediction``, of the rows that are shown.
    unit : str
        Unit of the target.

    Returns
    -------
    Figure
        A panel a protocol and model, with mean and median absolute error.

    Raises
    ------
    ValueError
        If a column lacks or there is no row.
    """
    require_columns(predictions, _COLUMNS, "predictions")
    widest = float(np.percentile((predictions["prediction"] - predictions["target"]).abs(), 99.5))
    edges = np.linspace(-widest, widest, _BINS + 1) if widest > 0 else np.linspace(-1, 1, _BINS + 1)

    def draw(ax: Axes, part: pd.DataFrame, colour: str) -> None:
        error = (part["prediction"] - part["target"]).to_numpy(np.float64)
        ax.hist(np.clip(error, edges[0], edges[-1]), edges.tolist(), color=colour, alpha=0.85)
        ax.axvline(0, color=INK, linewidth=1.0)
        ax.axvline(error.mean(), color=MUTED, linewidth=1.2, linestyle="--")
        median = np.median(np.abs(error))
        note(ax, f"mean {error.mean():+.1f}\nmedian of sizes {median:.1f}")

    figure = _panels(predictions, draw, 2.4)
    figure.supxlabel(
        f"Prediction - truth ({unit}); the outermost bars hold what lies beyond",
        fontsize=LABEL_PT,
        color=INK,
    )
    figure.supylabel("Films", fontsize=LABEL_PT, color=INK)
    return figure


def plot_bland_altman(predictions: pd.DataFrame, quantity: str = "value", unit: str = "") -> Figure:
    """Draw prediction - target against their mean, with bias and 95 % limits of agreement.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns ``protocol, model, target, prediction``, of the rows that are shown.
    quantity, unit : str
        What is predicted, for the axes.

    Returns
    -------
    Figure
        A panel a protocol and model, one scale for all.

    Raises
    ------
    ValueError
        If a column lacks or there is no row.

    References
    ----------
    Bland J. M., Altman D. G. (1986), Statistical methods for assessing agreement between two methods of clinical
    measurement, *Lancet* 327(8476), 307-310.
    """
    require_columns(predictions, _COLUMNS, "predictions")

    def draw(ax: Axes, part: pd.DataFrame, colour: str) -> None:
        target, found = (part[name].to_numpy(np.float64) for name in ("target", "prediction"))
        error = found - target
        bias, half = (
            error.mean(),
            _LIMITS_OF_AGREEMENT * error.std(ddof=1) if len(error) > 1 else 0.0,
        )
        ax.scatter((target + found) / 2, error, s=9, color=colour, alpha=0.5, linewidths=0)
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.axhline(bias, color=MUTED, linewidth=1.4)
        for end in (bias - half, bias + half):
            ax.axhline(end, color=MUTED, linewidth=1.2, linestyle="--")
        note(ax, f"bias {bias:+.1f}, limits {bias - half:+.1f} to {bias + half:+.1f}")

    figure = _panels(predictions, draw, 2.8)
    figure.supxlabel(
        f"Mean of predicted and true {quantity} ({unit})", fontsize=LABEL_PT, color=INK
    )
    figure.supylabel(f"Prediction - truth ({unit})", fontsize=LABEL_PT, color=INK)
    return figure


def _panels(
    predictions: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame, str], None], height_in: float
) -> Figure:
    """Lay out one row per protocol and one column per model, and draw each."""
    protocols = protocol_order(in_order(predictions["protocol"]))
    of = {name: predictions[predictions["protocol"] == name] for name in protocols}
    models = {name: in_order(rows["model"]) for name, rows in of.items()}
    columns = max(len(names) for names in models.values())
    figure, axes = grid_of_axes(len(protocols), columns, height_in, sharex=True, sharey=True)
    for protocol, line in zip(protocols, axes, strict=True):
        for column, ax in enumerate(line):
            if column >= len(models[protocol]):
                ax.set_visible(False)
                continue
            model = models[protocol][column]
            part = of[protocol][of[protocol]["model"] == model]
            draw(ax, part, protocol_colour(protocol, protocols))
            dress(ax, f"{model.replace('_', ' ')}, {protocol}, n = {len(part):,}")
            ax.tick_params(labelbottom=True)
    return figure


def plot_error_by_band(bands: pd.DataFrame, title: str = "", unit: str = "") -> Figure:
    """Draw mean absolute error and bias by band, a dot with its 95 % interval a group.

    Parameters
    ----------
    bands : pandas.DataFrame
        Columns ``sex, band, metric`` (``mae`` or ``bias``), ``value, ci_low, ci_high, n``.
    title : str
        What is shown.
    unit : str
        Unit of the values.

    Returns
    -------
    Figure
        Two axes, error and bias, over the same bands.

    Raises
    ------
    ValueError
        If a column lacks or there is no row.
    """
    require_columns(bands, ("sex", "band", "metric", "value", "ci_low", "ci_high", "n"), "bands")
    names, groups = in_order(bands["band"]), sorted(in_order(bands["sex"]))
    names.sort(key=lambda name: float(name.split()[0]))
    figure, axes = grid_of_axes(1, 2, 3.6)
    for ax, metric, words in zip(
        axes[0], ("mae", "bias"), ("Mean absolute error", "Bias"), strict=True
    ):
        handles = []
        for place, group in enumerate(groups):
            rows = bands[(bands["sex"] == group) & (bands["metric"] == metric)].set_index("band")
            rows = rows.reindex([name for name in names if name in rows.index])
            x = np.array([names.index(name) for name in rows.index]) + 0.16 * (
                place - (len(groups) - 1) / 2
            )
            spread = np.abs(
                rows[["ci_low", "ci_high"]].to_numpy(float).T - rows["value"].to_numpy(float)
            )
            handles.append(
                ax.errorbar(
                    x,
                    rows["value"],
                    np.nan_to_num(spread),
                    fmt="o",
                    color=_GROUP_COLOURS[place % 4],
                    capsize=2,
                )
            )
        if metric == "bias":
            ax.axhline(0, color=INK, linewidth=0.8)
        dress(ax, words, f"Age band ({unit})", unit.capitalize(), grid="y")
        ax.set_xticks(range(len(names)), names)
        key(ax, handles, [f"{group}, n = {_films(bands, group):,}" for group in groups], loc="best")
    figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE_PT, fontweight="bold", color=INK)
    return figure


def _films(bands: pd.DataFrame, group: str) -> int:
    return int(bands[(bands["sex"] == group) & (bands["metric"] == "mae")]["n"].sum())
