"""Released networks on a folder of the user's own films, as the README says it."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from tests.integration.commands import run

FILMS = {
    "lung_segmentation": ("montgomery_shenzhen/CXR_png", "lungs"),
    "tb_classification": ("montgomery_shenzhen/CXR_png", "tuberculosis"),
    "lesion_regression": ("covid_lesions/images", "lesions"),
    "fracture": ("fracture_multi_region/Bone_Fracture_Binary_Classification/test", "fractures"),
    "bone_age": ("rsna_bone_age/boneage-test-dataset", "bone_ages"),
}
"""Where each pipeline finds films like its own, and the table that it writes of them."""


@pytest.mark.parametrize("pipeline", FILMS)
def test_each_pipeline_reads_a_folder_of_films(finished_copy: Path, pipeline: str) -> None:
    place, table = FILMS[pipeline]
    films = finished_copy / "my_films"
    films.mkdir()
    folder = finished_copy / "data/01_raw/phantoms_test" / place
    phantoms = sorted(path for path in folder.rglob("*") if path.suffix in {".png", ".jpg"})
    for number in (1, 2):
        shutil.copy(phantoms[number], films / str(number))  # known by its content
    (films / "3.png").write_bytes(b"not a film")
    written = run(finished_copy, f"--pipelines={pipeline}", "--tags=predict", f"--params=films={films}")  # fmt: skip
    # what a user's own films give lies apart, and nothing of the training's results has changed
    assert written
    assert all(each.startswith("predictions/") for each in written)
    predictions = finished_copy / "data/test/predictions"
    found = pd.read_csv(predictions / f"07_model_output/{pipeline}/{table}.csv", dtype=str)
    assert found["image_id"].unique().tolist() == ["1", "2"]  # a hand of no known sex has two rows
    rejected = pd.read_csv(predictions / f"08_reporting/{pipeline}/new_rejected.csv")
    assert rejected["image_id"].tolist() == ["3.png"]


def test_films_of_any_kind_have_masks_of_their_own_size(finished_copy: Path) -> None:
    import pydicom
    from pydicom.data import get_testdata_file

    films = finished_copy / "my_films"
    (films / "patient").mkdir(parents=True)
    pixels = (np.random.default_rng(0).random((60, 80)) * 255).astype(np.uint8)
    cv2.imwrite(str(films / "a.png"), pixels)
    cv2.imwrite(str(films / "b.jpg"), pixels[:, :50])
    pydicom.dcmread(get_testdata_file("CT_small.dcm")).save_as(films / "c.dcm")
    (films / "d.png").write_bytes(b"not a film")
    shutil.copy(films / "a.png", films / "patient/1")  # known by its content
    arguments = ("--pipelines=lung_segmentation", "--tags=predict", f"--params=films={films}")
    written = run(finished_copy, *arguments)
    assert all(each.startswith("predictions/") for each in written)
    predictions = finished_copy / "data/test/predictions"
    output = predictions / "07_model_output/lung_segmentation"
    names = ["a.png", "b.jpg", "c.dcm", "patient/1"]
    shapes = [cv2.imread(str(output / f"masks/{name}.png"), -1).shape for name in names]
    assert shapes == [(60, 80), (60, 50), (128, 128), (60, 80)]
    lungs = pd.read_csv(output / "lungs.csv")
    assert lungs["image_id"].tolist() == names
    rejected = pd.read_csv(predictions / "08_reporting/lung_segmentation/new_rejected.csv")
    assert rejected["image_id"].tolist() == ["d.png"]
