"""Copies and spoiled files of the fracture phantom: what the public set leaks, and what is wrong with its files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.phantoms.lead_marker import Box

__all__ = ["CLASSES", "QUALITY", "TOP_FOLDER", "PhantomFile", "spoil", "write_copy", "write_jpeg"]

ByteImage = NDArray[np.uint8]

TOP_FOLDER = "Bone_Fracture_Binary_Classification"
CLASSES = ("not fractured", "fractured")
"""Names of the two folders, by the label."""

QUALITY = 92
"""JPEG quality of all but the recompressed films."""

_LEAST_LEFT = 0.25  # of a box, for it to count as on the film


@dataclass(frozen=True)
class PhantomFile:
    """One file and its truth; the path is relative to the data set's folder."""

    path: str
    family: int
    split: str
    fractured: bool
    planted: str = ""
    source: str = ""
    angle_deg: float = 0.0
    mirrored: bool = False
    marker: Box | None = None
    fracture: Box | None = None


def write_copy(
    folder: Path, source: PhantomFile, kind: str, number: int, rng: np.random.Generator
) -> PhantomFile:
    """Write a copy of a film into ``train``.

    Parameters
    ----------
    folder : Path
        The data set's folder.
    source : PhantomFile
        What is copied; its file is there.
    kind : {"exact", "rotated", "flipped", "quarter_turned", "recompressed"}
        How.
    number : int
        Which of its kind: every third rotated copy is turned twice.
    rng : numpy.random.Generator
        Draws the turns.

    Returns
    -------
    PhantomFile
        The truth about the copy.
    """
    stem, suffix = Path(source.path).stem, Path(source.path).suffix
    pixels = _read(folder / source.path)
    angles: list[float] = []
    name = stem
    if kind == "rotated":
        turns = 2 if number % 3 == 0 else 1
        angles = [float(rng.choice([-1, 1]) * rng.uniform(8, 55)) for _ in range(turns)]
        name += "".join(f"-rotated{rng.integers(1, 4)}" for _ in angles)
    elif kind == "quarter_turned":
        angles = [90.0 * int(rng.integers(1, 4))]
        name += f"-rotated{rng.integers(1, 4)} (1)"
    else:
        ends = {
            "exact": (" (1)", " - Copy")[number % 2],
            "flipped": " - Copy (1)",
            "recompressed": "(1)",
        }
        name += ends[kind]
    path = f"{TOP_FOLDER}/train/{CLASSES[source.fractured]}/{name}{suffix}"
    if kind == "exact":
        shutil.copyfile(folder / source.path, folder / path)
    elif kind == "rotated":
        for angle in angles:
            turn = _turn(pixels.shape[0], angle)
            pixels = _encode_again(cv2.warpAffine(pixels, turn, pixels.shape[::-1]))
    elif kind == "quarter_turned":
        pixels = np.ascontiguousarray(np.rot90(pixels, round(angles[0] / 90)))
    elif kind == "flipped":
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    if kind != "exact":
        quality = int(rng.choice([60, 75])) if kind == "recompressed" else QUALITY
        write_jpeg(folder / path, pixels, quality)
    size_px = pixels.shape[0]
    mirrored, angle = kind == "flipped", sum(angles)
    return replace(
        source, path=path, split="train", planted=kind, source=source.path, angle_deg=angle, mirrored=mirrored,
        marker=_turned_box(source.marker, size_px, angle, mirrored),
        fracture=_turned_box(source.fracture, size_px, angle, mirrored),
    )  # fmt: skip


def _turn(size_px: int, angle_deg: float) -> NDArray[np.float64]:
    middle = (size_px - 1) / 2
    return np.asarray(cv2.getRotationMatrix2D((middle, middle), angle_deg, 1.0), np.float64)


def _turned_box(box: Box | None, size_px: int, angle_deg: float, mirrored: bool) -> Box | None:
    """Return the upright box about what the mirrored or turned film still shows of a box; None for nothing."""
    if box is None:
        return None
    left, top, width, height = box
    right, low = left + width, top + height
    corners = np.array([(left, top), (right, top), (right, low), (left, low)], np.float64)
    if mirrored:
        corners[:, 0] = size_px - 1 - corners[:, 0]
    turn = _turn(size_px, angle_deg)
    corners = corners @ turn[:, :2].T + turn[:, 2]
    edge = size_px - 0.5
    film = np.array([(-0.5, -0.5), (edge, -0.5), (edge, edge), (-0.5, edge)], np.float32)
    area, seen = cv2.intersectConvexConvex(corners.astype(np.float32), film)
    if area < _LEAST_LEFT * width * height:
        return None
    first, last = seen.reshape(-1, 2).min(axis=0), seen.reshape(-1, 2).max(axis=0)
    return float(first[0]), float(first[1]), float(last[0] - first[0]), float(last[1] - first[1])


def spoil(folder: Path, name: str, kind: str) -> str:
    """Write the film of that name anew: truncated, rgba, palette or rgb; return its name, which may end otherwise."""
    from PIL import Image

    path = folder / name
    if kind == "truncated":
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        return name
    with Image.open(path) as opened:
        film = opened.convert("L")
    if kind == "rgb":
        film.convert("RGB").save(path, quality=QUALITY)
        return name
    path.unlink()
    new = str(Path(name).with_suffix(".png").as_posix())
    film.convert("RGBA" if kind == "rgba" else "P").save(folder / new)
    return new


def _read(path: Path) -> ByteImage:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def _encode_again(pixels: NDArray[Any]) -> ByteImage:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def write_jpeg(path: Path, pixels: ByteImage, quality: int) -> None:
    """Write an (H, W) film as a grey JPEG, whatever the name ends in."""
    path.write_bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
