"""A bundle: one folder, or a zip of it, with all that a released model needs to read films it has never seen.

It is a folder of stored models (`xraylab.models.files`): the networks or tables that predict, the score of unfamiliar
films, and the card ``bundle`` that says what the task is, how films are prepared, thresholds, calibration, radii of
intervals, and from which data all of it comes. Opening one checks the digest of every file and runs no code of it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.card import NOTICE, digest_facts
from xraylab.models.files import ModelFileError, encode_models, read_cards, read_model
from xraylab.models.state import ModelState

__all__ = [
    "FOLDER",
    "Bundle",
    "BundleError",
    "bundle_of",
    "find_bundle",
    "is_address",
    "open_bundle",
    "pack_bundle",
    "write_bundle",
    "zip_bundle",
]

FOLDER = "bundle"
"""Name of the folder, as the catalog saves it, and of the card that describes it."""

_FORMAT = "xraylab.bundle/1"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_FAMILIARITY = "familiarity"
_MEMBER = "member-"


class BundleError(ValueError):
    """A bundle that is not there, is damaged, or is one of another task."""


@dataclass(frozen=True)
class Bundle:
    """A released model with all that it needs.

    Attributes
    ----------
    place : str
        Where it was opened, as it was named.
    card : dict
        ``task``, ``preparations`` (how films are prepared, by name), ``familiarity_of`` (which of them the score of
        unfamiliar films reads), ``modalities`` and ``body_parts`` (what a file may say it is), and what only this
        task needs.
    members : dict of str to ModelState
        What predicts, by the names that the task gave them.
    familiarity : ModelState or None
        The score of unfamiliar films.
    source : dict
        The run that packed it (`xraylab.provenance.Source`); empty where none is known.
    """

    place: str
    card: dict[str, Any]
    members: dict[str, ModelState]
    familiarity: ModelState | None = None
    source: Mapping[str, Any] | None = None

    @property
    def task(self) -> str:
        """The pipeline that it is of, such as ``bone_age``."""
        return str(self.card["task"])

    @property
    def preparations(self) -> dict[str, PreprocessParams]:
        """How films are prepared, by name."""
        found = self.card["preparations"]
        return {name: PreprocessParams.model_validate(each) for name, each in found.items()}

    @property
    def version(self) -> str:
        """The run that made it, by which ``model=`` finds it; its digest where no run is known."""
        return str((self.source or {}).get("run") or self.digest)

    @property
    def trained_on(self) -> str:
        """The data in a few words, such as ``phantoms of rsna_bone_age``."""
        source = self.source or {}
        sets = ", ".join(sorted(source.get("data_sets") or ())) or "unknown data"
        return f"{'phantoms of ' if source.get('phantoms') else ''}{sets}"

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that change with anything that a prediction depends on."""
        states = {**self.members, _FAMILIARITY: self.familiarity}
        parts = {
            name: [state.card, digest_facts(state.booster), _digest_tensors(state)]
            for name, state in states.items()
            if state is not None
        }
        return digest_facts([self.card, parts])


def _digest_tensors(state: ModelState) -> str:
    from xraylab.imaging.fingerprint import digest_pixels

    return digest_facts({name: digest_pixels(value) for name, value in state.tensors.items()})


def pack_bundle(
    task: str,
    card: Mapping[str, Any],
    members: Mapping[str, ModelState],
    familiarity: ModelState | None,
) -> dict[str, ModelState]:
    """Return the stored models of a bundle, as the catalog saves them.

    Examples
    --------
    >>> states = pack_bundle("fracture", {"preparations": {}}, {"cnn": ModelState({})}, None)
    >>> list(states), states["bundle"].card["task"]
    (['bundle', 'member-cnn'], 'fracture')
    """
    described = {
        "format": _FORMAT,
        "task": task,
        **card,
        "members": list(members),
        "notice": NOTICE,
    }
    states = {FOLDER: ModelState(described)}
    states |= {f"{_MEMBER}{name}": state for name, state in members.items()}
    if familiarity is not None:
        states[_FAMILIARITY] = familiarity
    return states


def write_bundle(states: Mapping[str, ModelState], folder: str) -> None:
    """Write a bundle to a new local folder, for those who pack one by hand; runs save theirs by the catalog.

    Raises
    ------
    FileExistsError
        If the folder is there already.
    """
    weights, cards = encode_models(dict(states), None)
    place = Path(folder)
    place.mkdir(parents=True)
    for name, content in {**weights, **cards}.items():
        (place / name).write_bytes(content)


def zip_bundle(place: str, file: str) -> None:
    """Write the files of a bundle to one zip file, whose times are fixed: equal bundles give equal files.

    An export that lies in its folder (`xraylab.prediction.export`) goes along.

    Parameters
    ----------
    place : str
        A bundle, as `open_bundle` takes it; it is checked first.
    file : str
        The zip file, on a local disk; it appears whole, by a rename.
    """
    open_bundle(place)
    filesystem, folder = _locate(place)
    partial_file = Path(f"{file}.partial")
    with zipfile.ZipFile(partial_file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(str(each) for each in filesystem.find(folder)):
            entry = zipfile.ZipInfo(path.removeprefix(folder).lstrip("/"), _ZIP_TIME)
            archive.writestr(entry, filesystem.cat_file(path), zipfile.ZIP_DEFLATED)
    partial_file.replace(file)


def open_bundle(place: str, task: str | None = None) -> Bundle:
    """Open a bundle: a folder, a zip file, or an fsspec address of either.

    Parameters
    ----------
    place : str
        Such as ``models/bone_age``, ``bone_age.zip`` or ``s3://bucket/bone_age.zip``.
    task : str, optional
        The task that it must be of.

    Raises
    ------
    BundleError
        If there is none, a file differs from its digest, or it is of another task.
    """
    try:
        filesystem, folder = _locate(place)
        heads = read_cards(filesystem, folder)
        states = {name: read_model(filesystem, folder, name, head) for name, head in heads.items()}
    except (ModelFileError, OSError, zipfile.BadZipFile) as error:
        raise BundleError(f"'{place}' is no bundle: {error}") from error
    head = heads.get(FOLDER, {})
    found = bundle_of(states, place, head.get("source"))
    if task is not None and found.task != task:
        raise BundleError(f"'{place}' is a bundle of {found.task}, not of {task}")
    return found


def bundle_of(
    states: Mapping[str, ModelState], place: str, source: Mapping[str, Any] | None
) -> Bundle:
    """Return the bundle that stored models are.

    Raises
    ------
    BundleError
        If they are none, or one that another version of this software has made.
    """
    card = states[FOLDER].card if FOLDER in states else {}
    if card.get("format") != _FORMAT:
        raise BundleError(f"'{place}' is no bundle of the format '{_FORMAT}'")
    members = {name: states[f"{_MEMBER}{name}"] for name in card["members"]}
    return Bundle(place, dict(card), members, states.get(_FAMILIARITY), source)


def _locate(place: str) -> tuple[Any, str]:
    """Return the file system and the folder that holds the cards."""
    if place.lower().endswith(".zip"):
        filesystem, root = fsspec.filesystem("zip", fo=place, mode="r"), ""
    else:
        filesystem, root = url_to_fs(place)
    inside = f"{root}/{FOLDER}" if root else FOLDER  # as the catalog lays a version out
    for folder in (root, inside):
        if filesystem.exists(f"{folder}/{FOLDER}.json" if folder else f"{FOLDER}.json"):
            return filesystem, folder
    raise ModelFileError(f"it holds no card '{FOLDER}.json'")


def find_bundle(model: str, task: str, workspaces: Iterable[str], train: str) -> str:
    """Return where the bundle lies that ``model=`` names: a version, a folder, a zip, or an address.

    Parameters
    ----------
    model : str
        Empty for the newest one: one that was trained on real data before one that was trained on phantoms.
    task : str
        The pipeline.
    workspaces : iterable of str
        Folders that runs write to.
    train : str
        The command that trains one.

    Raises
    ------
    BundleError
        If there is none: the message says how to train one, or which versions there are.
    """
    if is_address(model):
        return model
    versions: dict[str, str] = {}
    for workspace in workspaces:
        filesystem, root = url_to_fs(f"{workspace}/06_models/{task}/{FOLDER}")
        for card in filesystem.glob(f"{root}/*/{FOLDER}/{FOLDER}.json"):
            folder = str(card).rsplit("/", 1)[0]
            address = folder if "://" not in workspace else filesystem.unstrip_protocol(folder)
            versions[str(card).split("/")[-3]] = address
    if not versions:
        raise BundleError(f"there is no trained model of {task} yet. Train one first: {train}")
    if model in versions:
        return versions[model]
    if model:
        newest = ", ".join(sorted(versions, reverse=True)[:5])
        raise BundleError(
            f"there is no model '{model}' of {task}. Its versions, newest first: {newest}; or name a folder or a zip"
        )
    return versions[max(versions, key=lambda version: (_is_real(versions[version]), version))]


def is_address(model: str) -> bool:
    """Tell whether ``model=`` names a folder, a zip or an address, and no version.

    Examples
    --------
    >>> is_address("models/bone_age"), is_address("2026-11-25T19.08.00.000Z")
    (True, False)
    """
    return "/" in model or "\\" in model or model.lower().endswith(".zip")


def _is_real(place: str) -> bool:
    filesystem, folder = url_to_fs(place)
    source = read_cards(filesystem, folder)[FOLDER].get("source") or {}
    return not source.get("phantoms", True)
