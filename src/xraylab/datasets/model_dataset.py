"""A Kedro dataset of trained models: weights and cards in a folder, never a pickled object."""

from __future__ import annotations

import hashlib
import json
import os
import re
from copy import deepcopy
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NewType

import fsspec
import numpy as np
from kedro.io.core import (
    AbstractVersionedDataset,
    DatasetError,
    Version,
    get_filepath_str,
    get_protocol_and_path,
)
from numpy.typing import NDArray

from xraylab.models.state import ModelState

if TYPE_CHECKING:
    from xraylab.provenance import Source

__all__ = ["ModelDataset"]

JSONPreview = NewType("JSONPreview", str)
"""A text of JSON; Kedro-Viz knows what to draw by the name of this type."""

_FORMAT = "xraylab.models/1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TENSORS = ".safetensors"
_BOOSTER = ".booster.json"
_CARD = ".json"
_DTYPES = {
    *("bool", "float16", "float32", "float64", "complex64"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}


class ModelDataset(AbstractVersionedDataset[dict[str, ModelState], dict[str, ModelState]]):
    """Models by name, saved as one folder and loaded exactly as they were.

    The folder holds for each model ``<name>.safetensors`` (its tensors, if any),
    ``<name>.booster.json`` (the boosting library's own text, if any) and ``<name>.json``: the
    card, with the names of all models of the folder and a BLAKE2b digest of each file of weights.
    Where a run has set it, each card file also says the source: environment, raw root, films, code and date
    (`xraylab.provenance.Source`).
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
        folder = self._load_folder()
        return {
            name: self._load_model(folder, name, head) for name, head in self._cards(folder).items()
        }

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
        weights, cards = _encode(data, source)
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
        cards = self._cards(self._load_folder())
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
            return bool(self._cards(get_filepath_str(PurePosixPath(path), self._protocol)))
        except DatasetError:
            return False

    def _cards(self, folder: str) -> dict[str, dict[str, Any]]:
        """Read the card files of all models of a folder."""
        try:
            paths = [str(path) for path in self._fs.ls(folder, detail=False)]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DatasetError(f"there is no folder '{folder}'") from error
        cards = [path for path in paths if path.endswith(_CARD) and not path.endswith(_BOOSTER)]
        if not cards:
            raise DatasetError(f"there is no model in '{folder}': no card '<name>{_CARD}'")
        # Any card names all models, so that one that is missing is seen to be missing.
        names = self._card(folder, PurePosixPath(min(cards)).name)["models"]
        return {name: self._card(folder, f"{name}{_CARD}") for name in names}

    def _card(self, folder: str, file: str) -> dict[str, Any]:
        try:
            head = json.loads(self._read(folder, file))
        except ValueError as error:
            raise DatasetError(f"the card '{folder}/{file}' is no JSON: {error}") from error
        keys = {"format", "models", "files", "card"}
        if not isinstance(head, dict) or head.get("format") != _FORMAT or not keys <= head.keys():
            raise DatasetError(f"'{folder}/{file}' is no card of the format '{_FORMAT}'")
        stem = file.removesuffix(_CARD)
        foreign = set(head["files"]) - {stem + _TENSORS, stem + _BOOSTER}
        if foreign or not all(_NAME.fullmatch(str(name)) for name in head["models"]):
            raise DatasetError(f"'{folder}/{file}' names files that are not of the model '{stem}'")
        return head

    def _load_model(self, folder: str, name: str, head: dict[str, Any]) -> ModelState:
        from safetensors.numpy import load

        contents = {}
        for file, digest in head["files"].items():
            contents[file] = self._read(folder, file)
            if _digest(contents[file]) != digest:
                raise DatasetError(
                    f"'{folder}/{file}' is damaged: it is not what the card '{name}{_CARD}' names"
                )
        tensors = load(contents[name + _TENSORS]) if name + _TENSORS in contents else {}
        return ModelState(head["card"], tensors, contents.get(name + _BOOSTER, b"").decode())

    def _read(self, folder: str, file: str) -> bytes:
        try:
            content = self._fs.cat_file(f"{folder}/{file}")
        except FileNotFoundError as error:
            raise DatasetError(f"'{folder}/{file}' is missing") from error
        return bytes(content)


def _encode(
    data: dict[str, ModelState], source: dict[str, Any] | None
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the files of weights and the files of cards, by file name."""
    _check_names(data)
    weights: dict[str, bytes] = {}
    cards: dict[str, bytes] = {}
    for name, state in data.items():
        if not isinstance(state, ModelState):
            raise DatasetError(f"model '{name}' must be a ModelState, got {type(state).__name__}")
        files = {}
        if state.tensors:
            files[name + _TENSORS] = _encode_tensors(name, state.tensors)
        if state.booster:
            files[name + _BOOSTER] = state.booster.encode()
        head = {
            "format": _FORMAT,
            "models": list(data),
            "files": {file: _digest(content) for file, content in files.items()},
            "card": _checked_card(name, state.card),
            **({} if source is None else {"source": source}),
        }
        weights.update(files)
        cards[name + _CARD] = json.dumps(head, indent=2, allow_nan=False).encode()
    return weights, cards


def _check_names(data: dict[str, ModelState]) -> None:
    if not isinstance(data, dict) or not data:
        raise DatasetError(f"expected a dict of at least one model by name, got {data!r:.80}")
    for name in data:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise DatasetError(
                f"model name {name!r} is not valid: it must be 1 to 100 letters, digits, '_' and '-', and start "
                "with a letter or digit"
            )
    if len({name.lower() for name in data}) < len(data):
        raise DatasetError(
            f"model names differ in case only, which some file systems cannot tell: {list(data)}"
        )


def _encode_tensors(name: str, tensors: dict[str, NDArray[Any]]) -> bytes:
    from safetensors.numpy import save

    for key, tensor in tensors.items():
        if not isinstance(tensor, np.ndarray) or tensor.dtype.name not in _DTYPES:
            kind = tensor.dtype if isinstance(tensor, np.ndarray) else type(tensor).__name__
            raise DatasetError(
                f"tensor '{key}' of model '{name}' must be an array of numbers, got {kind}"
            )
    return bytes(save({key: np.asarray(tensor, order="C") for key, tensor in tensors.items()}))


def _checked_card(name: str, card: dict[str, Any]) -> dict[str, Any]:
    """Return the card if it comes back from JSON as it is: no tuple, nan, number as a key, or object."""
    for key, value in card.items():
        try:
            same = json.loads(json.dumps({key: value}, allow_nan=False)) == {key: value}
        except (TypeError, ValueError) as error:
            raise DatasetError(
                f"card of model '{name}': '{key}' cannot be written as JSON: {error}"
            ) from error
        if not same:
            raise DatasetError(
                f"card of model '{name}': '{key}' would not come back from JSON as it is: {value!r:.80}"
            )
    return card


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
