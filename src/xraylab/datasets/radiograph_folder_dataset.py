"""A folder of radiographs, as the public sets lay them out, as one catalog entry."""

from __future__ import annotations

import fnmatch
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

import numpy as np
from kedro.io.core import DatasetError
from kedro_datasets.partitions import PartitionedDataset
from numpy.typing import NDArray

from xraylab.datasets.folder_listing import FOLDER_BELOW, expand_folders, list_files
from xraylab.datasets.radiograph_dataset import (
    LoadArgs,
    MaskLoadArgs,
    RadiographDataset,
    SaveArgs,
)
from xraylab.datasets.radiograph_preview import ImagePreview, contact_sheet, png_preview
from xraylab.imaging import (
    RADIOGRAPH_SUFFIXES,
    FilmFile,
    FilmFolder,
    write_radiograph,
)
from xraylab.imaging.files import DOCUMENT_SUFFIXES, is_ignored_file
from xraylab.imaging.masks import MaskFile
from xraylab.parameters import Parameters

__all__ = ["ImageId", "RadiographFolderDataset"]

FloatImage = NDArray[np.float32]
ImageId = Literal["stem", "name", "relative", "path"]
Content = Literal["film", "mask"]

_WILDCARDS = frozenset("*?[")
_ANY_DEPTH = "**"

logger = logging.getLogger(__name__)


class RadiographFolderDataset(PartitionedDataset):
    """Load films lazily from one or more folders under a path; save films as PNG.

    ``load`` gives a `xraylab.imaging.FilmFolder`, a dict of image id to callable: each callable reads its film, is
    picklable, and raises `xraylab.imaging.UnreadableRadiograph` itself if the film is bad. Folders are listed without
    a look into their files. Every file is accounted for: hidden files, those of the operating system, tables and
    texts are ignored, by a rule that ``FilmFolder.ignored`` names; every other file counts as a film, whatever it is
    called, since what it is shows when it is read. Links are followed, and no character of `path` is a pattern.

    Examples
    --------
    In a catalog:

    .. code-block:: yaml

        films:
          type: xraylab.datasets.RadiographFolderDataset
          path: ${globals:raw}/nih_chest_xray14
          folders: [images, images_*/images, "images[0-9]*"]
    """

    def __init__(  # noqa: PLR0913 - keyword arguments, the keys of a catalog entry
        self,
        *,
        path: str,
        folders: Sequence[str] = (".",),
        id: ImageId = "stem",  # noqa: A002 - the word of the catalog
        content: Content = "film",
        allow_empty: bool = False,
        optional: bool = False,
        overwrite: bool = False,
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Make the dataset; nothing is listed yet.

        Parameters
        ----------
        path : str
            The folder of the data set, on any fsspec file system; or a single film.
        folders : sequence of str
            Where films lie: folders relative to `path`, with ``*``, ``?`` and ``[…]`` inside a name, or ``**`` for
            `path` and all folders in it, at any depth. At least one must exist. Films are saved to the first one,
            which then may hold no wildcard; with ``id: relative`` or ``path`` to the folder that the id names, which
            one of these must match.
        id : {"stem", "name", "relative", "path"}
            The image id: file name without suffix, file name, or path under `path` without or with suffix.
        content : {"film", "mask"}
            What the files hold. Of a mask the callable gives the foreground, 0 or 1, see
            `xraylab.imaging.masks.read_mask`.
        allow_empty : bool
            Give an empty dict, not an error, where the folders hold no film.
        optional : bool
            Give an empty dict where no folder is there either: a pipeline that reads these films can do without them,
            and no other is run first to make them.
        overwrite : bool
            Remove the films that lie in the folders before others are saved, so that what a run no longer makes is no
            longer read.
        load_args : dict, optional
            ``apply_voi`` and ``max_pixels``, see `LoadArgs`; of masks ``threshold`` and ``max_pixels``, see
            `MaskLoadArgs`.
        save_args : dict, optional
            ``bits``, see `SaveArgs`.
        credentials, fs_args : dict, optional
            Arguments of the file system.
        metadata : dict, optional
            Anything; Kedro-Viz reads its own key from it.

        Raises
        ------
        kedro.io.DatasetError
            For a folder that leaves `path`, or no folder, or an unknown kind of id.
        pydantic.ValidationError
            For an unknown or invalid argument in `load_args` or `save_args`.
        """
        self._cached_partitions: list[str] | None = None
        if content not in get_args(Content):
            raise DatasetError(
                f"content must be one of {', '.join(get_args(Content))}, not {content!r}"
            )
        self._content: Content = content
        arguments = LoadArgs if content == "film" else MaskLoadArgs
        self._films_load_args: Parameters = arguments.model_validate(load_args or {})
        self._films_save_args = SaveArgs.model_validate(save_args or {})
        super().__init__(
            path=path,
            dataset=RadiographDataset,
            overwrite=overwrite,
            credentials=credentials,
            fs_args=fs_args,
            metadata=metadata,
        )
        self._folders = [_inside(folder) for folder in _strings("folders", folders)]
        if id not in get_args(ImageId):
            raise DatasetError(f"id must be one of {', '.join(get_args(ImageId))}, not {id!r}")
        self._id: ImageId = id
        self._allow_empty = allow_empty or optional
        self.OPTIONAL = optional  # see `xraylab.workspace`
        self._storage_options = {**self._credentials, **self._fs_args}
        self._root = str(self._filesystem._strip_protocol(self._normalized_path)).rstrip("/")

    def load(self) -> FilmFolder:
        """List the films: image id, in order, to a callable that reads the film.

        Raises
        ------
        kedro.io.DatasetError
            If no folder is there (unless ``optional``), if none holds a film (unless ``allow_empty``), or if two
            files have one image id.
        """
        self._invalidate_caches()
        found = self._find()
        if not found and not self._allow_empty:
            ignored = f" ({len(self._ignored)} files are ignored)" if self._ignored else ""
            raise DatasetError(f"there is no film in {self._folder_words()}{ignored}")
        # Only what differs from the defaults: a hundred thousand callables should weigh little.
        options: dict[str, Any] = self._films_load_args.model_dump(exclude_defaults=True)
        if self._storage_options:
            options["storage_options"] = self._storage_options
        kind = FilmFile if self._content == "film" else MaskFile
        films = {
            image_id: kind(self._address(found[image_id]), options) for image_id in sorted(found)
        }
        ignored_ids = {self._relative(path): rule for path, rule in sorted(self._ignored.items())}
        if ignored_ids:
            kinds = Counter(ignored_ids.values())
            logger.info(
                "%s: %d files, and ignored: %s",
                self._root,
                len(films),
                "; ".join(f"{n} ({rule})" for rule, n in sorted(kinds.items())),
            )
        return FilmFolder(films, ignored_ids)

    def save(self, data: dict[str, Any]) -> None:
        """Write films as PNG into the first folder; a value may be a callable that makes the film.

        Raises
        ------
        kedro.io.DatasetError
            If the first folder holds a wildcard, or an image id does not name a file in it.
        """
        folder = "." if self._folders[0] == _ANY_DEPTH else self._folders[0]
        if _WILDCARDS & set(folder):
            raise DatasetError(
                f"{self._path}: cannot save to the pattern {folder!r}; put a plain folder first"
            )
        targets = {image_id: self._target(folder, image_id) for image_id in sorted(data)}
        if self._overwrite:
            self._remove_films()
        if self._protocol in ("file", "local"):
            # An empty save leaves an empty folder, so that `allow_empty` reads back what was saved.
            self._filesystem.makedirs(self._join(folder), exist_ok=True)
        for image_id, target in targets.items():
            film = data[image_id]
            write_radiograph(
                self._address(target),
                film() if callable(film) else film,
                storage_options=self._storage_options,
                **self._films_save_args.model_dump(),
            )
        self._invalidate_caches()

    def preview(self) -> ImagePreview:
        """Return a contact sheet of up to six films for Kedro-Viz: a PNG in base 64."""
        return png_preview(contact_sheet(self.load()))

    def _find(self) -> dict[str, str]:
        found: dict[str, str] = {}
        twice: list[tuple[str, str, str]] = []
        for path in self._list_partitions():
            image_id = self._path_to_partition(path)
            other = found.setdefault(image_id, path)
            if other != path:
                twice.append((image_id, other, path))
        if twice:
            image_id, first, second = twice[0]
            more = f" (and {len(twice) - 1} more pairs)" if len(twice) > 1 else ""
            raise DatasetError(
                f"{self._path}: two films have the image id {image_id!r}: {first} and {second}{more}; "
                f"choose folders that do not overlap, or another id ({', '.join(get_args(ImageId))})"
            )
        return found

    def _remove_films(self) -> None:
        """Remove the PNG files in the folders; nothing else was saved here."""
        self._invalidate_caches()
        for path in (path for listing in self._listings() for path in listing):
            if path.lower().endswith(".png"):
                self._filesystem.rm_file(path)

    def _list_partitions(self) -> list[str]:
        if not self._cached_partitions:
            listings = list(self._listings())
            if not listings and not self.OPTIONAL:
                raise DatasetError(f"there is no folder {self._folder_words()}")
            # A file that two patterns reach is one file.
            self._cached_partitions = list(
                dict.fromkeys(path for listing in listings for path in listing)
            )
        return list(self._cached_partitions)

    def _listings(self) -> Iterator[list[str]]:
        """Give, for each folder that is there, the films in it: one listing of a folder, no look at a file."""
        self._ignored: dict[str, str] = {}
        if self._filesystem.isfile(self._root):
            yield [self._root]
            return
        read: set[str] = set()
        for folder in self._folders:
            recursive = folder.split("/")[-1] == _ANY_DEPTH
            plain = folder.removesuffix(_ANY_DEPTH).rstrip("/") or "."
            for place in expand_folders(self._filesystem, self._root, plain):
                if not self._filesystem.isdir(place):
                    continue
                paths = list_files(
                    self._filesystem, place, recursive=recursive, ignored=self._ignored
                )
                read.add(place)
                yield [path for path in paths if self._is_film(path)]
        # of the folders among files those are read that another pattern names, or that lead to such a folder
        for path in [path for path, rule in self._ignored.items() if rule == FOLDER_BELOW]:
            if any(f"{place}/".startswith(f"{path}/") for place in read):
                del self._ignored[path]

    def _is_film(self, path: str) -> bool:
        if not path.lower().endswith(DOCUMENT_SUFFIXES):
            return True
        self._ignored[path] = "a table or a text beside the films"
        return False

    def _relative(self, path: str) -> str:
        return path[len(self._root) :].strip("/") or path.rsplit("/", 1)[-1]

    def _path_to_partition(self, path: str) -> str:
        name = path.rstrip("/").rsplit("/", 1)[-1]
        if self._id == "name":
            return name
        if self._id == "path":
            return self._relative(path)
        suffix = next((end for end in RADIOGRAPH_SUFFIXES if name.lower().endswith(end)), "")
        short = name if self._id == "stem" else self._relative(path)
        return short[: len(short) - len(suffix)]

    def _target(self, folder: str, image_id: str) -> str:
        """Return where a film is saved, such that loading gives it the same image id."""
        name = image_id if self._id in ("name", "path") else f"{image_id}.png"
        place = "." if self._id in ("relative", "path") else folder
        target = PurePosixPath(name)
        plain = ".." not in target.parts and not target.is_absolute() and target.as_posix() == name
        if self._id in ("relative", "path"):
            fits = plain and any(_matches(target.parent, pattern) for pattern in self._folders)
        else:
            fits = plain and len(target.parts) == 1
        hidden = is_ignored_file(name) is not None
        if not fits or hidden or not name.lower().endswith(".png"):
            raise DatasetError(
                f"{self._path}: the image id {image_id!r} does not name a PNG in {self._folder_words()} "
                f"(id: {self._id})"
            )
        return self._join(place, name)

    def _join(self, folder: str, name: str = "") -> str:
        return "/".join(
            part for part in (self._root, folder if folder != "." else "", name) if part
        )

    def _address(self, path: str) -> str:
        if self._protocol in ("file", "local"):
            return path
        return str(self._filesystem.unstrip_protocol(path))

    def _folder_words(self) -> str:
        if self._folders in (["."], [_ANY_DEPTH]):
            return f"'{self._root}'"
        return f"'{' or '.join(self._folders)}' under '{self._root}'"

    def _exists(self) -> bool:
        self._invalidate_caches()
        listings = list(self._listings())
        return any(listings) or (self._allow_empty and bool(listings))

    def _describe(self) -> dict[str, Any]:
        return {
            "path": self._path,
            "folders": self._folders,
            "id": self._id,
            "content": self._content,
            "allow_empty": self._allow_empty,
            "optional": self.OPTIONAL,
            "load_args": self._films_load_args.model_dump(),
            "save_args": self._films_save_args.model_dump(),
        }

    def __repr__(self) -> str:
        return str(self._pretty_repr(self._describe()))


def _strings(key: str, values: Sequence[str]) -> list[str]:
    listed = [values] if isinstance(values, str) else list(values)
    if not listed or not all(isinstance(value, str) and value.strip() for value in listed):
        raise DatasetError(f"{key} must be a list of one or more names, not {values!r}")
    return listed


def _matches(folder: PurePosixPath, pattern: str) -> bool:
    if pattern == _ANY_DEPTH:
        return True
    parts, wanted = folder.parts, PurePosixPath(pattern).parts
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def _inside(folder: str) -> str:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts:
        raise DatasetError(f"folders must lie under path, not {folder!r}")
    return path.as_posix()
