"""A figure: saved as PNG, loaded as the bytes of that PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from kedro.io.core import get_filepath_str
from kedro_datasets.matplotlib import MatplotlibDataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xraylab.provenance import Source

__all__ = ["FigureDataset"]

_FOOT_PT = 7.5
_WIDTH_OF_LETTER = 0.56  # of the font size, on average


class FigureDataset(MatplotlibDataset):
    """Save a matplotlib ``Figure`` as PNG; load what the last run saved, for a report.

    Unlike its parent it loads (PNG bytes, or None where no run has saved the figure: a report shows whatever has run),
    and it leaves figures of the user alone: nothing is closed. Below the figure stands its source
    (`xraylab.provenance.Source`), where a run has set one.

    Examples
    --------
    .. code-block:: yaml

        bone_age.loss_curves_figure:
          type: xraylab.datasets.FigureDataset
          filepath: data/08_reporting/bone_age/loss_curves.png
    """

    OPTIONAL = True  # a reader does without it; see `xraylab.workspace`
    CARRIES_SOURCE = True  # see `xraylab.workspace.WorkspaceHooks`
    source: Source | None = None
    DEFAULT_SAVE_ARGS: dict[str, Any] = {"format": "png", "dpi": 150}  # noqa: RUF012 - the parent's own way

    def load(self) -> bytes | None:
        """Return the PNG, or None where no run has saved it."""
        if not self._exists():
            return None
        path = get_filepath_str(self._get_load_path(), self._protocol)
        with self._fs.open(path, mode="rb") as file:
            return bytes(file.read())

    def save(self, data: Figure) -> None:
        """Save the figure as a whole: the PNG is drawn before the file is opened."""
        buffer = io.BytesIO()
        data.savefig(buffer, **self._save_args)
        png = buffer.getvalue()
        if self.source is not None:
            png = _with_foot(png, self.source.describe(), self._save_args["dpi"])
        path = get_filepath_str(self._get_save_path(), self._protocol)
        with self._fs.open(path, **self._fs_open_args_save) as file:
            file.write(png)
        self._invalidate_cache()


def _with_foot(png: bytes, text: str, dpi: float) -> bytes:
    """Return a PNG with lines of text below it, on white."""
    from matplotlib.figure import Figure as NewFigure
    from PIL import Image

    above = Image.open(io.BytesIO(png))
    width = above.width / dpi
    lines = _wrap(text, width)
    height = 0.15 + 0.14 * len(lines)
    foot = NewFigure(figsize=(width, height), dpi=dpi, facecolor="white")
    foot.text(0.1 / width, 0.5, "\n".join(lines), fontsize=_FOOT_PT, color="#5A6472", va="center")
    drawn = io.BytesIO()
    foot.savefig(drawn, format="png", dpi=dpi)
    below = Image.open(drawn)
    whole = Image.new("RGB", (above.width, above.height + below.height), "white")
    whole.paste(above.convert("RGB"), (0, 0))
    whole.paste(below.convert("RGB"), (0, above.height))
    written = io.BytesIO()
    whole.save(written, format="png", dpi=(dpi, dpi))
    return written.getvalue()


def _wrap(text: str, width_in: float) -> list[str]:
    """Break a line at its dots where the figure is too narrow for it."""
    letters = int((width_in - 0.2) * 72 / (_FOOT_PT * _WIDTH_OF_LETTER))
    lines = [""]
    for part in text.split(" · "):
        longer = f"{lines[-1]} · {part}" if lines[-1] else part
        if len(longer) > letters and lines[-1]:
            lines.append(part)
        else:
            lines[-1] = longer
    return lines
