"""Released models on a user's own films: from a zipped bundle, in a project that has trained nothing."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pydicom
import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from pydicom.data import get_testdata_file

from xraylab import load_model
from xraylab.cli import cli
from xraylab.imaging import read_radiograph
from xraylab.models.card import NOTICE

FILMS = {
    "lung_segmentation": ("montgomery_shenzhen/CXR_png", "CHEST"),
    "tb_classification": ("montgomery_shenzhen/CXR_png", "CHEST"),
    "lesion_regression": ("covid_lesions/images", "CHEST"),
    "dose_estimation": ("nih_chest_xray14/images", "CHEST"),
    "bone_age": ("rsna_bone_age/boneage-test-dataset", "HAND"),
    "fracture": ("fracture_multi_region/Bone_Fracture_Binary_Classification/test", "WRIST"),
}
"""Where each pipeline finds films like its own, and what a DICOM file of such a film says."""


def invoke(project: Path, *arguments: str) -> str:
    """Run a command of xraylab in a project; return what it said."""
    bootstrap_project(project)
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == 0, result.output[-4000:]
    return result.output


@pytest.fixture
def bundle(finished_run: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that zips the bundle of a pipeline of the finished run."""

    def make(task: str) -> Path:
        file = tmp_path / f"{task}.zip"
        workspace = f"--workspace={finished_run}/data/test"
        assert "trained on phantoms of" in invoke(finished_run, "bundle", task, workspace, f"--out={file}")  # fmt: skip
        return file

    return make


def write_dicom(path: Path, pixels: np.ndarray, **tags: str) -> None:
    """Write a film as DICOM, with some tags set."""
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    for name in ("RescaleSlope", "RescaleIntercept"):
        delattr(dataset, name)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelRepresentation, dataset.PixelData = 0, pixels.astype("<u2").tobytes()
    dataset.PatientName, dataset.PatientID = "Planted^Name", "PLANTED-ID"
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.save_as(path)


def write_films(folder: Path, phantoms: Path, body_part: str) -> None:
    """Write one file of each kind: films of this kind in every format, what is none, and what is broken."""
    found = sorted(path for path in phantoms.rglob("*") if path.suffix in {".png", ".jpg"})
    (folder / "patient").mkdir(parents=True)
    pixels = np.round(read_radiograph(found[1]) * 255).astype(np.uint8)
    cv2.imwrite(str(folder / "a.png"), pixels)
    cv2.imwrite(str(folder / "b.jpg"), pixels)
    shutil.copy(folder / "a.png", folder / "patient/1")  # known by its content
    film = {"Modality": "DX", "BodyPartExamined": body_part, "PatientSex": "F"}
    write_dicom(folder / "c.dcm", 256 * pixels.astype(int), **film)
    write_dicom(folder / "ct.dcm", 256 * pixels.astype(int), Modality="CT")
    write_dicom(folder / "frames.dcm", pixels, **film, NumberOfFrames="3")
    cv2.imwrite(str(folder / "blank.png"), np.full_like(pixels, 128))
    (folder / "cut.jpg").write_bytes((folder / "b.jpg").read_bytes()[:900])
    (folder / "text.png").write_bytes(b"not a film")
    (folder / "labels.csv").write_text("note\nnothing\n")


@pytest.mark.parametrize("task", FILMS)
def test_a_bundle_reads_any_folder_in_an_empty_project(
    project_copy: Path, finished_run: Path, bundle: Callable[[str], Path], task: str
) -> None:
    place, body_part = FILMS[task]
    films, out = project_copy / "my_films", project_copy / "my_results"
    write_films(films, finished_run / "data/01_raw/phantoms_test" / place, body_part)
    model = bundle(task)
    params = f"films={films},out={out},model={model}"
    invoke(project_copy, "run", f"--pipeline={task}_predict", f"--params={params}")
    table = pd.read_parquet(out / "predictions.parquet")
    assert table["path"].tolist() == sorted(
        str(path.relative_to(films)) for path in films.rglob("*") if path.is_file()
    )
    status = table.set_index("path")["status"]
    kinds = status.str.split(":").str[0]
    assert kinds["labels.csv"] == "ignored"
    assert set(kinds[["cut.jpg", "text.png"]]) == {"unreadable"}
    assert "modality CT" in status["ct.dcm"]
    assert "3 frames" in status["frames.dcm"]
    assert kinds["blank.png"] == "refused"
    assert (table["notice"] == NOTICE).all()
    assert not (project_copy / "data").is_dir() or not any((project_copy / "data").rglob("*.json"))
    for path in (each for each in out.rglob("*") if each.is_file()):
        assert b"Planted" not in path.read_bytes(), path
    _compare_with_python(table, films, model)


def _compare_with_python(table: pd.DataFrame, films: Path, model: Path) -> None:
    """Assert that a call of Python gives the row of the table."""
    one = load_model(str(model))
    rows = table.set_index("path")
    for name in ("a.png", "c.dcm", "text.png"):
        found = one.predict(films / name).row()
        for column, value in found.items():
            expected = rows.loc[name].get(column)
            if column in ("path", "mask"):
                continue
            if isinstance(value, float) and not math.isnan(value):
                assert value == pytest.approx(expected, rel=1e-4, abs=1e-5), column
            elif not pd.isna(value):
                assert value == expected, column


def test_masks_and_heat_maps_lie_beside_the_table(
    project_copy: Path, finished_run: Path, bundle: Callable[[str], Path]
) -> None:
    films, out = project_copy / "my_films", project_copy / "my_results"
    place, body_part = FILMS["lung_segmentation"]
    write_films(films, finished_run / "data/01_raw/phantoms_test" / place, body_part)
    params = f"films={films},out={out},model={bundle('lung_segmentation')},refuse=false,heat_maps=true"  # fmt: skip
    invoke(project_copy, "run", "--pipeline=lung_segmentation_predict", f"--params={params}")
    table = pd.read_csv(out / "predictions.csv").set_index("path")
    shape = read_radiograph(films / "a.png").shape
    for name in ("a.png", "b.jpg", "patient/1", "c.dcm", "ct.dcm", "blank.png"):
        mask = cv2.imread(str(out / table.loc[name, "mask"]), cv2.IMREAD_UNCHANGED)
        assert mask.shape == shape
    assert len(list((out / "heat_maps").rglob("*.png"))) == 6
    assert pd.isna(table.loc["text.png", "mask"])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("films=films", "out must be named"),
        ("films=films,out=out", "no trained model of fracture yet. Train one first: kedro run --pipeline=fracture"),
        ("films=films,out=out,model=no.zip", "'no.zip' is no bundle"),
        ("films=films,out=out,refuse=perhaps", "predict.refuse"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_in_one_sentence(
    project_copy: Path, monkeypatch: pytest.MonkeyPatch, params: str, message: str
) -> None:
    monkeypatch.chdir(project_copy)
    (project_copy / "films").mkdir()
    bootstrap_project(project_copy)
    result = CliRunner().invoke(cli, ["run", "--pipeline=fracture_predict", f"--params={params}"])
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not (project_copy / "out").exists()
