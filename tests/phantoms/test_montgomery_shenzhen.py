import csv
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from xraylab.imaging import UnreadableRadiograph, read_radiograph
from xraylab.phantoms.montgomery_shenzhen import MontgomeryShenzhenPhantomParams
from xraylab.phantoms.registry import write_phantom

SIZES = {"n_shenzhen": 12, "n_montgomery": 5, "size_px": 96}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("raw") / "montgomery_shenzhen"
    assert write_phantom("montgomery_shenzhen", target, SIZES)
    return target


@pytest.fixture(scope="module")
def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth.csv").open() as file:
        return list(csv.DictReader(file))


def test_names_are_as_published(folder, truth):
    films = {path.stem for path in (folder / "CXR_png").iterdir()}
    assert films == {row["image_id"] for row in truth}
    assert sum(name.startswith("CHNCXR_") for name in films) == 12
    assert sum(name.startswith("MCUCXR_") for name in films) == 5
    assert all(row["image_id"].endswith(f"_{row['tuberculosis']}") for row in truth)
    masks = {path.stem for path in (folder / "masks").iterdir()}
    assert all(name.endswith("_mask") == name.startswith("CHN") for name in masks)


def test_masks_are_exact_behind_their_grey_rim(folder, truth):
    for row in truth:
        if row["planted"] in ("without_mask", "odd_mask"):
            continue
        suffix = "_mask" if row["site"] == "shenzhen" else ""
        mask = cv2.imread(
            str(folder / "masks" / f"{row['image_id']}{suffix}.png"), cv2.IMREAD_GRAYSCALE
        )
        assert (len(np.unique(mask)) > 2) == (row["site"] == "shenzhen")
        assert (mask > 127).mean() == pytest.approx(float(row["lung_fraction"]), abs=0.004)
        assert 0.1 < (mask > 127).mean() < 0.5


def test_lungs_are_darker_than_what_lies_between_them(folder, truth):
    row = next(row for row in truth if row["site"] == "montgomery")
    film = read_radiograph(folder / "CXR_png" / f"{row['image_id']}.png")
    mask = read_radiograph(folder / "masks" / f"{row['image_id']}.png") > 0.5
    columns = np.flatnonzero(mask.any(axis=0))
    middle = film[40:60, (columns[0] + columns[-1]) // 2 - 3 : (columns[0] + columns[-1]) // 2 + 3]
    assert film[mask].mean() < middle.mean() - 0.1


def test_what_is_planted_is_bad(folder, truth):
    planted = {row["planted"]: row["image_id"] for row in truth if row["planted"]}
    assert set(planted) == {"truncated", "without_mask", "turned_copy", "odd_mask"}
    with pytest.raises(UnreadableRadiograph):
        read_radiograph(folder / "CXR_png" / f"{planted['truncated']}.png")
    assert not (folder / "masks" / f"{planted['without_mask']}_mask.png").exists()
    original = read_radiograph(folder / "CXR_png" / f"{truth[0]['image_id']}.png")
    copy = read_radiograph(folder / "CXR_png" / f"{planted['turned_copy']}.png")
    assert 0 < np.abs(copy[:, ::-1] - original).mean() < 0.02


def test_a_film_does_not_depend_on_how_many_there_are(folder, tmp_path):
    more = tmp_path / "montgomery_shenzhen"
    write_phantom("montgomery_shenzhen", more, {**SIZES, "n_shenzhen": 16})
    name = sorted(path.name for path in (folder / "CXR_png").iterdir())[0]
    assert (more / "CXR_png" / name).read_bytes() == (folder / "CXR_png" / name).read_bytes()
    assert not write_phantom("montgomery_shenzhen", more, {**SIZES, "n_shenzhen": 16})  # once


def test_too_few_films_to_plant_bad_ones_are_refused():
    with pytest.raises(ValidationError, match="bad_films needs n_shenzhen >= 8, got 4"):
        MontgomeryShenzhenPhantomParams(n_shenzhen=4)


def test_readings_name_sex_and_age_in_the_words_of_each_site(folder, truth):
    texts = {path.stem: path.read_text() for path in (folder / "ClinicalReadings").iterdir()}
    assert set(texts) == {row["image_id"] for row in truth}
    for image_id, text in texts.items():
        pattern = (
            r"Patient's Sex: [MF]\nPatient's Age: 0\d\dY\n"
            if image_id.startswith("MCU")
            else r"(fe)?male \d\dyrs\n"
        )
        assert re.match(pattern, text), text
        assert text.endswith("infiltrate\n" if image_id.endswith("_1") else "normal\n")


def test_every_ill_film_has_an_infiltrate_where_it_is_said_to_be(folder, truth):
    with (folder / "findings.csv").open() as file:
        findings = list(csv.DictReader(file))
    gone = {row["image_id"] for row in truth if row["planted"] in ("truncated", "turned_copy")}
    ill = {row["image_id"] for row in truth if row["tuberculosis"] == "1"} - gone
    assert {row["image_id"] for row in findings if row["kind"] == "opacity"} == ill
    cavities = [row for row in findings if row["kind"] == "cavity"]
    assert 0 < len(cavities) < len(ill)
    for row in cavities:
        mask_path = next((folder / "masks").glob(f"{row['image_id']}*"), None)
        if mask_path is not None and row["image_id"] not in gone:
            mask = read_radiograph(mask_path)
            if mask.shape == (96, 96):
                assert mask[int(float(row["y_px"])), int(float(row["x_px"]))] > 0.5
