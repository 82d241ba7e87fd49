import os
from pathlib import Path

import pytest
from kedro.io import DatasetError

from xraylab.datasets import TableFolderDataset
from xraylab.records.delimited import UnreadableTableError

PLAIN = b"id,sex\n3153,M\n"


def test_tables_of_a_folder_and_of_those_below(tmp_path: Path) -> None:
    root = tmp_path / "new [2024], Dr. Ä's"
    for place in ("a", "inner/deep/b", "inner/._b", "__MACOSX/._a", "~$a", ".hidden/c"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{place}.csv").write_bytes(PLAIN)
    (root / "c.TSV").write_bytes(b"id\tsex\n7\tF\n")
    (root / "film.png").touch()
    tables = TableFolderDataset(path=str(root)).load()
    assert list(tables) == ["a", "c", "inner/deep/b"]
    assert tables["inner/deep/b"]().to_dict("list") == {"id": ["3153"], "sex": ["M"]}
    assert tables["c"]()["id"].tolist() == ["7"]
    assert list(TableFolderDataset(path=str(root), recursive=False).load()) == ["a", "c"]
    assert list(TableFolderDataset(path=str(root), folders=["inner/deep"]).load()) == [
        "inner/deep/b"
    ]
    beside = TableFolderDataset(path=str(root / "film.png")).load()
    assert list(beside) == ["a", "c"]


def test_a_link_that_leads_back_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/t.csv").write_bytes(PLAIN)
    os.symlink(tmp_path, tmp_path / "a/up")
    os.symlink(tmp_path / "a", tmp_path / "b")
    assert list(TableFolderDataset(path=str(tmp_path)).load()) == ["a/t"]


def test_no_table_and_no_folder_are_no_error(tmp_path: Path) -> None:
    assert TableFolderDataset(path=str(tmp_path)).load() == {}
    missing = TableFolderDataset(path=str(tmp_path / "none"))
    assert missing.load() == {}
    assert missing.exists()
    with pytest.raises(DatasetError, match="read only"):
        missing.save({})


def test_a_workbook_is_refused_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "labels.xlsx").write_bytes(b"PK\x03\x04")
    (tmp_path / "sex.xlsx").write_bytes(b"PK\x03\x04")
    (tmp_path / "sex.csv").write_bytes(PLAIN)
    tables = TableFolderDataset(path=str(tmp_path)).load()
    with pytest.raises(
        UnreadableTableError, match=r"labels.xlsx' cannot be read: workbooks are not"
    ):
        tables["labels"]()
    assert len(tables["sex"]()) == 1
    assert "Passed over: the table" in caplog.text
