"""A figure: saved as PNG, loaded as the bytes of that PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from kedro.io.core import get_filepath_str
from kedro_datasets.matplotlib import MatplotlibDataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FigureDataset"]


class FigureDataset(MatplotlibDataset):
    """Save a matplotlib ``Figure`` as PNG; load what the last run saved, for a report.

    Unlike its parent it loads (PNG bytes, or None where no run has saved the figure: a report shows whatever has run),
    and it leaves figures of the user alone: nothing is closed.

    Examples
    --------
    .. code-block:: yaml

        bone_age.loss_curves_figure:
          type: xraylab.datasets.FigureDataset
          filepath: data/08_reporting/bone_age/loss_curves.png
    """

    OPTIONAL = True  # a reader does without it; see `xraylab.hooks.add_prerequisites`
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
        path = get_filepath_str(self._get_save_path(), self._protocol)
        with self._fs.open(path, **self._fs_open_args_save) as file:
            file.write(buffer.getvalue())
        self._invalidate_cache()
