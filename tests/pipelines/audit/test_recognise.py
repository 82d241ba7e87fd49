from pathlib import Path

import pandas as pd
import pytest
from tests.pipelines.audit.films import PARAMS, draw, scan, write

from xraylab.pipelines.audit.params import ColumnsParams
from xraylab.pipelines.audit.recognise import recognise_films
from xraylab.records.split_table import SplitTable


def found(recognised: pd.DataFrame, what: str) -> tuple[str, str]:
    row = recognised.set_index("what").loc[what]
    return row["found"], row["how"]


def test_parts_and_classes_of_folders(tmp_path: Path) -> None:
    films = {
        f"set/{part}/{label}/{k}.png": draw(k)
        for part, label, k in [("Training", "Fractured", 0), ("Training", "normal", 1)]
        + [("valid", "Fractured", k) for k in (2, 3, 4)]
        + [("test", "normal", k) for k in (5, 6, 7)]
    }
    write(tmp_path / "a", {**films, "set/test/normal/cut.png": b"\x89PNG\r\n\x1a\n12"})
    records, said = recognise_films(scan(tmp_path / "a", {"x.txt": "a text"}), {}, None, PARAMS)
    by_id = records.set_index("image_id")
    assert by_id.loc["set/Training/Fractured/0.png", ["split", "label"]].tolist() == [
        "train",
        "fractured",
    ]
    assert by_id.loc["set/valid/Fractured/2.png", ["split", "label"]].tolist() == [
        "val",
        "fractured",
    ]
    assert by_id["status"].value_counts().to_dict() == {"ok": 8, "unreadable": 1, "ignored": 1}
    assert by_id.loc["x.txt", "reason"] == "a text"
    assert (
        by_id.loc["set/test/normal/cut.png", "split"] == "test"
    )  # known, although it cannot be read
    assert (records.loc[records["status"] == "ok", "row"].diff().dropna() == 1).all()
    assert found(said, "Parts") == ("test 4, val 3, train 2", "the names of folders")
    assert found(said, "Patients")[0] == "not found"


def test_masks_are_set_aside(tmp_path: Path) -> None:
    names = ["CXR/a.png", "masks/a.png", "CXR/b_mask.png", "ManualMask/leftMask/a.png"]
    write(tmp_path / "a", {name: draw(k) for k, name in enumerate(names)})
    records, said = recognise_films(scan(tmp_path / "a"), {}, None, PARAMS)
    assert records["status"].tolist() == ["ok", "mask", "mask", "mask"]
    assert found(said, "Files")[0] == "1 films, 3 masks"


def test_patients_and_studies_of_folders(tmp_path: Path) -> None:
    names = [f"p/patient{k // 2:05}/study{k % 2}/view1.png" for k in range(6)]
    write(tmp_path / "a", {name: draw(k) for k, name in enumerate(names)})
    records, _ = recognise_films(scan(tmp_path / "a"), {}, None, PARAMS)
    assert records["patient"].tolist() == [f"patient{k // 2:05}" for k in range(6)]
    assert records["study"].nunique() == 6
    assert records.groupby("patient")["group_id"].nunique().tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("names", "column", "expected"),
    [
        (["00000013_001.png", "00000013_002.png"], "patient", ["00000013", "00000013"]),
        (["MCUCXR_0001_0.png", "CHNCXR_0002_1.png"], "label", ["tuberculosis", "normal"]),
        (["MCUCXR_0001_0.png", "CHNCXR_0002_1.png"], "site", ["Shenzhen", "Montgomery"]),
    ],
)
def test_the_names_of_published_sets(
    tmp_path: Path, names: list[str], column: str, expected: list[str]
) -> None:
    write(tmp_path / "a", {name: draw(k) for k, name in enumerate(names)})
    records, _ = recognise_films(scan(tmp_path / "a"), {}, None, PARAMS)
    if column == "patient":
        expected = ["", ""]  # one patient for all films is a placeholder
    assert records[column].tolist() == expected


def test_a_table_beside_the_films(tmp_path: Path) -> None:
    write(tmp_path / "a", {f"{k}.png": draw(k) for k in range(4)})
    table = pd.DataFrame(
        {
            "Image Index": ["0.png", "1.png", "2.png", "3.png", "9.png"],
            "Patient ID": ["7", "7", "8", "9", "9"],
            "Finding Labels": ["a", "b", "a", "b", "b"],
            "Patient Gender": ["M", "F", "F", "f", "M"],
            "Patient Age": ["058Y", "411", "6 months", "", "3"],
            "Split": ["train", "train", "test", "val", "val"],
        }
    )
    boxes = pd.DataFrame({"Image Index": ["1.png", "1.png"], "Finding Label": ["a", "b"]})
    tables = {"Data_Entry": lambda: table, "BBox": lambda: boxes}
    records, said = recognise_films(scan(tmp_path / "a"), tables, None, PARAMS)
    assert records["patient"].tolist() == ["7", "7", "8", "9"]
    assert records["label"].tolist() == ["a", "b", "a", "b"]
    assert records["split"].tolist() == ["train", "train", "test", "val"]
    assert records["sex"].tolist() == ["M", "F", "F", "F"]
    assert records["age_years"].tolist()[::2] == [58.0, 0.5]
    assert "more than 120 years" in records["age_note"][1]
    assert found(said, "Tables") == (
        "Data_Entry: 4 of 4 films, 5 rows; 1 rows of no film here",
        "'BBox' is not used: it names 1 of 4 films, 1 of them more than once",
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["HAND", "FOOT", "HAND", "FOOT"], ["", "", "", ""]),  # parts of a body
        (["train", "train", "holdout", "2"], ["train", "train", "test", "2"]),
    ],
)
def test_a_column_of_parts_names_parts_of_a_split(
    tmp_path: Path, values: list[str], expected: list[str]
) -> None:
    write(tmp_path / "a", {f"{k}.png": draw(k) for k in range(4)})
    table = pd.DataFrame(
        {"image": [f"{k}.png" for k in range(4)], "part": values, "label": list("abab")}
    )
    records, _ = recognise_films(scan(tmp_path / "a"), {"labels": lambda: table}, None, PARAMS)
    assert records["split"].tolist() == expected
    assert records["label"].tolist() == list("abab")


def test_a_table_for_each_part_and_labels_that_are_numbers(tmp_path: Path) -> None:
    write(tmp_path / "a", {f"{k}.png": draw(k) for k in range(24)})
    rows = pd.DataFrame({"id": range(24), "boneage": range(24), "male": ["True", "False"] * 12})
    tables = {
        "my-train-set": lambda: rows[:16].astype(str),
        "my-test-set": lambda: rows[16:].astype(str),
    }
    records, said = recognise_films(scan(tmp_path / "a"), tables, None, PARAMS)
    by_id = records.set_index("image_id")
    assert by_id.loc[["3.png", "20.png"], "split"].tolist() == ["train", "test"]
    assert by_id.loc[["3.png", "20.png"], "target"].tolist() == [3.0, 20.0]
    assert by_id.loc[["3.png", "20.png"], "sex"].tolist() == ["F", "M"]
    assert (records["label"] == "").all()
    assert found(said, "Parts")[0] == "train 16, test 8"


def test_a_named_table_must_name_films(tmp_path: Path) -> None:
    write(tmp_path / "a", {"a.png": draw(0), "b.png": draw(1)})
    arrays = scan(tmp_path / "a")

    def read(table: dict[str, list[str]], **columns: str) -> pd.DataFrame:
        params = PARAMS.model_copy(update={"table": "my.csv", "columns": ColumnsParams(**columns)})
        return recognise_films(arrays, {"my": lambda: pd.DataFrame(table)}, None, params)[0]

    assert read({"x": ["a.png", "b"], "y": ["1", "0"]}, image="x", label="y")["label"].tolist() == [
        "1",
        "0",
    ]
    with pytest.raises(ValueError, match=r"'my.csv' has no column that names films: it has x, y"):
        read({"x": ["a"], "y": ["1"]})
    with pytest.raises(ValueError, match=r"no column 'z' \(audit.columns.label\): it has image, y"):
        read({"image": ["a"], "y": ["1"]}, label="z")
    with pytest.raises(
        ValueError, match=r"names none of the 2 films in its column 'image', such as 'q'"
    ):
        read({"image": ["q"], "label": ["1"]})


def test_a_split_that_is_given_counts_first(tmp_path: Path) -> None:
    names = ["train/a.png", "train/b.png", "test/c.png"]
    write(tmp_path / "a", {name: draw(k) for k, name in enumerate(names)})
    given = SplitTable(
        "split.csv", ("train/a.png", "train/b.png", "test/c.png"), ("test", "", "train")
    )
    records, said = recognise_films(scan(tmp_path / "a"), {}, given, PARAMS)
    assert records.set_index("image_id")["split"].loc[names].tolist() == ["test", "", "train"]
    assert "split.csv" in found(said, "Parts")[1]


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    records, said = recognise_films(scan(tmp_path / "a"), {}, None, PARAMS)
    assert len(records) == 0
    assert found(said, "Files")[0] == "none"
