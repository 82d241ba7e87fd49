"""Tables as exports write them: each of many forms of one table gives one frame."""

import csv
import io
import logging
import os
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from xraylab.datasets import TableDataset, TableFolderDataset, TextFolderDataset
from xraylab.imaging.files import is_ignored_file
from xraylab.records.delimited import UnreadableTableError, parse_table, to_numbers

ROWS = [
    ["id", "sex", "note"],
    ["003153", "M", "unauffällig"],
    ["", "F", "a, b; c\td"],
    ["7", "", ""],
]
FRAME = {
    "id": ["003153", "", "7"],
    "sex": ["M", "F", ""],
    "note": ["unauffällig", "a, b; c\td", ""],
}
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8 with mark": "utf-8-sig",
    "latin-1": "latin-1",
    "cp1252": "cp1252",
    "utf-16 little": "utf-16",  # Python writes a mark, and the order of the machine
    "utf-32": "utf-32",
}
PLAIN = b"id,sex\n3153,M\n"


def write(rows: list[list[str]], separator: str, end: str = "\n") -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=end).writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize(
    ("encoding", "separator", "end"),
    list(product(ENCODINGS, [",", ";", "\t"], ["\n", "\r\n", "\r"])),
)
def test_encoding_separator_and_line_ends_do_not_matter(
    encoding: str, separator: str, end: str
) -> None:
    data = write(ROWS, separator, end).encode(ENCODINGS[encoding])
    assert parse_table(data).to_dict("list") == FRAME


def test_big_endian_utf_16_is_read_by_its_mark() -> None:
    data = b"\xfe\xff" + write(ROWS, ";").encode("utf-16-be")
    assert parse_table(data).to_dict("list") == FRAME


@pytest.mark.parametrize(
    "text",
    [
        " id , sex \n 3153 ,\tM \n",
        "\n\nid,sex\n\n3153,M\n\n  \n,\n",
        ",id,sex\n0,3153,M\n",
        "Unnamed: 0,id,sex\n0,3153,M\n",
        "id,sex\n0,3153,M\n",  # R names no index
        "id,sex,\n3153,M,\n",
        "id,sex\n3153,M,,\n",
        '"id","sex"\n"3153","M"\n',
        '"id" , "sex"\n"3153" , "M"\n',
        "sep=;\nid;sex\n3153;M\n",
        "id,sex,sex\n3153,M,M\n",
    ],
)
def test_what_exports_add_is_taken_away(text: str) -> None:
    assert parse_table(text.encode()).to_dict("list") == {"id": ["3153"], "sex": ["M"]}


def test_a_quoted_field_holds_separators_quotes_and_lines() -> None:
    table = parse_table(b'id,note\r\n1,"5"" film, AP\r\nsupine"\r\n')
    assert table.to_dict("list") == {"id": ["1"], "note": ['5" film, AP\nsupine']}


def test_the_published_head_of_boxes_has_commas_in_its_names() -> None:
    table = parse_table(b"Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Mass,1.5,2,3,4\n")
    assert table.columns.tolist() == ["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"]
    assert table.iloc[0].tolist() == ["a.png", "Mass", "1.5", "2", "3", "4"]


def test_a_decimal_comma_is_no_separator_and_no_group_of_thousands() -> None:
    table = parse_table(b"id;boneage\n1;36,5\n2;40,25\n")
    assert to_numbers(table["boneage"], "ages").tolist() == [36.5, 40.25]
    assert to_numbers(pd.Series(["1,234", "2"]), "ages").isna().tolist() == [True, False]


def test_what_is_no_number_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    numbers = to_numbers(pd.Series(["7", "sixty", "", None, 8, "inf"]), "The ages")
    assert numbers.fillna(-1).tolist() == [7, -1, -1, -1, 8, -1]
    assert "The ages: 2 of 6 values are no number, such as 'sixty', 'inf'" in caplog.text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b" \r\n \n", "it is empty"),
        (
            b"exported today\nid,film,remark\n1,a,b,c\n",
            "line 2 has 3 fields and its first line names 1",
        ),
        (b"id,sex\n3153,M\n3154,F,x\n", "line 3 has 3 fields and its first line names 2"),
        (b'id,note\n1,"open\n2,b\n', "a quote is not closed"),
        (b"id,sex,sex\n3153,M,F\n", "two of its columns are called 'sex' and differ"),
        (b"PK\x03\x04\x14\x00", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel workbook"),
        (bytes.fromhex("0005160700020000") + b"Mac OS X", "a side file of macOS"),
        ("id,sex\n1,M\n".encode("utf-16-le"), r"character 2 is '\x00'"),
        (b"\xff\xfei", "it is not the text that it begins as"),
    ],
)
def test_what_is_no_table_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableTableError) as caught:
        parse_table(data, "sets/sex.csv")
    assert str(caught.value).startswith("the table 'sets/sex.csv' cannot be read: ")
    assert reason in str(caught.value)


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="\ufeff"),
    max_size=6,
)
names = st.text("abcdefghij #[]", min_size=1, max_size=6).filter(lambda name: name == name.strip())


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_table_that_is_written_is_read_again(data: st.DataObject) -> None:
    columns = data.draw(st.lists(names, min_size=2, max_size=4, unique=True))
    row = st.lists(words, min_size=len(columns), max_size=len(columns)).filter(any)
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    separator = data.draw(st.sampled_from(",;\t"))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    text = write([columns, *rows], separator, end)
    assert parse_table(text.encode(encoding)).to_numpy().tolist() == rows


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("a/._sex.csv", True),
        ("__MACOSX/a/sex.csv", True),
        (".DS_Store", True),
        ("a/Thumbs.db", True),
        ("desktop.ini", True),
        ("~$sex.csv", True),
        (".git/sex.csv", True),
        ("a/sex.csv", False),
        ("./sex.csv", False),
        ("a~b.csv", False),
        ("Thumbs.dbase.csv", False),
    ],
)
def test_hidden_and_system_files_are_ignored_by_rule(path: str, ignored: bool) -> None:
    assert bool(is_ignored_file(path)) is ignored


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


def test_a_single_table_and_its_errors(tmp_path: Path) -> None:
    path = tmp_path / "x [1].csv"
    dataset = TableDataset(filepath=str(path))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"x \[1\].csv' cannot be read: there is no such file"):
        dataset.load()
    path.write_bytes(b"\xef\xbb\xbfid;sex\r\n3153;M\r\n")
    assert dataset.exists()
    assert dataset.load().to_dict("list") == {"id": ["3153"], "sex": ["M"]}
    with pytest.raises(DatasetError, match="read only"):
        dataset.save(pd.DataFrame())


def test_texts_under_a_root_that_looks_like_a_pattern(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The root is a folder, not a pattern: brackets in it were read as one, and no reading was found."""
    caplog.set_level(logging.WARNING)
    root = tmp_path / "xray [2024] *, a'b"
    for place in ("ClinicalReadings", "Montgomery/ClinicalReadings"):
        (root / place).mkdir(parents=True)
    (root / "ClinicalReadings/a.txt").write_text("male 45yrs\nnormal\n")
    (root / "ClinicalReadings/._a.txt").write_bytes(b"\x00\x05\x16\x07")
    (root / "Montgomery/ClinicalReadings/b.txt").write_bytes("F 7Y \u2013 ja".encode("utf-16"))
    (root / "ClinicalReadings/c.txt").write_text("one")
    (root / "Montgomery/ClinicalReadings/c.txt").write_text("another")
    dataset = TextFolderDataset(path=str(root), folders=["ClinicalReadings", "*/ClinicalReadings"])
    assert dataset.load() == {"a": "male 45yrs\nnormal\n", "b": "F 7Y \u2013 ja"}
    assert "'c' has more texts than one" in caplog.text
