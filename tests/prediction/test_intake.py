"""Files to films: what they say of themselves, and decoders that crash."""

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from tests.prediction.made import write_film

from xraylab.imaging import FilmFile
from xraylab.imaging.film import FilmHeader
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.prediction.intake import Intake, load_film, load_films

INTAKE = Intake({"film": PreprocessParams(size_px=16, equalise="none")}, body_parts=("CHEST",))


@pytest.mark.parametrize(
    ("modality", "body_part", "refused"),
    [
        ("DX", "CHEST", ""),
        ("CR", "", ""),
        ("", "", ""),
        ("DX", "CHEST PA", ""),
        ("CT", "CHEST", "modality CT"),
        ("MR", "", "modality MR"),
        ("US", "", "modality US"),
        ("DX", "HAND", "body part HAND"),
    ],
)
def test_a_header_says_what_a_file_is(modality: str, body_part: str, refused: str) -> None:
    found = INTAKE.refuse(FilmHeader(modality, body_part))
    assert refused in found
    assert bool(found) == bool(refused)


def dicom(path: Path, **tags: str) -> FilmFile:
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.save_as(path)
    return FilmFile(str(path))


def test_what_a_dicom_file_says_is_read(tmp_path: Path) -> None:
    file = dicom(tmp_path / "a.dcm", Modality="DX", BodyPartExamined="CHEST", PatientSex="F")
    found = load_film("a.dcm", file, INTAKE)
    assert (found.status.kind, found.sex, found.shape) == ("ok", "F", (128, 128))
    assert found.films["film"].shape == (16, 16)


def test_a_film_that_its_header_refuses_is_prepared_all_the_same(tmp_path: Path) -> None:
    found = load_film("a.dcm", dicom(tmp_path / "a.dcm", Modality="CT"), INTAKE)
    assert str(found.status).startswith("refused: its header says the modality CT")
    assert found.is_film


def test_several_frames_are_refused_and_broken_files_are_unreadable(tmp_path: Path) -> None:
    frames = load_film("f.dcm", dicom(tmp_path / "f.dcm", NumberOfFrames="10"), INTAKE)
    assert str(frames.status) == "refused: has 10 frames (multi-frame DICOM); a film has one"
    (tmp_path / "text.png").write_text("no film")
    broken = load_film("text.png", FilmFile(str(tmp_path / "text.png")), INTAKE)
    assert broken.status.kind == "unreadable"
    assert not frames.is_film
    assert not broken.is_film


class Crash:
    """A film whose decoder ends its process."""

    def __call__(self) -> np.ndarray:
        os._exit(139)


def test_a_decoder_that_crashes_costs_its_film_alone(tmp_path: Path) -> None:
    for number in range(6):
        write_film(tmp_path / f"{number}.png", 40 * number)
    files = [(f"{number}.png", FilmFile(str(tmp_path / f"{number}.png"))) for number in range(6)]
    files.insert(2, ("crash.png", Crash()))
    found = list(load_films(files, INTAKE, 1))
    assert [film.path for film in found] == [path for path, _ in files]
    kinds = {film.path: str(film.status) for film in found}
    assert kinds.pop("crash.png") == "unreadable: its decoder crashed"
    assert set(kinds.values()) == {"ok"}
    assert [int(film.films["film"].max()) for film in found if film.is_film] == [0, 40, 80, 120, 160, 200]  # fmt: skip


def test_texture_is_measured_at_the_films_own_size(tmp_path: Path) -> None:
    write_film(tmp_path / "a.png", 255, (32, 32))
    intake = Intake(INTAKE.preparations, texture="published")
    found = load_film("a.png", FilmFile(str(tmp_path / "a.png")), intake)
    assert found.texture["mean_intensity"] == pytest.approx(1 - 16 / 1024)


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (500, 1)])
def test_a_film_of_a_few_pixels_costs_itself_alone(tmp_path: Path, shape: tuple[int, int]) -> None:
    write_film(tmp_path / "a.png", 255, shape)
    file = FilmFile(str(tmp_path / "a.png"))
    assert load_film("a.png", file, INTAKE).is_film
    found = load_film("a.png", file, Intake(INTAKE.preparations, texture="all"))
    assert str(found.status).startswith("refused: cannot be prepared: ")
    assert not found.is_film
