"""Where a result comes from: environment, raw data, films, code and date."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from xraylab import __version__

__all__ = ["SIDECAR", "Source", "code_version", "digest_films", "identify_folder"]

SIDECAR = ".source.json"
"""Beside each file or folder of a workspace lies one of its name with this end: the `Source` that made it."""

_DIGITS = 8  # of a digest, where a person reads it


@dataclass(frozen=True)
class Source:
    """What made a table, a model or a figure, and from which data.

    Attributes
    ----------
    environment : str
        Kedro's environment.
    raw_root : str
        Root of the raw data: an address, an absolute path, or a path inside of the project.
    raw_root_as_given : str
        The same as the user wrote it; this is what figures and reports show.
    phantoms : bool
        Whether the data are synthetic.
    data_sets : mapping of str to str
        Identity of each raw data set that was read, as `identify_folder` gives it.
    n_films : int or None
        Number of films behind the result, where it is known.
    data_digest : str
        Digest of the content of these films.
    code : str
        Version of the package and, in a git checkout, the commit, with ``modified`` where files differ from it.
    date : str
        Day and time of the run (UTC, ISO 8601).
    run : str
        The run's identifier, which is also the version of what it saved.
    seed : int or None
        Seed of the settings.
    split : str
        Digest of the table that gives the parts of the films (``--params split=…``); empty without one.
    """

    environment: str
    raw_root: str
    raw_root_as_given: str
    phantoms: bool
    code: str
    date: str
    run: str
    data_sets: Mapping[str, str] = field(default_factory=dict)
    n_films: int | None = None
    data_digest: str = ""
    seed: int | None = None
    split: str = ""

    def to_json(self) -> str:
        """Return the source as JSON text."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Source:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            If the text is no such record.
        """
        record = json.loads(text)
        names = {each.name for each in fields(cls)}
        if not isinstance(record, dict) or not {"environment", "raw_root"} <= record.keys():
            raise ValueError("not a record of a source: it has no environment and raw root")
        return cls(**{name: value for name, value in record.items() if name in names})

    def of_films(self, n_films: int, data_digest: str) -> Source:
        """Return the same source for so many films of this content."""
        return replace(self, n_films=n_films, data_digest=data_digest)

    @property
    def data(self) -> str:
        """The data in a few words, such as ``PHANTOMS (data/01_raw/phantoms)``."""
        place = self.raw_root_as_given
        return f"PHANTOMS ({place})" if self.phantoms else place

    def describe(self) -> str:
        """Return one line for the foot of a figure or the head of a page.

        Examples
        --------
        >>> Source(
        ...     "base", "/x/data/01_raw/phantoms", "data/01_raw/phantoms", True, "0.1.0", "2026-01-31T12:00:00Z", "r",
        ...     n_films=54, data_digest="0123456789abcdef",
        ... ).describe()
        'PHANTOMS (data/01_raw/phantoms) · environment base · 54 films, digest 01234567 · code 0.1.0 · 2026-01-31'
        """
        films = "" if self.n_films is None else f"{self.n_films:,} films"
        digest = f"digest {self.data_digest[:_DIGITS]}" if self.data_digest else ""
        parts = [
            self.data,
            f"environment {self.environment}",
            ", ".join(filter(None, (films, digest))),
            f"split {self.split[:_DIGITS]}" if self.split else "",
            f"code {self.code}",
            self.date[:10],
        ]
        return " · ".join(filter(None, parts))

    def differs_from(self, other: Source) -> str:
        """Return in words why data of the other source do not belong to a run of this one; empty if they do.

        A data set that only one of the two has read says nothing.
        """
        if other.environment != self.environment:
            return f"environment '{other.environment}', not '{self.environment}'"
        if other.raw_root != self.raw_root:
            return f"raw root '{other.raw_root_as_given}', not '{self.raw_root_as_given}'"
        for name, identity in sorted(self.data_sets.items()):
            if other.data_sets.get(name, identity) != identity:
                return f"an earlier state of '{name}': files were added, removed or changed since"
        return ""


def identify_folder(path: str) -> str:
    """Return 16 hexadecimal digits that change when a file under a folder is added, removed or changed.

    Files are known by their path, size and time of change, as the file system lists them; none is opened.

    Parameters
    ----------
    path : str
        A folder, on any fsspec file system.

    Returns
    -------
    str
        The digest; empty if there is no such folder.
    """
    from fsspec.core import url_to_fs

    filesystem, root = url_to_fs(path)
    if not filesystem.isdir(root):
        return ""
    listed = filesystem.find(root, detail=True)
    rows = sorted(
        (name.removeprefix(root), entry.get("size"), _changed(entry))
        for name, entry in listed.items()
    )
    return hashlib.blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()


def digest_films(data: Any) -> tuple[int, str] | None:
    """Count the films of a table, or of a cache of arrays, and digest what they are known by.

    Parameters
    ----------
    data : DataFrame or ArrayCache
        With a column ``image_id``, and ``source`` (the digest of the file) where the content is known.

    Returns
    -------
    (int, str) or None
        The number of films and 16 hexadecimal digits; None where the data list no films.
    """
    table = data if hasattr(data, "columns") else getattr(data, "index", None)
    if table is None or "image_id" not in getattr(table, "columns", ()):
        return None
    keys = [key for key in ("image_id", "source") if key in table]
    rows = table[keys].astype(str).drop_duplicates().sort_values(keys).to_numpy().tolist()
    digest = hashlib.blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()
    return len({row[0] for row in rows}), digest


def _changed(entry: Mapping[str, Any]) -> str:
    # each file system has its own word for it
    keys = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated")
    return next((str(entry[key]) for key in keys if entry.get(key) is not None), "")


@cache
def code_version() -> str:
    """Return the version of this package and, where it lies in a git checkout, the commit.

    Returns
    -------
    str
        Such as ``0.1.0``, ``0.1.0+1a2b3c4d5e6f`` or ``0.1.0+1a2b3c4d5e6f, modified``.
    """
    folder = Path(__file__).resolve().parent
    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    if not commit or not _git(folder, "ls-files", Path(__file__).name):
        return __version__  # installed, perhaps below another project's checkout
    modified = _git(folder, "status", "--porcelain", "--untracked-files=no", ".")
    return f"{__version__}+{commit}" + (", modified" if modified else "")


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
