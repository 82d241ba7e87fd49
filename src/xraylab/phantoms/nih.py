"""The chest phantom as the NIH ChestX-ray14 folder.

Films, ``Data_Entry_2017.csv`` and ``BBox_List_2017.csv`` as they are published, with several films a patient. With
``bad_films`` some are bad on purpose, so that every run takes the paths on which real data fail:

===================  =========================================================================================
``truncated``        a PNG that ends in the middle
``text``             a text file with a .png name
``rgba``             a readable PNG with colour and opacity channels
``copy``             the bytes of another patient's film: a leak, if they fall on two sides of a split
``unlisted``         a film without a row in the table
``without_film``     a row in the table without a film
===================  =========================================================================================

``truth.csv`` beside the tables says which they are and what each phantom holds.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import Field, model_validator

from xraylab.dose.detector import Detector, counts_to_film, expose
from xraylab.imaging import write_radiograph
from xraylab.parameters import Parameters
from xraylab.phantoms.chest import ChestPhantom, Finding, Signs, draw_chest_anatomy, project_chest
from xraylab.phantoms.numbers import FIRST_PATIENT
from xraylab.phantoms.write import choose_jobs

__all__ = ["BOX_HEADER", "ENTRY_HEADER", "NihPhantomParams", "write_nih_phantom"]

ENTRY_HEADER = (
    "Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender", "View Position",
    "OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]",
)  # fmt: skip
BOX_HEADER = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", "", "")
_BOX_FRAME_PX = 1024  # boxes are in pixels of the published films, whatever size these have
_TRUTH_HEADER = ("image_id", "patient_id", "planted", "findings", "photons_per_pixel", "spacing_mm")
_N_PLANTED = 6
_MASS_MM = 30.0  # the Fleischner Society calls a lesion above 3 cm a mass


class NihPhantomParams(Parameters):
    """Size and content of the phantom data set.

    Attributes
    ----------
    n_patients : int
        Patients; a patient's films do not depend on their number.
    films_per_patient : (int, int)
        Least and most films of a patient.
    size_px : int
        Edge of the square films.
    seed : int
        Seed of everything.
    detector : Detector
        Detector and film characteristic.
    share_with_nodule, share_with_opacity : float
        Shares of the films with nodules, and with a hazy opacity labelled Pneumonia.
    bad_films : bool
        Whether to plant bad films.
    """

    n_patients: int = Field(48, ge=1, le=100_000)
    films_per_patient: tuple[int, int] = (1, 4)
    size_px: int = Field(384, ge=64, le=4096)
    seed: int = Field(2018, ge=0)
    detector: Detector = Detector()
    share_with_nodule: float = Field(0.35, ge=0, le=1)
    share_with_opacity: float = Field(0.25, ge=0, le=1)
    bad_films: bool = True

    @model_validator(mode="after")
    def _check(self) -> NihPhantomParams:
        least, most = self.films_per_patient
        if not 1 <= least <= most:
            raise ValueError(
                f"films_per_patient must be (least, most) with 1 <= least <= most, got {least}, {most}"
            )
        if self.bad_films and self.n_patients < _N_PLANTED:
            raise ValueError(
                f"bad_films needs {_N_PLANTED} patients, got n_patients = {self.n_patients}"
            )
        return self


def write_nih_phantom(folder: Path, params: NihPhantomParams) -> None:
    """Write the phantom NIH folder.

    Parameters
    ----------
    folder : Path
        An existing folder.
    params : NihPhantomParams
        Size and content.
    """
    from joblib import Parallel, delayed

    images = folder / "images"
    images.mkdir()
    n_jobs = choose_jobs(params.n_patients * params.size_px**2)
    patients = Parallel(n_jobs=n_jobs)(
        delayed(_write_patient)(images, patient, params)
        for patient in range(1, params.n_patients + 1)
    )
    entries, boxes, truth = (
        [row for rows in patients for row in rows[table]] for table in range(3)
    )
    if params.bad_films:
        _plant_bad_films(images, entries, truth)
    _write_csv(folder / "Data_Entry_2017.csv", ENTRY_HEADER, entries)
    _write_csv(folder / "BBox_List_2017.csv", BOX_HEADER, boxes)
    _write_csv(folder / "truth.csv", _TRUTH_HEADER, truth)


Rows = list[list[object]]


def _write_patient(images: Path, patient: int, params: NihPhantomParams) -> tuple[Rows, Rows, Rows]:
    """Write the films of one patient; return their rows of the three tables."""
    entries: Rows = []
    boxes: Rows = []
    truth: Rows = []
    rng = np.random.default_rng([params.seed, patient])
    age, sex = int(rng.integers(20, 90)), str(rng.choice(["F", "M"]))
    anatomy = draw_chest_anatomy(rng, female=sex == "F")
    least, most = params.films_per_patient
    for follow_up in range(int(rng.integers(least, most + 1))):
        image_id = f"{FIRST_PATIENT + patient:08d}_{follow_up:03d}"
        film_rng = np.random.default_rng([params.seed, patient, follow_up])
        phantom = project_chest(
            anatomy,
            params.size_px,
            film_rng,
            Signs(params.share_with_nodule, params.share_with_opacity),
        )
        counts = expose(phantom.optical_depth, 1.0, film_rng, params.detector)
        film = counts_to_film(counts, 1.0, params.detector)
        write_radiograph(str(images / f"{image_id}.png"), film, bits=8)
        entries.append(
            _entry(image_id, FIRST_PATIENT + patient, follow_up, age + follow_up, sex, phantom)
        )
        boxes += [
            [
                f"{image_id}.png",
                _label(finding),
                *(f"{value * _BOX_FRAME_PX / params.size_px:.4f}" for value in finding.box_px),
                "",
                "",
                "",
            ]
            for finding in phantom.findings
        ]
        truth.append(_truth_row(image_id, FIRST_PATIENT + patient, phantom, params.detector))
    return entries, boxes, truth


def _label(finding: Finding) -> str:
    if finding.kind == "opacity":
        return "Pneumonia"
    return "Mass" if finding.diameter_mm > _MASS_MM else "Nodule"


def _entry(
    image_id: str, patient: int, follow_up: int, age: int, sex: str, phantom: ChestPhantom
) -> list[object]:
    labels = "|".join(sorted({_label(finding) for finding in phantom.findings})) or "No Finding"
    # as published: the size and pixel spacing of the original, which is larger than the 1024 px PNG
    width = height = 2048
    spacing = round(phantom.spacing_mm * phantom.optical_depth.shape[0] / width, 4)
    return [
        f"{image_id}.png",
        labels,
        follow_up,
        patient,
        age,
        sex,
        "PA",
        width,
        height,
        spacing,
        spacing,
    ]


def _truth_row(
    image_id: str, patient: int, phantom: ChestPhantom, detector: Detector
) -> list[object]:
    described = ";".join(
        f"{finding.kind}:{finding.diameter_mm:.1f}mm" for finding in phantom.findings
    )
    return [
        image_id,
        patient,
        "",
        described,
        detector.photons_per_pixel,
        f"{phantom.spacing_mm:.4f}",
    ]


def _plant_bad_films(images: Path, entries: list[list[object]], truth: list[list[object]]) -> None:
    """Turn the first film of each of the last patients bad, one kind each."""
    first: dict[Any, int] = {}
    for row, entry in enumerate(entries):
        first.setdefault(entry[3], row)
    rows = list(first.values())[-_N_PLANTED:]
    planted = ("truncated", "text", "rgba", "copy", "unlisted", "without_film")
    paths = {kind: images / str(entries[row][0]) for kind, row in zip(planted, rows, strict=True)}

    data = paths["truncated"].read_bytes()
    paths["truncated"].write_bytes(data[: len(data) // 2])
    paths["text"].write_text("this is not a film\n", encoding="utf-8")
    _add_channels(paths["rgba"])
    shutil.copyfile(images / str(entries[0][0]), paths["copy"])
    paths["without_film"].unlink()
    for kind, row in zip(planted, rows, strict=True):
        truth[row][2] = kind
    del entries[rows[planted.index("unlisted")]]


def _add_channels(path: Path) -> None:
    grey = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
    opaque = np.full_like(grey, 255)
    cv2.imwrite(str(path), cv2.merge([grey, grey, grey, opaque]))


def _write_csv(path: Path, header: tuple[str, ...], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
