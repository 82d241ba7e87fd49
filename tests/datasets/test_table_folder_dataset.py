from pathlib import Path

import pandas as pd

from xraylab.datasets import TableFolderDataset


def make(path: Path) -> TableFolderDataset:
    return TableFolderDataset(
        path=str(path),
        filename_suffix=".csv",
        dataset="pandas.CSVDataset",
        load_args={"maxdepth": 2},
    )


def test_tables_of_a_folder_and_of_the_next(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    pd.DataFrame({"id": [1]}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"id": [2]}).to_csv(tmp_path / "inner/b.csv", index=False)
    (tmp_path / "film.png").touch()
    tables = make(tmp_path).load()
    assert set(tables) == {"a", "inner/b"}
    assert tables["inner/b"]()["id"].tolist() == [2]


def test_no_table_and_no_folder_are_no_error(tmp_path: Path) -> None:
    assert make(tmp_path).load() == {}
    missing = make(tmp_path / "none")
    assert missing.load() == {}
    assert missing.exists()
