"""The leak gate: what it finds, what it joins, and that it never fails open."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xraylab.evaluation.leakage import (
    LEAK_COLUMNS,
    LeakError,
    check_leakage,
    find_leaks,
    merge_duplicates,
    regroup,
)
from xraylab.evaluation.splits import assign_splits


def cohort(rows):
    return pd.DataFrame(rows, columns=["image_id", "group_id", "split", "digest"])


CLEAN = [("i1", "p1", "train", "aa"), ("i2", "p1", "train", "bb"), ("i3", "p2", "test", "cc")]
SAME_GROUP = [("i1", "p1", "train", "aa"), ("i2", "p1", "train", "bb"), ("i3", "p1", "test", "cc")]
SAME_PIXELS = [("i1", "p1", "train", "aa"), ("i2", "p2", "test", "aa"), ("i3", "p3", "val", "aa")]


def test_a_clean_cohort_has_no_leak():
    leaks = find_leaks(cohort(CLEAN))
    assert leaks.empty
    assert tuple(leaks.columns) == LEAK_COLUMNS
    assert check_leakage(cohort(CLEAN), "fail").empty


def test_a_patient_in_two_splits_is_one_row_with_its_pairs():
    leaks = find_leaks(cohort(SAME_GROUP))
    assert leaks.to_dict("records") == [
        {
            "kind": "same_group",
            "key": "p1",
            "split_a": "test",
            "split_b": "train",
            "image_id_a": "i3",
            "image_id_b": "i1",
            "group_id_a": "p1",
            "group_id_b": "p1",
            "n_images_a": 1,
            "n_images_b": 2,
            "n_pairs": 2,
        }
    ]


def test_equal_pixels_of_two_patients_leak_in_each_pair_of_splits():
    leaks = find_leaks(cohort(SAME_PIXELS))
    assert set(leaks["kind"]) == {"same_pixels"}
    found = leaks[
        ["split_a", "split_b", "image_id_a", "image_id_b", "group_id_a", "group_id_b", "n_pairs"]
    ]
    assert sorted(found.itertuples(index=False, name=None)) == [
        ("test", "train", "i2", "i1", "p2", "p1", 1),
        ("test", "val", "i2", "i3", "p2", "p3", 1),
        ("train", "val", "i1", "i3", "p1", "p3", 1),
    ]


def test_missing_digests_and_rows_in_no_split_are_compared_with_nothing():
    rows = [
        ("i1", "p1", "train", None),
        ("i2", "p2", "test", None),
        ("i3", "p1", "", "aa"),
        ("i4", "p3", "val", "aa"),
    ]
    assert find_leaks(cohort(rows)).empty


def test_digests_are_not_needed():
    assert find_leaks(cohort(SAME_GROUP).drop(columns="digest"))["kind"].tolist() == ["same_group"]


def test_the_worst_comes_first_and_work_does_not_grow_with_pairs():
    # 100,000 pairs x 100,000 pairs would be 10 billion; the table has one row.
    n = 200_000
    big = pd.DataFrame(
        {
            "image_id": [f"i{i}" for i in range(n)],
            "group_id": "p",
            "split": ["train", "test"] * (n // 2),
        }
    )
    small = cohort([("x1", "q", "train", "aa"), ("x2", "q", "test", "bb")]).drop(columns="digest")
    leaks = find_leaks(pd.concat([small, big], ignore_index=True))
    assert leaks["key"].tolist() == ["p", "q"]
    assert leaks["n_pairs"].tolist() == [10**10, 1]


@pytest.mark.parametrize("on_leak", ["report", "regroup"])
def test_report_and_regroup_return_the_leaks(on_leak):
    assert check_leakage(cohort(SAME_PIXELS), on_leak).equals(find_leaks(cohort(SAME_PIXELS)))


def test_fail_names_the_pairs_and_what_to_do():
    with pytest.raises(
        LeakError,
        match=r"same_pixels: 3 keys, 3 pairs.*'i2' \(test\) and 'i1' \(train\).*'regroup'",
    ):
        check_leakage(cohort(SAME_PIXELS), "fail")


def test_an_unknown_way_out_does_not_open_the_gate():
    with pytest.raises(
        ValueError, match="on_leak must be one of fail, regroup, report, got 'Fail'"
    ):
        check_leakage(cohort(SAME_PIXELS), "Fail")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.drop(columns="split"), "lacks the column 'split'"),
        (lambda c: c.assign(group_id=["p1", None, "p2"]), "'group_id' is missing in 1 of 3"),
        (lambda c: c.assign(image_id="i1"), "image 'i1' is in 2 groups"),
    ],
)
def test_a_cohort_that_cannot_be_judged_is_an_error(change, message):
    with pytest.raises(ValueError, match=message):
        find_leaks(change(cohort(CLEAN)))


def test_one_image_at_several_doses_may_have_several_rows():
    rows = [("i1", "p1", "train", "aa"), ("i1", "p1", "train", "bb"), ("i2", "p2", "test", "cc")]
    assert find_leaks(cohort(rows)).empty


def test_duplicates_join_through_a_chain():
    # p3-p2 share aa, p2-p1 share bb: one family of three, named by the first id; p4 stays alone.
    rows = [
        ("i1", "p3", "train", "aa"),
        ("i2", "p2", "train", "aa"),
        ("i3", "p2", "train", "bb"),
        ("i4", "p1", "test", "bb"),
        ("i5", "p4", "test", None),
        ("i6", "p5", "test", None),
    ]
    table = cohort(rows).set_axis(range(10, 16))
    families = merge_duplicates(table)
    assert families.to_dict() == {10: "p1", 11: "p1", 12: "p1", 13: "p1", 14: "p4", 15: "p5"}
    assert families.name == "group_id"


def test_joining_needs_content():
    with pytest.raises(
        ValueError, match="lacks a column of content \\(source, digest, duplicate_cluster\\)"
    ):
        merge_duplicates(cohort(CLEAN).drop(columns="digest"))


def reference_families(groups, digests):
    """Union-find, the slow way."""
    family = {group: group for group in groups}
    changed = True
    while changed:
        changed = False
        for g1, d1 in zip(groups, digests, strict=True):
            for g2, d2 in zip(groups, digests, strict=True):
                if d1 is not None and d1 == d2 and family[g1] != family[g2]:
                    low = min(family[g1], family[g2])
                    family = {
                        g: low if f in (family[g1], family[g2]) else f for g, f in family.items()
                    }
                    changed = True
    return [family[group] for group in groups]


rows_of_films = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["1", "2", "3", "4", None])),
    min_size=1,
    max_size=20,
)


@settings(max_examples=80, deadline=None)
@given(rows_of_films)
def test_families_equal_the_slow_way(films):
    groups, digests = zip(*films, strict=True)
    table = pd.DataFrame({"group_id": groups, "digest": digests})
    assert merge_duplicates(table).tolist() == reference_families(groups, digests)


def test_regrouping_leaves_no_leak():
    rows = [(f"i{i}", f"p{i % 40}", "train" if i % 3 else "test", f"d{i % 31}") for i in range(60)]
    rows += [(f"j{i}", f"q{i}", "test", f"e{i}") for i in range(60)]
    before = cohort(rows)
    assert not find_leaks(before).empty
    after = regroup(before, lambda groups: assign_splits(groups, {"train": 0.5, "test": 0.5}, 0))
    assert find_leaks(after).empty
    assert after["image_id"].equals(before["image_id"])


def test_a_new_split_that_leaks_is_caught():
    with pytest.raises(LeakError):
        regroup(
            cohort(SAME_PIXELS),
            lambda groups: pd.Series(["train", "val", "test"], index=groups.index),
        )
