"""Folders of film files in which the copies are known: planted ones, the public bones, and films that have none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from xxhash import xxh3_128_hexdigest

from benchmarks.duplicate_films import PUBLIC, public_bones
from xraylab.duplicates.clusters import join_copies
from xraylab.imaging import read_radiograph
from xraylab.imaging.errors import UnreadableRadiograph
from xraylab.phantoms.registry import write_phantom

__all__ = [
    "KINDS",
    "FilmFolder",
    "lay_out",
    "phantom_originals",
    "pick_chests",
]

Film = NDArray[np.uint8]
Copy = Callable[[Film, np.random.Generator], Film]
_JPEG = 90
_WARM = 12  # films that a detector sees first


@dataclass(frozen=True)
class FilmFolder:
    """A folder of film files, and the family of each by its name."""

    path: Path
    family: pd.Series

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name


@dataclass(frozen=True)
class Kind:
    """What is done to a copy, and the quality that it is saved at as JPEG; None saves it as PNG."""

    make: Copy
    jpeg: int | None = None


def _turn(film: Film, angle_deg: float, grow: bool = False) -> Film:
    """Turn about the middle, on a canvas of the same size or one that holds all of it."""
    height, width = film.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    if grow:
        cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
        wide, high = round(width * cos + height * sin), round(width * sin + height * cos)
        matrix[:, 2] += (wide - width) / 2, (high - height) / 2
        width, height = wide, high
    return np.asarray(cv2.warpAffine(film, matrix, (width, height)), np.uint8)


def _turn_any(film: Film, rng: np.random.Generator, grow: bool = False) -> Film:
    return _turn(film, float(rng.uniform(10, 350)), grow)


def _crop(film: Film, rng: np.random.Generator, share: float, sides: int) -> Film:
    """Cut a share of the edge off so many sides; which one, where it is one, is drawn."""
    cut = np.zeros(4, int)
    cut[rng.permutation(4)[:sides]] = 1
    (height, width), (top, bottom, left, right) = film.shape, cut
    rows, columns = round(share * height), round(share * width)
    return film[top * rows : height - bottom * rows, left * columns : width - right * columns]


def _window(film: Film) -> Film:
    """Spread the grey values between the percentiles 5 and 95 over the whole range."""
    low, high = np.percentile(film, [5, 95])
    return np.clip((film - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)


def _noise(film: Film, rng: np.random.Generator) -> Film:
    return np.clip(np.rint(film + rng.normal(0, 0.03 * 255, film.shape)), 0, 255).astype(np.uint8)


def _gamma(film: Film, exponent: float) -> Film:
    return np.rint(255 * (film / 255) ** exponent).astype(np.uint8)


def _quarters(film: Film, rng: np.random.Generator) -> Film:
    return np.ascontiguousarray(np.rot90(film, rng.integers(1, 4)))


def _resize(film: Film, scale: float) -> Film:
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(film, None, fx=scale, fy=scale, interpolation=way), np.uint8)


def _squash(film: Film) -> Film:
    """Make a square of a film, as most of the public bones are, and 5 : 4 of a square one."""
    side = min(film.shape)
    height = side if film.shape[0] != film.shape[1] else round(0.8 * side)
    return np.asarray(cv2.resize(film, (side, height), interpolation=cv2.INTER_AREA), np.uint8)


KINDS: dict[str, Kind] = {
    "saved again as PNG": Kind(lambda film, _: film),
    **{f"JPEG at quality {q}": Kind(lambda film, _: film, q) for q in (95, 75, 50)},
    "half the size": Kind(lambda film, _: _resize(film, 0.5)),
    "twice the size": Kind(lambda film, _: _resize(film, 2)),
    "windowed (percentiles 5 to 95)": Kind(lambda film, _: _window(film)),
    "exponent 1.5": Kind(lambda film, _: _gamma(film, 1.5)),
    "exponent 0.67": Kind(lambda film, _: _gamma(film, 0.67)),
    "inverted": Kind(lambda film, _: 255 - film),
    "turned by 90°, 180° or 270°": Kind(_quarters),
    "mirrored": Kind(lambda film, _: film[:, ::-1]),
    "mirrored, turned by 90°, 180° or 270°": Kind(lambda film, rng: _quarters(film[:, ::-1], rng)),
    "turned by any angle": Kind(_turn_any, _JPEG),
    "turned by any angle, canvas grown": Kind(lambda film, rng: _turn_any(film, rng, grow=True)),
    "mirrored, turned by any angle": Kind(
        lambda film, rng: _turn_any(np.ascontiguousarray(film[:, ::-1]), rng), _JPEG
    ),
    **{
        f"{share} % cropped, {'one side' if sides == 1 else 'all sides'}": Kind(
            lambda film, rng, share=share, sides=sides: _crop(film, rng, share / 100, sides)
        )
        for sides in (1, 4)
        for share in (2, 5, 10)
    },
    "5 % cropped, all sides, turned by any angle": Kind(
        lambda film, rng: _turn_any(np.ascontiguousarray(_crop(film, rng, 0.05, 4)), rng), _JPEG
    ),
    "noise of 3 % of white": Kind(_noise),
    "squashed to a square, a square to 5 : 4": Kind(lambda film, _: _squash(film)),
    "the same, turned by any angle": Kind(lambda film, rng: _turn_any(_squash(film), rng), _JPEG),
}
"""What is done to a copy, by name."""


def lay_out(place: Path, count: int, phantoms: bool) -> dict[str, FilmFolder]:
    """Write and link all folders of films, unless they lie there, and return them by name.

    ``warm`` has a few films, ``planted`` films and all their copies, ``kind_NN`` the films and the copies of one kind,
    ``bones`` the public bones and ``distinct`` public chests without copies.
    """
    table = place / "families.csv"
    if not table.exists():
        originals = [] if phantoms else public_originals(count)
        originals = originals or phantom_originals(place / "phantoms", count)
        planted, kinds = plant(originals, place)
        first = planted.family.index[:_WARM]
        warm = _link(place / "warm", {n: planted.path / n for n in first}, planted.family)
        folders = [warm, planted, *kinds]
        if not phantoms:
            found = (link_bones(place / "bones"), link_distinct(place / "distinct"))
            folders += [folder for folder in found if folder is not None]
        rows = [
            each.family.rename("family").to_frame().assign(folder=each.name) for each in folders
        ]
        pd.concat(rows).to_csv(table, index_label="file")
    rows_of = pd.read_csv(table).groupby("folder", sort=False)
    return {
        str(name): FilmFolder(place / str(name), rows.set_index("file")["family"])
        for name, rows in rows_of
    }


def plant(originals: list[Path], folder: Path) -> tuple[FilmFolder, list[FilmFolder]]:
    """Write films and a copy of each kind of each; return all of them, and the films with the copies of each kind."""
    whole = folder / "planted"
    whole.mkdir(parents=True)
    truth: dict[str, int] = {}
    kinds: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for number, path in enumerate(originals):
        film = _read(path)
        name = f"film_{number:04}{path.suffix.lower()}"
        shutil.copyfile(path, whole / name)
        truth[name] = number
        for place, (kind, how) in enumerate(KINDS.items()):
            rng = np.random.default_rng([number, place])
            copy = np.ascontiguousarray(how.make(film, rng))
            made = f"film_{number:04}_{place:02}.{'jpg' if how.jpeg else 'png'}"
            _write(whole / made, copy, how.jpeg)
            truth[made] = number
            kinds[kind] += [name, made]
    series = pd.Series(truth)
    by_kind = [
        _link(folder / f"kind_{place:02}", {name: whole / name for name in names}, series)
        for place, names in enumerate(kinds.values())
    ]
    return FilmFolder(whole, series), by_kind


def _read(path: Path) -> Film:
    film = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if film is None:
        raise OSError(f"cannot read {path}")
    return np.asarray(film, np.uint8)


def _write(path: Path, film: Film, jpeg: int | None) -> None:
    how = [cv2.IMWRITE_JPEG_QUALITY, jpeg] if jpeg else [cv2.IMWRITE_PNG_COMPRESSION, 3]
    if not cv2.imwrite(str(path), film, how):
        raise OSError(f"cannot write {path}")


def _link(folder: Path, files: dict[str, Path], family: pd.Series) -> FilmFolder:
    folder.mkdir(parents=True)
    for name, path in files.items():
        try:
            os.link(path, folder / name)
        except OSError:  # another disk
            shutil.copyfile(path, folder / name)
    return FilmFolder(folder, family[list(files)])


def link_bones(folder: Path) -> FilmFolder | None:
    """Put the whole ones of the public bones side by side; a family is a class and number, or has the same bytes."""
    paths, family = _whole_bones()
    if not paths:
        return None
    files = {f"{k:05}{path.suffix.lower()}": path for k, path in enumerate(paths)}
    return _link(folder, files, pd.Series(family.to_numpy(), list(files)))


def _whole_bones() -> tuple[list[Path], pd.Series]:
    """Return the public bones that are not truncated, and the family of each."""
    bones, names = public_bones()
    family = pd.Series(_families(bones, names))
    whole = [k for k, path in enumerate(bones) if _is_whole(path)]
    return [bones[k] for k in whole], family.iloc[whole].reset_index(drop=True)


def _families(paths: list[Path], names: list[str]) -> NDArray[np.int64]:
    """Join what has one name to what has the same bytes."""
    rows = pd.Series(range(len(paths)))
    first = rows.groupby(pd.Series(names)).transform("min")
    same_name = pd.DataFrame({"first": first, "second": rows})
    digests = pd.Series([xxh3_128_hexdigest(path.read_bytes()) for path in paths])
    ids = rows.map("{:06}".format)
    return pd.factorize(join_copies(ids, same_name, digests))[0].astype(np.int64)


def _follow_ups() -> list[Path]:
    return sorted((PUBLIC / "nih_chest_xray14" / "images").glob("*.png"))


def _chests() -> list[Path]:
    return sorted((PUBLIC / "montgomery_shenzhen" / "CXR_png").glob("*.png"))


def pick_chests() -> list[Path]:
    """Return the public chests of all sets, no two of them copies."""
    return [*_follow_ups(), *_chests()]


def link_distinct(folder: Path) -> FilmFolder | None:
    """Put the public chests of NIH side by side: films of the same patients on other days, no copies."""
    paths = _follow_ups()
    if not paths:
        return None
    files = {path.name: path for path in paths}
    return _link(folder, files, pd.Series(range(len(files)), list(files)))


def public_originals(count: int) -> list[Path]:
    """Return distinct public films, as many bones as chests as hands, or none."""
    bones, family = _whole_bones()
    hands = PUBLIC / "rsna_bone_age_fullres" / "boneage-training-dataset"
    small = PUBLIC / "rsna_bone_age" / "boneage-training-dataset"
    full = sorted(hands.glob("*.png"))
    known = {path.name for path in full}
    each = -(-count // 3)
    others = [path for path in sorted(small.glob("*.png")) if path.name not in known]
    sets = [
        _spread([bones[k] for k in family.drop_duplicates().index], each),
        _spread(_chests(), each),
        [*full[: each // 6], *_spread(others, each - len(full[: each // 6]))],
    ]
    return [path for paths in sets for path in paths][:count]


def _is_whole(path: Path) -> bool:
    try:
        read_radiograph(path)
    except UnreadableRadiograph:
        return False
    return True


def _spread(paths: list[Path], count: int) -> list[Path]:
    if not paths or not count:
        return []
    rows = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    return [paths[row] for row in rows]


def phantom_originals(folder: Path, count: int) -> list[Path]:
    """Write as many phantoms of limbs as of chests as of hands."""
    each = -(-count // 3)
    sizes: dict[str, dict[str, object]] = {
        "fracture_multi_region": {"n_films": max(each, 40), "size_px": 224, "bad_files": False},
        "montgomery_shenzhen": {"n_shenzhen": each, "n_montgomery": 1, "size_px": 512},
        "rsna_bone_age": {"n_hands": each, "n_test": 0, "size_px": 512},
    }
    for name, size in sizes.items():
        clean = {} if name == "fracture_multi_region" else {"bad_films": False}
        write_phantom(name, folder / name, size | clean)
    limbs = folder / "fracture_multi_region"
    first = pd.read_csv(limbs / "truth.csv").drop_duplicates("family")["file"]
    sets = [
        _spread([limbs / name for name in first], each),
        sorted((folder / "montgomery_shenzhen" / "CXR_png").glob("CHN*.png"))[:each],
        sorted((folder / "rsna_bone_age").rglob("*.png"))[:each],
    ]
    return [path for paths in sets for path in paths][:count]
