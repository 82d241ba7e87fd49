"""The split of a table: known answers, what is left out, and the gate that it passes too."""

import logging

import numpy as np
import pandas as pd
import pytest

from xraylab.evaluation.leakage import LeakError
from xraylab.flow.given_split import apply_table
from xraylab.flow.split import (
    FoldsSplit,
    GroupsSplit,
    OfficialSplit,
    RowsSplit,
    SitesSplit,
    fold_beside,
    split_films,
)
from xraylab.records.split_table import SplitTable

PARTS = ["train", "train", "val", "test"]


@pytest.fixture(autouse=True)
def _heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("xraylab"), "propagate", True)


def make_films(n: int = 12) -> pd.DataFrame:
    ids = [f"set/film_{k:02}" for k in range(n)]
    return pd.DataFrame(
        {
            "image_id": ids, "group_id": ids, "source": ids, "digest": ids, "duplicate_cluster": ids, "split": "",
            "fold": -1, "target": np.arange(n) % 2, "site": np.where(np.arange(n) % 3, "a", "b"),
            "official_split": np.tile(["train", "val", "test"], n)[:n],
        }
    )  # fmt: skip


def make_table(n: int = 12, **parts: str) -> SplitTable:
    """Rows in another order than the films, named without their folder and with a suffix."""
    names = [f"film_{k:02}" for k in range(n)][::-1]
    return SplitTable(
        "my/split.csv",
        tuple(f"{name}.png" for name in names),
        tuple(parts.get(name, PARTS[int(name[-2:]) % 4]) for name in names),
    )


@pytest.mark.parametrize("n_folds", [0, 3])
def test_the_parts_are_those_of_the_table_in_one_training(n_folds: int) -> None:
    films = make_films()
    split = GroupsSplit(n_folds=n_folds)
    cohort, leaks = split_films(films, split, 1, films[["target"]], table=make_table())
    assert cohort["split"].tolist() == PARTS * 3
    assert set(cohort["arm"]) == {"single"}
    assert set(cohort["fold"]) == {-1}
    assert leaks.empty
    assert {"arm", "action"} < set(leaks.columns)


@pytest.mark.parametrize(
    "split", [RowsSplit(), FoldsSplit(n_folds=3), OfficialSplit(), SitesSplit(val_fraction=0.4)]
)
def test_blind_splits_and_sites_stay_as_they_are(split, caplog: pytest.LogCaptureFixture) -> None:
    films = make_films(40)
    with caplog.at_level(logging.INFO, logger="xraylab"):
        with_table, _ = split_films(films, split, 1, table=make_table(40))
    assert f"keeps its own split ('{split.kind}'): that of 'my/split.csv'" in caplog.text
    pd.testing.assert_frame_equal(with_table, split_films(films, split, 1)[0])


def test_films_without_a_row_and_rows_without_a_film_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = make_table(14)
    keys = ("image_id", "group_id", "digest", "source", "duplicate_cluster")
    films = pd.concat([make_films(), make_films(1).assign(**dict.fromkeys(keys, "other"))])
    cohort, _ = apply_table(films.reset_index(drop=True), table, "regroup")
    assert cohort["split"].tolist() == [*(PARTS * 3), ""]
    assert "1 of 13 films have no row of their own in the split 'my/split.csv'" in caplog.text
    assert "and are in no part: 'other'" in caplog.text
    assert "2 of 14 rows of the split 'my/split.csv' are no film's here: 'film_13.png'" in caplog.text  # fmt: skip


def test_a_film_that_two_rows_may_be_is_in_no_part(caplog: pytest.LogCaptureFixture) -> None:
    films = make_films(8)
    films["image_id"] = [f"a/{k}" for k in range(7)] + ["b/6"]
    table = SplitTable("s.csv", ("0", "1", "2", "3", "4", "5", "6"), tuple([*PARTS, *PARTS][:7]))
    cohort, _ = apply_table(films, table, "fail")
    assert cohort["split"].tolist() == [*PARTS, *PARTS[:2], "", ""]
    assert "'a/6' is in no part: its name is that of 2 films" in caplog.text


def test_films_in_two_classes_are_in_no_part(caplog: pytest.LogCaptureFixture) -> None:
    films = make_films().assign(conflict=False)
    films.loc[[0, 5], "conflict"] = True
    cohort, _ = apply_table(films, make_table(film_05=""), "regroup")
    expected = PARTS * 3
    expected[0] = expected[5] = ""
    assert cohort["split"].tolist() == expected
    assert "1 films are in no part, as their copies lie in several classes: 'set/film_00'" in caplog.text  # fmt: skip


def test_a_part_without_films_is_named() -> None:
    rows = ("film_00", "film_01", "elsewhere")
    words = "leaves the part 'test' without a film: of 12 films here it puts train 1, val 1, test 0"
    with pytest.raises(ValueError, match=f"'my/split.csv' {words}"):
        apply_table(
            make_films(), SplitTable("my/split.csv", rows, ("train", "val", "test")), "fail"
        )


@pytest.mark.parametrize("on_leak", ["regroup", "fail"])
def test_a_leak_stops_the_run_and_the_worst_pairs_are_named(on_leak) -> None:
    films = make_films()
    films.loc[3, "digest"] = films.loc[0, "digest"]  # test and train
    films.loc[[5, 6], "group_id"] = "patient"  # train and val
    with pytest.raises(LeakError) as raised:
        split_films(films, GroupsSplit(on_leak=on_leak), 1, table=make_table())
    message = str(raised.value)
    first, second = message.splitlines()
    assert "the split 'my/split.csv' leaks. A table is taken as it is and not split again" in first
    assert "'set/film_03' (test) and 'set/film_00' (train), same_pixels" in second
    assert "same_group 'patient'" in second


def test_a_leak_may_be_reported_and_intervals_draw_families(
    caplog: pytest.LogCaptureFixture,
) -> None:
    films = make_films()
    films.loc[3, "digest"] = films.loc[0, "digest"]
    cohort, leaks = split_films(films, GroupsSplit(on_leak="report"), 1, table=make_table())
    assert leaks[["kind", "action", "arm"]].to_numpy().tolist() == [["same_pixels", "reported", "single"]]  # fmt: skip
    assert cohort["split"].tolist() == PARTS * 3
    assert cohort.loc[3, "group_id"] == cohort.loc[0, "group_id"]
    assert "The split 'my/split.csv' leaks, same_pixels" in caplog.text


def test_rows_of_one_film_lie_in_its_part() -> None:
    films = make_films()
    cohort, _ = apply_table(pd.concat([films, films], ignore_index=True), make_table(), "fail")
    assert cohort["split"].tolist() == PARTS * 6


def test_folds_beside_a_split_leave_its_test_films_alone() -> None:
    cohort = make_films(40).assign(split=[*(PARTS * 9), "", "", "", "train"])
    inside = cohort.loc[cohort["split"].isin(["train", "val"]), "image_id"]
    folds = list(fold_beside(cohort, 3, 0.3, 1))
    assert [set(fold["arm"]) for fold in folds] == [{"fold_0"}, {"fold_1"}, {"fold_2"}]
    tested = pd.concat(folds).query("split == 'test'")["image_id"]
    assert sorted(tested) == sorted(inside)
