import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from xraylab.phantoms.covid_lesions import CovidLesionsPhantomParams
from xraylab.phantoms.registry import write_phantom
from xraylab.tabular.identities import find_identities

SIZES = {"n_patients": 24, "size_px": 96, "spread_cm2": 3.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raw") / "covid_lesions"
    assert write_phantom("covid_lesions", path, SIZES)
    return path


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_the_masks_hold_what_the_truth_says(folder: Path) -> None:
    truth = pd.read_csv(folder / "truth.csv")
    good = truth[truth["planted"].isna()]
    for row in good.head(8).to_dict("records"):
        film, mask, lungs = (
            read(folder / name / f"{row['image_id']}.png")
            for name in ("images", "lesion_masks", "lung_masks")
        )
        assert set(np.unique(mask)) <= {0, 255}
        assert (mask > 0).mean() == pytest.approx(row["lesion_ratio"], abs=1e-6)
        pixels = row["lesion_cm2"] * (10 / row["spacing_mm"]) ** 2
        assert (mask > 0).sum() == pytest.approx(pixels, rel=1e-3)
        assert (lungs[mask > 0] > 0).mean() > 0.99
        count = cv2.connectedComponents((mask > 0).astype(np.uint8))[0] - 1
        assert count == row["num_lesions"]
        # a lesion is brighter than the lung around it
        near = cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 0
        assert film[mask > 0].mean() > film[near & (mask == 0) & (lungs > 0)].mean()


def test_the_table_has_the_effect_that_it_says_and_no_other(folder: Path) -> None:
    truth = pd.read_csv(folder / "truth.csv")
    good = truth[truth["planted"].isna()]
    params = CovidLesionsPhantomParams(**SIZES)
    slope, intercept = np.polyfit(good["age"] - 20, good["lesion_cm2"], 1)
    assert slope == pytest.approx(params.area_cm2_per_year, abs=0.12)
    assert intercept == pytest.approx(params.area_cm2, abs=4)
    entries = pd.read_csv(folder / "Data_Entry.csv")
    assert entries["Image Index"].str.removesuffix(".png").tolist() == truth["image_id"].tolist()
    assert entries["Patient Age"].tolist() == truth["age"].tolist()
    patients = entries[["Patient ID", "Patient Age", "Patient Gender"]].drop_duplicates()
    assert len(patients) == 24


def test_bad_films_are_planted_and_named(folder: Path) -> None:
    truth = pd.read_csv(folder / "truth.csv").dropna(subset=["planted"])
    planted = dict(zip(truth["planted"], truth["image_id"], strict=True))
    assert set(planted) == {"truncated", "without_mask", "turned_copy", "odd_mask"}
    assert not (folder / "lesion_masks" / f"{planted['without_mask']}.png").exists()
    odd = read(folder / "lesion_masks" / f"{planted['odd_mask']}.png")
    assert odd.shape[0] < odd.shape[1]
    first = pd.read_csv(folder / "truth.csv")["image_id"].iloc[0]
    copy, original = (
        read(folder / "images" / f"{name}.png").astype(float)
        for name in (planted["turned_copy"], first)
    )
    assert np.abs(copy[:, ::-1] - original).mean() < 3


def test_a_written_phantom_stays(folder: Path) -> None:
    assert not write_phantom("covid_lesions", folder, SIZES)
    assert json.loads((folder / "phantom.json").read_text())["parameters"]["n_patients"] == 24
    with pytest.raises(ValueError, match="bad_films needs n_patients >= 8, got 4"):
        CovidLesionsPhantomParams(n_patients=4)
    with pytest.raises(ValueError, match="with 1 <= least <= most"):
        CovidLesionsPhantomParams(films_per_patient=(2, 1))


def test_the_tables_target_is_a_product(tmp_path: Path) -> None:
    assert write_phantom("seed_lesion_results", tmp_path / "seed_lesion_results", {"n_images": 10})
    table = pd.read_csv(tmp_path / "seed_lesion_results" / "features_and_target.csv")
    features = table.drop(columns="LesionRatio")
    assert find_identities(features, table["LesionRatio"]) == ["NumLesions * MeanArea"]
    expected = table["NumLesions"] * table["MeanArea"] / 1024**2
    np.testing.assert_allclose(table["LesionRatio"], expected, rtol=1e-12)
    assert table.groupby(["NumLesions", "MeanArea"]).ngroups == 10
