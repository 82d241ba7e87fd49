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

_METRICS, _TABLE, _FIGURE = "metrics.csv", ".csv", ".png"
_TEXT = (
    *("protocol", "model", "split", "metric", "name", "arm", "kind", "stopped_by", "cut_short"),
    *("image_id", "reason", "key", "action", "split_a", "split_b"),
)


@dataclass(frozen=True)
class Summary:
    """What the report shows of one pipeline.

    Attributes
    ----------
    metrics : DataFrame
        Tidy metrics; empty for a pipeline that measures nothing.
    figures : dict of str to bytes
        PNG by the name of the figure, in the order of the page.
    tables : dict of str to DataFrame
        ``trainings``, ``rejected``, ``leakage`` and ``cohort``, where the pipeline has them: one row per training, what
        was left out and why, what the leak gate found, and counts of films by protocol and split. Then the pipeline's
        own tables, such as ``comparison``.
    """

    metrics: pd.DataFrame
    figures: dict[str, bytes] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


class SummaryDataset(AbstractDataset[Summary, Summary | None]):
    """Metrics, figures and tables of a pipeline as one zip file; None where no run has saved any.

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
                metrics = _read_table(archive.read(_METRICS))
                figures = {
                    name.removesuffix(_FIGURE): archive.read(name)
                    for name in archive.namelist()
                    if name.endswith(_FIGURE)
                }
                tables = {
                    name.removesuffix(_TABLE): _read_table(archive.read(name))
                    for name in archive.namelist()
                    if name.endswith(_TABLE) and name != _METRICS
                }
        except (zipfile.BadZipFile, KeyError) as error:
            raise DatasetError(f"'{self._path}' is no summary of a pipeline: {error}") from error
        return Summary(metrics, figures, tables)

    def save(self, data: Summary) -> None:
        """Write the summary, the whole file or none."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_METRICS, _write_table(data.metrics))
            for name, table in data.tables.items():
                archive.writestr(f"{name}{_TABLE}", _write_table(table))
            for name, png in data.figures.items():
                archive.writestr(f"{name}{_FIGURE}", png)
        write_bytes(self._path, stream.getvalue())

    def _exists(self) -> bool:
        filesystem, path = fsspec.core.url_to_fs(self._path)
        return bool(filesystem.exists(path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path}


def _read_table(text: bytes) -> pd.DataFrame:
    """Read a table whose text stays text; a missing text is an empty one."""
    if not text.strip():
        return pd.DataFrame()
    table = pd.read_csv(io.BytesIO(text), dtype=dict.fromkeys(_TEXT, "str"))
    return table.fillna({name: "" for name in _TEXT if name in table})


def _write_table(table: pd.DataFrame) -> str:
    return "" if table.columns.empty else str(table.to_csv(index=False))
