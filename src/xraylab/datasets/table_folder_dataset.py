"""The raw tables that lie in a folder, of which there may be none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, NoReturn

import fsspec
from kedro.io.core import AbstractDataset, DatasetError

from xraylab.datasets.folder_listing import list_files
from xraylab.datasets.table_dataset import WORKBOOKS, TableFile

__all__ = ["TableFolderDataset"]

logger = logging.getLogger(__name__)


class TableFolderDataset(AbstractDataset[NoReturn, dict[str, TableFile]]):
    """Lazy tables by their path under a folder, without suffix; an empty dict where there is no table or no folder.

    Hidden and system files are ignored (`xraylab.imaging.files.is_ignored_file`). Nothing is read before a table is
    called; one that cannot be read raises `UnreadableTableError` then, so that a table that nobody needs stops nothing.
    Workbooks are listed, and refuse to be read.

    Examples
    --------
    .. code-block:: yaml

        bone_age.new_tables:
          type: xraylab.datasets.TableFolderDataset
          path: data/01_raw/new_hands
    """

    def __init__(
        self,
        *,
        path: str,
        folders: Sequence[str] = (".",),
        suffixes: Sequence[str] = (".csv", ".tsv"),
        recursive: bool = True,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe a folder; nothing is listed yet.

        Parameters
        ----------
        path : str
            The folder, on any fsspec file system; or a table, which is given alone. For another file, such as a single
            film, the tables that lie beside it.
        folders : sequence of str
            Where tables lie, relative to `path`.
        suffixes : sequence of str
            Ends of the names of tables, in any case.
        recursive : bool
            Look into the folders below, too.
        fs_args : dict, optional
            Arguments of the file system.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._path, self._folders, self._recursive = path, list(folders), recursive
        self._suffixes = tuple(suffix.lower() for suffix in suffixes)
        self._fs_args = dict(fs_args or {})
        self.metadata = metadata

    def load(self) -> dict[str, TableFile]:
        """Return lazy tables by their path under the folder, without suffix, in order."""
        filesystem, root = fsspec.core.url_to_fs(self._path, **self._fs_args)
        root, recursive = root.rstrip("/"), self._recursive
        if root.lower().endswith((*self._suffixes, *WORKBOOKS)) and not filesystem.isdir(root):
            local = "file" in filesystem.protocol
            address = root if local else filesystem.unstrip_protocol(root)
            return {PurePosixPath(root).stem: TableFile(address, self._fs_args)}
        if filesystem.isfile(root):
            root, recursive = root.rpartition("/")[0], False
        found: dict[str, str] = {}
        for folder in self._folders:
            place = root if folder == "." else f"{root}/{folder}"
            paths = [
                path
                for path in list_files(filesystem, place, recursive=recursive)
                if path.lower().endswith((*self._suffixes, *WORKBOOKS))
            ]
            # of two with one name the text is taken
            for path in sorted(paths, key=lambda path: (path.lower().endswith(WORKBOOKS), path)):
                name = str(PurePosixPath(path[len(root) :].lstrip("/")).with_suffix(""))
                other = found.setdefault(name, path)
                if other != path:
                    logger.warning("Passed over: the table '%s'; '%s' is read", path, other)
        local = "file" in filesystem.protocol
        return {
            name: TableFile(path if local else filesystem.unstrip_protocol(path), self._fs_args)
            for name, path in sorted(found.items())
        }

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: raw data are read only."""
        raise DatasetError("a folder of raw tables is read only")

    def _exists(self) -> bool:
        return True  # no table is an answer

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "folders": self._folders, "suffixes": self._suffixes}
