"""A folder of short texts as one catalog entry."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, NoReturn

import fsspec
from kedro.io.core import AbstractDataset, DatasetError

__all__ = ["TextFolderDataset"]


class TextFolderDataset(AbstractDataset[NoReturn, dict[str, str]]):
    """Texts by the stem of their file, such as clinical readings; without such a folder, none.

    Examples
    --------
    .. code-block:: yaml

        montgomery_shenzhen.readings:
          type: xraylab.datasets.TextFolderDataset
          path: ${globals:raw}/montgomery_shenzhen
          folders: [ClinicalReadings, "*/ClinicalReadings"]
    """

    def __init__(
        self,
        *,
        path: str,
        folders: list[str],
        suffix: str = ".txt",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe folders.

        Parameters
        ----------
        path : str
            The folder, on any fsspec file system.
        folders : list of str
            Where texts lie, relative to `path`, with ``*`` inside a name.
        suffix : str
            End of the names of texts, in any case.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._path, self._folders, self._suffix = path, list(folders), suffix.lower()
        self.metadata = metadata

    def load(self) -> dict[str, str]:
        """Read all texts; of two with one stem the last in the order of their paths."""
        filesystem, root = fsspec.core.url_to_fs(self._path)
        texts = {}
        for folder in self._folders:
            for path in sorted(map(str, filesystem.glob(f"{root}/{folder}/*"))):
                if path.lower().endswith(self._suffix):
                    content = filesystem.cat_file(path)
                    texts[PurePosixPath(path).stem] = content.decode("utf-8", errors="replace")
        return texts

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: raw data are read only."""
        raise DatasetError("a folder of texts is read only")

    def _exists(self) -> bool:
        return True  # no texts is an answer too

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "folders": self._folders, "suffix": self._suffix}
