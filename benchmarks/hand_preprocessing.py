"""How fast hand films of full size are prepared, beside the published way in scikit-image, and what each crop keeps.

``python -m benchmarks.hand_preprocessing [--rounds 7] [--out FOLDER]``
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.exposure import rescale_intensity
from skimage.io import imread
from skimage.transform import resize
from skimage.util import img_as_float64

from benchmarks.report import Table, interleave, machine, median_ratio, medians, publish
from xraylab.imaging import read_radiograph
from xraylab.imaging.hand import find_crop, find_window
from xraylab.imaging.preprocess import PreprocessParams, prepare_film
from xraylab.phantoms.hand import HandAnatomy, project_hand

__all__ = ["main"]

PUBLIC_FILMS = (
    Path(__file__).resolve().parents[2]
    / "shared/data/rsna_bone_age_fullres/boneage-training-dataset"
)
SIZE = 256
PERCENTILES = (0.5, 99.5)
BASE = "scikit-image, float64, published crop"
FLOOR = "read only (cv2.imread)"


def _films() -> tuple[list[NDArray[np.uint8]], str]:
    """Return films of 8 bits, and in words what they are."""
    paths = sorted(PUBLIC_FILMS.glob("*.png"))
    if paths:
        films = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) for path in paths]
        return films, "public hand films (RSNA 2017)"
    depths = [project_hand(HandAnatomy(months, True), 2048).optical_depth for months in (60, 150)]
    return [np.rint(255 * np.clip(d / 2.2, 0, 1)).astype(np.uint8) for d in depths], "phantoms"


def prepare_as_published(film: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Window, crop to the pixels between 0.1 and 1, pad to a square and resize, all in scikit-image and float64."""
    image = img_as_float64(film)
    low, high = np.percentile(image, PERCENTILES)
    image = rescale_intensity(image, in_range=(low, high), out_range=(0.0, 1.0))
    rows, columns = np.nonzero((image > 0.1) & (image < 1))
    part = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = part.shape
    edge = max(part.shape)
    top, left = (edge - height) // 2, (edge - width) // 2
    square = np.pad(part, ((top, edge - height - top), (left, edge - width - left)))
    return np.asarray(resize(square, (SIZE, SIZE), order=1, anti_aliasing=True))


def _params(crop: str) -> PreprocessParams:
    return PreprocessParams.model_validate(
        {
            "size_px": SIZE,
            "equalise": "none",
            "window_percentiles": PERCENTILES,
            "crop": crop,
            "aspect": "pad",
        }
    )


def _over(films: Sequence[object], work: Callable[..., object]) -> None:
    for film in films:
        work(film)


def _compare(films: list[NDArray[np.uint8]], kind: str, rounds: int) -> Table:
    units = [np.divide(film, np.float32(255), dtype=np.float32) for film in films]
    runs: dict[str, Callable[[], object]] = {BASE: partial(_over, films, prepare_as_published)}
    for crop in ("published", "component", "none"):
        work = partial(prepare_film, params=_params(crop))
        runs[f"xraylab, crop '{crop}'"] = partial(_over, units, work)
    seconds = interleave(runs, rounds)
    differences = [
        np.abs(prepare_as_published(film) - prepare_film(unit, _params("published")) / 255)
        for film, unit in zip(films, units, strict=True)
    ]
    table = Table(
        "hand_preprocessing",
        f"Films in memory to {SIZE} × {SIZE}: window, crop, square, antialiased bilinear",
        ["way", "ms per film", f"{BASE} / way"],
        note=f"{len(films)} {kind}, {min(f.size for f in films) / 1e6:.1f} to {max(f.size for f in films) / 1e6:.1f} "
        f"million pixels, medians of {rounds} interleaved rounds; a ratio is the median of those within a round. "
        f"With the published crop the two ways differ by {max(d.max() for d in differences):.3f} at most and "
        f"{np.mean([d.mean() for d in differences]):.4f} on the mean (films in [0, 1]; a Gaussian before the "
        f"bilinear samples there, a triangle here). OpenCV has {cv2.getNumThreads()} threads. {machine()}",
    )
    for way, middle in medians(seconds).items():
        ratio = median_ratio(seconds[BASE], seconds[way])
        table.rows.append([way, 1e3 * middle / len(films), ratio])
    return table


def _from_disk(rounds: int) -> Table | None:
    """Time from the PNG, where there are public films."""
    paths = sorted(PUBLIC_FILMS.glob("*.png"))
    if not paths:
        return None

    def as_published(path: Path) -> object:
        return prepare_as_published(imread(path))

    def ours(path: Path, crop: str) -> object:
        return prepare_film(read_radiograph(path), _params(crop))

    runs: dict[str, Callable[[], object]] = {
        BASE: partial(_over, paths, as_published),
        "xraylab, crop 'published'": partial(_over, paths, partial(ours, crop="published")),
        "xraylab, crop 'component'": partial(_over, paths, partial(ours, crop="component")),
        FLOOR: partial(_over, paths, partial(cv2.imread, flags=cv2.IMREAD_UNCHANGED)),
    }
    seconds = interleave(runs, rounds)
    table = Table(
        "hand_preprocessing_from_disk",
        "The same from the PNG",
        ["way", "ms per film", f"{BASE} / way"],
    )
    for way, middle in medians(seconds).items():
        ratio = median_ratio(seconds[BASE], seconds[way])
        table.rows.append([way, 1e3 * middle / len(paths), ratio])
    return table


def _shares(films: list[NDArray[np.uint8]]) -> Table:
    table = Table(
        "hand_crops", "Share of the film that a crop keeps", ["film", "published", "component"]
    )
    for number, film in enumerate(films, 1):
        unit = np.divide(film, np.float32(255), dtype=np.float32)
        window = find_window(unit, PERCENTILES)
        kept = [
            find_crop(unit, crop, window).share_of(film.shape)
            for crop in ("published", "component")
        ]
        table.rows.append([f"{number}: {film.shape[1]} × {film.shape[0]}", *kept])
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description="Preparation of hand films, two ways.")
    parser.add_argument("--rounds", type=int, default=7, help="rounds timed (default 7)")
    parser.add_argument("--out", type=Path, help="folder for the tables as Markdown and CSV")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    films, kind = _films()
    tables = [_compare(films, kind, options.rounds), _from_disk(options.rounds), _shares(films)]
    publish([table for table in tables if table is not None], options.out)


if __name__ == "__main__":
    main()
