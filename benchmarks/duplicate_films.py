"""Films with known copies for the benchmark of detectors, and what may be done to a copy."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from xraylab.imaging import read_radiograph
from xraylab.imaging.errors import UnreadableRadiograph
from xraylab.imaging.preprocess import PreprocessParams, prepare_film
from xraylab.phantoms.fracture_multi_region import (
    FractureMultiRegionPhantomParams,
    write_fracture_multi_region_phantom,
)

__all__ = ["COPIES", "PUBLIC", "Films", "phantom_films", "public_bones", "public_films"]

Film = NDArray[np.uint8]

PUBLIC = Path(__file__).resolve().parents[2] / "shared" / "data"
_PREPARE = PreprocessParams(size_px=224, equalise="none")
_COPY_MARK = re.compile(r"( - Copy| \(\d+\)|-rotated\d)+$")


@dataclass(frozen=True)
class Films:
    """Films (N, S, S) and the family of each."""

    name: str
    arrays: Film
    family: NDArray[np.int64]

    def distinct(self, count: int) -> Films:
        """Return the first film of each family, no two of them equal, ``count`` of them spread evenly."""
        table = pd.DataFrame(
            {"family": self.family, "pixels": [hash(f.tobytes()) for f in self.arrays]}
        )
        first = table.drop_duplicates("family").drop_duplicates("pixels").index.to_numpy()
        rows = first[np.linspace(0, len(first) - 1, min(count, len(first))).astype(int)]
        return Films(self.name, self.arrays[rows], np.arange(len(rows)))


def phantom_films(folder: Path, count: int) -> Films:
    """Write limb phantoms with copies, and read them."""
    params = FractureMultiRegionPhantomParams(n_films=count, size_px=224)
    write_fracture_multi_region_phantom(folder, params)
    truth = pd.read_csv(folder / "truth.csv")
    paths = [folder / name for name in truth["file"]]
    return _read("phantoms of limbs", paths, truth["family"])


def public_bones() -> tuple[list[Path], list[str]]:
    """Return the files of the public bones, and class and number of each.

    These are a hint of the families: numbers are used twice, and byte copies have other numbers.
    """
    bones = sorted(
        path
        for path in (PUBLIC / "fracture_multi_region").rglob("*")
        if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    return bones, [f"{path.parent.name}/{_COPY_MARK.sub('', path.stem)}" for path in bones]


def public_films() -> list[Films]:
    """Return the public sets that lie beside the checkout."""
    sets = []
    bones, names = public_bones()
    if bones:
        sets.append(
            _read("fracture multi-region", bones, pd.Series(pd.factorize(pd.Series(names))[0]))
        )
    for name, folder in (
        ("chests, distinct", "montgomery_shenzhen/CXR_png"),
        ("hands, distinct", "rsna_bone_age/boneage-training-dataset"),
    ):
        paths = sorted((PUBLIC / folder).glob("*.png"))
        if paths:
            sets.append(_read(name, paths, pd.Series(range(len(paths)))))
    return sets


def _read(name: str, paths: list[Path], family: pd.Series) -> Films:
    films = Parallel(-1, prefer="threads")(delayed(_prepare)(path) for path in paths)
    read = np.array([film is not None for film in films])
    arrays = np.stack([film for film in films if film is not None])
    return Films(name, arrays, family.to_numpy(np.int64)[read])


def _prepare(path: Path) -> Film | None:
    try:
        return prepare_film(read_radiograph(path), _PREPARE)
    except UnreadableRadiograph:
        return None


def _turn(film: Film, angle_deg: float, scale: float = 1.0) -> Film:
    middle = (len(film) - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), angle_deg, scale)
    return np.asarray(cv2.warpAffine(film, matrix, film.shape), np.uint8)


def _turned(film: Film, rng: np.random.Generator, quality: int = 90, scale: float = 1.0) -> Film:
    """Turn by any angle and save as JPEG."""
    turned = _turn(film, float(rng.uniform(0, 360)), scale)
    coded = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def _cropped(film: Film, rng: np.random.Generator, share: float) -> Film:
    side = len(film)
    lost = max(1, round(share * side))
    top, left = rng.integers(0, lost + 1, 2)
    part = film[top : top + side - lost, left : left + side - lost]
    return np.asarray(cv2.resize(part, film.shape), np.uint8)


def _noisy(film: Film, rng: np.random.Generator) -> Film:
    return np.clip(np.rint(film + rng.normal(0, 0.03 * 255, film.shape)), 0, 255).astype(np.uint8)


def _darker(film: Film) -> Film:
    return np.rint(255 * (film / 255) ** 1.4).astype(np.uint8)


def _squashed(film: Film, rng: np.random.Generator, largest_deg: float) -> Film:
    """Turn a film of 5 : 4 in its own shape, and squash it to the square again."""
    side = len(film)
    wide = cv2.resize(film, (side * 5 // 4, side))
    middle = ((wide.shape[1] - 1) / 2, (side - 1) / 2)
    angle_deg = float(rng.uniform(-largest_deg, largest_deg))
    turned = cv2.warpAffine(wide, cv2.getRotationMatrix2D(middle, angle_deg, 1.0), wide.shape[::-1])
    return np.asarray(cv2.resize(turned, film.shape, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(film: Film, quality: int) -> Film:
    coded = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def _resized(film: Film, factor: float) -> Film:
    """Save at another size, and bring back."""
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    other = _jpeg(
        np.asarray(cv2.resize(film, None, fx=factor, fy=factor, interpolation=method)), 90
    )
    return np.asarray(cv2.resize(other, film.shape, interpolation=cv2.INTER_AREA), np.uint8)


def _windowed(film: Film) -> Film:
    low, high = np.percentile(film, (5, 95))
    return np.rint(np.clip((film - low) / max(high - low, 1), 0, 1) * 255).astype(np.uint8)


def _in_square(part: Film, side: int) -> Film:
    """Put a film in the middle of a black square, as the audit does, and bring it to an edge."""
    height, width = part.shape
    spare = max(part.shape)
    top, left = (spare - height) // 2, (spare - width) // 2
    around = (top, spare - height - top, left, spare - width - left)
    square = cv2.copyMakeBorder(part, *around, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.resize(square, (side, side)), np.uint8)


def _cut(film: Film, shares: Sequence[float]) -> Film:
    """Cut shares of the edge off at the left, right, top and bottom; aspect kept."""
    left, right, top, bottom = (round(share * len(film)) for share in shares)
    part = film[top : len(film) - bottom, left : len(film) - right]
    return _jpeg(_in_square(np.ascontiguousarray(part), len(film)), 90)


def _cut_one(film: Film, rng: np.random.Generator, share: float) -> Film:
    return _cut(film, rng.permutation([share, 0, 0, 0]))


def _padded(film: Film, rng: np.random.Generator) -> Film:
    """Add up to 10 % of black on each side."""
    around = rng.integers(0, len(film) // 10, 4).tolist()
    wider = cv2.copyMakeBorder(film, *around, cv2.BORDER_CONSTANT, value=0)
    return _jpeg(_in_square(np.asarray(wider, np.uint8), len(film)), 90)


COPIES: dict[str, Callable[[Film, np.random.Generator], Film]] = {
    "nothing": lambda film, _: film,
    "quarter turn": lambda film, rng: np.rot90(film, rng.integers(1, 4)),
    "turned by any angle": _turned,
    "turned twice": lambda film, rng: _turned(_turned(film, rng), rng),
    "turned four times": lambda f, rng: _turned(_turned(_turned(_turned(f, rng), rng), rng), rng),
    "mirrored, turned": lambda film, rng: _turned(np.ascontiguousarray(film[:, ::-1]), rng),
    "turned, JPEG at quality 70": lambda film, rng: _turned(film, rng, quality=70),
    "turned, exponent 1.4": lambda film, rng: _darker(_turned(film, rng)),
    "turned, half the size": lambda film, rng: cv2.resize(
        cv2.resize(_turned(film, rng), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        film.shape,
    ),
    "turned, noise of 3 % of white": lambda film, rng: _noisy(_turned(film, rng), rng),
    "2 % cropped": lambda film, rng: _cropped(film, rng, 0.02),
    "2 % cropped, turned": lambda film, rng: _turned(_cropped(film, rng, 0.02), rng),
    "5 % cropped, turned": lambda film, rng: _turned(_cropped(film, rng, 0.05), rng),
    "10 % cropped, turned": lambda film, rng: _turned(_cropped(film, rng, 0.1), rng),
    "turned, scale 0.9": lambda film, rng: _turned(film, rng, scale=0.9),
    "turned, scale 1.1": lambda film, rng: _turned(film, rng, scale=1.1),
    "5 : 4, turned by up to 10°, squashed": lambda film, rng: _squashed(film, rng, 10),
    "JPEG at quality 50": lambda film, _: _jpeg(film, 50),
    "half the size": lambda film, _: _resized(film, 0.5),
    "twice the size": lambda film, _: _resized(film, 2),
    "window of percentiles 5 to 95": lambda film, _: _windowed(film),
    "inverted": lambda film, _: _jpeg(255 - film, 90),
    "inverted, mirrored, turned": lambda f, rng: _turned(
        255 - np.ascontiguousarray(f[:, ::-1]), rng
    ),
    "up to 10 % of black added on each side": _padded,
    "2 % cut on one side": lambda film, rng: _cut_one(film, rng, 0.02),
    "5 % cut on one side": lambda film, rng: _cut_one(film, rng, 0.05),
    "10 % cut on one side": lambda film, rng: _cut_one(film, rng, 0.1),
    "5 % cut on all sides": lambda film, _: _cut(film, [0.05] * 4),
    "10 % cut on all sides": lambda film, _: _cut(film, [0.1] * 4),
    "5 % cut on one side, turned": lambda f, rng: _turned(_cut_one(f, rng, 0.05), rng),
    "10 % cut on one side, turned": lambda f, rng: _turned(_cut_one(f, rng, 0.1), rng),
    "5 % cut on all sides, turned": lambda f, rng: _turned(_cut(f, [0.05] * 4), rng),
    "10 % cut on all sides, turned": lambda f, rng: _turned(_cut(f, [0.1] * 4), rng),
}
"""What is done to a copy, by name."""
