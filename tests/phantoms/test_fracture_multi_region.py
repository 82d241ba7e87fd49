from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import ValidationError

from xraylab.imaging import UnreadableRadiograph, read_radiograph
from xraylab.phantoms.fracture_copies import PhantomFile
from xraylab.phantoms.fracture_multi_region import (
    TOP_FOLDER,
    TRUTH_COLUMNS,
    CopyShares,
    FractureMultiRegionPhantomParams,
    _write_film,
)
from xraylab.phantoms.registry import write_phantom

SIZES = {"n_films": 40, "size_px": 64, "share_with_marker": 0.6}
BAD = ["label_conflict", "palette", "rgb", "rgba", "truncated"]
COPIES = ["exact", "flipped", "quarter_turned", "recompressed", "rotated"]
CLASSES = ["not fractured", "fractured"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("raw") / "fracture_multi_region"
    assert write_phantom("fracture_multi_region", target, SIZES)
    return target


@pytest.fixture(scope="module")
def truth(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "truth.csv").fillna({"planted": "", "source": ""})


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(float)


def pairs(folder: Path, truth: pd.DataFrame, kind: str) -> list[tuple[Path, Path, pd.Series]]:
    rows = [row for _, row in truth[truth["planted"] == kind].iterrows()]
    assert rows
    return [(folder / row["source"], folder / row["file"], row) for row in rows]


def test_truth_has_a_row_for_every_film_and_folders_are_as_published(folder, truth):
    assert tuple(truth.columns) == TRUTH_COLUMNS
    found = {
        path.relative_to(folder).as_posix()
        for path in (folder / TOP_FOLDER).rglob("*")
        if path.suffix in (".jpg", ".jpeg", ".png")
    }
    assert found == set(truth["file"])
    assert truth["file"].is_unique
    parts = truth["file"].str.split("/", expand=True)
    assert set(parts[0]) == {TOP_FOLDER}
    assert (parts[1] == truth["split"]).all()
    named = truth["fractured"] ^ (truth["planted"] == "label_conflict").astype(int)
    assert (parts[2] == named.map(dict(enumerate(CLASSES)))).all()


def test_splits_are_70_15_15_in_both_classes(truth):
    distinct = truth[truth["source"] == ""]
    assert distinct["family"].tolist() == list(range(1, 41))
    counts = distinct.groupby(["fractured", "split"]).size().to_dict()
    assert counts == {
        (c, s): n for c in (0, 1) for s, n in (("train", 14), ("val", 3), ("test", 3))
    }


def test_every_kind_is_planted_across_splits(truth):
    assert sorted(set(truth["planted"]) - {""}) == sorted(BAD + COPIES)
    copies = truth[truth["planted"].isin(COPIES)].merge(
        truth, left_on="source", right_on="file", suffixes=("", "_source")
    )
    assert len(copies) == truth["planted"].isin(COPIES).sum()
    assert (copies["split"] == "train").all()
    assert copies["split_source"].isin(["val", "test"]).all()
    assert (copies["family"] == copies["family_source"]).all()
    assert (copies["fractured"] == copies["fractured_source"]).all()


def test_exact_copies_have_the_same_bytes(folder, truth):
    for source, copy, _ in pairs(folder, truth, "exact") + pairs(folder, truth, "label_conflict"):
        assert copy.read_bytes() == source.read_bytes()
        assert copy.name != source.name


def test_flipped_quarter_turned_and_recompressed_copies_are_that(folder, truth):
    undo = {
        "flipped": lambda pixels, row: pixels[:, ::-1],
        "quarter_turned": lambda pixels, row: np.rot90(pixels, -round(row["angle_deg"] / 90)),
        "recompressed": lambda pixels, row: pixels,
    }
    for kind, back in undo.items():
        for source, copy, row in pairs(folder, truth, kind):
            assert copy.read_bytes() != source.read_bytes()
            assert row["mirrored"] == (kind == "flipped")
            assert np.abs(back(read(copy), row) - read(source)).mean() < 3


def test_rotated_copies_have_black_corners_and_turn_back(folder, truth):
    nested = 0
    for source, copy, row in pairs(folder, truth, "rotated"):
        nested += copy.name.count("-rotated") == 2
        pixels = read(copy)
        if 15 < abs(row["angle_deg"]) < 75:
            assert pixels[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 8
        turn = cv2.getRotationMatrix2D((31.5, 31.5), -row["angle_deg"], 1.0)
        back = cv2.warpAffine(pixels, turn, (64, 64))
        middle = np.hypot(*(np.mgrid[:64, :64] - 31.5)) < 28
        assert np.abs(back - read(source))[middle].mean() < 6
    assert nested


def test_bad_files_are_bad_in_their_own_way(folder, truth):
    path = {kind: folder / truth.loc[truth["planted"] == kind, "file"].item() for kind in BAD}
    with pytest.raises(UnreadableRadiograph):
        read_radiograph(path["truncated"])
    for kind, mode in (("rgb", "RGB"), ("rgba", "RGBA"), ("palette", "P")):
        with Image.open(path[kind]) as opened:
            assert opened.mode == mode
        assert read_radiograph(path[kind]).shape == (64, 64)
    assert len(list(folder.rglob("desktop.ini"))) == 4


def test_boxes_lie_on_the_film_and_hold_what_they_say(folder, truth):
    fractured = truth["fractured"] == 1
    for name, there in (("fracture", fractured), ("marker", truth["marker"] == 1)):
        box = truth[[f"{name}_{edge}_px" for edge in ("left", "top", "width", "height")]]
        # a turned copy may have lost its fracture or marker
        whole = truth["planted"] != "rotated"
        assert (box.notna().all(axis=1) == there)[whole].all()
        box = box.dropna().to_numpy()
        assert len(box) > 0
        assert (box[:, :2] >= -0.5).all()
        assert (box[:, 2:] > 0).all()
        assert (box[:, :2] + box[:, 2:] <= 63.5).all()
    for row in truth[(truth["marker"] == 1) & (truth["planted"] != "truncated")].itertuples():
        pixels = read(folder / row.file)
        left, top = round(row.marker_left_px + 0.5), round(row.marker_top_px + 0.5)
        right, low = (
            left + round(row.marker_width_px),
            top + round(row.marker_height_px),
        )
        if row.planted != "rotated":  # there the letters may be cut
            assert pixels[top:low, left:right].max() > 150


def test_markers_say_nothing_of_the_label(tmp_path):
    """The same film, broken and whole, carries the same marker."""
    params = FractureMultiRegionPhantomParams(**SIZES)
    seen = 0
    for family in range(1, 13):
        whole, broken = (
            _write_film(tmp_path, PhantomFile("film.jpg", family, "train", label), params)
            for label in (False, True)
        )
        assert whole.marker == broken.marker
        assert whole.fracture is None
        assert broken.fracture is not None
        seen += whole.marker is not None
    assert 0 < seen < 12


def test_a_film_does_not_depend_on_how_many_there_are(folder, truth, tmp_path):
    more = tmp_path / "fracture_multi_region"
    write_phantom("fracture_multi_region", more, {**SIZES, "n_films": 48, "bad_files": False})
    other = pd.read_csv(more / "truth.csv").fillna({"source": ""})
    first = truth.loc[(truth["family"] == 1) & (truth["source"] == ""), "file"].item()
    second = other.loc[(other["family"] == 1) & (other["source"] == ""), "file"].item()
    assert (folder / first).read_bytes() == (more / second).read_bytes()
    assert not other["planted"].isin(BAD).any()
    assert not list(more.rglob("desktop.ini"))
    assert not write_phantom(
        "fracture_multi_region", more, {**SIZES, "n_films": 48, "bad_files": False}
    )


def test_bad_parameters_are_refused():
    with pytest.raises(ValidationError, match="each class needs 7 films, got n_films = 20"):
        FractureMultiRegionPhantomParams(n_films=20, share_fractured=0.1)
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        CopyShares(exact=1.5)
    with pytest.raises(ValidationError, match="valid keys: exact, flipped"):
        CopyShares.model_validate({"turned": 0.1})
