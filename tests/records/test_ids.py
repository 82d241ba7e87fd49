import pytest

from xraylab.records.ids import clean_id, match_films


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("3153", "3153"),
        (3153, "3153"),
        (3153.0, "3153"),
        (" 3153.0 ", "3153"),
        ("003153", "003153"),
        ("3153.png", "3153"),
        ("3153.DCM", "3153"),
        ("00000150_002.jpeg", "00000150_002"),
        ("patientA\\1.png", "patientA/1"),
        ("./a//1.dcm", "a/1"),
        ("1.2.840.0", "1.2.840.0"),
        ("9.5", "9.5"),
        ("a.b", "a.b"),
        ("", ""),
    ],
)
def test_what_tables_add_to_ids_is_taken_away(written: object, clean: str) -> None:
    assert clean_id(written) == clean


@pytest.mark.parametrize("written", ["14", "00014", "14.0", "14.png", "hands/14.DCM", " 14 "])
def test_one_film_and_its_row_however_they_are_written(written: str) -> None:
    for film in ("14", "00014", "hands/14", "hands/14.dcm"):
        assert match_films([film], [written]).row_of == {film: 0}


def test_zeros_within_a_number_count() -> None:
    found = match_films(["1004", "14", "10004"], ["14", "1004"])
    assert found.row_of == {"14": 0, "1004": 1}


def test_where_names_repeat_the_path_decides() -> None:
    films = ["patientA/1", "patientB/1", "patientB/2"]
    found = match_films(films, ["patientB/1.png", "patientA/1.png", "/data/set/patientB/2.png"])
    assert found.row_of == {"patientA/1": 1, "patientB/1": 0, "patientB/2": 2}
    assert found.reasons == {}


def test_a_bare_name_of_two_films_is_never_guessed() -> None:
    found = match_films(["patientA/1", "patientB/1", "patientB/2"], ["1", "2"])
    assert found.row_of == {"patientB/2": 1}
    assert found.reasons == dict.fromkeys(
        ["patientA/1", "patientB/1"],
        "its name is that of 2 films, and the table's '1' may be any of them",
    )
    assert found.unmatched == []


def test_a_path_beside_a_bare_name_is_no_help_for_the_other_film() -> None:
    found = match_films(["patientA/1", "patientB/1"], ["patientA/1", "1"])
    assert found.row_of == {"patientA/1": 0}
    assert list(found.reasons) == ["patientB/1"]


def test_two_rows_of_one_film_are_in_doubt() -> None:
    found = match_films(["7"], ["7", "7.0"])
    assert found.row_of == {}
    assert found.reasons == {"7": "2 rows of the table may be its own: '7', '7.0'"}


def test_a_row_of_another_folder_is_another_film() -> None:
    found = match_films(["patientA/1", "patientB/2"], ["patientA/1", "patientC/1", "patientB/2"])
    assert found.row_of == {"patientA/1": 0, "patientB/2": 2}
    assert found.unmatched == [1]
    alone = match_films(["patientA/1", "patientB/1"], ["patientC/1", "patientB/1"])
    assert alone.row_of == {"patientB/1": 1}
    assert alone.unmatched == [0]


def test_folders_may_be_called_otherwise_while_names_are_unique() -> None:
    found = match_films(["CXR_png/a", "CXR_png/b"], ["images/a.png", "images/b.png"])
    assert found.row_of == {"CXR_png/a": 0, "CXR_png/b": 1}


def test_a_film_at_the_top_has_the_row_that_is_written_so() -> None:
    found = match_films(["1", "a/1"], ["1.png", "a/1.png"])
    assert found.row_of == {"1": 0, "a/1": 1}


def test_empty_ids_fit_nothing() -> None:
    assert match_films(["a"], ["", "  "]).unmatched == [0, 1]
