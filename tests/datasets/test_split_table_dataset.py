"""The table that ``--params split=…`` names, wherever it lies; none without it."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError

from xraylab.datasets import SplitTableDataset

TABLE = pd.DataFrame({"image_id": ["a", "b"], "split": ["train", "test"]})


def test_without_a_path_there_is_no_table() -> None:
    for nothing in (None, ""):
        dataset = SplitTableDataset(filepath=nothing)
        assert dataset.load() is None
        assert dataset.identify() == ""
        assert dataset.exists()


def test_csv_and_parquet_are_read_and_told_apart_by_content(tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "split.csv", index=False, sep=";")
    TABLE.to_parquet(tmp_path / "split.parquet")
    digests = set()
    for name in ("split.csv", "split.parquet"):
        dataset = SplitTableDataset(filepath=str(tmp_path / name))
        table = dataset.load()
        assert table is not None
        assert (table.films, table.parts) == (("a", "b"), ("train", "test"))
        assert table.path == str(tmp_path / name)
        digests.add(dataset.identify())
    assert len(digests) == 2
    assert all(len(each) == 16 for each in digests)
    (tmp_path / "copy.csv").write_bytes((tmp_path / "split.csv").read_bytes())
    assert SplitTableDataset(filepath=str(tmp_path / "copy.csv")).identify() in digests


def test_a_folder_of_versions_stands_for_the_newest(tmp_path: Path) -> None:
    place = tmp_path / "split.csv"
    for version, part in (("2026-01-02T00.00.00.000Z", "test"), ("2026-01-01T00.00.00.000Z", "val")):  # fmt: skip
        (place / version).mkdir(parents=True)
        TABLE.assign(split=part).to_csv(place / version / "split.csv", index=False)
    table = SplitTableDataset(filepath=f"{place}/").load()
    assert table is not None
    assert table.parts == ("test", "test")
    with pytest.raises(DatasetError, match="it is a folder, not a file"):
        SplitTableDataset(filepath=str(tmp_path)).load()


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    dataset = SplitTableDataset(filepath=str(path))
    with pytest.raises(DatasetError, match=r"none\.csv' cannot be read: there is no such file"):
        dataset.load()
    with pytest.raises(ValueError, match="there is no such file"):
        dataset.identify()
    TABLE.assign(split="fold 1").to_csv(path, index=False)
    with pytest.raises(DatasetError, match=r"none\.csv': 'split' is 'fold 1' for 'a'"):
        dataset.load()
    with pytest.raises(DatasetError, match="read only"):
        dataset.save(TABLE)
