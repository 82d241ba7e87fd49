"""The limb phantom as the Kaggle folder "fracture multi-region", leaked as that one is.

``Bone_Fracture_Binary_Classification/{train,val,test}/{fractured,not fractured}/*.jpg``, named as published. Copies of
films of ``val`` and ``test`` are planted in ``train``:

==================  ==========================================================================================
``exact``           the same bytes under another name
``rotated``         turned about its middle within the same square, with black corners, as a JPEG again; some twice
``flipped``         mirrored left to right
``quarter_turned``  turned by 90, 180 or 270 degrees
``recompressed``    the same pixels at another JPEG quality
==================  ==========================================================================================

With ``bad_files`` some of ``train`` are bad or odd on purpose: ``truncated`` (a JPEG that ends in the middle),
``rgba`` and ``palette`` (PNG), ``rgb`` (a JPEG of three channels), ``label_conflict`` (the bytes of a film under the
other class) and ``desktop.ini`` files. Some films carry a burned-in lead marker, whatever their label.

``truth.csv`` says what each file is, see `TRUTH_COLUMNS`.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from xraylab.dose.detector import Detector, counts_to_film, expose
from xraylab.parameters import Parameters
from xraylab.phantoms.fracture_copies import (
    CLASSES,
    QUALITY,
    TOP_FOLDER,
    PhantomFile,
    spoil,
    write_copy,
    write_jpeg,
)
from xraylab.phantoms.lead_marker import burn_in_marker
from xraylab.phantoms.long_bone import draw_fracture, draw_limb_anatomy, project_limb
from xraylab.phantoms.numbers import FIRST_BONE
from xraylab.phantoms.write import choose_jobs

__all__ = [
    "TOP_FOLDER",
    "TRUTH_COLUMNS",
    "CopyShares",
    "FractureMultiRegionPhantomParams",
    "write_fracture_multi_region_phantom",
]

ByteImage = NDArray[np.uint8]

TRUTH_COLUMNS = (
    "file", "family", "split", "fractured", "planted", "source", "angle_deg", "mirrored", "marker",
    "marker_left_px", "marker_top_px", "marker_width_px", "marker_height_px",
    "fracture_left_px", "fracture_top_px", "fracture_width_px", "fracture_height_px",
)  # fmt: skip
"""Columns of ``truth.csv``, one row per file of a film.

``file`` and ``source`` (of a copy) are paths under the data set's folder, ``family`` numbers the distinct films;
``fractured`` is what the film shows, against which the folder of a ``label_conflict`` speaks; ``angle_deg`` is
counter-clockwise. Boxes are empty where there is nothing. That of a turned copy encloses what the film still shows of
the turned box; a marker of which less than a quarter is left is none.
"""

_HELD_OUT = 0.15  # of the distinct films of a class, in val and in test each
_BAD = ("truncated", "rgba", "palette", "rgb")
_LEAST_FILMS = 16
_WORTH_A_PROCESS = 1e7  # pixels above which other processes repay their start
_DESKTOP_INI = "[.ShellClassInfo]\r\nIconResource=C:\\WINDOWS\\System32\\SHELL32.dll,3\r\n"


class CopyShares(Parameters):
    """Shares of the films of val and test of which a copy lies in train, by kind; at least one film each unless 0."""

    exact: float = Field(0.15, ge=0, le=1)
    rotated: float = Field(0.3, ge=0, le=1)
    flipped: float = Field(0.08, ge=0, le=1)
    quarter_turned: float = Field(0.08, ge=0, le=1)
    recompressed: float = Field(0.1, ge=0, le=1)


class FractureMultiRegionPhantomParams(Parameters):
    """Size and content of the phantom data set.

    Attributes
    ----------
    n_films : int
        Distinct films; 15 % of each class are val, 15 % test.
    size_px : int
        Edge of the square films.
    seed : int
        Seed of everything.
    detector : Detector
        Detector and film characteristic.
    share_fractured : float
        Share of the distinct films with a fracture.
    share_with_marker : float
        Probability of a burned-in marker, the same for both classes.
    copies : CopyShares
        Copies across the splits.
    bad_files : bool
        Whether to plant bad files.
    """

    n_films: int = Field(260, ge=_LEAST_FILMS, le=100_000)
    size_px: int = Field(112, ge=48, le=2048)
    seed: int = Field(2018, ge=0)
    detector: Detector = Detector()
    share_fractured: float = Field(0.5, gt=0, lt=1)
    share_with_marker: float = Field(0.4, ge=0, le=1)
    copies: CopyShares = CopyShares()
    bad_files: bool = True

    @model_validator(mode="after")
    def _check(self) -> FractureMultiRegionPhantomParams:
        rarer = min(
            sum(_is_fractured(n, self.share_fractured) == value for n in range(1, self.n_films + 1))
            for value in (False, True)
        )
        least = 3 + len(_BAD)
        if rarer < least:
            raise ValueError(
                f"each class needs {least} films, got n_films = {self.n_films} with share_fractured = "
                f"{self.share_fractured}: {rarer} of one class"
            )
        return self


def write_fracture_multi_region_phantom(
    folder: Path, params: FractureMultiRegionPhantomParams
) -> None:
    """Write the phantom fracture folder.

    Parameters
    ----------
    folder : Path
        An existing folder.
    params : FractureMultiRegionPhantomParams
        Size and content.
    """
    from joblib import Parallel, delayed

    for split in ("train", "val", "test"):
        for name in CLASSES:
            (folder / TOP_FOLDER / split / name).mkdir(parents=True)
    planned = _plan(params)
    n_jobs = choose_jobs(len(planned) * params.size_px**2, _WORTH_A_PROCESS)
    films: list[PhantomFile] = Parallel(n_jobs=n_jobs)(
        delayed(_write_film)(folder, file, params) for file in planned
    )
    files = films + list(_plant_copies(folder, films, params))
    if params.bad_files:
        files = _plant_bad_files(folder, files)
    _write_truth(folder / "truth.csv", files)


def _is_fractured(number: int, share: float) -> bool:
    """Spread the fractured films evenly over the numbers from 1."""
    return int(number * share + 1e-9) > int((number - 1) * share + 1e-9)


def _plan(params: FractureMultiRegionPhantomParams) -> list[PhantomFile]:
    """Place and name the distinct films: numbers start again in each class, a few are named otherwise."""
    rng = np.random.default_rng([params.seed, 0])
    planned = []
    for fractured in (False, True):
        families = [
            number
            for number in range(1, params.n_films + 1)
            if _is_fractured(number, params.share_fractured) == fractured
        ]
        held_out = max(1, round(_HELD_OUT * len(families)))
        splits = ["val"] * held_out + ["test"] * held_out
        splits += ["train"] * (len(families) - len(splits))
        for rank, place in enumerate(rng.permutation(len(families))):
            number, split = FIRST_BONE + int(place) + 1, splits[rank]
            name = f"{number}.jpg"
            if number % 9 == 0:
                name = f"IMG{2000 + 7 * number:07d}.jpg"
            elif number % 23 == 0:
                name = f"image{number}.jpeg"
            path = f"{TOP_FOLDER}/{split}/{CLASSES[fractured]}/{name}"
            planned.append(PhantomFile(path, families[place], split, fractured))
    return sorted(planned, key=lambda file: file.family)


def _write_film(
    folder: Path, file: PhantomFile, params: FractureMultiRegionPhantomParams
) -> PhantomFile:
    """Write one distinct film; return its truth. A film does not depend on how many there are."""
    rng = np.random.default_rng([params.seed, 1, file.family])
    anatomy = draw_limb_anatomy(rng)
    fracture = draw_fracture(
        anatomy, rng
    )  # drawn for every film: what follows is the same for both classes
    phantom = project_limb(anatomy, params.size_px, fracture if file.fractured else None)
    dose = float(rng.uniform(0.3, 1.0))
    film = counts_to_film(
        expose(phantom.optical_depth, dose, rng, params.detector), dose, params.detector
    )
    look = np.random.default_rng([params.seed, 2, file.family])
    pixels = _develop(film, look)
    marker = None
    if look.random() < params.share_with_marker:
        pixels, marker = burn_in_marker(pixels, look)
    write_jpeg(folder / file.path, pixels, QUALITY)
    box = phantom.fracture.box_px if phantom.fracture is not None else None
    return replace(file, marker=marker, fracture=box)


def _develop(film: NDArray[np.float32], rng: np.random.Generator) -> ByteImage:
    """Give a film in [0, 1] the window, the curve and the dark grey open beam of some hospital."""
    white = float(rng.uniform(0.78, 1.05))
    gamma = float(rng.uniform(0.75, 1.25))
    black = float(rng.uniform(0.03, 0.14))
    shown = black + (1 - black) * np.clip(film / white, 0, 1) ** gamma
    return np.asarray(np.rint(255 * shown), np.uint8)


def _plant_copies(
    folder: Path, films: list[PhantomFile], params: FractureMultiRegionPhantomParams
) -> Iterator[PhantomFile]:
    """Write copies of held-out films into train; kinds share films only when there are not enough."""
    rng = np.random.default_rng([params.seed, 3])
    held_out = [film for film in films if film.split != "train"]
    order = rng.permutation(len(held_out))
    start = 0
    for kind, share in params.copies.model_dump().items():
        count = max(1, round(share * len(held_out))) if share > 0 else 0
        for place in range(start, start + count):
            source = held_out[order[place % len(order)]]
            yield write_copy(folder, source, kind, place - start, rng)
        start += count


def _plant_bad_files(folder: Path, files: list[PhantomFile]) -> list[PhantomFile]:
    """Turn the last distinct films of train bad or odd, plant a label conflict and ``desktop.ini`` files."""
    train = [n for n, file in enumerate(files) if file.split == "train" and not file.planted]
    files = list(files)
    for kind, n in zip(_BAD, train[-len(_BAD) :], strict=True):
        path = spoil(folder, files[n].path, kind)
        files[n] = replace(files[n], path=path, planted=kind)
    source = files[train[0]]
    stem, suffix = Path(source.path).stem, Path(source.path).suffix
    other = CLASSES[not source.fractured]
    conflict = f"{TOP_FOLDER}/train/{other}/{stem} - Copy (2){suffix}"
    shutil.copyfile(folder / source.path, folder / conflict)
    files.append(replace(source, path=conflict, planted="label_conflict", source=source.path))
    for place in ("", "train", *(f"train/{name}" for name in CLASSES)):
        (folder / TOP_FOLDER / place / "desktop.ini").write_text(
            _DESKTOP_INI, encoding="utf-8", newline=""
        )
    return files


def _write_truth(path: Path, files: list[PhantomFile]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(TRUTH_COLUMNS)
        for row in sorted(files, key=lambda row: (row.family, bool(row.planted), row.path)):
            boxes = [
                f"{value:.2f}" if box is not None else ""
                for box in (row.marker, row.fracture)
                for value in (box or (0.0,) * 4)
            ]
            writer.writerow(
                [row.path, row.family, row.split, int(row.fractured), row.planted, row.source,
                 f"{row.angle_deg:.3f}", int(row.mirrored), int(row.marker is not None), *boxes]
            )  # fmt: skip
