"""Figures of where a network looks, and of whether such a map can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from xraylab.plots.films import plot_message
from xraylab.plots.labels import MODEL_COLOURS
from xraylab.plots.panels import (
    check_film,
    clear,
    footer,
    label_letters,
    letters,
    pack,
    plain,
    wrapped,
)
from xraylab.plots.segmentation import draw_outline
from xraylab.plots.style import (
    INK,
    NOTE_PT,
    RULE,
    TITLE_PT,
    WIDTH_IN,
    colour_bar,
    dress,
    grid_of_axes,
    in_order,
    key_above,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Film = NDArray[np.uint8]
    Heat = NDArray[np.floating[Any]]
    Panel: TypeAlias = "tuple[str, Film, Heat, Film | NDArray[np.bool_] | None]"

__all__ = ["plot_saliency", "plot_saliency_checks"]

_COLUMNS = 3
_OUTLINE_COLOUR = "#56B4E9"
_GAP = 0.03  # between a film and its map, as a part of the film's width

_CHECK_LABELS = {
    "similarity_after_randomisation": "Similarity after weight randomisation",
    "ssim_after_randomisation": "Structural similarity after weight randomisation",
    "spearman_after_randomisation": "Rank correlation after weight randomisation",
    "share_on_border": "Share of the map on the border",
    "share_on_markers": "Share of the map on markers",
    "share_on_lungs": "Share of the map in the lungs",
    "share_in_box": "Share of the map in the true box",
    "pointing_hit": "Peak of the map in the true box",
}
_AREAS = {
    "share_on_border": "area_of_border",
    "share_on_markers": "area_of_markers",
    "share_on_lungs": "area_of_lungs",
    "share_in_box": "area_of_box",
}


def plot_saliency(
    rows: Mapping[str, Sequence[Panel]], title: str = "", outline: str = "burned-in marker"
) -> Figure:
    """Show films, each beside itself under the map of what its prediction rests on.

    Parameters
    ----------
    rows : mapping of str to sequence of (label, film, heat map, outline)
        Named rows of panels; films (H, W) of uint8, maps (H, W) in [0, 1] of which 0 is transparent, outlines masks
        (H, W) of 0 and 1, or None. A row of more than three panels is broken.
    title : str
        Line below the figure.
    outline : str
        What the outlines are.

    Returns
    -------
    Figure
        One axes a panel, film at the left and film with map at the right, and a colour bar.

    Raises
    ------
    ValueError
        If there is no panel, a map or outline is not of its film's shape, or a map leaves [0, 1].
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.lines import Line2D

    lines = [
        (name if start == 0 else "", list(panels[start : start + _COLUMNS]))
        for name, panels in rows.items()
        for start in range(0, len(panels), _COLUMNS)
    ]
    if not lines:
        raise ValueError("there is no film to draw")
    for panel in [panel for _, panels in lines for panel in panels]:
        _check_panel(*panel)
    columns = max(len(panels) for _, panels in lines)
    width = (WIDTH_IN - 1.3) / max(columns, 2)
    tallest = max(np.shape(p[1])[0] / np.shape(p[1])[1] for _, panels in lines for p in panels)
    height = min(width / 2 * tallest, 3.6)
    figure, axes = grid_of_axes(len(lines), columns, height + 0.55)
    pack(figure)
    shades = _transparent_shades()
    for (name, panels), line in zip(lines, axes, strict=True):
        words = wrapped(plain(name), letters(height + 0.2, TITLE_PT * 1.15))
        line[0].set_ylabel(words, fontsize=TITLE_PT, fontweight="bold", color=INK)
        for ax, panel in zip(line, panels, strict=False):
            _draw_panel(ax, panel, shades, label_letters(width - 0.1))
        for ax in line:
            clear(ax)
            ax.set_anchor("NW")
            ax.set_visible(bool(ax.images))
    scale = ScalarMappable(cmap=shades)
    scale.set_clim(0.0, 1.0)
    bar_height = min(1.0, 2.6 / (len(lines) * (height + 0.55)) + 0.1)
    colour_bar(figure, scale, list(axes.flat), "Weight in the prediction", shrink=bar_height)
    figure.axes[-1].set_facecolor("#6E6E6E")  # the film under the transparent end
    if any(panel[3] is not None for _, panels in lines for panel in panels):
        key_above(figure, [Line2D([], [], color=_OUTLINE_COLOUR, linewidth=2)], [outline])
    footer(figure, title)
    return figure


def _transparent_shades() -> ListedColormap:
    """Return the perceptually uniform 'inferno', from transparent at 0 to nearly opaque at 1."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    position = np.linspace(0.0, 1.0, 256)
    colours = mpl.colormaps["inferno"](0.15 + 0.85 * position)
    colours[:, 3] = 0.85 * np.sqrt(position) * np.clip(position / 0.1, 0.0, 1.0)
    return ListedColormap(colours, name="inferno_transparent")


def _draw_panel(ax: Axes, panel: Panel, shades: ListedColormap, width: int) -> None:
    label, film, heat, outline = panel
    rows, columns = np.shape(film)
    shift = columns + max(round(_GAP * columns), 1)
    for left in (0, shift):
        place = (left - 0.5, left + columns - 0.5, rows - 0.5, -0.5)
        ax.imshow(film, cmap="gray", vmin=0, vmax=255, extent=place)
    ax.imshow(heat, cmap=shades, vmin=0.0, vmax=1.0, extent=place, interpolation="bilinear")
    if outline is not None:
        mask = np.asarray(outline, np.uint8)
        draw_outline(ax, mask, _OUTLINE_COLOUR)
        draw_outline(ax, np.pad(mask, ((0, 0), (shift, 0))), _OUTLINE_COLOUR)
    ax.set(xlim=(-0.5, shift + columns - 0.5), ylim=(rows - 0.5, -0.5))
    ax.set_title(wrapped(label, width), loc="left", fontsize=NOTE_PT, color=INK)


def _check_panel(label: str, film: Any, heat: Any, outline: Any) -> None:
    check_film(film, label)
    for name, array in (("map", heat), ("outline", outline)):
        if array is not None and np.shape(array) != np.shape(film):
            raise ValueError(
                f"panel '{label}': {name} {np.shape(array)} must be of its film's shape, {np.shape(film)}"
            )
    if not ((heat >= 0) & (heat <= 1)).all():
        raise ValueError(
            f"panel '{label}': the map must lie in [0, 1], not [{np.min(heat):g}, {np.max(heat):g}]"
        )


def plot_saliency_checks(table: pd.DataFrame, areas: Mapping[str, str] | None = None) -> Figure:
    """Draw what the checks of saliency maps found: a line a check, a dot a model.

    A map that stays alike when weights are made random does not show what the network learnt; a share on borders or
    markers well above the area that they cover shows that it learnt from them.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``model, check, value``: values in [-1, 1], shares in [0, 1]; where there are ``ci_low`` and
        ``ci_high``, they are drawn as a bar. A value that was not measured is NaN and draws no dot.
    areas : mapping of str to str, optional
        For each share the check that holds the area it is held against, drawn as a dashed tick in the share's own line;
        None for ``area_of_border``, ``area_of_markers``, ``area_of_lungs`` and ``area_of_box``.

    Returns
    -------
    Figure
        One axes, checks from top to bottom in the order of the table; a sentence where the table is empty.

    Raises
    ------
    ValueError
        If a column lacks.
    """
    wanted = ("model", "check", "value")
    if table.empty and set(wanted) <= set(table.columns):
        # a network that was hardly trained may react to nothing in any film
        return plot_message("No map of the network shows anything that could be checked.")
    require_columns(table, wanted, "table of checks")
    areas = _AREAS if areas is None else areas
    models = in_order(table["model"])
    checks = [name for name in in_order(table["check"]) if name not in set(areas.values())]
    figure, axes = grid_of_axes(1, 1, 1.0 + (0.25 + 0.22 * len(models)) * max(len(checks), 1))
    ax = axes[0, 0]
    values = table.assign(check=table["check"].astype(str), model=table["model"].astype(str))
    found = {(row["model"], row["check"]): row for row in values.to_dict("records")}
    for place, check in enumerate(checks):
        for lane, model in enumerate(models):
            y = place + 0.7 * ((lane + 0.5) / len(models) - 0.5)
            area = float(found.get((model, areas.get(check, "")), {}).get("value", np.nan))
            if np.isfinite(area):
                reach = 0.3 / len(models)
                ax.vlines(area, y - reach, y + reach, color=INK, linewidth=2.0, zorder=5)
            colour = MODEL_COLOURS[lane % len(MODEL_COLOURS)]
            _draw_check(ax, found.get((model, check), {}), y, colour, area)
    for edge in np.arange(len(checks) - 1) + 0.5:
        ax.axhline(edge, color=RULE, linewidth=0.7)
    labels = [wrapped(_CHECK_LABELS.get(check, plain(check).capitalize()), 26) for check in checks]
    ax.set_ylim(len(checks) - 0.5, -0.5)
    ax.set_yticks(range(len(checks)), labels)
    lows = [column for column in ("value", "ci_low") if column in values.columns]
    lowest = float(np.nanmin([*values[lows].to_numpy(float).ravel(), 0.0]))
    ax.set_xlim(lowest - 0.03, 1.03)
    dress(ax, "", "Similarity, or share of the map", "", grid="x")
    ax.tick_params(axis="y", length=0, colors=INK)
    _check_key(figure, models, has_area=bool(set(areas.values()) & set(values["check"])))
    return figure


def _draw_check(ax: Axes, row: Mapping[Any, Any], y: float, colour: str, area: float) -> None:
    """Draw a value as a dot on a thread from 0, and write it at the right, where no dot can hide it."""
    value = float(row.get("value", np.nan))
    words = "not measured"
    if np.isfinite(value):
        ends = np.array([row.get("ci_low", np.nan), row.get("ci_high", np.nan)], float)
        if np.isfinite(ends).all():
            ax.hlines(y, ends[0], ends[1], color=colour, linewidth=2.4, zorder=3)
        ax.hlines(y, 0.0, value, color=colour, linewidth=1.0, alpha=0.5, zorder=2)
        ax.plot(
            value, y, marker="o", markersize=7, color=colour, markeredgecolor="white", linestyle="none", zorder=4,
        )  # fmt: skip
        words = f"{value:.2f}".replace("-", "−")
        words += f", area {area:.2g}" if np.isfinite(area) else ""
    ax.annotate(
        words, (1.0, y), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points", va="center",
        fontsize=NOTE_PT, color=INK,
    )  # fmt: skip


def _check_key(figure: Figure, models: list[str], *, has_area: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color=MODEL_COLOURS[place % len(MODEL_COLOURS)], marker="o", markersize=6.5, linewidth=1.0
        )
        for place in range(len(models))
    ]  # fmt: skip
    labels = [plain(model) for model in models]
    if has_area:
        handles.append(
            Line2D([], [], color=INK, marker="|", markersize=9, markeredgewidth=2, linestyle="none")
        )
        labels.append("area, as a share of the film")
    whole = letters(figure.get_size_inches()[0] - 0.6)
    figure.legend(
        handles, [wrapped(label, whole, 1) for label in labels], loc="outside upper left",
        ncols=max(1, min(whole // (max(map(len, labels)) + 5), len(labels))), frameon=False, fontsize=NOTE_PT,
        labelcolor=INK, handlelength=1.6, columnspacing=1.6,
    )  # fmt: skip
