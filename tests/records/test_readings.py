import math
import time

import pandas as pd
import pytest

from xraylab.records.readings import (
    join_readings,
    parse_age,
    parse_reading,
    parse_sex,
)
from xraylab.records.same_patients import patients_of_readings, same_patients

NOTHING = math.nan


@pytest.mark.parametrize(
    ("text", "sex", "years"),
    [
        # Shenzhen, as published
        ("male 35yrs\nSTB,bilateral upper lungs", "M", 35),
        ("female24yrs\nnormal", "F", 24),
        ("femal 32yrs\nnormal", "F", 32),
        ("Female, 31yrs\nnormal", "F", 31),
        ("male  43 years", "M", 43),
        ("male , 29yrs  \t\nbilateral secondary PTB", "M", 29),
        ("male35yrs", "M", 35),
        ("male 16month\nnormal", "M", 16 / 12),
        ("female 64days\nnormal", "F", 64 / 365.25),
        # Montgomery, as published
        ("Patient's Sex: F \nPatient's Age: 031Y\nnormal", "F", 31),
        ("Patient's Sex: M \r\nPatient's Age: 011M\r\nnormal", "M", 11 / 12),
        ("Patient’s Sex: M\nPatient’s Age: 014D", "M", 14 / 365.25),
        ("Patient's Sex: F\nPatient's Age: 003W\n", "F", 21 / 365.25),
        # in any order, and in the words of others
        ("35 year old male, TB", "M", 35),
        ("45Y/M", "M", 45),
        ("M 45Y", "M", 45),
        ("35yrs, female", "F", 35),
        ("45 yrs\nmale\nnormal", "M", 45),
        ("2 yrs 3 months girl", "F", 2.25),
        ("Sex: F Age: 031Y normal", "F", 31),
        ("Gender: female; Age: 014D", "F", 14 / 365.25),
        ("Age: 45\nSex: Male", "M", 45),
        ("male 3 weeks", "M", 21 / 365.25),
        # of which only one is said
        ("male 42\nnormal", "M", NOTHING),
        ("F/45", "F", NOTHING),
        ("male", "M", NOTHING),
        ("Patient's Sex: O \nPatient's Age: 005Y\nnormal", "", 5),
        ("Patient's Sex: F\nPatient's Age: 411Y", "F", NOTHING),
        # numbers and words of something else
        ("0113\nmale normal", "M", NOTHING),
        ("male\n6 months ago TB", "M", NOTHING),
        ("female 6 months follow up", "F", NOTHING),
        ("6 mm nodule\n2012-03-04", "", NOTHING),
        ("film 0113 of a male", "", NOTHING),
        ("M. tuberculosis 45 years", "", NOTHING),
        ("stable CXR since 6M; off Rx since 6M", "", NOTHING),
        ("Patient's Sex: F\nPatient's Age: 084Y\nsmaller than 1M and 2M ago", "F", 84),
        ("45 M", "", NOTHING),
        ("male female 3 yrs", "", NOTHING),
        ("stage: 3 years", "", NOTHING),
        ("", "", NOTHING),
    ],
)
def test_readings_say_sex_and_age(text: str, sex: str, years: float) -> None:
    reading = parse_reading(text)
    assert reading.sex == sex
    assert reading.age_years == pytest.approx(years, nan_ok=True)
    # what is missing is always said
    assert bool(reading.note) is (not sex or math.isnan(years))


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("male 42\nnormal", "its age '42' has no unit"),
        ("Patient's Sex: F\nPatient's Age: 411Y", "its age '411Y' is more than 120 years"),
        ("Patient's Sex: O\nPatient's Age: 005Y", "its sex 'O' is neither M nor F"),
        ("45 M", "its sex is not said; its age '45 M' may be in months, or in years beside a sex"),
        (
            "male female 3 yrs",
            "its sexes 'male, female' contradict each other; its age is not said",
        ),
        ("Sex: F\nAge: forty", "its age 'forty' cannot be read"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, note: str) -> None:
    assert parse_reading(text).note == note


@pytest.mark.parametrize(
    ("written", "years"),
    [
        ("058Y", 58), ("58", 58), ("58.0", 58), (" 7 y ", 7), ("011M", 11 / 12), ("014D", 14 / 365.25),
        ("003W", 21 / 365.25), ("120Y", 120), ("121Y", NOTHING), ("411", NOTHING), ("1440M", 120), ("", NOTHING),
        ("nan", NOTHING), ("-3", NOTHING), ("5 mm", NOTHING), ("3 years 2 years", NOTHING), ("1e3", NOTHING),
    ],
)  # fmt: skip
def test_ages_of_tables(written: str, years: float) -> None:
    age, note = parse_age(written, unit="y")
    assert age == pytest.approx(years, nan_ok=True)
    assert bool(note) is (math.isnan(years) and written not in ("", "nan"))


@pytest.mark.parametrize(
    ("written", "column", "sex"),
    [
        ("M", "Sex", "M"), ("f", "Patient Gender", "F"), ("Male,", "sex", "M"), ("femal", "sex", "F"), ("O", "sex", ""),
        ("True", "male", "M"), ("FALSE", "male", "F"), ("1.0", "male", "M"), ("0", "Male", "F"), ("1", "female", "F"),
        ("1", "Sex", ""), ("0", "Sex", ""), ("2", "male", ""), ("", "male", ""), ("F", "male", "F"),
    ],
)  # fmt: skip
def test_sexes_of_tables(written: str, column: str, sex: str) -> None:
    """A code of a column that does not say what it counts is not read."""
    assert parse_sex(written, column) == sex


IDS = ["MCUCXR_0113_1", "MCUCXR_0117_1", "MCUCXR_0162_1", "MCUCXR_0001_0", "CHNCXR_0113_0"]


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("as half a year ago (same pt as MCUCXR_0113_1)", ["MCUCXR_0113_1"]),
        ("same patient as 0113", ["MCUCXR_0113_1"]),
        ("Same person as MCUCXR 0113.", ["MCUCXR_0113_1"]),
        ("identical patient to mcucxr-113", ["MCUCXR_0113_1"]),
        ("same pt. as film 0113; 6M earlier", ["MCUCXR_0113_1"]),
        ("same patient as 0113, MCUCXR_0162_1.png and 0001", ["MCUCXR_0113_1", "MCUCXR_0162_1", "MCUCXR_0001_0"]),
        ("same pt as MCUCXR_0113_1 and same pt as 0162", ["MCUCXR_0113_1", "MCUCXR_0162_1"]),
        ("not the same patient as MCUCXR_0113_1", []),
        ("same patient 6 months ago", []),
        ("same pt as above", []),
        ("same disease as MCUCXR_0113_1", []),
        ("stable since MCUCXR_0113_1", []),
    ],
)  # fmt: skip
def test_films_that_a_reading_joins(text: str, others: list[str]) -> None:
    named = same_patients({"MCUCXR_0117_1": text}, IDS)
    joined = [each for each in IDS if named.get(each) and each != "MCUCXR_0117_1"]
    assert joined == sorted(others, key=IDS.index)
    assert len(set(named.values())) <= 1


def test_a_film_outside_the_cohort_joins_two_that_are_in_it() -> None:
    readings = {
        "MCUCXR_0117_1": "same pt as MCUCXR_0200_1",
        "MCUCXR_0162_1": "same pt as MCUCXR_0200_1",
    }
    named = same_patients(readings, IDS)
    assert named["MCUCXR_0117_1"] == named["MCUCXR_0162_1"]
    assert "MCUCXR_0113_1" not in named


def test_a_phrase_that_names_no_film_is_said(caplog: pytest.LogCaptureFixture) -> None:
    same_patients({"MCUCXR_0117_1": "(same pt)"}, IDS)
    assert (
        "1 readings speak of the same patient and name no film, such as 'MCUCXR_0117_1': same pt)"
        in caplog.text
    )


@pytest.mark.parametrize(
    "text", ["1y " * 2000, "1 -" * 2000, "male" + " " * 9000 + "x", "(:.," * 2000]
)
def test_a_long_text_takes_no_long_time(text: str) -> None:
    start = time.process_time()
    parse_reading(text)
    parse_age(text)
    assert time.process_time() - start < 1


def test_lists_of_a_user_are_sources_too() -> None:
    ids = pd.Series(IDS)
    sources = patients_of_readings(ids, {}, [["MCUCXR_0001_0", "CHNCXR_0113_0"]])
    assert [each.notna().sum() for each in sources.values()] == [0, 2]


def test_readings_find_films_in_folders() -> None:
    texts = {"a": "male 3yrs", "b": "female 4yrs"}
    assert join_readings(["set/a", "set/b"], texts) == {
        "set/a": "male 3yrs",
        "set/b": "female 4yrs",
    }
    assert join_readings(["one/a", "two/a"], texts) == {}
