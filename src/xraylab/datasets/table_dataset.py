"""One raw table, of whatever encoding and separator."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any, NoReturn

import fsspec
import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from xraylab.records.delimited import UnreadableTableError, parse_table, text_of

__all__ = ["PARQUET", "WORKBOOKS", "TableDataset", "TableFile"]

WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
"""Ends of the names of workbooks, which are refused by name."""

PARQUET = ".parquet"


@dataclass(frozen=True, slots=True)
class TableFile:
    """The file of one table, delimited text or Parquet: calling it reads the table.

    Attributes
    ----------
    path : str
        A path on any fsspec file system.
    options : dict
        Arguments of the file system.
    """

    path: str
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self) -> pd.DataFrame:
        """Return the table, all of it text.

        Raises
        ------
        UnreadableTableError
            If the file is missing, a workbook or no Parquet table, and as `xraylab.records.delimited.parse_table`
            raises.
        """
        if self.path.lower().endswith(WORKBOOKS):
            raise UnreadableTableError(
                self.path, "workbooks are not read: save its sheet as CSV beside it"
            )
        filesystem, inner = fsspec.core.url_to_fs(self.path, **self.options)
        try:
            data = filesystem.cat_file(inner)
        except FileNotFoundError:
            raise UnreadableTableError(self.path, "there is no such file") from None
        except OSError as error:
            raise UnreadableTableError(self.path, f"{type(error).__name__}: {error}") from None
        if self.path.lower().endswith(PARQUET):
            return _parse_parquet(bytes(data), self.path)
        return parse_table(bytes(data), self.path)


def _parse_parquet(data: bytes, path: str) -> pd.DataFrame:
    """Return a Parquet table as text, as a delimited one is."""
    try:
        table = pd.read_parquet(io.BytesIO(data))
    except Exception as error:  # pyarrow raises of many kinds on a broken file
        reason = f"it is no Parquet table ({str(error).splitlines()[0][:200]})"
        raise UnreadableTableError(path, reason) from None
    table = table.reset_index() if table.index.name else table
    columns = {str(name).strip(): text_of(values) for name, values in table.items()}
    return pd.DataFrame(columns, dtype="str").reset_index(drop=True)


class TableDataset(AbstractDataset[NoReturn, pd.DataFrame]):
    """A raw table as text: encoding, separator and line ends are found (`xraylab.records.delimited.parse_table`).

    Examples
    --------
    .. code-block:: yaml

        seed_lesion_results.features_and_target:
          type: xraylab.datasets.TableDataset
          filepath: ${_raw}/seed_lesion_results/features_and_target.csv
    """

    def __init__(
        self,
        *,
        filepath: str,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe a table; nothing is read yet.

        Parameters
        ----------
        filepath : str
            The file, on any fsspec file system.
        fs_args : dict, optional
            Arguments of the file system.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._file = TableFile(filepath, dict(fs_args or {}))
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Return the table, all of it text.

        Raises
        ------
        kedro.io.DatasetError
            If it cannot be read, with the file and the reason.
        """
        try:
            return self._file()
        except UnreadableTableError as error:
            raise DatasetError(str(error)) from error

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: raw data are read only."""
        raise DatasetError("a raw table is read only")

    def _exists(self) -> bool:
        filesystem, inner = fsspec.core.url_to_fs(self._file.path, **self._file.options)
        return bool(filesystem.isfile(inner))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._file.path}
