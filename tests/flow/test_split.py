"""Known answers for every kind of split, and the rules that each keeps whatever the films."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from xraylab.evaluation.leakage import LeakError, find_leaks
from xraylab.flow.split import (
    FoldsSplit,
    GroupsSplit,
    OfficialSplit,
    RowsSplit,
    SitesSplit,
    Split,
    check_classes,
    fold_name,
    split_films,
    split_rest,
)


def make_films(n: int = 60, copies: int = 0) -> pd.DataFrame:
    """Films of two sites and two classes, each its own group; the last ones are copies of the first."""
    ids = [f"film_{k:03}" for k in range(n)]
    content = [ids[k - (n - copies)] if k >= n - copies else ids[k] for k in range(n)]
    return pd.DataFrame(
        {
            "image_id": ids, "group_id": ids, "source": content, "digest": content, "duplicate_cluster": content,
            "site": np.where(np.arange(n) % 3, "a", "b"), "target": np.arange(n) % 2,
            "official_split": np.tile(["train", "train", "val", "test"], n)[:n], "split": "", "fold": -1,
        }
    )  # fmt: skip


def strata_of(films: pd.DataFrame) -> pd.DataFrame:
    return films[["target", "site"]]


def test_official_parts_stay_and_a_missing_one_is_named() -> None:
    films = make_films(copies=3)
    cohort, leaks = split_films(films, OfficialSplit(), 1)
    assert cohort["split"].tolist() == films["official_split"].tolist()
    assert set(leaks["action"]) == {"reported"}
    # intervals draw families of copies all the same
    assert cohort["group_id"].nunique() == 57
    with pytest.raises(ValueError, match="no film lies in a folder of the split 'val'"):
        split_films(films[films["official_split"] != "val"], OfficialSplit(), 1)
    with pytest.raises(LeakError):
        split_films(films, OfficialSplit(on_leak="fail"), 1)


def test_rows_are_those_of_scikit_learn_and_models_may_have_their_own() -> None:
    from sklearn.model_selection import train_test_split

    films = make_films(40)
    cohort, _ = split_films(films, RowsSplit(), 7)
    _, test = train_test_split(np.arange(40), test_size=0.2, random_state=7)
    assert sorted(np.flatnonzero(cohort["split"] == "test")) == sorted(test)
    assert set(cohort["arm"]) == {"single"}
    own, _ = split_films(films, RowsSplit(val_fraction=0.25), 7, own_splits=["x", "y"])
    counts = own.groupby(["arm", "split"]).size()
    assert counts.to_dict() == {
        ("x", "test"): 8, ("x", "train"): 24, ("x", "val"): 8,
        ("y", "test"): 8, ("y", "train"): 24, ("y", "val"): 8,
    }  # fmt: skip


def test_blind_folds_test_each_film_once() -> None:
    cohort, leaks = split_films(make_films(20, copies=2), FoldsSplit(n_folds=4), 3)
    assert cohort.groupby("arm")["split"].value_counts().to_dict() == {
        (f"fold_{fold}", part): n for fold in range(4) for part, n in (("train", 15), ("test", 5))
    }
    assert cohort.loc[cohort["split"] == "test", "image_id"].is_unique
    assert set(leaks["arm"]) <= {f"fold_{fold}" for fold in range(4)}
    with pytest.raises(ValueError, match="4 folds need as many rows, got 3"):
        split_films(make_films(3), FoldsSplit(n_folds=4), 3)


def test_official_parts_are_kept_by_groups_but_for_copies() -> None:
    films = make_films(40)
    films.loc[39, "digest"] = films.loc[
        0, "digest"
    ]  # a test film that is a copy of a training film
    cohort, _ = split_films(films, GroupsSplit(use_official=True), 1)
    part = cohort.set_index("image_id")["split"]
    assert part["film_000"] == part["film_039"] == "test"
    others = [name for name in part.index if name not in ("film_000", "film_039")]
    expected = films.set_index("image_id")["official_split"][others]
    assert part[others].tolist() == expected.tolist()


def test_a_film_in_two_classes_is_in_no_part_unless_the_split_is_blind() -> None:
    films = make_films(40).assign(conflict=False)
    films.loc[[3, 4], "conflict"] = True
    cohort, _ = split_films(films, GroupsSplit(), 1)
    assert len(cohort) == 40
    assert set(cohort.loc[cohort["conflict"], "split"]) == {""}
    blind, _ = split_films(films, OfficialSplit(), 1)
    assert "" not in set(blind["split"])


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from([None, "strata"]), st.sampled_from([0, 3]))
def test_groups_and_copies_never_stand_on_two_sides(
    seed: int, strata: str | None, n_folds: int
) -> None:
    films = make_films(60, copies=6)
    split = GroupsSplit(n_folds=n_folds, val_fraction=0.3, test_fraction=0.3)
    cohort, _ = split_films(films, split, seed, strata_of(films) if strata else None)
    for _, rows in cohort.groupby("arm"):
        assert set(rows["split"]) == {"train", "val", "test"}
        assert find_leaks(rows).empty
    if n_folds:
        tested = cohort.loc[cohort["split"] == "test", "image_id"]
        assert sorted(tested) == sorted(films["image_id"])


@pytest.mark.parametrize("stratified", [True, False])
def test_a_site_is_trained_on_alone_and_tested_at_all_others(stratified: bool) -> None:
    films = make_films(60)
    films.loc[1, "duplicate_cluster"] = films.loc[
        0, "duplicate_cluster"
    ]  # the same film at the other site
    cohort, _ = split_films(films, SitesSplit(), 2, strata_of(films) if stratified else None)
    assert sorted(cohort["arm"].unique()) == ["a", "b"]
    for site, rows in cohort.groupby("arm"):
        assert set(rows.loc[rows["split"].isin(["train", "val"]), "site"]) == {site}
        part = rows.set_index("image_id")["split"]
        copy = "film_001" if site == "b" else "film_000"
        assert part[copy] == ""
    with pytest.raises(ValueError, match="needs films of two sites or more, there is only 'a'"):
        split_films(films[films["site"] == "a"], SitesSplit(), 2)


def test_folds_have_their_share_of_each_stratum_and_the_finest_is_dropped_first() -> None:
    films = make_films(60)
    cohort, _ = split_films(films, GroupsSplit(n_folds=3), 5, strata_of(films))
    tested = cohort[cohort["split"] == "test"]
    counts = tested.groupby(["arm", "target", "site"]).size()
    assert counts.groupby(["target", "site"]).agg(np.ptp).max() <= 1
    few = films.assign(site=["rare", *["a"] * 59])
    cohort, _ = split_films(few, GroupsSplit(n_folds=3), 5, strata_of(few))
    tested = cohort[cohort["split"] == "test"]
    assert tested.groupby(["arm", "target"]).size().groupby("target").agg(np.ptp).max() <= 1


def test_the_rest_of_a_test_part_is_shared_by_a_hash() -> None:
    groups = pd.Series([f"g{k}" for k in range(100)])
    parts = split_rest(groups, groups == "g5", 0.25, seed=1)
    assert parts[5] == "test"
    assert parts.value_counts()["test"] == 1
    assert 10 < parts.value_counts()["val"] < 40


def test_a_part_of_one_class_is_named() -> None:
    cohort = pd.DataFrame({"arm": "single", "split": ["train"] * 3, "target": [1, 1, 1]})
    with pytest.raises(
        ValueError, match="part 'train' of the training 'single' has 3 films of one"
    ):
        check_classes(cohort)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "rows", "on_leak": "regroup"}, "should be 'report' or 'fail'"),
        ({"kind": "groups", "n_folds": 1}, "n_folds must be 0, or 2 and more, got 1"),
        ({"kind": "groups", "val_fraction": 0.6, "test_fraction": 0.4}, "must be under 1"),
        ({"kind": "sites", "n_folds": 2}, "unknown key 'n_folds'"),
        ({"kind": "random"}, "'rows', 'folds', 'official', 'groups', 'sites'"),
    ],
)
def test_contradictions_are_refused(given: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(Split).validate_python(given)


def test_folds_have_names() -> None:
    assert [fold_name(each) for each in (-1, 0, 3)] == ["single", "fold_0", "fold_3"]
