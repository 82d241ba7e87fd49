from pathlib import Path

import pandas as pd

from xraylab.datasets import OptionalCSVDataset, OptionalParquetDataset, OptionalTextDataset


def test_a_table_that_no_run_has_saved_is_empty_and_typed(tmp_path: Path) -> None:
    for kind, name in ((OptionalCSVDataset, "a.csv"), (OptionalParquetDataset, "a.parquet")):
        dataset = kind(filepath=str(tmp_path / name), columns={"image_id": "str", "fold": "int64"})
        found = dataset.load()
        assert found.empty
        assert list(found) == ["image_id", "fold"]
        assert found["fold"].dtype == "int64"
        assert not dataset.exists()
        table = pd.DataFrame({"image_id": ["007"], "fold": [1], "value": [0.5]})
        dataset.save(table)
        pd.testing.assert_frame_equal(dataset.load().astype({"image_id": "str"}), table)


def test_an_empty_text_leaves_an_earlier_one(tmp_path: Path) -> None:
    dataset = OptionalTextDataset(filepath=str(tmp_path / "a.html"))
    dataset.save("")
    assert dataset.load() == ""
    assert not dataset.exists()
    for text in ("<p>", ""):
        dataset.save(text)
        assert dataset.load() == "<p>"
