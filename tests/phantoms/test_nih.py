from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from xraylab.imaging import UnreadableRadiograph, read_radiograph
from xraylab.phantoms.nih import NihPhantomParams, write_nih_phantom

PARAMS = NihPhantomParams(n_patients=7, films_per_patient=(1, 2), size_px=64, seed=3)
NIH = Path(__file__).resolve().parents[3] / "shared" / "data" / "nih_chest_xray14"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nih")
    write_nih_phantom(path, PARAMS)
    return path


@pytest.fixture(scope="module")
def planted(folder: Path) -> dict[str, str]:
    truth = pd.read_csv(folder / "truth.csv").dropna(subset=["planted"])
    return dict(truth[["planted", "image_id"]].itertuples(index=False))


def test_tables_have_the_published_headers(folder: Path) -> None:
    assert (folder / "Data_Entry_2017.csv").read_text().splitlines()[0] == (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
    )
    assert (folder / "BBox_List_2017.csv").read_text().splitlines()[
        0
    ] == "Image Index,Finding Label,Bbox [x,y,w,h],,,"


@pytest.mark.real_films
@pytest.mark.skipif(not NIH.is_dir(), reason="no real films beside the checkout (shared/data)")
@pytest.mark.parametrize("name", ["Data_Entry_2017.csv", "BBox_List_2017.csv"])
def test_headers_are_those_of_the_real_tables(folder: Path, name: str) -> None:
    assert (folder / name).read_text().splitlines()[0] == (NIH / name).read_text().splitlines()[0]


def test_every_planted_film_is_bad_in_its_own_way(folder: Path, planted: dict[str, str]) -> None:
    assert sorted(planted) == ["copy", "rgba", "text", "truncated", "unlisted", "without_film"]
    path = {kind: folder / "images" / f"{image_id}.png" for kind, image_id in planted.items()}
    for kind in ("truncated", "text"):
        with pytest.raises(UnreadableRadiograph):
            read_radiograph(str(path[kind]))
    assert cv2.imread(str(path["rgba"]), cv2.IMREAD_UNCHANGED).shape == (64, 64, 4)
    assert path["copy"].read_bytes() == (folder / "images/90000001_000.png").read_bytes()
    assert not path["without_film"].exists()
    entries = set(pd.read_csv(folder / "Data_Entry_2017.csv")["Image Index"])
    assert f"{planted['unlisted']}.png" not in entries
    assert f"{planted['without_film']}.png" in entries


def test_all_other_films_are_readable_and_listed(folder: Path, planted: dict[str, str]) -> None:
    bad = {planted[kind] for kind in ("truncated", "text", "without_film", "unlisted")}
    entries = pd.read_csv(folder / "Data_Entry_2017.csv")
    ids = set(entries["Image Index"].str.removesuffix(".png")) - bad
    assert len(ids) > 0
    for image_id in ids:
        film = read_radiograph(str(folder / "images" / f"{image_id}.png"))
        assert film.shape == (64, 64)
        assert film.std() > 0.1
    assert (entries["Patient ID"].astype(str).str.zfill(8) == entries["Image Index"].str[:8]).all()


def test_a_patient_does_not_depend_on_the_number_of_patients(folder: Path, tmp_path: Path) -> None:
    write_nih_phantom(tmp_path, PARAMS.model_copy(update={"n_patients": 2, "bad_films": False}))
    for path in (tmp_path / "images").iterdir():
        if path.name.startswith("00000001"):
            assert path.read_bytes() == (folder / "images" / path.name).read_bytes()


def test_boxes_lie_on_the_film_of_a_labelled_entry(folder: Path) -> None:
    boxes = pd.read_csv(folder / "BBox_List_2017.csv")
    labels = pd.read_csv(folder / "truth.csv").set_index("image_id")["findings"]
    assert len(boxes)
    for row in boxes.to_numpy():
        image_id, label, x, y, w, h = (
            str(row[0]).removesuffix(".png"),
            row[1],
            *np.asarray(row[2:6], float),
        )
        assert label in {"Nodule", "Mass", "Pneumonia"}
        assert isinstance(labels[image_id], str)
        assert 0 <= x + w / 2 <= 1024  # the published frame
        assert 0 <= y + h / 2 <= 1024  # the published frame


@pytest.mark.parametrize(
    ("change", "rule"),
    [({"n_patients": 3}, "bad_films needs 6 patients"), ({"films_per_patient": (3, 1)}, "1 <= least <= most"),
     ({"size_px": 10}, "greater than or equal to 64"), ({"patients": 3}, "valid keys")],
)  # fmt: skip
def test_bad_parameters_are_refused(change: dict[str, object], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        NihPhantomParams.model_validate({**PARAMS.model_dump(), **change})
