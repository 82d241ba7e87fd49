"""Square panels, each with a table of its lines: a dash, a name and a number, placed to the inch.

A key of long names and numbers is too wide for a corner of its panel, and the layout engines do not know how many
lines it will take; here both are counted first, and the page is made as high as they need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xraylab.plots.panels import letters, place_beside, plain, square_side, squares, wrapped
from xraylab.plots.style import INK, NOTE_PT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Key", "keyed_squares"]

_LINE_IN, _DASH_IN = 0.185, 0.36  # height of a line of the table, width of its dash
_AXIS_IN = 0.55  # numbers and name of the horizontal axis
_OUTDENT_IN = 0.45  # the table begins below the numbers of the vertical axis
_GAP_IN, _LONE_KEY_IN = 0.3, 3.6
_LETTER_IN = 0.56 * NOTE_PT / 72.0


class Key(NamedTuple):
    """The lines of one panel.

    Attributes
    ----------
    entries : mapping of str to str
        What is written beside each line's name; it may be empty.
    title : str
        What is written above those numbers.
    """

    entries: Mapping[str, str]
    title: str = ""


def keyed_squares(
    heads: Sequence[tuple[str, str]], keys: Sequence[Key], looks: Mapping[str, Mapping[str, Any]]
) -> tuple[Figure, list[Axes]]:
    """Make square panels with headings, each above a table of its lines; a lone panel has it at its right.

    Parameters
    ----------
    heads : sequence of (title, words)
        One a panel, at least one.
    keys : sequence of Key
        One a panel.
    looks : mapping of str to mapping
        For each name of the keys the options of its ``Line2D``.

    Returns
    -------
    Figure
        As wide as the page, or less for one panel; no layout engine moves its axes.
    list of Axes
        The panels, dressed, without limits and names of axes.
    """
    lone = len(heads) == 1
    side = square_side(len(heads))
    width = min(_LONE_KEY_IN, _natural_width(keys[0])) if lone else side + _OUTDENT_IN
    blocks = [_blocks(key, width) for key in keys]
    heights = [_LINE_IN * sum(1 + text.count("\n") for _, text, _ in block) for block in blocks]
    if lone:
        figure, axes, side = squares(heads, _AXIS_IN, right_in=_GAP_IN + width + 0.15)
        corners = [(side + _GAP_IN, (side - heights[0]) / 2)]
    else:
        figure, axes, side = squares(heads, _AXIS_IN + max(heights) + 0.2)
        corners = [(-_OUTDENT_IN, -_AXIS_IN - height) for height in heights]
    for ax, block, height, corner in zip(axes, blocks, heights, corners, strict=True):
        _draw_key(place_beside(ax, *corner, width, height), block, looks, width)
    return figure, axes


def _natural_width(key: Key) -> float:
    names, numbers = (max(map(len, words)) for words in (key.entries, key.entries.values()))
    return max(_DASH_IN + (names + numbers + 3) * _LETTER_IN, 1.2 * len(key.title) * _LETTER_IN)


def _blocks(key: Key, width_in: float) -> list[tuple[str, str, str]]:
    """Break a table into (line's name, words at the left, words at the right), each at its number of lines.

    Numbers stand beside the names, or below them where the names would take more than two lines.
    """
    numbers_in = max(len(number) for number in key.entries.values()) * _LETTER_IN + 0.1
    beside = letters(width_in - _DASH_IN - numbers_in)
    whole = letters(width_in - _DASH_IN)
    title = wrapped(key.title, letters(width_in - _DASH_IN, NOTE_PT * 1.15)) if key.title else ""
    blocks = [("", title, "")] if title else []
    if all(wrapped(plain(name), beside, 3).count("\n") <= 1 for name in key.entries):
        return blocks + [
            (n, wrapped(plain(n), beside), number) for n, number in key.entries.items()
        ]
    for name, number in key.entries.items():
        words = wrapped(plain(name), whole, 2)
        blocks.append((name, f"{words}\n{number}" if number else words, ""))
    return blocks


def _draw_key(
    ax: Axes,
    blocks: Sequence[tuple[str, str, str]],
    looks: Mapping[str, Mapping[str, Any]],
    width_in: float,
) -> None:
    ax.set(xlim=(0.0, width_in), ylim=(sum(1 + text.count("\n") for _, text, _ in blocks), 0.0))
    ax.set_axis_off()
    stacked = not any(number for name, _, number in blocks if name)
    look: dict[str, Any] = {"fontsize": NOTE_PT, "color": INK, "va": "baseline"}
    line = 0.7
    for name, text, number in blocks:
        if name:
            ax.plot([0.02, _DASH_IN - 0.08], [line - 0.2, line - 0.2], **looks[name])
            for step, part in enumerate(text.split("\n")):
                ax.text(_DASH_IN, line + step, part, **look)
            ax.text(width_in, line, number, ha="right", **look)
        else:
            x, side = (_DASH_IN, "left") if stacked else (width_in, "right")
            for step, part in enumerate(text.split("\n")):
                ax.text(x, line + step, part, ha=side, fontweight="bold", **look)
        line += 1 + text.count("\n")
