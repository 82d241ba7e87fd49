"""Figures of the dose pipelines: the physics of a simulation, features against dose, films at every level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xraylab.plots.style import (
    INK,
    MAX_LEVELS,
    MUTED,
    NOTE_PT,
    colour_bar,
    dress,
    grid_of_axes,
    jitter,
    level_colours,
    note,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = [
    "plot_correlations",
    "plot_feature_against_dose",
    "plot_physics_validation",
]

_FEATURE_LABELS = {
    "noise_var": "Noise variance of the Laplacian (grey levels²)",
    "sharpness": "Sharpness, mean |Laplacian| (grey levels)",
    "entropy": "Entropy (bits)",
    "mean_intensity": "Mean intensity (film units, 0 to 1)",
    "std_intensity": "Standard deviation of intensity (film units)",
    "noise_sigma": "Noise standard deviation (film units)",
    "noise_sigma_local": "Local noise standard deviation (film units)",
    "gradient_entropy": "Gradient entropy (bits)",
    "local_snr": "Local signal-to-noise ratio",
}
_PAIR = 2
_DARK_CELL = 0.6  # a correlation beyond which the cell is dark and its number white
_LOG_SPAN = 20.0  # a feature that spans more than this factor is drawn on a logarithmic axis


def plot_physics_validation(curves: pd.DataFrame, spectra: pd.DataFrame) -> Figure:
    """Compare simulated with true exposures of the same dose, in three panels.

    Left, local variance against local mean; middle, the normalised noise power spectrum; right, the
    variance after the Anscombe transform, which is 1 for ideal quantum noise. Lines are true
    exposures, points are simulated ones; a colour is a dose fraction.

    Parameters
    ----------
    curves : pandas.DataFrame
        Columns ``dose_fraction`` in (0, 1], ``source`` ('exposed' | 'simulated'), ``mean`` (quanta),
        ``variance`` (quanta²) and ``anscombe_variance`` (dimensionless).
    spectra : pandas.DataFrame
        Columns ``dose_fraction``, ``source``, ``frequency`` (cycles/pixel) and ``nnps`` (pixel²).

    Returns
    -------
    Figure
        Three axes in one row.

    Raises
    ------
    ValueError
        If a column lacks, a table is empty, or ``source`` holds another word.
    """
    require_columns(
        curves, ("dose_fraction", "source", "mean", "variance", "anscombe_variance"), "curves"
    )
    require_columns(spectra, ("dose_fraction", "source", "frequency", "nnps"), "spectra")
    for frame, name in ((curves, "curves"), (spectra, "spectra")):
        other = sorted(set(frame["source"].astype(str)) - {"exposed", "simulated"})
        if other:
            raise ValueError(f"{name}: source must be 'exposed' or 'simulated', not {other}")

    doses = sorted({*curves["dose_fraction"], *spectra["dose_fraction"]}, reverse=True)
    colours = dict(zip(doses, level_colours(len(doses)), strict=True))
    figure, axes = grid_of_axes(1, 3, 4.3)
    variance, spectrum, anscombe = axes[0]

    _draw_sources(variance, curves, "mean", "variance", colours)
    variance.set(xscale="log", yscale="log")
    dress(variance, "Variance follows the mean", "Local mean (quanta)", "Local variance (quanta²)")

    _draw_sources(spectrum, spectra, "frequency", "nnps", colours)
    spectrum.set(yscale="log", xlim=(0, None))
    dress(spectrum, "Noise power spectrum", "Frequency (cycles/pixel)", "NNPS (pixel²)")
    for dose, line in spectra[spectra["source"] == "exposed"].groupby("dose_fraction", sort=False):
        first = line.sort_values("frequency").iloc[0]
        _label_level(spectrum, first["frequency"], first["nnps"], f"{dose:.3g}", colours[dose])

    anscombe.axhspan(0.98, 1.02, color="#DCE6F2", zorder=0)
    anscombe.axhline(1.0, color=MUTED, linewidth=0.9, zorder=1)
    _draw_sources(anscombe, curves, "mean", "anscombe_variance", colours)
    anscombe.set_xscale("log")
    dress(
        anscombe,
        "Variance stabilised",
        "Local mean (quanta)",
        "Variance after Anscombe transform (–)",
    )
    note(anscombe, "band: target 1 ± 0.02")
    low, high = anscombe.get_ylim()
    anscombe.set_ylim(min(low, 0.95), max(high, 1.05) + 0.1 * (max(high, 1.05) - min(low, 0.95)))

    _physics_key(figure, colours)
    return figure


def _draw_sources(ax: Axes, frame: pd.DataFrame, x: str, y: str, colours: dict[float, str]) -> None:
    """Draw one curve a dose: true exposures as lines, simulated ones as open points over them."""
    for dose, colour in colours.items():
        for source in ("exposed", "simulated"):
            part = frame[
                (frame["dose_fraction"] == dose) & (frame["source"] == source)
            ].sort_values(x)
            if part.empty:
                continue
            look: dict[str, Any] = (
                {"linestyle": "-", "linewidth": 1.7, "zorder": 3}
                if source == "exposed"
                else {
                    "linestyle": "none", "marker": "o", "markersize": 4.6,
                    "markerfacecolor": "white", "markeredgewidth": 1.2, "zorder": 4,
                }
            )  # fmt: skip
            ax.plot(part[x], part[y], color=colour, label=f"{source} {dose:.3g}", **look)


def _label_level(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    ax.annotate(
        text, (x, y), xytext=(4, 5), textcoords="offset points", color=colour, fontsize=NOTE_PT,
        fontweight="bold", va="bottom", zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
    )  # fmt: skip


def _physics_key(figure: Figure, colours: dict[float, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=INK, linewidth=1.7),
        Line2D([], [], color=INK, linestyle="none", marker="o", markerfacecolor="white"),
        *(
            Line2D([], [], color=colour, linewidth=5, solid_capstyle="butt")
            for colour in colours.values()
        ),
    ]
    labels = ["true exposure", "simulated", *(f"dose {dose:.3g}" for dose in colours)]
    figure.legend(
        handles, labels, loc="outside upper left", ncols=len(labels), frameon=False,
        fontsize=NOTE_PT, labelcolor=INK, handlelength=1.4, columnspacing=1.4,
    )  # fmt: skip


def plot_feature_against_dose(features: pd.DataFrame, feature: str) -> Figure:
    """Scatter one feature of every film against its dose level, one panel a recipe.

    The additive recipe is drawn against ``scale``, the quantum one against ``dose_fraction``. A dark
    dot is the median film of a level and its bar the middle half.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per film and level: ``recipe`` ('additive' | 'quantum'), ``scale``, ``dose_fraction``,
        and the column named by ``feature``. All rows are drawn, from hundreds to hundreds of thousands.
    feature : str
        The column of the vertical axis.

    Returns
    -------
    Figure
        One axes a recipe that the table holds, with one vertical axis for all.

    Raises
    ------
    ValueError
        If a column lacks, the table is empty, a recipe is unknown, or a number is not finite.
    """
    require_columns(features, ("recipe", feature), "features")
    axes_of = {
        "additive": ("scale", "Additive recipe", "Scale of the simulated dose (1 = full dose)"),
        "quantum": ("dose_fraction", "Quantum recipe", "Dose (fraction of full dose)"),
    }
    present = list(dict.fromkeys(features["recipe"].astype(str)))
    unknown = [recipe for recipe in present if recipe not in axes_of]
    if unknown:
        raise ValueError(f"features: recipe must be one of {list(axes_of)}, not {unknown}")
    recipes = [recipe for recipe in axes_of if recipe in present]

    figure, axes = grid_of_axes(1, len(recipes), 4.4, sharey=True)
    label = _FEATURE_LABELS.get(feature, feature.replace("_", " ").capitalize())
    log_y = _spans(features[feature].to_numpy(float), _LOG_SPAN)
    for index, (ax, recipe) in enumerate(zip(axes[0], recipes, strict=True)):
        column, title, x_label = axes_of[recipe]
        part = features[features["recipe"] == recipe]
        require_columns(part, (column,), f"features of the {recipe} recipe")
        bad = int((~np.isfinite(part[[column, feature]].to_numpy(float))).any(axis=1).sum())
        if bad:
            raise ValueError(
                f"features of the {recipe} recipe: {bad} of {len(part)} rows are not finite in "
                f"'{column}' or '{feature}'"
            )
        _scatter_by_level(ax, part[column].to_numpy(float), part[feature].to_numpy(float))
        if log_y:
            ax.set_yscale("log")
        dress(ax, title, x_label, label if index == 0 else "", grid="y")
        note(ax, f"n = {len(part):,}", "upper right")
    return figure


def _spans(values: NDArray[np.floating[Any]], factor: float) -> bool:
    return bool(values.size and values.min() > 0 and values.max() > factor * values.min())


def _scatter_by_level(ax: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Scatter all rows, spread within their level, and mark each level's median and middle half."""
    levels = np.unique(x)
    few = levels.size <= MAX_LEVELS
    log_x = _spans(levels, 4.0)
    position = np.log(x) if log_x else x
    gaps = np.diff(np.unique(position))
    width = 0.5 * float(gaps.min()) if few and gaps.size else 0.0
    spread = jitter(position, width)
    ax.scatter(
        np.exp(spread) if log_x else spread, y, s=float(np.clip(4e4 / x.size, 3.0, 16.0)), color="#56B4E9",
        alpha=float(np.clip(60.0 / np.sqrt(x.size) / 2.0, 0.03, 0.7)), linewidths=0, rasterized=True, zorder=2,
    )  # fmt: skip
    if log_x:
        ax.set_xscale("log")
    if few:
        ax.set_xticks(levels, [f"{level:.3g}" for level in levels])
        ax.minorticks_off()
        quartiles = np.array([np.percentile(y[x == level], (25, 50, 75)) for level in levels])
        ax.vlines(levels, quartiles[:, 0], quartiles[:, 2], color=INK, linewidth=2.4, zorder=5)
        ax.plot(
            levels, quartiles[:, 1], color=INK, marker="o", markersize=6.5, linewidth=1.0,
            markeredgecolor="white", zorder=6,
        )  # fmt: skip


def plot_correlations(
    features: pd.DataFrame,
    columns: Sequence[str],
    method: Literal["pearson", "spearman"] = "spearman",
) -> Figure:
    """Draw the correlations among columns, one triangle of coloured, numbered cells for each recipe.

    Parameters
    ----------
    features : pandas.DataFrame
        ``recipe`` and numeric columns, at least two rows a recipe.
    columns : sequence of str
        The columns to compare, at least two, in the order of the axes.
    method : {'pearson', 'spearman'}
        The coefficient.

    Returns
    -------
    Figure
        One axes with an image for each recipe, and a colour bar. A pair with a constant column has no
        coefficient and shows a dash.

    Raises
    ------
    ValueError
        If a column lacks, fewer than two are given, or a recipe has fewer than two rows.
    """
    names = list(columns)
    require_columns(features, ["recipe", *names], "features")
    groups = {str(recipe): rows for recipe, rows in features.groupby("recipe", sort=True)}
    fewest = min(len(group) for group in groups.values())
    if len(names) < _PAIR or fewest < _PAIR:
        raise ValueError(
            f"correlations need 2 columns and 2 rows a recipe; got {len(names)} and {fewest}"
        )
    figure, axes = grid_of_axes(1, len(groups), max(3.6, 0.42 * len(names) + 1.6), sharey=True)
    image = None
    for ax, (recipe, group) in zip(axes[0], groups.items(), strict=True):
        table = group[names].corr(method=method).to_numpy(float, copy=True)
        image = _draw_triangle(ax, table, names)
        dress(ax, f"{recipe}, n = {len(group):,}", grid="none")
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(length=0)
    colour_bar(figure, image, axes[0].tolist(), f"{method.capitalize()} correlation (–)")
    return figure


def _draw_triangle(ax: Axes, table: NDArray[np.float64], names: list[str]) -> Any:
    size = len(names) - 1
    hidden = np.triu(np.ones_like(table, dtype=bool))
    shown = np.ma.masked_invalid(np.ma.array(table, mask=hidden))[1:, :-1]
    image = ax.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1)
    for row in range(size):
        for column in range(row + 1):
            value = table[row + 1, column]
            ax.text(
                column, row, f"{value:.2f}".replace("-", "−") if np.isfinite(value) else "–", ha="center",
                va="center", fontsize=NOTE_PT - 2, color="white" if abs(value) > _DARK_CELL else INK,
            )  # fmt: skip
    words = [name.replace("_", " ") for name in names]
    ax.set_xticks(range(size), words[:-1], rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(size), words[1:])
    return image
