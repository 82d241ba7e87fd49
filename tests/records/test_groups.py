import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from xraylab.evaluation.leakage import find_leaks, pass_gate
from xraylab.evaluation.splits import assign_folds, assign_splits, assign_stratified_folds
from xraylab.records.groups import group_films, join_keys, patient_folders, patients_of_files

PARTS = {"train": 0.5, "val": 0.25, "test": 0.25}


def slow_groups(names: list[str], sources: list[list[str]]) -> list[str]:
    """The same by its definition: films share a name or a patient of one source, or a chain of films does."""
    groups = list(names)
    while True:
        before = list(groups)
        for keys in ([("name", name) for name in names], *sources):
            for key in {key for key in keys if key}:
                rows = [row for row, each in enumerate(keys) if each == key]
                least = min(groups[row] for row in rows)
                for row in rows:
                    groups[row] = least
        if groups == before:
            return groups


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    size = draw(st.integers(8, 24))
    names = [f"film_{number:02}" for number in range(size)]
    patient = st.sampled_from(["", "", *(f"P{number}" for number in range(size // 3))])
    source = st.lists(patient, min_size=size, max_size=size)
    return names, draw(st.lists(source, min_size=1, max_size=3))


@settings(deadline=None, max_examples=25)
@given(cohorts())
def test_groups_are_what_any_source_joins_and_no_split_parts_them(
    cohort: tuple[list[str], list[list[str]]],
) -> None:
    names, sources = cohort
    ids = pd.Series(names)
    groups = group_films(ids, {str(n): pd.Series(each) for n, each in enumerate(sources)})
    used = [each for each in sources if "" in each or len(set(each)) > 1]
    assert groups.tolist() == slow_groups(names, used)
    films = pd.DataFrame({"image_id": ids, "group_id": groups})
    strata = pd.Series(["a", "b"] * len(ids)).iloc[: len(ids)]
    splits = []
    try:
        splits.append(assign_splits(groups, PARTS, 1))
        splits.append(assign_folds(groups, 3, 1).astype(str))
        splits.append(
            assign_stratified_folds(
                groups, groups.map(strata.groupby(groups).first()), 2, 1
            ).astype(str)
        )
        films, leaks = pass_gate(films, "fail", lambda each: assign_splits(each, PARTS, 2))
        assert leaks.empty
    except ValueError as error:
        assume(
            "empty" not in str(error) and "fold" not in str(error)
        )  # too few groups for so many parts
        raise
    for split in splits:
        assert split.groupby(groups).nunique().max() == 1
        assert find_leaks(films.assign(split=split)).empty


def test_chains_of_different_sources_are_one_patient() -> None:
    ids = pd.Series(list("abcdef"), index=[5, 4, 3, 2, 1, 0])
    sources = {
        "PatientID": pd.Series(["", "P", "P", None, "", ""]),
        "reading": pd.Series(["r", "r", "", "", "s", "s"]),
    }
    groups = group_films(ids, sources)
    assert groups.tolist() == ["a", "a", "a", "d", "e", "e"]
    assert groups.index.equals(ids.index)
    assert groups.name == "group_id"


def test_names_of_two_sources_are_not_compared() -> None:
    sources = {"a": pd.Series(["1", ""]), "b": pd.Series(["", "1"])}
    assert group_films(pd.Series(["x", "y"]), sources).tolist() == ["x", "y"]


def test_films_of_one_name_are_one_group() -> None:
    assert join_keys(pd.Series(["7", "8", "7"]), []).tolist() == ["7", "8", "7"]


def test_a_placeholder_is_no_patient(caplog: pytest.LogCaptureFixture) -> None:
    ids = pd.Series(["a", "b", "c"])
    same = group_films(ids, {"PatientID": pd.Series(["ANON"] * 3)})
    assert same.tolist() == ["a", "b", "c"]
    assert "The PatientID of all 3 films is one and the same" in caplog.text
    assert group_films(ids, {"PatientID": pd.Series(["P", "P", ""])}).tolist() == ["a", "a", "c"]
    assert group_films(ids[:1], {"PatientID": pd.Series(["P"])}).tolist() == ["a"]


def test_a_folder_names_a_patient_if_it_is_asked_to() -> None:
    paths = pd.Series(["/d/p1/study/1.png", "/d/p1/2.png", "3.png"])
    assert patient_folders(paths, 1).tolist() == ["study", "p1", ""]
    assert patient_folders(paths, 2).tolist() == ["p1", "d", ""]
    assert patient_folders(paths, None).tolist() == ["", "", ""]
    index = pd.DataFrame({"image_id": ["1", "p1/2", "3"], "path": ["/d/p1/1.png", "", ""]})
    assert patients_of_files(index, None) == {}
    assert patients_of_files(index, 1)["patient's folder"].tolist() == ["p1", "p1", ""]
    known = patients_of_files(index.assign(patient_id=["ab", "", "ab"]), None)
    assert known["PatientID"].tolist() == ["ab", "", "ab"]
