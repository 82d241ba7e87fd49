"""The chest phantom as the merged NLM folder: two sites with looks of their own, and exact lung masks.

``CXR_png/{MCUCXR,CHNCXR}_NNNN_L.png`` with L = 1 for tuberculosis, which here is a hazy infiltrate, in every second
film with a cavity, and ``masks/`` with and without ``_mask`` in the name, as published. Shenzhen masks are grey at
the rim. Montgomery films have a black frame, a flatter film curve and more noise. Patients lie on their films in many
ways, and every film has a curve of its own, so that neither a mean mask nor a mean grey tells much.
``ClinicalReadings/`` has sex and age in the words of each site, ``findings.csv`` where each infiltrate, nodule and
cavity is. With ``bad_films`` some are bad on purpose:

================  ====================================================================================
``truncated``     a film that ends in the middle
``without_mask``  a film without a mask
``turned_copy``   a mirrored, recompressed copy of another film: a leak that no digest finds
``odd_mask``      a mask whose shape is not that of its film
================  ====================================================================================

``truth.csv`` says which they are.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from xraylab.dose.detector import Detector, counts_to_film, expose
from xraylab.imaging import write_radiograph
from xraylab.parameters import Parameters
from xraylab.phantoms.chest import Finding, Placing, Signs, draw_chest_anatomy, project_chest
from xraylab.phantoms.numbers import FIRST_FILM
from xraylab.phantoms.write import choose_jobs

__all__ = ["MontgomeryShenzhenPhantomParams", "write_montgomery_shenzhen_phantom"]

_FINDINGS_HEADER = ("image_id", "kind", "x_px", "y_px", "diameter_mm", "x", "y", "width", "height")
_TRUTH_HEADER = ("image_id", "site", "tuberculosis", "planted", "lung_fraction", "spacing_mm")
_PLANTED = ("truncated", "without_mask", "turned_copy", "odd_mask")
_INFILTRATE_CM = (4.5, 7.5)  # denser and wider than a haze: a few small films have to show it
_INFILTRATE_RADIUS_CM = (3.0, 5.0)
_FIELD_CM = (33.0, 44.0)  # what a film spans: patients lie on it in many ways
_SHIFT_SD_CM = 1.5
_CURVE = (0.7, 1.4)  # exponent on a film, whatever it shows
_LEAST_FILMS = 2 * len(_PLANTED)


class MontgomeryShenzhenPhantomParams(Parameters):
    """Size and content of the phantom data set.

    Attributes
    ----------
    n_shenzhen, n_montgomery : int
        Films of each site, one a patient.
    size_px : int
        Edge of the square films.
    seed : int
        Seed of everything.
    detector : Detector
        Detector and film characteristic of Shenzhen; that of Montgomery is made from it.
    share_with_tuberculosis : float
        Share of the films with an infiltrate.
    share_with_cavity : float
        Share of these that have a cavity too.
    bad_films : bool
        Whether to plant bad films.
    """

    n_shenzhen: int = Field(60, ge=1, le=100_000)
    n_montgomery: int = Field(30, ge=1, le=100_000)
    size_px: int = Field(256, ge=64, le=4096)
    seed: int = Field(2018, ge=0)
    detector: Detector = Detector()
    share_with_tuberculosis: float = Field(0.5, ge=0, le=1)
    share_with_cavity: float = Field(0.5, ge=0, le=1)
    bad_films: bool = True

    @model_validator(mode="after")
    def _check(self) -> MontgomeryShenzhenPhantomParams:
        if self.bad_films and self.n_shenzhen < _LEAST_FILMS:
            raise ValueError(f"bad_films needs n_shenzhen >= {_LEAST_FILMS}, got {self.n_shenzhen}")
        return self


@dataclass(frozen=True)
class _Site:
    """What tells the films of one hospital from those of another."""

    name: str
    prefix: str
    mask_suffix: str
    dose: float  # relative to the detector's
    curve: float  # exponent on the film
    frame: float  # width of the black frame, as a fraction of the edge
    grey_rim: bool


_SITES = {
    "shenzhen": _Site("shenzhen", "CHNCXR", "_mask", 1.0, 1.0, 0.0, True),
    "montgomery": _Site("montgomery", "MCUCXR", "", 0.35, 0.75, 0.06, False),
}


def write_montgomery_shenzhen_phantom(
    folder: Path, params: MontgomeryShenzhenPhantomParams
) -> None:
    """Write the phantom NLM folder.

    Parameters
    ----------
    folder : Path
        An existing folder.
    params : MontgomeryShenzhenPhantomParams
        Size and content.
    """
    from joblib import Parallel, delayed

    (folder / "CXR_png").mkdir()
    (folder / "masks").mkdir()
    (folder / "ClinicalReadings").mkdir()
    numbers = [("shenzhen", n) for n in range(1, params.n_shenzhen + 1)]
    numbers += [("montgomery", n) for n in range(1, params.n_montgomery + 1)]
    n_jobs = choose_jobs(len(numbers) * params.size_px**2)
    written = Parallel(n_jobs=n_jobs)(
        delayed(_write_film)(folder, _SITES[site], number, params) for site, number in numbers
    )
    truth = [row for row, _ in written]
    findings = [finding for _, found in written for finding in found]
    if params.bad_films:
        _plant_bad_films(folder, truth[: params.n_shenzhen])
    # what was in a film that another took the place of, or that ends in the middle, is no truth of it
    gone = {row["image_id"] for row in truth if row["planted"] in ("truncated", "turned_copy")}
    findings = [finding for finding in findings if finding["image_id"] not in gone]
    for name, header, rows in (
        ("truth.csv", _TRUTH_HEADER, truth),
        ("findings.csv", _FINDINGS_HEADER, findings),
    ):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, header, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _write_film(
    folder: Path, site: _Site, number: int, params: MontgomeryShenzhenPhantomParams
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Write film, mask and reading of one patient; return its row of the truth, and its findings."""
    rng = np.random.default_rng([params.seed, sum(site.prefix.encode()), number])
    ill = bool(rng.random() < params.share_with_tuberculosis)
    frame_px = round(site.frame * params.size_px)
    female = bool(rng.random() < 0.5)  # noqa: PLR2004 - a coin
    anatomy = draw_chest_anatomy(rng, female=female)
    phantom = project_chest(
        anatomy,
        params.size_px - 2 * frame_px,
        rng,
        Signs(
            nodule=0.5 * ill,
            opacity=float(ill),
            cavity=params.share_with_cavity * ill,
            opacity_cm=_INFILTRATE_CM,
            opacity_radius_cm=_INFILTRATE_RADIUS_CM,
        ),
        Placing(float(rng.uniform(*_FIELD_CM)), _SHIFT_SD_CM),
    )
    counts = expose(phantom.optical_depth, site.dose, rng, params.detector)
    curve = site.curve * float(rng.uniform(*_CURVE))
    film = counts_to_film(counts, site.dose, params.detector) ** curve
    mask = np.asarray(phantom.lung_mask > 0, np.float32)
    film, mask = (np.pad(image, frame_px) for image in (film, mask))
    fraction = float(mask.mean())
    if site.grey_rim:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.6), np.float32)
    image_id = f"{site.prefix}_{FIRST_FILM + number:04d}_{int(ill)}"
    write_radiograph(str(folder / "CXR_png" / f"{image_id}.png"), film, bits=8)
    write_radiograph(str(_mask_path(folder, image_id, site)), np.clip(mask, 0, 1), bits=8)
    age = int(np.random.default_rng([params.seed, number]).integers(18, 80))
    reading = _reading(site, female, age, ill)
    (folder / "ClinicalReadings" / f"{image_id}.txt").write_text(reading, encoding="utf-8")
    findings = [_describe_finding(image_id, each, frame_px) for each in phantom.findings]
    return {
        "image_id": image_id, "site": site.name, "tuberculosis": int(ill), "planted": "",
        "lung_fraction": f"{fraction:.5f}", "spacing_mm": f"{phantom.spacing_mm:.4f}",
    }, findings  # fmt: skip


def _reading(site: _Site, female: bool, age: int, ill: bool) -> str:
    """Return sex, age and finding in the words of the site."""
    finding = "infiltrate" if ill else "normal"
    if site.name == "montgomery":
        return f"Patient's Sex: {'F' if female else 'M'}\nPatient's Age: {age:03d}Y\n{finding}\n"
    return f"{'female' if female else 'male'} {age}yrs\n{finding}\n"


def _describe_finding(image_id: str, finding: Finding, frame_px: int) -> dict[str, object]:
    x, y, width, height = finding.box_px
    numbers = {
        "x_px": finding.x_px + frame_px, "y_px": finding.y_px + frame_px, "diameter_mm": finding.diameter_mm,
        "x": x + frame_px, "y": y + frame_px, "width": width, "height": height,
    }  # fmt: skip
    rounded = {name: f"{value:.2f}" for name, value in numbers.items()}
    return {"image_id": image_id, "kind": finding.kind, **rounded}


def _mask_path(folder: Path, image_id: str, site: _Site) -> Path:
    return folder / "masks" / f"{image_id}{site.mask_suffix}.png"


def _plant_bad_films(folder: Path, truth: list[dict[str, object]]) -> None:
    """Turn the last Shenzhen films bad, one kind each."""
    site = _SITES["shenzhen"]
    rows = dict(zip(_PLANTED, truth[-len(_PLANTED) :], strict=True))
    for kind, row in rows.items():
        row["planted"] = kind
    films = {kind: folder / "CXR_png" / f"{row['image_id']}.png" for kind, row in rows.items()}
    masks = {kind: _mask_path(folder, str(row["image_id"]), site) for kind, row in rows.items()}

    data = films["truncated"].read_bytes()
    films["truncated"].write_bytes(data[: len(data) // 2])
    masks["without_mask"].unlink()
    original = str(truth[0]["image_id"])
    _mirror(folder / "CXR_png" / f"{original}.png", films["turned_copy"], lossy=True)
    _mirror(_mask_path(folder, original, site), masks["turned_copy"], lossy=False)
    rows["turned_copy"]["lung_fraction"] = truth[0]["lung_fraction"]
    cut = _read(masks["odd_mask"])
    cv2.imwrite(str(masks["odd_mask"]), cut[: len(cut) // 2])


def _mirror(source: Path, target: Path, lossy: bool) -> None:
    image = np.ascontiguousarray(_read(source)[:, ::-1])
    if lossy:
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
        if not done:
            raise ValueError(f"{source}: cannot be compressed")
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    cv2.imwrite(str(target), image)


def _read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
