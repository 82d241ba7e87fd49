"""Files and folders under a path that a user gave: listed name by name, so that no character in it is a pattern."""

from __future__ import annotations

import fnmatch
import logging
import os
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from xraylab.imaging.files import is_ignored_file

__all__ = ["FOLDER_BELOW", "expand_folders", "list_files"]

logger = logging.getLogger(__name__)

FOLDER_BELOW = "a folder among the files: not read"

_WILDCARDS = frozenset("*?[")


def list_files(
    filesystem: Any,
    folder: str,
    *,
    recursive: bool = False,
    ignored: dict[str, str] | None = None,
) -> Iterator[str]:
    """Give the paths of the files in a folder, in order; none where there is no such folder.

    Links are followed; a folder that a link leads back to is read once.

    Parameters
    ----------
    filesystem : fsspec.AbstractFileSystem
        Where the folder lies.
    folder : str
        Its path there.
    recursive : bool
        List the folders in it too, at any depth.
    ignored : dict of str to str, optional
        Takes the path of each file or folder that is ignored (`xraylab.imaging.files.is_ignored_file`), and the rule.
    """
    seen: set[str] = set()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        if _identity(filesystem, place) in seen:
            if ignored is not None:
                ignored[place] = "a link to a folder that is read already"
            continue
        seen.add(_identity(filesystem, place))
        folders = []
        for path, is_folder in _list(filesystem, place, ignored):
            if is_folder:
                folders.append(path)
                if not recursive and ignored is not None:
                    ignored[path] = FOLDER_BELOW
            else:
                yield path
        if recursive:
            waiting += reversed(folders)


def expand_folders(filesystem: Any, root: str, pattern: str) -> list[str]:
    """Return the folders under a root that a pattern of the catalog names, with ``*``, ``?`` and ``[…]`` in a name."""
    places = [root]
    for part in PurePosixPath(pattern).parts:
        if not _WILDCARDS & set(part):
            places = [f"{place.rstrip('/')}/{part}" for place in places]
            continue
        places = [
            path
            for place in places
            for path, is_folder in _list(filesystem, place)
            if is_folder and fnmatch.fnmatchcase(path.rsplit("/", 1)[-1], part)
        ]
    return places


def _list(
    filesystem: Any, place: str, ignored: dict[str, str] | None = None
) -> list[tuple[str, bool]]:
    """Return the paths in a folder that are not ignored, in order, and whether each is a folder."""
    try:
        entries = filesystem.ls(place, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        logger.warning("Passed over: the folder '%s' may not be read", place)
        return []
    found = []
    for entry in entries:
        path = str(entry["name"]).rstrip("/")
        if path == place.rstrip("/"):
            continue
        rule = is_ignored_file(path.rsplit("/", 1)[-1])
        if rule is not None:
            if ignored is not None:
                ignored[path] = rule
            continue
        is_folder = entry["type"] == "directory" or (
            bool(entry.get("islink")) and filesystem.isdir(path)
        )
        if is_folder or entry["type"] == "file" or entry.get("islink"):
            found.append((path, is_folder))
    return sorted(found)


def _identity(filesystem: Any, place: str) -> str:
    return os.path.realpath(place) if "file" in _protocols(filesystem) else place


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
