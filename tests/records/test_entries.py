from collections.abc import Callable

import pandas as pd
import pytest

from xraylab.records.delimited import UnreadableTableError
from xraylab.records.entries import read_entries


def table(patients: dict[str, object]) -> Callable[[], pd.DataFrame]:
    rows = {"Image Index": list(patients), "Patient ID": list(patients.values()), "View": "PA"}
    return lambda: pd.DataFrame(rows)


def refuse() -> pd.DataFrame:
    raise UnreadableTableError("Data_Entry.csv", "it is empty")


def test_both_tables_of_the_nih_are_one_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    tables = {
        "nih/Data_Entry_2017_v2020": table({"00000001_000.png": "1", "00000002_000.png": "2"}),
        "nih/Data_Entry_2017": table({"00000001_000.png": "00001", "00000003_000.png": 3.0}),
        "nih/BBox_List_2017": refuse,
    }
    read = read_entries(tables)
    assert read is not None
    assert read[0] == "nih/Data_Entry_2017"
    assert read[1].to_dict("list") == {
        "image_id": ["00000001_000", "00000003_000"],
        "patient_id": ["1", "3"],
        "Image Index": ["00000001_000.png", "00000003_000.png"],
        "Patient ID": ["00001", 3.0],
        "View": ["PA", "PA"],
    }
    assert "'nih/Data_Entry_2017' is read, 'nih/Data_Entry_2017_v2020' is not" in caplog.text


def test_tables_that_disagree_about_a_patient_are_both_named() -> None:
    tables = {"Data_Entry_2017": table({"a": 1, "b": 2}), "Data_Entry_2017_v2020": table({"b": 3})}
    with pytest.raises(
        ValueError,
        match=r"Data_Entry_2017.csv and Data_Entry_2017_v2020.csv disagree .* 1 films: 'b' is of '2' in .* of '3'",
    ):
        read_entries(tables)


def test_one_table_is_enough_and_none_is_none() -> None:
    alone = read_entries({"Data_Entry_2017_v2020": table({"a": None})})
    assert alone is not None
    assert alone[1]["patient_id"].tolist() == [""]
    assert read_entries({"truth": refuse}) is None


def test_an_unreadable_second_table_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    read = read_entries({"Data_Entry_2017": table({"a": 1}), "Data_Entry_old": refuse})
    assert read is not None
    assert "Passed over: the table 'Data_Entry.csv' cannot be read: it is empty" in caplog.text
    with pytest.raises(UnreadableTableError, match="it is empty"):
        read_entries({"Data_Entry_2017": refuse, "Data_Entry_old": table({"a": 1})})


def test_a_table_without_its_columns_says_which() -> None:
    with pytest.raises(
        ValueError, match=r"x/Data_Entry.csv lacks the column 'Patient ID'; it has a"
    ):
        read_entries({"x/Data_Entry": lambda: pd.DataFrame({"a": [1], "image index": ["f"]})})
    twice = pd.DataFrame({"Image Index": ["a.png", "a"], "Patient ID": [1, 1]})
    with pytest.raises(ValueError, match="lists 'a' more than once"):
        read_entries({"Data_Entry": lambda: twice})
