"""Tables as exports write them: each of many forms of one table gives one frame."""

import csv
import io
from itertools import product

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
