import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from tests.pipelines.audit.films import PARAMS, draw, record, scan, write

from xraylab.pipelines.audit.copies import check_copies, find_copies
from xraylab.pipelines.audit.hidden import hide_ids
from xraylab.pipelines.audit.recognise import recognise_films


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Copies of every kind across parts and classes."""
    a, b, c = draw(1), draw(2), draw(3)
    films = {
        "train/broken/a.png": a,
        "train/broken/b.png": b,
        "train/whole/c.png": c,
        "train/broken/same.png": a,
        "test/broken/turned.png": np.rot90(a),
        "test/whole/mirrored.png": b[:, ::-1],
        "test/broken/saved.jpg": c,
        "test/whole/pixels.bmp": c,
        **{f"train/broken/{k}.png": draw(k) for k in range(10, 14)},
        "test/whole/blank1.png": np.zeros((160, 160), np.uint8),
        "train/broken/blank2.png": np.zeros((150, 160), np.uint8),
    }
    folder = tmp_path_factory.mktemp("copies") / "a"
    write(folder, films)
    arrays = scan(folder)
    records, _ = recognise_films(arrays, {}, None, PARAMS)
    return find_copies(records, arrays, "a salt", PARAMS)


def test_clusters_name_every_copy_and_how_it_is_turned(
    found: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    grouped, clusters = found
    members = clusters.groupby("cluster")["image_id"].agg(frozenset)
    assert set(members) == {
        frozenset({"train/broken/a.png", "train/broken/same.png", "test/broken/turned.png"}),
        frozenset({"train/whole/c.png", "test/broken/saved.jpg", "test/whole/pixels.bmp"}),
        frozenset({"train/broken/b.png", "test/whole/mirrored.png"}),
    }
    by_id = clusters.set_index("image_id")
    assert by_id.loc["train/broken/same.png", ["kind", "copy_of"]].tolist() == [
        "same bytes",
        "train/broken/a.png",
    ]
    assert by_id.loc["train/whole/c.png", ["kind", "copy_of"]].tolist() == [
        "same pixels",
        "test/whole/pixels.bmp",
    ]
    turned = by_id.loc[["train/broken/a.png", "test/broken/turned.png"]]
    (near,) = turned.index[turned["kind"] == "near-duplicate"]
    assert turned.loc[near, "angle_deg"] == pytest.approx(
        90 if near == "test/broken/turned.png" else 270, abs=1
    )
    mirrored = by_id.loc[["train/broken/b.png", "test/whole/mirrored.png"]]
    assert sorted(mirrored["mirrored"]) == [False, True]
    assert clusters["kind"].value_counts()["first"] == 3
    families = grouped.set_index("image_id")["group_id"]
    assert families["train/broken/a.png"] == families["test/broken/turned.png"]
    assert (
        families["test/whole/blank1.png"] != families["train/broken/blank2.png"]
    )  # blank films are no copies


def test_copies_across_parts_and_classes_are_errors(
    found: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    findings = check_copies(*found, PARAMS).set_index("finding")
    across = findings.loc["copies_across_parts"]
    assert (across["severity"], across["n"], across["total"]) == ("error", 8, 14)
    assert "4 of 5 test films have one in the training or validation part" in across["title"]
    for pair in json.loads(across["examples"]):
        assert {name.split("/")[0] for name in pair} == {"train", "test"}
    conflicts = findings.loc["label_conflicts"]
    assert (conflicts["severity"], conflicts["n"]) == ("error", 5)
    assert findings.loc["copies_within_parts", "n"] == 2


def test_one_film_of_two_patients() -> None:
    records = record(3, patient=["p", "q", "r"], split="train")
    clusters = pd.DataFrame(
        {"cluster": 1, "image_id": ["000.png", "001.png"], "copy_of": ["", "000.png"]}
    )
    clusters = clusters.assign(
        kind=["first", "same bytes"], angle_deg=0.0, mirrored=False, similarity=1.0
    )
    clusters = clusters.assign(
        split="train", label="", patient=hide_ids(pd.Series(["p", "q"]), "s")
    )
    findings = check_copies(records, clusters, PARAMS).set_index("finding")
    assert findings.loc["copies_across_patients", ["severity", "n"]].tolist() == ["warning", 2]
    assert "copies_across_parts" not in findings.index


def test_a_set_without_copies_has_no_finding(tmp_path: Path) -> None:
    write(tmp_path / "a", {f"{k}.png": draw(k) for k in range(6)})
    arrays = scan(tmp_path / "a")
    records, _ = recognise_films(arrays, {}, None, PARAMS)
    grouped, clusters = find_copies(records, arrays, "s", PARAMS)
    assert len(clusters) == 0
    assert len(check_copies(grouped, clusters, PARAMS)) == 0
    assert grouped["duplicate_cluster"].tolist() == grouped["image_id"].tolist()


def test_a_cluster_survives_its_way_through_a_file(
    found: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    found[1].to_csv(tmp_path / "clusters.csv", index=False)
    texts = dict.fromkeys(("image_id", "copy_of", "kind", "split", "label", "patient"), "str")
    back = pd.read_csv(tmp_path / "clusters.csv", keep_default_na=False, dtype=texts)
    again = check_copies(found[0], back, PARAMS)
    pd.testing.assert_frame_equal(again, check_copies(*found, PARAMS))


def test_unreadable_films_are_of_no_cluster(tmp_path: Path) -> None:
    write(tmp_path / "a", {"a.png": draw(0), "b.png": b"nothing", "c.png": b"nothing"})
    arrays = scan(tmp_path / "a")
    records, _ = recognise_films(arrays, {}, None, PARAMS)
    grouped, clusters = find_copies(records, arrays, "s", PARAMS)
    assert grouped["duplicate_cluster"].tolist() == ["a.png", "", ""]
    assert len(clusters) == 0


def test_a_copy_that_is_squashed_to_another_shape(tmp_path: Path) -> None:
    film, square = draw(21, 300)[:, 40:260], draw(22, 240)  # 300 × 220, and a square
    turned = cv2.getRotationMatrix2D((120, 120), 20, 1.0)
    squashed = cv2.resize(film, (240, 240), interpolation=cv2.INTER_AREA)
    films = {
        "a.png": film,
        "b.png": cv2.warpAffine(squashed, turned, (240, 240)),
        "c.png": square,
        "d.png": cv2.resize(square, (300, 240), interpolation=cv2.INTER_CUBIC),
        **{f"other{k}.png": draw(k, 240)[: 200 + 10 * k] for k in range(4)},
    }
    write(tmp_path / "a", films)
    arrays = scan(tmp_path / "a")
    records, _ = recognise_films(arrays, {}, None, PARAMS)
    _, clusters = find_copies(records, arrays, "s", PARAMS)
    members = clusters.groupby("cluster")["image_id"].agg(frozenset)
    assert set(members) == {frozenset({"a.png", "b.png"}), frozenset({"c.png", "d.png"})}
    angle = clusters.set_index("image_id").loc["b.png", "angle_deg"]
    assert angle == pytest.approx(20, abs=1.5)


def test_a_turned_copy_of_real_size(tmp_path: Path) -> None:
    film = draw(7, 480)
    matrix = cv2.getRotationMatrix2D((240, 240), 33, 1.0)
    write(
        tmp_path / "a",
        {"a.png": film, "b.png": cv2.warpAffine(film, matrix, (480, 480)), "c.png": draw(8, 480)},
    )
    arrays = scan(tmp_path / "a")
    records, _ = recognise_films(arrays, {}, None, PARAMS)
    _, clusters = find_copies(records, arrays, "s", PARAMS)
    assert set(clusters["image_id"]) == {"a.png", "b.png"}
    assert clusters["angle_deg"].max() == pytest.approx(33, abs=1)
