"""Splits: of groups, stable for good, and equal to the public demos where they must be."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from xraylab.evaluation.splits import (
    assign_folds,
    assign_splits,
    assign_stratified_folds,
    assign_stratified_splits,
    split_rows_at_random,
)

FRACTIONS = {"train": 0.6, "val": 0.2, "test": 0.2}
MANY = [f"patient_{i}" for i in range(200)]
names = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=30)


def test_a_split_is_the_hash_of_seed_and_group():
    # The first 53 bits of BLAKE2b of "split:7:<group>" as a fraction; done here by another route.
    splits = assign_splits(pd.Series(MANY), FRACTIONS, seed=7)
    for group, split in zip(MANY, splits, strict=True):
        bits = bin(
            int(hashlib.blake2b(f"split:7:{group}".encode(), digest_size=8).hexdigest(), 16)
        )[2:].zfill(64)
        unit = sum(2.0 ** -(place + 1) for place, bit in enumerate(bits[:53]) if bit == "1")
        assert split == ("train" if unit < 0.6 else "val" if unit < 0.8 else "test")


def test_known_splits_never_change_between_releases():
    splits = assign_splits(
        pd.Series(["a", "b", "c", "d", "e", "f", "g", "h"]), {"train": 0.5, "test": 0.5}, 0
    )
    assert "".join(split[1] for split in splits) == "eerereee"


@settings(max_examples=25, deadline=None)
@given(names)
def test_adding_groups_never_moves_others(new):
    before = assign_splits(pd.Series(MANY), FRACTIONS, seed=1)
    after = assign_splits(pd.Series([*new, *MANY]), FRACTIONS, seed=1)
    assert before.tolist() == after.tolist()[len(new) :]
    folds = assign_folds(pd.Series(MANY), 5, seed=1)
    assert folds.tolist() == assign_folds(pd.Series([*new, *MANY]), 5, seed=1).tolist()[len(new) :]


@settings(max_examples=25, deadline=None)
@given(names, st.integers(0, 2**32 - 1))
def test_all_rows_of_a_group_share_a_split_and_the_order_of_rows_is_nothing(extra, order_seed):
    groups = pd.Series([*MANY, *MANY, *extra])
    shuffled = groups.sample(frac=1, random_state=order_seed)
    for assign in (lambda g: assign_splits(g, FRACTIONS, 2), lambda g: assign_folds(g, 4, 2)):
        chosen = assign(shuffled)
        assert chosen.groupby(shuffled).nunique().max() == 1
        assert chosen.sort_index().tolist() == assign(groups).tolist()


def test_fractions_are_met_and_seeds_differ():
    groups = pd.Series(np.arange(20_000))
    splits = assign_splits(groups, FRACTIONS, seed=3)
    share = splits.value_counts(normalize=True)
    # Four standard deviations of a binomial share.
    for name, fraction in FRACTIONS.items():
        assert share[name] == pytest.approx(
            fraction, abs=4 * np.sqrt(fraction * (1 - fraction) / 20_000)
        )
    assert 0.3 < (splits == assign_splits(groups, FRACTIONS, seed=4)).mean() < 0.6


def test_folds_are_even_within_one_split():
    # With one hash for both, the training split would hold the low folds only.
    groups = pd.Series(np.arange(20_000))
    train = groups[assign_splits(groups, FRACTIONS, seed=3) == "train"]
    share = assign_folds(groups, 5, seed=3)[train.index].value_counts(normalize=True)
    assert share.to_numpy() == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / len(train)))


def test_index_name_and_kind_of_ids_are_kept():
    groups = pd.Series([1, 2, 3, 4, 5, 6] * 3, index=range(100, 118))
    splits = assign_splits(groups, {"train": 0.5, "test": 0.5}, seed=0)
    assert splits.index.equals(groups.index)
    assert splits.name == "split"
    assert (
        splits.tolist()
        == assign_splits(groups.astype(str), {"train": 0.5, "test": 0.5}, seed=0).tolist()
    )


def test_a_split_of_no_share_stays_empty_in_peace():
    assert set(assign_splits(pd.Series(MANY), {"train": 0.5, "val": 0.0, "test": 0.5}, 0)) == {
        "train",
        "test",
    }
    assert set(assign_splits(pd.Series(MANY), {"train": 0.3, "test": 0.7, "val": 0.0}, 0)) == {
        "train",
        "test",
    }


def test_an_empty_split_or_fold_is_an_error_that_says_what_to_do():
    with pytest.raises(
        ValueError, match=r"split '(train|val|test)' is empty.*none of 2 groups.*more groups"
    ):
        assign_splits(pd.Series(["a", "b", "a"]), FRACTIONS, seed=0)
    with pytest.raises(ValueError, match=r"fold \d is empty.*none of 2 groups.*fewer folds"):
        assign_folds(pd.Series(["a", "b", "a"]), 5, seed=0)


@pytest.mark.parametrize(
    ("groups", "fractions", "message"),
    [
        (["a", "b"], {"train": 0.5, "test": 0.4}, "sum to 1"),
        (["a", "b"], {"train": 1.5, "test": -0.5}, "sum to 1"),
        (["a", "b"], {}, "sum to 1"),
        (["a", None], {"train": 0.5, "test": 0.5}, "1 of 2 are missing"),
        ([1.0, 2.0], {"train": 0.5, "test": 0.5}, "text or whole numbers, got float64"),
        ([], {"train": 0.5, "test": 0.5}, "empty"),
    ],
)
def test_bad_input_is_named(groups, fractions, message):
    with pytest.raises(ValueError, match=message):
        assign_splits(pd.Series(groups), fractions, seed=0)


@pytest.mark.parametrize(("n", "fraction", "seed"), [(13_000, 0.2, 42), (10, 0.25, 0), (7, 0.5, 3)])
def test_random_rows_equal_the_public_split(n, fraction, seed):
    train, test = split_rows_at_random(n, fraction, seed)
    expected = train_test_split(range(n), test_size=fraction, random_state=seed)
    assert (train.tolist(), test.tolist()) == tuple(expected)


@pytest.mark.parametrize("fraction", [0, 1, 1.5])
def test_random_rows_need_a_fraction(fraction):
    with pytest.raises(ValueError, match=r"test_fraction must lie in \(0, 1\)"):
        split_rows_at_random(10, fraction, 0)


def test_stratified_folds_keep_groups_whole_and_strata_alike():
    # 40 groups of 3 rows, one in four of the stratum "ill": each of 5 folds gets 2 ill and 6 well groups.
    groups = pd.Series(np.repeat(np.arange(40), 3), index=range(7, 127))
    strata = pd.Series(np.where(groups % 4 == 0, "ill", "well"), index=groups.index)
    folds = assign_stratified_folds(groups, strata, 5, seed=0)
    assert folds.groupby(groups).nunique().max() == 1
    assert (pd.crosstab(folds, strata) == [6, 18]).all(axis=None)
    order = groups.sample(frac=1, random_state=1).index
    again = assign_stratified_folds(groups[order], strata[order], 5, seed=0)
    assert again.sort_index().equals(folds)


@pytest.mark.parametrize(
    ("strata", "n_folds", "message"),
    [
        (["x", "x", "y", "y"], 2, "stratum 'y' has 1 groups, fewer than the 2 folds"),
        (["x", "x", None, "y"], 2, "1 of 4 are missing"),
        (["x", "x", "x", "x"], 1, "n_folds must be at least 2, got 1"),
    ],
)
def test_strata_that_cannot_be_dealt_are_named(strata, n_folds, message):
    with pytest.raises(ValueError, match=message):
        assign_stratified_folds(pd.Series(["a", "b", "c", "c"]), pd.Series(strata), n_folds, seed=0)


def test_strata_need_the_index_of_the_groups():
    with pytest.raises(ValueError, match="one index"):
        assign_stratified_folds(
            pd.Series(["a", "b"]), pd.Series(["x", "x"], index=[1, 0]), 2, seed=0
        )


def test_stratified_splits_have_their_share_of_each_stratum_in_the_order_of_the_hash():
    groups, strata = pd.Series(MANY), pd.Series([0] * 150 + [1] * 50)
    splits = assign_stratified_splits(groups, strata, FRACTIONS, seed=7)
    counts = pd.crosstab(strata, splits)[["train", "val", "test"]].to_numpy().tolist()
    assert counts == [[90, 30, 30], [30, 10, 10]]
    units = [
        int(hashlib.blake2b(f"split:7:{group}".encode(), digest_size=8).hexdigest(), 16)
        for group in MANY[150:]
    ]
    in_order = [splits[150 + place] for place in np.argsort(units)]
    assert in_order == ["train"] * 30 + ["val"] * 10 + ["test"] * 10


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 40), st.integers(0, 2))
def test_stratified_splits_keep_groups_whole_and_small_strata_together(seed, n, n_rare):
    groups = pd.Series([f"g{k % n}" for k in range(3 * n)])
    strata = pd.Series(["rare" if k % n < n_rare else "common" for k in range(3 * n)])
    splits = assign_stratified_splits(groups, strata, FRACTIONS, seed)
    assert splits.groupby(groups).nunique().max() == 1
    shuffled = groups.sample(frac=1, random_state=seed)
    again = assign_stratified_splits(shuffled, strata[shuffled.index], FRACTIONS, seed)
    assert again.sort_index().tolist() == splits.tolist()
    if n - n_rare >= 3:
        assert set(splits) == {"train", "val", "test"}


def test_stratified_splits_of_few_groups_and_bad_strata():
    alone = assign_stratified_splits(pd.Series(["a"]), pd.Series([1]), FRACTIONS, 0)
    assert alone.tolist() == ["train"]
    with pytest.raises(ValueError, match="group 'b' lies in two strata"):
        assign_stratified_splits(pd.Series(list("abb")), pd.Series([1, 1, 2]), FRACTIONS, 0)
    with pytest.raises(ValueError, match="strata: 1 of 2 are missing"):
        assign_stratified_splits(pd.Series(list("ab")), pd.Series([1, np.nan]), FRACTIONS, 0)
    with pytest.raises(ValueError, match="must lie in"):
        assign_stratified_splits(pd.Series(list("ab")), pd.Series([1, 1]), {"train": 0.5}, 0)
