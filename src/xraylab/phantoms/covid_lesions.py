r"""The chest phantom as an image-and-lesion-mask folder: nodules of known area, and a clinical table of known effect.

``images/``, ``lesion_masks/`` and ``lung_masks/``, same stem, as in the public set, and ``Data_Entry.csv`` with the
columns of NIH's table, which the public set lacks. Lesions are solid spheres in the lungs. Their summed area on
the film is linear in age and nothing else that the table says matters:

.. math:: A / \mathrm{cm}^2 = a + b\,(\mathrm{age} - 20) + e, \quad e \sim N(0, \sigma^2),

so that no regression of the area on the table can do better than :math:`R^2 = b^2 V / (b^2 V + \sigma^2)`, V being the
variance of age, and age must come first among its columns. With ``bad_films`` some films are bad on purpose:

================  ====================================================================================
``truncated``     a film that ends in the middle
``without_mask``  a film without a lesion mask
``turned_copy``   a mirrored, recompressed copy of another patient's film: a leak that no digest finds
``odd_mask``      a mask whose shape is not that of its film
================  ====================================================================================

``truth.csv`` says which they are, and the area of each film's lesions.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from xraylab.dose.detector import Detector, counts_to_film, expose
from xraylab.imaging import write_radiograph
from xraylab.parameters import Parameters
from xraylab.phantoms.chest import MU_LUNG, MU_SOFT, draw_chest_anatomy, project_chest
from xraylab.phantoms.nih import ENTRY_HEADER
from xraylab.phantoms.write import choose_jobs

__all__ = ["CovidLesionsPhantomParams", "write_covid_lesions_phantom"]

_TRUTH_HEADER = (
    "image_id",
    "patient_id",
    "planted",
    "age",
    "lesion_cm2",
    "lesion_ratio",
    "num_lesions",
    "spacing_mm",
)
_PLANTED = ("truncated", "without_mask", "turned_copy", "odd_mask")
_AGES = (20, 80)
_LEAST_CM2 = 0.5  # of a lesion that is parted because it finds no place
_OTHER_PATIENTS = 50_000  # so that no patient of another phantom has the same number

Bytes = NDArray[np.uint8]


class CovidLesionsPhantomParams(Parameters):
    """Size and content of the phantom data set.

    Attributes
    ----------
    n_patients : int
        Patients.
    films_per_patient : (int, int)
        Least and most films of a patient.
    size_px : int
        Edge of the square films.
    seed : int
        Seed of everything.
    detector : Detector
        Detector and film characteristic.
    area_cm2 : float
        Mean summed area of the lesions at the age of 20.
    area_cm2_per_year : float
        How much it grows with each year of age.
    spread_cm2 : float
        Standard deviation of what the table does not explain.
    bad_films : bool
        Whether to plant bad films.
    """

    n_patients: int = Field(30, ge=1, le=100_000)
    films_per_patient: tuple[int, int] = (1, 2)
    size_px: int = Field(192, ge=64, le=4096)
    seed: int = Field(2018, ge=0)
    detector: Detector = Detector()
    area_cm2: float = Field(20.0, gt=0, le=100)
    area_cm2_per_year: float = Field(0.8, ge=0, le=2)
    spread_cm2: float = Field(6.0, ge=0, le=50)
    bad_films: bool = True

    @model_validator(mode="after")
    def _check(self) -> CovidLesionsPhantomParams:
        least, most = self.films_per_patient
        if not 1 <= least <= most:
            raise ValueError(
                f"films_per_patient must be (least, most) with 1 <= least <= most, got {least}, {most}"
            )
        if self.bad_films and self.n_patients < 2 * len(_PLANTED):
            raise ValueError(
                f"bad_films needs n_patients >= {2 * len(_PLANTED)}, got {self.n_patients}"
            )
        return self


@dataclass(frozen=True)
class _Film:
    """What is written of one film: rows of the table and of the truth."""

    entry: list[object]
    truth: dict[str, object]


def write_covid_lesions_phantom(folder: Path, params: CovidLesionsPhantomParams) -> None:
    """Write the phantom folder.

    Parameters
    ----------
    folder : Path
        An existing folder.
    params : CovidLesionsPhantomParams
        Size and content.
    """
    from joblib import Parallel, delayed

    for name in ("images", "lesion_masks", "lung_masks"):
        (folder / name).mkdir()
    n_jobs = choose_jobs(params.n_patients * params.size_px**2)
    patients = Parallel(n_jobs=n_jobs)(
        delayed(_write_patient)(folder, patient, params)
        for patient in range(1, params.n_patients + 1)
    )
    if params.bad_films:
        _plant_bad_films(folder, [films[0].truth for films in patients])
    films = [film for films in patients for film in films]
    with (folder / "Data_Entry.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(ENTRY_HEADER)
        writer.writerows(film.entry for film in films)
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, _TRUTH_HEADER, lineterminator="\n")
        rows.writeheader()
        rows.writerows(film.truth for film in films)


def _write_patient(folder: Path, patient: int, params: CovidLesionsPhantomParams) -> list[_Film]:
    """Write the films of one patient; return what the tables say of them."""
    rng = np.random.default_rng([params.seed, 7, patient])
    age, sex = int(rng.integers(_AGES[0], _AGES[1] + 1)), str(rng.choice(["F", "M"]))
    anatomy = draw_chest_anatomy(rng, female=sex == "F")
    least, most = params.films_per_patient
    films = []
    for follow_up in range(int(rng.integers(least, most + 1))):
        film_rng = np.random.default_rng([params.seed, 7, patient, follow_up])
        phantom = project_chest(anatomy, params.size_px, film_rng)
        px_per_cm = 10 / phantom.spacing_mm
        mean = params.area_cm2 + params.area_cm2_per_year * (age - _AGES[0])
        area = max(1.0, float(film_rng.normal(mean, params.spread_cm2)))
        depth, mask, n_lesions = _add_lesions(
            phantom.optical_depth, phantom.lung_mask > 0, area, px_per_cm, film_rng
        )
        counts = expose(depth, 1.0, film_rng, params.detector)
        image_id = f"phantom_{patient:05d}_{follow_up:02d}"
        film = counts_to_film(counts, 1.0, params.detector)
        write_radiograph(str(folder / "images" / f"{image_id}.png"), film, bits=8)
        for name, image in (("lesion_masks", mask), ("lung_masks", phantom.lung_mask > 0)):
            cv2.imwrite(str(folder / name / f"{image_id}.png"), 255 * image.astype(np.uint8))
        number = _OTHER_PATIENTS + patient
        view = str(film_rng.choice(["PA", "AP"]))
        size = params.size_px
        entry = [
            f"{image_id}.png", "Nodule", follow_up, number, age, sex, view, size, size,
            round(phantom.spacing_mm, 4), round(phantom.spacing_mm, 4),
        ]  # fmt: skip
        truth = {
            "image_id": image_id, "patient_id": number, "planted": "", "age": age,
            "lesion_cm2": f"{mask.sum() / px_per_cm**2:.4f}", "lesion_ratio": f"{mask.mean():.6f}",
            "num_lesions": n_lesions, "spacing_mm": f"{phantom.spacing_mm:.4f}",
        }  # fmt: skip
        films.append(_Film(entry, truth))
    return films


def _add_lesions(
    depth: NDArray[np.float32],
    lungs: NDArray[np.bool_],
    area_cm2: float,
    px_per_cm: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
    """Put one to three spheres of a summed area into the lungs, none touching another; return their mask.

    A sphere that finds no place becomes two of half its area.
    """
    shares = rng.dirichlet(np.full(int(rng.integers(1, 4)), 4.0))
    areas = sorted((area_cm2 * shares).tolist())
    y, x = np.mgrid[: depth.shape[0], : depth.shape[1]].astype(np.float32)
    free = lungs.copy()
    mask = np.zeros(lungs.shape, bool)
    placed = 0
    while areas:
        area = areas.pop()
        radius = px_per_cm * math.sqrt(area / math.pi)
        centre = _find_place(free, radius, rng)
        if centre is None:
            areas += [area / 2] * 2 if area > _LEAST_CM2 else []
            continue
        squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
        chord_cm = 2 * np.sqrt(np.maximum(radius**2 - squared, 0)) / px_per_cm
        depth = depth + np.float32(MU_SOFT - MU_LUNG) * chord_cm.astype(np.float32)
        mask |= squared < radius**2
        free &= squared > (radius + 3) ** 2
        placed += 1
    return depth, mask, placed


def _find_place(
    free: NDArray[np.bool_], radius: float, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Return a centre (column, row) whose disc is free, or None."""
    inside = cv2.distanceTransform(free.astype(np.uint8), cv2.DIST_L2, 5) > radius
    rows, columns = np.nonzero(inside)
    if len(rows) == 0:
        return None
    pick = int(rng.integers(len(rows)))
    return float(columns[pick]), float(rows[pick])


def _plant_bad_films(folder: Path, truth: list[dict[str, object]]) -> None:
    """Turn the first film of each of the last patients bad, one kind each."""
    rows = dict(zip(_PLANTED, truth[-len(_PLANTED) :], strict=True))
    for kind, row in rows.items():
        row["planted"] = kind
    names = {kind: f"{row['image_id']}.png" for kind, row in rows.items()}
    film = folder / "images" / names["truncated"]
    data = film.read_bytes()
    film.write_bytes(data[: len(data) // 2])
    (folder / "lesion_masks" / names["without_mask"]).unlink()
    original, copy = f"{truth[0]['image_id']}.png", names["turned_copy"]
    for name in ("images", "lesion_masks", "lung_masks"):
        _mirror(folder / name / original, folder / name / copy, lossy=name == "images")
    for key in ("lesion_cm2", "lesion_ratio", "num_lesions", "spacing_mm"):
        rows["turned_copy"][key] = truth[0][key]
    odd = folder / "lesion_masks" / names["odd_mask"]
    mask = _read(odd)
    cv2.imwrite(str(odd), mask[: len(mask) // 2])


def _mirror(source: Path, target: Path, lossy: bool) -> None:
    image = np.ascontiguousarray(_read(source)[:, ::-1])
    if lossy:
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
        if not done:
            raise ValueError(f"{source}: cannot be compressed")
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    cv2.imwrite(str(target), image)


def _read(path: Path) -> Bytes:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
