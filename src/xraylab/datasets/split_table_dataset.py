"""A Kedro dataset of the table that ``--params split=…`` names."""

from __future__ import annotations

import hashlib
import io
from typing import Any, NoReturn

import fsspec
import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from xraylab.datasets.table_dataset import TableFile
from xraylab.records.delimited import UnreadableTableError
from xraylab.records.split_table import SplitTable, parse_split_table

__all__ = ["SplitTableDataset"]


class SplitTableDataset(AbstractDataset[NoReturn, SplitTable | None]):
    """Load the parts that a table gives to films, or None where no table is named.

    CSV and other delimited text (`xraylab.records.delimited.parse_table`), or Parquet. A folder in which Kedro keeps
    versions of a table stands for the newest.

    Examples
    --------
    .. code-block:: yaml

        split_table:
          type: xraylab.datasets.SplitTableDataset
          filepath: ${runtime_params:split,null}
    """

    OPTIONAL = True  # a reader does without it; see `xraylab.workspace`

    def __init__(
        self, *, filepath: str | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Describe a table; nothing is read yet.

        Parameters
        ----------
        filepath : str, optional
            The file, on any fsspec file system; empty or None for no table.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._path = (filepath or "").rstrip("/")
        self.metadata = metadata

    def load(self) -> SplitTable | None:
        """Read the table.

        Raises
        ------
        kedro.io.DatasetError
            If it cannot be read, or says no split, with the file and the reason.
        """
        if not self._path:
            return None
        try:
            path = _find_file(self._path)
            if path.lower().endswith((".parquet", ".pq")):
                table = pd.read_parquet(io.BytesIO(_read(path)))
            else:
                table = TableFile(path)()
            return parse_split_table(table, path)
        except (ValueError, OSError) as error:
            raise DatasetError(str(error)) from error

    def identify(self) -> str:
        """Return 16 hexadecimal digits of the content of the table; empty without one."""
        if not self._path:
            return ""
        return hashlib.blake2b(_read(_find_file(self._path)), digest_size=8).hexdigest()

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the user's table is read only."""
        raise DatasetError("the table of a split is read only")

    def _exists(self) -> bool:
        return True  # no table is an answer too

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path}


def _find_file(path: str) -> str:
    """Return the file: the newest version where Kedro keeps several in a folder of its name."""
    filesystem, inner = fsspec.core.url_to_fs(path)
    if not filesystem.isdir(inner):
        return path
    name = path.rpartition("/")[2]
    versions = sorted(filesystem.glob(f"{inner}/*/{name}"))
    if not versions:
        raise UnreadableTableError(path, "it is a folder, not a file")
    return str(filesystem.unstrip_protocol(versions[-1])) if "://" in path else str(versions[-1])


def _read(path: str) -> bytes:
    filesystem, inner = fsspec.core.url_to_fs(path)
    if not filesystem.isfile(inner):
        raise UnreadableTableError(path, "there is no such file")
    return bytes(filesystem.cat_file(inner))
