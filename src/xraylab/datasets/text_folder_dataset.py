"""A folder of short texts as one catalog entry."""

from __future__ import annotations

import logging
from pathlib import PurePosixPath
from typing import Any, NoReturn

import fsspec
from kedro.io.core import AbstractDataset, DatasetError

from xraylab.datasets.folder_listing import expand_folders, list_files
from xraylab.records.delimited import decode_text

__all__ = ["TextFolderDataset"]

logger = logging.getLogger(__name__)


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
        """Read all texts; one stem with two different texts has none, which is said in the log."""
        filesystem, root = fsspec.core.url_to_fs(self._path)
        texts: dict[str, str] = {}
        doubtful: dict[str, list[str]] = {}
        for folder in self._folders:
            for place in expand_folders(filesystem, root.rstrip("/"), folder):
                for path in list_files(filesystem, place):
                    if not path.lower().endswith(self._suffix):
                        continue
                    stem, text = PurePosixPath(path).stem, _read(filesystem, path)
                    if text is None:
                        continue
                    if texts.setdefault(stem, text) != text:
                        doubtful.setdefault(stem, []).append(path)
        for stem, paths in doubtful.items():
            logger.warning(
                "'%s' has more texts than one, such as '%s': none is used", stem, paths[0]
            )
            del texts[stem]
        return texts

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: raw data are read only."""
        raise DatasetError("a folder of texts is read only")

    def _exists(self) -> bool:
        return True  # no texts is an answer too

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "folders": self._folders, "suffix": self._suffix}


def _read(filesystem: Any, path: str) -> str | None:
    try:
        return decode_text(bytes(filesystem.cat_file(path)))
    except UnicodeDecodeError as error:
        logger.warning("Passed over: '%s' is not the text that it begins as: %s", path, error)
        return None
