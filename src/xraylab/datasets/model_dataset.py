"""A Kedro dataset of trained models: weights and cards in a folder, never a pickled object."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NewType

import fsspec
from kedro.io.core import (
    AbstractVersionedDataset,
    DatasetError,
    Version,
    get_filepath_str,
    get_protocol_and_path,
)

from xraylab.models.files import ModelFileError, encode_models, read_cards, read_models
from xraylab.models.state import ModelState

if TYPE_CHECKING:
    from xraylab.provenance import Source

__all__ = ["ModelDataset"]

JSONPreview = NewType("JSONPreview", str)
"""A text of JSON; Kedro-Viz knows what to draw by the name of this type."""


class ModelDataset(AbstractVersionedDataset[dict[str, ModelState], dict[str, ModelState]]):
    """Models by name, saved as one folder and loaded exactly as they were.

    Its files are those of `xraylab.models.files`. Where a run has set it, each card file also says the source:
    environment, raw root, films, code and date (`xraylab.provenance.Source`).
    On the local file system the folder appears whole, by one rename; elsewhere the cards are
    written after all weights. Either way a folder that lacks a card does not exist for the
    catalog, so that an interrupted save is repeated and is never loaded.

    Examples
    --------
    .. code-block:: yaml

        dose_estimation.models:
          type: xraylab.datasets.model_dataset.ModelDataset
          filepath: data/06_models/dose_estimation/models
          versioned: true
    """

    source: Source | None = None  # set by `xraylab.workspace.WorkspaceHooks`

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe a folder of models.

        Parameters
        ----------
        filepath : str or path
            The folder, with a protocol such as ``s3://`` or ``memory://``; without one, a local
            folder.
        version : Version, optional
            Versions to load and save; None for a folder that each save replaces.
        credentials : dict, optional
            Credentials of the file system.
        fs_args : dict, optional
            Further arguments of the file system's class.
        optional : bool
            Give an empty dict where there is no folder: who reads these models can do without them.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        protocol, path = get_protocol_and_path(filepath, version)
        options = {**deepcopy(credentials or {}), **deepcopy(fs_args or {})}
        if protocol == "file":
            options.setdefault("auto_mkdir", True)
        self._protocol = protocol
        self._fs = fsspec.filesystem(protocol, **options)
        self.metadata = metadata
        self.OPTIONAL = optional  # see `xraylab.workspace`
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._is_complete,
            glob_function=self._fs.glob,
        )

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "protocol": self._protocol, "version": self._version}

    def load(self) -> dict[str, ModelState]:
        """Load all models of the folder.

        Returns
        -------
        dict of str to ModelState
            In the order in which they were saved.

        Raises
        ------
        DatasetError
            If a file is missing, is no card, or differs from what its card says.
        """
        if self.OPTIONAL and not self.exists():
            return {}
        folder = self._load_folder()
        try:
            return read_models(self._fs, folder)
        except ModelFileError as error:
            raise DatasetError(str(error)) from error

    def save(self, data: dict[str, ModelState]) -> None:
        """Save models, in place of those in the folder.

        Parameters
        ----------
        data : dict of str to ModelState
            At least one model; names of letters, digits, ``_`` and ``-``.

        Raises
        ------
        DatasetError
            If a name is not valid, or a card or tensor cannot be written so that it comes back as
            it is. Nothing is written then.
        """
        source = None if self.source is None else json.loads(self.source.to_json())
        try:
            weights, cards = encode_models(data, source)
        except ModelFileError as error:
            raise DatasetError(str(error)) from error
        folder = get_filepath_str(self._get_save_path(), self._protocol)
        if self._protocol == "file":
            self._write_local(folder, {**weights, **cards})
        else:
            if self._fs.exists(folder):
                self._fs.rm(folder, recursive=True)
            self._write(folder, {**weights, **cards})
        self._invalidate_cache()

    def preview(self) -> JSONPreview:
        """Return the cards by model name, as JSON."""
        try:
            cards = read_cards(self._fs, self._load_folder())
        except ModelFileError as error:
            raise DatasetError(str(error)) from error
        return JSONPreview(json.dumps({name: head["card"] for name, head in cards.items()}))

    def _exists(self) -> bool:
        try:
            return self._is_complete(str(self._get_load_path()))
        except DatasetError:
            return False

    def _release(self) -> None:
        super()._release()
        self._invalidate_cache()

    def _invalidate_cache(self) -> None:
        self._fs.invalidate_cache(get_filepath_str(self._filepath, self._protocol))

    def _load_folder(self) -> str:
        return get_filepath_str(self._get_load_path(), self._protocol)

    def _write(self, folder: str, files: dict[str, bytes]) -> None:
        for file, content in files.items():
            with self._fs.open(f"{folder}/{file}", "wb") as stream:
                stream.write(content)

    def _write_local(self, folder: str, files: dict[str, bytes]) -> None:
        """Write beside the folder, then put the new one in its place by a rename."""
        parent, _, name = folder.rpartition("/")
        staged = f"{parent}/.{name}.partial"
        if self._fs.exists(staged):  # left by an interrupted save
            self._fs.rm(staged, recursive=True)
        self._write(staged, files)
        if self._fs.exists(folder):
            self._fs.rm(folder, recursive=True)
        self._fs.mv(staged, folder, recursive=True)

    def _is_complete(self, path: str) -> bool:
        """Whether a folder holds the card of every model that was saved to it."""
        try:
            folder = get_filepath_str(PurePosixPath(path), self._protocol)
            return bool(read_cards(self._fs, folder))
        except ModelFileError:
            return False
