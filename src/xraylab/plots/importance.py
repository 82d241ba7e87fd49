"""Why a model predicts what it predicts: Shapley values, row by row and in the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xraylab.plots.labels import protocol_colour, protocol_order
from xraylab.plots.style import (
    INK,
    MUTED,
    NOTE_PT,
    colour_bar,
    dress,
    grid_of_axes,
    in_order,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["plot_shap_importance"]

_MISSING_COLOUR = "#B8BEC6"
_BINS = 40  # along the axis, in which a swarm is spread
_HALF_WIDTH = 0.4


def plot_shap_importance(shap_values: pd.DataFrame) -> Figure:
    """Draw Shapley values of one model: a swarm of rows for each feature, and beside it the mean of their sizes.

    Parameters
    ----------
    shap_values : pandas.DataFrame
        Columns ``protocol, feature, feature_value, shap_value``, one row per feature and row of the data; a missing
        feature value is drawn in grey.

    Returns
    -------
    Figure
        One row of two panels a protocol, features from the most important down.

    Raises
    ------
    ValueError
        If a column lacks, or the table is empty.
    """
    import matplotlib as mpl

    columns = ("protocol", "feature", "feature_value", "shap_value")
    require_columns(shap_values, columns, "shap_values")
    protocols = protocol_order(in_order(shap_values["protocol"]))
    most = shap_values.groupby("protocol")["feature"].nunique().max()
    figure, axes = grid_of_axes(
        len(protocols), 2, 1.1 + 0.28 * float(most), width_ratios=[2.2, 1.0]
    )
    colours = mpl.colormaps["viridis"]
    for row, protocol in enumerate(protocols):
        part = shap_values[shap_values["protocol"] == protocol]
        size = part["shap_value"].abs().groupby(part["feature"]).mean().sort_values()
        swarm, bars = axes[row]
        swarm.axvline(0, color=MUTED, linewidth=1.0, zorder=1)
        for place, feature in enumerate(size.index):
            _draw_swarm(swarm, part[part["feature"] == feature], place, colours)
        n_rows = len(part) // max(1, len(size))
        names = [str(name).replace("_", " ") for name in size.index]
        swarm.set_yticks(range(len(size)), names, color=INK)
        title = f"{protocol}, n = {n_rows:,}"
        dress(swarm, title, "Shapley value, in units of the target", grid="x")
        bars.barh(range(len(size)), size, color=protocol_colour(protocol, protocols), height=0.66)
        bars.set_yticks(range(len(size)), [""] * len(size))
        bars.set(ylim=swarm.get_ylim(), xlim=(0, 1.08 * float(size.max()) or 1))
        dress(bars, "", "Mean size of the Shapley value", grid="x")
        for ax in (swarm, bars):
            ax.tick_params(labelsize=NOTE_PT)
            ax.locator_params(axis="x", nbins=4)
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, 1), colours)
    colour_bar(figure, scale, axes[:, 0].tolist(), "feature value, by rank (missing: grey)")
    return figure


def _draw_swarm(ax: Axes, rows: pd.DataFrame, place: int, colours: Colormap) -> None:
    from matplotlib.colors import to_rgba

    shares = rows["shap_value"].to_numpy(float)
    values = rows["feature_value"].astype(float)
    rank = values.rank(pct=True).to_numpy(float)
    shown = np.asarray(colours(np.nan_to_num(rank)))
    shown[np.isnan(rank)] = to_rgba(_MISSING_COLOUR)
    size = float(np.clip(1.2e3 / len(rows), 4.0, 16.0))
    ax.scatter(
        shares, place + _spread(shares), s=size, c=shown, linewidths=0, alpha=0.85,
        rasterized=True, zorder=3,
    )  # fmt: skip


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each point is moved from its line, so that points of nearly one value stand side by side."""
    span = float(np.ptp(values))
    if not span:
        return (
            np.linspace(-_HALF_WIDTH, _HALF_WIDTH, len(values)) if len(values) > 1 else values * 0
        )
    bins = np.minimum((_BINS * (values - values.min()) / span).astype(int), _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    moved = np.zeros(len(values))
    for each in np.flatnonzero(counts > 1):
        here = np.flatnonzero(bins == each)
        width = _HALF_WIDTH * len(here) / counts.max()
        moved[here] = np.linspace(-width, width, len(here))
    return moved
