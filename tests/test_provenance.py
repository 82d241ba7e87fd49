"""Sources: what is said of a result, and when data of one source do not belong to a run of another."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xraylab.provenance import Source, code_version, digest_films, identify_folder

SOURCE = Source(
    environment="base",
    raw_root="data/01_raw/phantoms",
    raw_root_as_given="data/01_raw/phantoms",
    phantoms=True,
    code="0.1.0+1a2b3c",
    date="2026-01-31T12:00:00+00:00",
    run="r",
    data_sets={"nih_chest_xray14": "0123"},
    n_films=1234,
    data_digest="0123456789abcdef",
)


def test_a_source_survives_json_and_says_all_of_it() -> None:
    assert Source.from_json(SOURCE.to_json()) == SOURCE
    line = SOURCE.describe()
    for words in (
        "PHANTOMS", "environment base", "1,234 films", "digest 01234567", "code 0.1.0+1a2b3c", "2026-01-31",
    ):  # fmt: skip
        assert words in line
    with pytest.raises(ValueError, match="no environment and raw root"):
        Source.from_json("{}")


def test_a_split_of_the_user_is_named() -> None:
    assert "split" not in SOURCE.describe()
    given = replace(SOURCE, split="89abcdef01234567")
    assert " · split 89abcdef · " in given.describe()
    assert Source.from_json(given.to_json()) == given
    # a record of before there were any
    old = {key: value for key, value in json.loads(SOURCE.to_json()).items() if key != "split"}
    assert Source.from_json(json.dumps(old)).split == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"date": "2027-01-01", "run": "s", "code": "0.2.0", "seed": 3}, ""),
        ({"environment": "test"}, "environment 'test', not 'base'"),
        ({"raw_root": "/mine", "raw_root_as_given": "/mine"}, "raw root '/mine', not 'data/01_raw/phantoms'"),
        ({"data_sets": {"nih_chest_xray14": "4567"}}, "an earlier state of 'nih_chest_xray14'"),
        ({"data_sets": {"covid_lesions": "4567"}}, ""),  # of another data set nothing is known
    ],
)  # fmt: skip
def test_what_makes_a_source_another_one(change: dict[str, object], words: str) -> None:
    reason = SOURCE.differs_from(replace(SOURCE, **change))
    assert reason.startswith(words)
    assert bool(reason) == bool(words)


def test_a_folder_is_another_when_a_file_comes_goes_or_changes(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    film = tmp_path / "films" / "1.png"
    film.write_bytes(b"monday")
    first = identify_folder(str(tmp_path))
    assert first == identify_folder(str(tmp_path))
    assert identify_folder(str(tmp_path / "none")) == ""
    (tmp_path / "films" / "2.png").write_bytes(b"x")
    assert identify_folder(str(tmp_path)) != first
    (tmp_path / "films" / "2.png").unlink()
    assert identify_folder(str(tmp_path)) == first
    film.write_bytes(b"sunday")  # another film of the same name and size
    os.utime(film, ns=(1, 1))
    assert identify_folder(str(tmp_path)) != first


def test_films_are_counted_once_and_known_by_content() -> None:
    table = pd.DataFrame(
        {"image_id": ["a", "a", "b"], "source": ["p", "p", "q"], "fold": [0, 1, 0]}
    )
    found = digest_films(table)
    assert found is not None
    assert found[0] == 2
    assert digest_films(table.iloc[::-1]) == found
    other = digest_films(table.assign(source=["p", "p", "r"]))
    assert other is not None
    assert other[1] != found[1]
    assert digest_films(pd.DataFrame({"x": [1]})) is None
    assert digest_films(np.zeros(3)) is None


def test_the_code_is_named() -> None:
    from xraylab import __version__

    assert code_version().startswith(__version__)
