"""Stored models as files of one folder: weights and cards, digests checked, no code run.

The folder holds for each model ``<name>.safetensors`` (its tensors, if any), ``<name>.booster.json`` (the boosting
library's own text, if any) and ``<name>.json``: the card, with the names of all models of the folder and a BLAKE2b
digest of each file of weights. A folder that lacks a card is not whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraylab.models.state import ModelState

__all__ = ["ModelFileError", "encode_models", "read_cards", "read_model", "read_models"]

_FORMAT = "xraylab.models/1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TENSORS = ".safetensors"
_BOOSTER = ".booster.json"
_CARD = ".json"
_DTYPES = {
    *("bool", "float16", "float32", "float64", "complex64"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}


class ModelFileError(ValueError):
    """A folder of models that is not whole, or a model that cannot be written."""


def read_models(filesystem: Any, folder: str) -> dict[str, ModelState]:
    """Read all models of a folder, in the order in which they were saved.

    Parameters
    ----------
    filesystem : fsspec.AbstractFileSystem
        Where the folder lies.
    folder : str
        Its path there.

    Raises
    ------
    ModelFileError
        If a file is missing, is no card, or differs from what its card says.
    """
    cards = read_cards(filesystem, folder)
    return {name: read_model(filesystem, folder, name, head) for name, head in cards.items()}


def read_cards(filesystem: Any, folder: str) -> dict[str, dict[str, Any]]:
    """Read the card files of all models of a folder.

    Returns
    -------
    dict of str to dict
        By model name what the file of its card holds: ``format, models, files, card`` and, where a run has set it,
        ``source``.

    Raises
    ------
    ModelFileError
        If there is no folder, or a card is missing or is none.
    """
    try:
        paths = [str(path) for path in filesystem.ls(folder, detail=False)]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelFileError(f"there is no folder '{folder}'") from error
    cards = [path for path in paths if path.endswith(_CARD) and not path.endswith(_BOOSTER)]
    if not cards:
        raise ModelFileError(f"there is no model in '{folder}': no card '<name>{_CARD}'")
    # Any card names all models, so that one that is missing is seen to be missing.
    names = _read_card(filesystem, folder, PurePosixPath(min(cards)).name)["models"]
    return {name: _read_card(filesystem, folder, f"{name}{_CARD}") for name in names}


def read_model(filesystem: Any, folder: str, name: str, head: dict[str, Any]) -> ModelState:
    """Read one model whose card file is known."""
    from safetensors.numpy import load

    contents = {}
    for file, digest in head["files"].items():
        contents[file] = _read(filesystem, folder, file)
        if _digest(contents[file]) != digest:
            raise ModelFileError(
                f"'{folder}/{file}' is damaged: it is not what the card '{name}{_CARD}' names"
            )
    tensors = load(contents[name + _TENSORS]) if name + _TENSORS in contents else {}
    return ModelState(head["card"], tensors, contents.get(name + _BOOSTER, b"").decode())


def _read_card(filesystem: Any, folder: str, file: str) -> dict[str, Any]:
    try:
        head = json.loads(_read(filesystem, folder, file))
    except ValueError as error:
        raise ModelFileError(f"the card '{folder}/{file}' is no JSON: {error}") from error
    keys = {"format", "models", "files", "card"}
    if not isinstance(head, dict) or head.get("format") != _FORMAT or not keys <= head.keys():
        raise ModelFileError(f"'{folder}/{file}' is no card of the format '{_FORMAT}'")
    stem = file.removesuffix(_CARD)
    foreign = set(head["files"]) - {stem + _TENSORS, stem + _BOOSTER}
    if foreign or not all(_NAME.fullmatch(str(name)) for name in head["models"]):
        raise ModelFileError(f"'{folder}/{file}' names files that are not of the model '{stem}'")
    return head


def _read(filesystem: Any, folder: str, file: str) -> bytes:
    try:
        content = filesystem.cat_file(f"{folder}/{file}")
    except FileNotFoundError as error:
        raise ModelFileError(f"'{folder}/{file}' is missing") from error
    return bytes(content)


def encode_models(
    data: dict[str, ModelState], source: dict[str, Any] | None
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the files of weights and the files of cards, by file name.

    Raises
    ------
    ModelFileError
        If a name is not valid, or a card or tensor cannot be written so that it comes back as it is.
    """
    _check_names(data)
    weights: dict[str, bytes] = {}
    cards: dict[str, bytes] = {}
    for name, state in data.items():
        if not isinstance(state, ModelState):
            raise ModelFileError(f"model '{name}' must be a ModelState, got {type(state).__name__}")
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
        raise ModelFileError(f"expected a dict of at least one model by name, got {data!r:.80}")
    for name in data:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ModelFileError(
                f"model name {name!r} is not valid: it must be 1 to 100 letters, digits, '_' and '-', and start "
                "with a letter or digit"
            )
    if len({name.lower() for name in data}) < len(data):
        raise ModelFileError(
            f"model names differ in case only, which some file systems cannot tell: {list(data)}"
        )


def _encode_tensors(name: str, tensors: dict[str, NDArray[Any]]) -> bytes:
    from safetensors.numpy import save

    for key, tensor in tensors.items():
        if not isinstance(tensor, np.ndarray) or tensor.dtype.name not in _DTYPES:
            kind = tensor.dtype if isinstance(tensor, np.ndarray) else type(tensor).__name__
            raise ModelFileError(
                f"tensor '{key}' of model '{name}' must be an array of numbers, got {kind}"
            )
    return bytes(save({key: np.asarray(tensor, order="C") for key, tensor in tensors.items()}))


def _checked_card(name: str, card: dict[str, Any]) -> dict[str, Any]:
    """Return the card if it comes back from JSON as it is: no tuple, nan, number as a key, or object."""
    for key, value in card.items():
        try:
            same = json.loads(json.dumps({key: value}, allow_nan=False)) == {key: value}
        except (TypeError, ValueError) as error:
            raise ModelFileError(
                f"card of model '{name}': '{key}' cannot be written as JSON: {error}"
            ) from error
        if not same:
            raise ModelFileError(
                f"card of model '{name}': '{key}' would not come back from JSON as it is: {value!r:.80}"
            )
    return card


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
