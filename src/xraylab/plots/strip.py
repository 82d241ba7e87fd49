"""One film at every dose level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from xraylab.plots.style import (
    INK,
    MUTED,
    NOTE_PT,
    colour_bar,
    grid_of_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

Film: TypeAlias = "NDArray[np.floating[Any]]"

__all__ = ["plot_dose_strip"]

_PAIR = 2
_CROP, _LEAST_CROP = 6, 128  # the crop of a strip: a sixth of the film, but not under 128 pixels


def plot_dose_strip(full: Film, strips: Mapping[str, Sequence[tuple[str, Film]]]) -> Figure:
    """Show one film at every dose level of each recipe, above what each differs by from the full-dose film.

    Noise is finer than a whole film on a page: the square in the middle is what is shown, pixel by pixel, beside the
    whole full-dose film on which it is marked.

    Parameters
    ----------
    full : (H, W) ndarray
        The full-dose film in [0, 1], bone bright.
    strips : mapping of str to sequence of (label, film)
        For each recipe its films, (H, W) in [0, 1], at least one.

    Returns
    -------
    Figure
        Two rows a recipe, the film and its difference. The differences of a recipe share one scale about
        zero, wide enough for 99.5 % of their pixels together; what lies beyond takes the end colours.

    Raises
    ------
    ValueError
        If there is no film, or shapes differ.
    """
    if not strips or not all(strips.values()):
        raise ValueError("the dose strip needs at least one film of each recipe")
    for recipe, films in strips.items():
        for label, film in films:
            if np.ndim(full) != _PAIR or np.shape(film) != np.shape(full):
                raise ValueError(
                    f"dose strip '{recipe} {label}': film {np.shape(film)} must be (H, W) like the full-dose film, "
                    f"{np.shape(full)}"
                )
    edge = max(min(full.shape) // _CROP, min(full.shape[0], full.shape[1], _LEAST_CROP))
    top, left = (full.shape[0] - edge) // 2, (full.shape[1] - edge) // 4
    crop = (slice(top, top + edge), slice(left, left + edge))

    columns = 1 + max(len(films) for films in strips.values())
    figure, axes = grid_of_axes(2 * len(strips), columns, 9.2 / max(columns, 3) + 0.25)
    for block, (recipe, films) in enumerate(strips.items()):
        above, below = axes[2 * block], axes[2 * block + 1]
        _show_whole(above[0], full, (left, top, edge), recipe)
        moved = [film[crop] - full[crop] for _, film in films]
        limit = max(float(np.percentile(np.abs(np.stack(moved)), 99.5)), 1e-3)
        image = None
        for (label, film), difference, ax, low in zip(
            films, moved, above[1:], below[1:], strict=False
        ):
            ax.imshow(film[crop], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            ax.set_title(label, fontsize=NOTE_PT, color=INK)
            image = low.imshow(
                difference, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest"
            )
        above[1].set_ylabel("film, crop", fontsize=NOTE_PT, color=MUTED)
        below[1].set_ylabel("− full dose", fontsize=NOTE_PT, color=MUTED)
        colour_bar(figure, image, below.tolist(), "difference", shrink=0.9, extend="both")
        for ax in [*above, *below]:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            ax.set_visible(bool(ax.images))
    return figure


def _show_whole(ax: Axes, film: Film, square: tuple[int, int, int], title: str) -> None:
    from matplotlib.patches import Rectangle

    left, top, edge = square
    ax.imshow(film, cmap="gray", vmin=0, vmax=1)
    ax.add_patch(Rectangle((left, top), edge, edge, fill=False, edgecolor="#e69f00", linewidth=1.6))
    ax.set_title(
        f"{title}\nfull-dose film", loc="left", fontsize=NOTE_PT, fontweight="bold", color=INK
    )
