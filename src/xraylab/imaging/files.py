"""Bytes of one file, from a local disk or any fsspec file system, and back, atomically."""

from __future__ import annotations

import os
import secrets
from pathlib import Path, PurePosixPath
from typing import Any

from xraylab.imaging.errors import UnreadableRadiograph

__all__ = ["DOCUMENT_SUFFIXES", "is_ignored_file", "is_local", "read_bytes", "write_bytes"]

_SYSTEM_NAMES = frozenset(
    ("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information")
)

DOCUMENT_SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".xml", ".yml", ".yaml", ".parquet", ".xls", ".xlsx", ".ods"),
    *(".md", ".rst", ".html", ".htm", ".pdf", ".doc", ".docx", ".rtf", ".odt", ".log", ".py", ".ipynb", ".db"),
)  # fmt: skip
"""Suffixes of tables and texts, which lie beside films and are no films."""


def is_ignored_file(path: str) -> str | None:
    """Return the rule by which a file or folder is ignored, or None where it counts.

    Parameters
    ----------
    path : str
        Path below the given folder; folders above it do not matter.

    Examples
    --------
    >>> is_ignored_file("hands/._1377.png"), is_ignored_file("hands/1377.png")
    ('hidden: its name begins with a dot', None)
    """
    for part in PurePosixPath(path).parts:
        if part.startswith(".") and part not in (".", ".."):
            return "hidden: its name begins with a dot"
        if part == "__MACOSX":
            return "a side file of a macOS archive"
        if part.startswith("~$"):
            return "a lock file of an office program"
        if part.casefold() in _SYSTEM_NAMES or part == "Icon\r":
            return "a file of the operating system"
    return None


def is_local(path: str) -> bool:
    """Tell whether a path names the local disk, with or without ``file://``.

    Examples
    --------
    >>> is_local("films/a.png"), is_local("file:///films/a.png"), is_local("s3://bucket/a.png")
    (True, True, False)
    """
    return "://" not in path or path.startswith(("file://", "local://"))


def read_bytes(path: str, max_bytes: int, storage_options: dict[str, Any] | None = None) -> bytes:
    """Return the content of a file, in one request.

    Parameters
    ----------
    path : str
        A local path or an fsspec address such as ``s3://bucket/film.dcm``.
    max_bytes : int
        A larger file is refused before it is held in memory.
    storage_options : dict, optional
        Arguments of the fsspec file system; not used for a local path.

    Raises
    ------
    UnreadableRadiograph
        If there is no such file, it is a folder, it may not be read, it is empty, or it is too large.

    Examples
    --------
    >>> write_bytes("memory://films/a.png", b"a film")
    >>> read_bytes("memory://films/a.png", max_bytes=100)
    b'a film'
    """
    try:
        if is_local(path):
            with open(_local_path(path), "rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                data = b"" if size > max_bytes else file.read()
        else:
            from fsspec.core import url_to_fs

            filesystem, inner = url_to_fs(path, **(storage_options or {}))
            data = bytes(filesystem.cat_file(inner, end=max_bytes + 1))
            size = len(data)
    except (OSError, ImportError, ValueError) as error:
        raise UnreadableRadiograph(path, _reason(error)) from error
    if size > max_bytes:
        raise UnreadableRadiograph(
            path, f"has more than {max_bytes:,} bytes, the most that max_pixels allows"
        )
    if not data:
        raise UnreadableRadiograph(path, "is empty (0 bytes)")
    return data


def write_bytes(path: str, data: bytes, storage_options: dict[str, Any] | None = None) -> None:
    """Write a whole file or none: a temporary name, then a rename; one put on another file system.

    Parent folders are made as needed.

    Raises
    ------
    OSError
        If the file system refuses; the target is then as it was.

    Examples
    --------
    >>> write_bytes("memory://films/b.png", b"another film")
    >>> read_bytes("memory://films/b.png", max_bytes=100)
    b'another film'
    """
    if not is_local(path):
        from fsspec.core import url_to_fs

        filesystem, inner = url_to_fs(path, **(storage_options or {}))
        filesystem.pipe_file(inner, data)
        return
    target = Path(_local_path(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    # Hidden, so that a reader of the folder never takes it for a film; beside the target, so that the
    # rename stays on one disk.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _local_path(path: str) -> str:
    if "://" not in path:
        return path
    from fsspec.core import strip_protocol

    return str(strip_protocol(path))


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder, not a file"
    if isinstance(error, PermissionError):
        return "may not be read (permission denied)"
    return f"cannot be read ({type(error).__name__}: {error})"
