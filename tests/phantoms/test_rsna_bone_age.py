import csv
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from xraylab.imaging import UnreadableRadiograph, read_radiograph
from xraylab.phantoms.hand_growth import GIRLS_AHEAD
from xraylab.phantoms.registry import write_phantom
from xraylab.phantoms.rsna_bone_age import RsnaBoneAgePhantomParams

SIZES = {"n_hands": 24, "size_px": 96}
FILMS = "boneage-training-dataset"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("raw") / "rsna_bone_age"
    assert write_phantom("rsna_bone_age", target, SIZES)
    return target


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict[str, dict[str, str]]:
    return {row["image_id"]: row for row in read(folder / "truth.csv")}


@pytest.fixture(scope="module")
def labels(folder: Path) -> list[dict[str, str]]:
    return read(folder / f"{FILMS}.csv")


def test_files_are_as_published(folder, truth, labels):
    assert list(labels[0]) == ["id", "boneage", "male"]
    assert {row["male"] for row in labels} == {"True", "False"}
    films = {path.stem for path in (folder / FILMS).iterdir()}
    tests = {image_id for image_id, row in truth.items() if row["planted"] == "test"}
    assert films == set(truth) - {of(truth, "without_film")} - tests
    # pairing by position would go wrong: files are listed as text
    ids = [row["id"] for row in labels]
    assert ids[:3] == ["999377", "999414", "999451"]
    wider = [str(999377 + 37 * number) for number in range(300)]
    assert sorted(wider) != wider


def test_hands_of_the_test_part_have_a_sex_and_no_age(folder, truth):
    rows = read(folder / "boneage-test-dataset.csv")
    assert list(rows[0]) == ["Case ID", "Sex"]
    assert len(rows) == 12
    for row in rows:
        told = truth[row["Case ID"]]
        assert (told["planted"], row["Sex"] == "M") == ("test", told["male"] == "True")
        assert (folder / "boneage-test-dataset" / f"{row['Case ID']}.png").exists()


def of(truth: dict[str, dict[str, str]], kind: str) -> str:
    return next(image_id for image_id, row in truth.items() if row["planted"] == kind)


def test_labels_are_the_truth_where_nothing_is_planted(truth, labels):
    for row in labels:
        told = truth.get(row["id"])
        if told is None or told["planted"]:
            continue
        assert (row["boneage"], row["male"]) == (told["boneage"], told["male"])
        ahead = 1.0 if told["male"] == "True" else GIRLS_AHEAD
        assert float(told["developmental_months"]) == pytest.approx(
            ahead * int(row["boneage"]), abs=0.01
        )


def test_what_is_planted_is_bad(folder, truth, labels):
    ids = [row["id"] for row in labels]
    twice = of(truth, "duplicate_id")
    ages = [int(row["boneage"]) for row in labels if row["id"] == twice]
    assert len(ages) == 2
    assert ages[1] == ages[0] + 24
    assert not (folder / FILMS / f"{of(truth, 'without_film')}.png").exists()
    assert of(truth, "without_film") in ids
    assert of(truth, "without_label") not in ids
    assert f"{of(truth, 'non_integer_id')}.5" in ids
    assert of(truth, "non_integer_id") not in ids
    assert next(row for row in labels if row["id"] == of(truth, "out_of_range"))["boneage"] == "999"
    with pytest.raises(UnreadableRadiograph, match="truncated"):
        read_radiograph(folder / FILMS / f"{of(truth, 'truncated')}.png")
    copy, first = folder / FILMS / f"{of(truth, 'copy')}.png", folder / FILMS / "999377.png"
    assert copy.read_bytes() == first.read_bytes()
    by_id = {row["id"]: row for row in labels}
    assert by_id[of(truth, "copy")]["boneage"] == by_id["999377"]["boneage"]


def test_films_are_portraits_with_a_hand_where_the_truth_says(folder, truth):
    for image_id, row in truth.items():
        if row["planted"]:
            continue
        film = read_radiograph(folder / FILMS / f"{image_id}.png")
        assert film.shape[0] == 96
        assert 0.78 * 96 < film.shape[1] <= 96
        top, bottom, left, right = (
            int(row[f"hand_{side}"]) for side in ("top", "bottom", "left", "right")
        )
        assert 0 <= top < bottom <= 96
        assert 0 <= left < right <= film.shape[1]
        inside = film[(top + bottom) // 2 : bottom, left:right]
        assert (
            inside.mean() > film[: max(top - 4, 1)].mean() or film[:2].mean() > 0.5
        )  # or a white border


def test_a_film_does_not_depend_on_how_many_there_are(folder, tmp_path):
    more = tmp_path / "rsna_bone_age"
    assert write_phantom("rsna_bone_age", more, {**SIZES, "n_hands": 30})
    for name in ("999377.png", "999451.png"):
        assert (more / FILMS / name).read_bytes() == (folder / FILMS / name).read_bytes()
    assert not write_phantom("rsna_bone_age", more, {**SIZES, "n_hands": 30})  # once


def test_without_bad_films_every_row_has_its_film(tmp_path):
    folder = tmp_path / "rsna_bone_age"
    write_phantom("rsna_bone_age", folder, {"n_hands": 6, "size_px": 64, "bad_films": False})
    ids = [row["id"] for row in read(folder / f"{FILMS}.csv")]
    assert sorted(ids) == sorted(path.stem for path in (folder / FILMS).iterdir())
    ages = np.array([int(row["boneage"]) for row in read(folder / f"{FILMS}.csv")])
    assert ages.min() >= 6
    assert ages.max() <= 216


def test_too_few_hands_to_plant_bad_ones_are_refused():
    with pytest.raises(ValidationError, match="bad_films needs n_hands >= 14, got 5"):
        RsnaBoneAgePhantomParams(n_hands=5)
