"""A film that is read when it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.files import read_bytes
from xraylab.imaging.film import Film
from xraylab.imaging.readers import MAX_PIXELS, decode_film, max_bytes
from xraylab.imaging.scaling import ApplyVoi

__all__ = [
    "IGNORED",
    "FilmFile",
    "FilmFolder",
    "LoadFilm",
    "digest_bytes",
    "ignored_files",
    "read_loaded",
    "with_voi",
]

LoadFilm = Callable[[], NDArray[np.float32]]

_DECODED: dict[str, Any] = {
    "apply_voi": "auto",
    "max_pixels": MAX_PIXELS,
}  # the defaults of `read_film`


@dataclass(frozen=True, slots=True)
class FilmFile:
    """The file of one film: calling it reads the film. Small and picklable, so a hundred thousand take little memory.

    Attributes
    ----------
    path : str
        A local path or an fsspec address.
    options : dict
        Arguments of `xraylab.imaging.read_film` that differ from its defaults.
    """

    path: str
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self) -> NDArray[np.float32]:
        """Return the film (H, W) in [0, 1], as `xraylab.imaging.read_radiograph` does."""
        return self.read().pixels

    def read(self) -> Film:
        """Return the film with what its file says of it, as `xraylab.imaging.read_film` does."""
        return self.decode(self.read_bytes())

    def decode(self, data: bytes) -> Film:
        """Return the film of bytes that were read before (`read_bytes`), as `read` does."""
        given = {k: v for k, v in self.options.items() if k in _DECODED}
        return decode_film(data, self.path, **{**_DECODED, **given})

    def with_options(self, **options: Any) -> FilmFile:
        """Return the same film, read with other options, such as ``apply_voi``."""
        return replace(self, options={**self.options, **options})

    def digest(self) -> str:
        """Return the 128-bit xxHash of the file's bytes.

        Raises
        ------
        UnreadableRadiograph
            If the file cannot be read, or is larger than any film.
        """
        return digest_bytes(self.read_bytes())

    def read_bytes(self) -> bytes:
        """Return the bytes of the file.

        Raises
        ------
        UnreadableRadiograph
            If the file cannot be read, or is larger than any film.
        """
        limit = max_bytes(self.options.get("max_pixels", MAX_PIXELS))
        return read_bytes(self.path, limit, self._storage)

    @property
    def _storage(self) -> dict[str, Any] | None:
        storage: dict[str, Any] | None = self.options.get("storage_options")
        return storage


def digest_bytes(data: bytes) -> str:
    """Return the 128-bit xxHash of the bytes of a file.

    Examples
    --------
    >>> len(digest_bytes(b"a film"))
    32
    """
    from xxhash import xxh3_128_hexdigest

    return str(xxh3_128_hexdigest(data))


IGNORED = "ignored: "
"""How the reason of a file begins that is no input: it counts for nothing, and is listed all the same."""


class FilmFolder(dict[str, LoadFilm]):
    """Lazy films by image id, and what else is in their folder.

    Attributes
    ----------
    ignored : dict of str to str
        Files that are no films, by their path in the folder, with the rule by which they are ignored.
    """

    def __init__(
        self, films: Mapping[str, LoadFilm] | None = None, ignored: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(films or {})
        self.ignored = dict(ignored or {})


def ignored_files(*folders: Mapping[str, LoadFilm]) -> dict[str, str]:
    """Return the files that were ignored in folders of films, with the reason that a table of rejected inputs gives.

    Examples
    --------
    >>> folder = FilmFolder({}, {"labels.csv": "a table or text"})
    >>> ignored_files(folder)
    {'labels.csv': 'ignored: a table or text'}
    """
    return {
        path: f"{IGNORED}{rule}"
        for folder in folders
        for path, rule in getattr(folder, "ignored", {}).items()
    }


def with_voi(films: Mapping[str, LoadFilm], apply_voi: ApplyVoi) -> dict[str, LoadFilm]:
    """Return the same lazy films, their DICOM files read with or without the VOI transformation.

    Parameters
    ----------
    films : mapping of str to callable
        Lazy films by image id. Those that are made, not read from a file, are as they are.
    apply_voi : {"auto", "always", "never"}
        See `xraylab.imaging.read_film`.

    Examples
    --------
    >>> films = with_voi({"a": FilmFile("a.dcm")}, "never")
    >>> films["a"].options
    {'apply_voi': 'never'}
    """
    return {
        image_id: film.with_options(apply_voi=apply_voi) if isinstance(film, FilmFile) else film
        for image_id, film in films.items()
    }


def read_loaded(film: LoadFilm) -> Film:
    """Return a lazy film with what its file says of it; one that is made, not read, says nothing.

    Examples
    --------
    >>> film = read_loaded(lambda: np.zeros((2, 3), np.float32))
    >>> film.pixels.shape, film.spacing_mm, film.scaled_by
    ((2, 3), None, 'depth')
    """
    return film.read() if isinstance(film, FilmFile) else Film(film())
