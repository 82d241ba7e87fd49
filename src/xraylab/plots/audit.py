"""Figures of what a public data set holds twice: how many films, and which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from xraylab.plots.panels import (
    check_film,
    clear,
    fit_film,
    grid_of_panels,
    label_letters,
    letters,
    plain,
    wrapped,
)
from xraylab.plots.style import (
    INK,
    LABEL_PT,
    MUTED,
    NOTE_PT,
    RULE,
    TITLE_PT,
    WIDTH_IN,
    dress,
    grid_of_axes,
    in_order,
    require_columns,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform
    from numpy.typing import NDArray

    Film = NDArray[np.uint8]
    Pair: TypeAlias = "tuple[str, Film, str, Film, str]"

__all__ = ["plot_audit", "plot_copies"]

_KIND_COLOURS = {
    "unique": "#B9C6D3",
    "exact copy in the split": "#F0C05A",
    "exact copy of a training film": "#D55E00",
    "turned copy of a training film": "#CC79A7",
    "unreadable": "#4A4F57",
}
_OTHER_COLOURS = ("#0072B2", "#009E73", "#56B4E9", "#E69F00")
_ROW_IN, _COLUMN_IN = 0.36, 0.92


def plot_audit(audit: pd.DataFrame, kinds: Sequence[str] | None = None) -> Figure:
    """Draw of what kinds the films of each split are: one bar a split, then one a label, beside counts and shares.

    Parameters
    ----------
    audit : pandas.DataFrame
        Columns ``split, label, kind, n`` (films, at least 0); rows that agree in the first three are added up.
    kinds : sequence of str, optional
        The kinds from left to right; None for the order in which they first stand in the table.

    Returns
    -------
    Figure
        Axes with the bars, each the whole of its row, and axes with a table on the same rows.

    Raises
    ------
    ValueError
        If a column lacks, the table is empty, a count is below 0, or ``kinds`` lacks a kind of the table.
    """
    require_columns(audit, ("split", "label", "kind", "n"), "audit")
    counts = audit["n"].to_numpy(float)
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError(f"audit: n must be at least 0, not {counts.min():g}")
    order = in_order(audit["kind"]) if kinds is None else list(kinds)
    missing = [kind for kind in in_order(audit["kind"]) if kind not in order]
    if missing:
        raise ValueError(f"audit holds the kind(s) {missing}, which are not among {order}")
    rows = _rows(audit, order)
    places = _places(rows)
    colours = _colours(order)
    table_in = _COLUMN_IN * (len(order) + 1)
    figure, axes = grid_of_axes(
        1, 2, 1.25 + _ROW_IN * (max(places) + 1), sharey=True,
        width_ratios=(max(WIDTH_IN - 1.6 - table_in, 2.2), table_in),
    )  # fmt: skip
    bars, table = axes[0]
    for place, (name, heading, numbers) in zip(places, rows, strict=True):
        _draw_bar(bars, place, numbers, list(colours.values()), height=0.72 if heading else 0.5)
        _write_numbers(table, place, numbers, heading=heading)
        bars.text(
            -0.02, place, name, transform=bars.get_yaxis_transform(), ha="right", va="center",
            fontsize=TITLE_PT if heading else NOTE_PT, fontweight="bold" if heading else "normal", color=INK,
        )  # fmt: skip
    _dress_audit(bars, table, colours, max(places))
    return figure


def _rows(audit: pd.DataFrame, kinds: list[str]) -> list[tuple[str, bool, NDArray[np.float64]]]:
    """Return (name, whether it is a whole split, counts by kind) from top to bottom."""
    labels = in_order(audit["label"])
    rows = []
    for split in in_order(audit["split"]):
        part = audit[audit["split"].astype(str) == split]
        rows.append((plain(split), True, _counts(part, kinds)))
        for label in labels if len(labels) > 1 else []:
            cell = part[part["label"].astype(str) == label]
            if not cell.empty:
                rows.append((wrapped(plain(label), 22, 2), False, _counts(cell, kinds)))
    return rows


def _counts(part: pd.DataFrame, kinds: list[str]) -> NDArray[np.float64]:
    sums = part.groupby(part["kind"].astype(str))["n"].sum()
    return sums.reindex(kinds, fill_value=0).to_numpy(float)


def _places(rows: Sequence[tuple[str, bool, Any]]) -> list[float]:
    """Return the height of each row, with half a row of air above each split but the first."""
    places: list[float] = []
    for index, (_, heading, _) in enumerate(rows):
        air = 0.5 if heading and index else 0.0
        places.append(places[-1] + 1.0 + air if places else 0.0)
    return places


def _colours(kinds: Sequence[str]) -> dict[str, str]:
    others = [kind for kind in kinds if kind not in _KIND_COLOURS]
    spare = {kind: _OTHER_COLOURS[i % len(_OTHER_COLOURS)] for i, kind in enumerate(others)}
    return {kind: {**_KIND_COLOURS, **spare}[kind] for kind in kinds}


def _draw_bar(
    ax: Axes, place: float, numbers: NDArray[np.float64], colours: Sequence[str], height: float
) -> None:
    total = numbers.sum()
    if total == 0:
        return
    left = 0.0
    for number, colour in zip(numbers, colours, strict=True):
        ax.barh(
            place, number / total, left=left, height=height, color=colour, edgecolor="white", linewidth=0.6
        )  # fmt: skip
        left += number / total


def _write_numbers(ax: Axes, place: float, numbers: NDArray[np.float64], *, heading: bool) -> None:
    total = numbers.sum()
    look: dict[str, Any] = {
        "ha": "right", "va": "center", "fontsize": NOTE_PT - 0.5, "fontweight": "bold" if heading else "normal",
    }  # fmt: skip
    ax.text(0.85, place, f"{int(total):,}", color=INK, **look)
    for column, number in enumerate(numbers, start=1):
        words = f"{int(number):,}\n{100 * number / total:.1f} %" if number else "0"
        ax.text(
            column + 0.85, place, words, color=INK if number else MUTED, linespacing=1.15, **look
        )  # fmt: skip


def _dress_audit(bars: Axes, table: Axes, colours: dict[str, str], last: float) -> None:
    from matplotlib.patches import Rectangle

    dress(bars, "", "Share of the films", "", grid="x")
    bars.set(xlim=(0, 1), ylim=(last + 0.6, -0.6))
    bars.set_xticks(
        np.linspace(0, 1, 5), [f"{share:.0%}".replace("%", " %") for share in np.linspace(0, 1, 5)]
    )
    bars.tick_params(axis="y", left=False, labelleft=False)
    bars.spines["left"].set_visible(False)
    table.set_xlim(0, len(colours) + 1)
    table.set_axis_off()
    look: dict[str, Any] = {"ha": "right", "va": "bottom", "fontsize": NOTE_PT - 0.5, "color": INK}
    table.annotate("films", (0.85, -0.6), xytext=(0, 16), textcoords="offset points", **look)
    for column, (kind, colour) in enumerate(colours.items(), start=1):
        words = wrapped(plain(kind), letters(_COLUMN_IN - 0.17, NOTE_PT - 0.5), 4)
        table.annotate(
            words, (column + 0.85, -0.6), xytext=(0, 16), textcoords="offset points", linespacing=1.15, **look
        )  # fmt: skip
        table.add_patch(
            Rectangle(
                (column + 0.2, -0.9), 0.65, 0.22, facecolor=colour, edgecolor="none", clip_on=False
            )
        )
    table.axhline(-0.55, color=RULE, linewidth=0.8)


def plot_copies(pairs: Sequence[Pair], columns: int = 3) -> Figure:
    """Show films that a data set holds twice, side by side, and what joins them.

    Parameters
    ----------
    pairs : sequence of (label, film, label, film, words)
        Films (H, W) of uint8, of any shapes; the words say what joins them, such as "turned by 137°, similarity 0.97".
    columns : int
        The most pairs in a row, at least 1.

    Returns
    -------
    Figure
        One axes a pair; both films are drawn at one height.

    Raises
    ------
    ValueError
        If there is no pair, a film is not (H, W), or ``columns`` is below 1.
    """
    if not pairs:
        raise ValueError("there is no pair of films to draw")
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    for label_a, film_a, label_b, film_b, _ in pairs:
        check_film(film_a, label_a)
        check_film(film_b, label_b)
    width = WIDTH_IN / max(min(columns, len(pairs)), 2) - 0.2
    half, whole = label_letters(width / 2 - 0.1), letters(width, LABEL_PT * 1.15)
    labels = [label for a, _, b, _, _ in pairs for label in (a, b)]
    lines = max(wrapped(label, half).count("\n") for label in labels)
    lines += max(wrapped(pair[4], whole).count("\n") for pair in pairs)
    figure, axes = grid_of_panels(len(pairs), width / 2 + 0.5 + 0.17 * lines, columns)
    for ax, pair in zip(axes, pairs, strict=True):
        _draw_pair(ax, pair, half, whole)
    return figure


def _draw_pair(ax: Axes, pair: Pair, half: int, whole: int) -> None:
    """Draw each film into a square of side 1, so that labels keep to their own half."""
    label_a, film_a, label_b, film_b, words = pair
    for left, label, film in ((0.0, label_a, film_a), (1.04, label_b, film_b)):
        fit_film(ax, film, left, 1.0, 1.0)
        ax.annotate(
            wrapped(label, half), (left, 0.0), xytext=(0, 5), textcoords="offset points", ha="left", va="bottom",
            fontsize=NOTE_PT, color=INK, linespacing=1.15,
        )  # fmt: skip
    # a rule below both films holds them together, and air at the right keeps the next pair away
    ax.plot(
        [0.0, 2.04], [1.0, 1.0], color=MUTED, linewidth=1.4, clip_on=False, transform=_below(ax)
    )
    ax.set(xlim=(0.0, 2.2), ylim=(1.0, 0.0))
    clear(ax)
    ax.set_xlabel(
        wrapped(words, whole), loc="left", fontsize=LABEL_PT, fontweight="bold", color=INK, labelpad=9,
    )  # fmt: skip


def _below(ax: Axes) -> Transform:
    """Return the axes' transform, four points further down."""
    from matplotlib.transforms import ScaledTranslation

    return ax.transData + ScaledTranslation(0.0, -4.0 / 72.0, ax.figure.dpi_scale_trans)
