"""What the report shows of one pipeline, as one file."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from xraylab.imaging.files import write_bytes

__all__ = ["Summary", "SummaryDataset"]

_METRICS, _FIGURE = "metrics.csv", ".png"
_TEXT = ("protocol", "model", "split", "metric")


@dataclass(frozen=True)
class Summary:
    """Metrics and figures of one pipeline.

    Attributes
    ----------
    metrics : DataFrame
        Tidy metrics; empty for a pipeline that measures nothing.
    figures : dict of str to bytes
        PNG by the name of the figure, in the order of the page.
    """

    metrics: pd.DataFrame
    figures: dict[str, bytes] = field(default_factory=dict)


class SummaryDataset(AbstractDataset[Summary, Summary | None]):
    """Metrics and figures of a pipeline as one zip file; None where no run has saved any.

    Examples
    --------
    .. code-block:: yaml

        bone_age.summary:
          type: xraylab.datasets.SummaryDataset
          filepath: data/08_reporting/bone_age/summary.zip
    """

    OPTIONAL = True  # the report shows whatever has run; see `xraylab.workspace`

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe a file.

        Parameters
        ----------
        filepath : str
            The zip file, on any fsspec file system.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._path = filepath
        self.metadata = metadata

    def load(self) -> Summary | None:
        """Read the summary.

        Raises
        ------
        DatasetError
            If the file is no summary.
        """
        if not self._exists():
            return None
        with fsspec.open(self._path, "rb") as file:
            content = file.read()
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                text = archive.read(_METRICS)
                figures = {
                    name.removesuffix(_FIGURE): archive.read(name)
                    for name in archive.namelist()
                    if name.endswith(_FIGURE)
                }
        except (zipfile.BadZipFile, KeyError) as error:
            raise DatasetError(f"'{self._path}' is no summary of a pipeline: {error}") from error
        types = dict.fromkeys(_TEXT, "str")
        table = pd.read_csv(io.BytesIO(text), dtype=types) if text.strip() else pd.DataFrame()
        return Summary(table, figures)

    def save(self, data: Summary) -> None:
        """Write the summary, the whole file or none."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(
                _METRICS, "" if data.metrics.empty else data.metrics.to_csv(index=False)
            )
            for name, png in data.figures.items():
                archive.writestr(f"{name}{_FIGURE}", png)
        write_bytes(self._path, stream.getvalue())

    def _exists(self) -> bool:
        filesystem, path = fsspec.core.url_to_fs(self._path)
        return bool(filesystem.exists(path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path}
