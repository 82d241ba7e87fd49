"""The hand phantom as the RSNA 2017 bone age folder.

``boneage-training-dataset/ID.png`` and ``boneage-training-dataset.csv`` with the columns ``id,boneage,male`` (months,
True or False), the rows in the order of the ids, which is not that of the file names. Films have the marks of real
ones: a lead letter, another height than width, a border, a raised or uneven background, more or less contrast.
``boneage-test-dataset/ID.png`` and ``boneage-test-dataset.csv`` (``Case ID,Sex``; M or F) are hands of no told age.
With ``bad_films`` some are bad on purpose:

==================  ==================================================================================
``duplicate_id``    an id with two rows that differ in age
``without_film``    an id whose film is missing
``without_label``   a film without a row
``non_integer_id``  a row whose id is no whole number
``out_of_range``    an age of 999 months
``truncated``       a film that ends in the middle
``copy``            the file of another film under a second id: a leak
==================  ==================================================================================

``truth.csv`` says which they are (``test`` for a hand of no told age), and what the hand was drawn from.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from xraylab.dose.detector import Detector, counts_to_film, expose
from xraylab.imaging import write_radiograph
from xraylab.parameters import Parameters
from xraylab.phantoms.hand import draw_hand_anatomy, project_hand
from xraylab.phantoms.hand_growth import developmental_months
from xraylab.phantoms.numbers import FIRST_HAND
from xraylab.phantoms.write import choose_jobs

__all__ = ["FILM_RANGE", "RsnaBoneAgePhantomParams", "write_rsna_bone_age_phantom"]

_FILMS = "boneage-training-dataset"
_TEST_FILMS = "boneage-test-dataset"
_HEADER, _TEST_HEADER = ("id", "boneage", "male"), ("Case ID", "Sex")
_TRUTH_HEADER = (
    "image_id", "boneage", "male", "developmental_months", "planted",
    "hand_top", "hand_bottom", "hand_left", "hand_right", "spacing_mm",
)  # fmt: skip
_PLANTED = (
    "duplicate_id", "without_film", "without_label", "non_integer_id", "out_of_range", "truncated",
    "copy",
)  # fmt: skip
_LEAST_FILMS = 2 * len(_PLANTED)
_WORTH_A_PROCESS = 5e5  # pixels above which other processes repay their start
_FIRST_ID, _ID_STEP = FIRST_HAND, 37
_MONTHS = (6, 216)
_MALE = 0.54
FILM_RANGE = 0.5  # of the detector's range: a hand is thin
_IMPOSSIBLE_MONTHS = 999


class RsnaBoneAgePhantomParams(Parameters):
    """Size and content of the phantom data set.

    Attributes
    ----------
    n_hands : int
        Films, one a child.
    n_test : int
        Further films without an age.
    size_px : int
        Height of the films; they are 80 to 100 % as wide.
    seed : int
        Seed of everything.
    detector : Detector
        Detector of the films, whose film range is halved, as a hand is thin.
    bad_films : bool
        Whether to plant bad rows and films.
    """

    n_hands: int = Field(300, ge=1, le=100_000)
    n_test: int = Field(12, ge=0, le=100_000)
    size_px: int = Field(160, ge=64, le=4096)
    seed: int = Field(2018, ge=0)
    detector: Detector = Detector()
    bad_films: bool = True

    @model_validator(mode="after")
    def _check(self) -> RsnaBoneAgePhantomParams:
        if self.bad_films and self.n_hands < _LEAST_FILMS:
            raise ValueError(f"bad_films needs n_hands >= {_LEAST_FILMS}, got {self.n_hands}")
        return self


def write_rsna_bone_age_phantom(folder: Path, params: RsnaBoneAgePhantomParams) -> None:
    """Write the phantom RSNA folder.

    Parameters
    ----------
    folder : Path
        An existing folder.
    params : RsnaBoneAgePhantomParams
        Size and content.
    """
    from joblib import Parallel, delayed

    places = [folder / _FILMS] * params.n_hands + [folder / _TEST_FILMS] * params.n_test
    for place in dict.fromkeys(places):
        place.mkdir()
    n_jobs = choose_jobs(len(places) * params.size_px**2, _WORTH_A_PROCESS)
    drawn = Parallel(n_jobs=n_jobs)(
        delayed(_write_film)(place, number, params) for number, place in enumerate(places)
    )
    truth, tests = drawn[: params.n_hands], drawn[params.n_hands :]
    labels = [
        {"id": row["image_id"], "boneage": row["boneage"], "male": row["male"]} for row in truth
    ]
    if params.bad_films:
        labels = _plant(folder, truth, labels)
    _write_table(folder / f"{_FILMS}.csv", _HEADER, labels)
    if tests:
        asked = [{"Case ID": row["image_id"], "Sex": "M" if row["male"] else "F"} for row in tests]
        _write_table(folder / f"{_TEST_FILMS}.csv", _TEST_HEADER, asked)
    for row in tests:
        row["planted"] = "test"
    _write_table(folder / "truth.csv", _TRUTH_HEADER, [*truth, *tests])


def _write_table(path: Path, header: tuple[str, ...], rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_film(place: Path, number: int, params: RsnaBoneAgePhantomParams) -> dict[str, object]:
    """Write the film of one child; return its row of the truth."""
    rng = np.random.default_rng([params.seed, 2017, number])
    months, male = int(rng.integers(_MONTHS[0], _MONTHS[1] + 1)), bool(rng.random() < _MALE)
    anatomy = draw_hand_anatomy(rng, months, male)
    phantom = project_hand(anatomy, params.size_px, rng)
    columns = _film_columns(phantom.hand_mask, rng)
    depth = np.ascontiguousarray(phantom.optical_depth[:, columns])
    mask = phantom.hand_mask[:, columns]
    detector = params.detector.model_copy(
        update={"log_range": FILM_RANGE * params.detector.log_range}
    )
    counts = expose(_add_lead(depth, mask, rng), 1.0, rng, detector)
    film = _develop(counts_to_film(counts, 1.0, detector), mask, rng)
    image_id = str(_FIRST_ID + _ID_STEP * number)
    write_radiograph(str(place / f"{image_id}.png"), film, bits=8)
    rows, filled = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return {
        "image_id": image_id, "boneage": months, "male": male,
        "developmental_months": f"{developmental_months(months, male):.2f}", "planted": "",
        "hand_top": rows[0], "hand_bottom": rows[-1] + 1,
        "hand_left": filled[0], "hand_right": filled[-1] + 1,
        "spacing_mm": f"{phantom.spacing_mm:.4f}",
    }  # fmt: skip


def _film_columns(mask: NDArray[np.bool_], rng: np.random.Generator) -> slice:
    """Choose the columns of a film that is narrower than high and holds the hand where it can."""
    size = mask.shape[1]
    width = round(size * float(rng.uniform(0.8, 1.0)))
    filled = np.flatnonzero(mask.any(axis=0))
    middle = (filled[0] + filled[-1]) / 2
    start = int(np.clip(round(middle - width / 2), 0, size - width))
    return slice(start, start + width)


def _add_lead(
    depth: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Lay a lead letter L beside the hand, in a corner at the top or in what is free at the side."""
    height, width = depth.shape
    tall = round(height * float(rng.uniform(0.06, 0.1)))
    thick = max(2, round(0.22 * tall))
    for _ in range(12):
        top = int(rng.integers(2, height - tall - 2))
        left = int(rng.integers(2, width - tall - 2))
        if mask[top : top + tall, left : left + tall].any():
            continue
        letter = np.zeros_like(mask)
        letter[top : top + tall, left : left + thick] = True
        letter[top + tall - thick : top + tall, left : left + round(0.65 * tall)] = True
        plate = np.zeros_like(mask)
        plate[max(0, top - 2) : top + tall + 2, max(0, left - 2) : left + tall] = not mask[
            max(0, top - 2) : top + tall + 2, max(0, left - 2) : left + tall
        ].any()
        return np.asarray(depth + np.float32(0.15) * plate + np.float32(8.0) * letter, np.float32)
    return depth


def _develop(
    film: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Give a film its contrast, background and border; a third of the films has each of the last two."""
    contrast, curve = float(rng.uniform(0.75, 1.2)), float(rng.uniform(0.7, 1.2))
    film = np.asarray(np.clip(contrast * film, 0, 1) ** curve, np.float32)
    kind = rng.random(2)
    if kind[0] < 1 / 3:
        low, high = (float(value) for value in rng.uniform(0.0, 0.12, 2))
        slope = np.linspace(low, high, len(film)).astype(np.float32)[:, None]
        grain = np.float32(0.015) * rng.standard_normal(film.shape, np.float32)
        film += (np.float32(0.08) + slope + grain) * (1 - film)
    if kind[1] < 1 / 3:
        film = _add_border(film, mask, rng, bright=bool(kind[1] < 1 / 6))
    return np.asarray(np.clip(film, 0, 1), np.float32)


def _add_border(
    film: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator, bright: bool
) -> NDArray[np.float32]:
    """Frame a film by the edge of a slightly turned collimator, behind the hand: black or white outside."""
    height, width = film.shape
    inset = 0.04 * height
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-3, 3)), 1.0)
    corners = np.array(
        [[inset, inset], [width - inset, inset], [width - inset, height], [inset, height]]
    )
    turned = corners @ turn[:, :2].T + turn[:, 2]
    field = np.zeros((height, width), np.uint8)
    cv2.fillPoly(field, [np.rint(turned).astype(np.int32)], 1)
    outside = (field == 0) & ~mask
    return np.where(outside, np.float32(0.97 if bright else 0.0), film)


def _plant(
    folder: Path, truth: list[dict[str, object]], labels: list[dict[str, object]]
) -> list[dict[str, object]]:
    """Turn the last rows and films bad, one kind each; return the labels as they are written."""
    rows = dict(zip(_PLANTED, truth[-len(_PLANTED) :], strict=True))
    for kind, row in rows.items():
        row["planted"] = kind
    of = {str(label["id"]): label for label in labels}
    label = {kind: of[str(row["image_id"])] for kind, row in rows.items()}
    film = {kind: folder / _FILMS / f"{row['image_id']}.png" for kind, row in rows.items()}

    again = {**label["duplicate_id"], "boneage": int(str(rows["duplicate_id"]["boneage"])) + 24}
    film["without_film"].unlink()
    labels = [row for row in labels if row is not label["without_label"]]
    label["non_integer_id"]["id"] = f"{label['non_integer_id']['id']}.5"
    label["out_of_range"]["boneage"] = _IMPOSSIBLE_MONTHS
    data = film["truncated"].read_bytes()
    film["truncated"].write_bytes(data[: len(data) // 2])
    original = truth[0]
    shutil.copyfile(folder / _FILMS / f"{original['image_id']}.png", film["copy"])
    kept = ("image_id", "planted")
    rows["copy"].update({name: value for name, value in original.items() if name not in kept})
    label["copy"].update({name: labels[0][name] for name in ("boneage", "male")})
    return [*labels, again]
