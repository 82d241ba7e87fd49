"""The figure that every function of this package returns."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["ShownFigure"]

_DPI = 100


class ShownFigure(Figure):
    """A matplotlib figure that a notebook shows when it is the last value of a cell.

    Jupyter draws figures by itself only once ``pyplot`` is imported, whose state these figures keep out of.

    Examples
    --------
    >>> ShownFigure(figsize=(1, 1))._repr_png_()[1:4]
    b'PNG'
    """

    def _repr_png_(self) -> bytes:
        """Return the figure as PNG; IPython asks for it by this name."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DPI)
        return buffer.getvalue()
