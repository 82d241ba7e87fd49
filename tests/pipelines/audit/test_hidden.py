"""Ids that are hidden: equal stay equal, empty stays empty, and nobody without the salt finds them again."""

import hashlib

import pandas as pd

from xraylab.pipelines.audit.hidden import hide_ids


def test_equal_ids_stay_equal_and_empty_ones_empty() -> None:
    ids = pd.Series(["p1", "", "p2", "p1", None], index=[4, 2, 0, 1, 3], name="patient")
    hidden = hide_ids(ids, "salt")
    assert hidden.index.tolist() == [4, 2, 0, 1, 3]
    assert hidden.name == "patient"
    assert hidden.tolist() == [hidden[4], "", hidden[0], hidden[4], ""]
    assert hidden[4] != hidden[0]
    assert hidden[[4, 0]].str.fullmatch("[0-9a-f]{12}").all()


def test_a_digest_is_that_of_the_salt_and_the_id() -> None:
    expected = hashlib.blake2b(b"4:saltp1", digest_size=6).hexdigest()
    assert hide_ids(pd.Series(["p1"]), "salt").tolist() == [expected]
    assert hide_ids(pd.Series(["p1"]), "other").tolist() != [expected]
    # salt and id do not run into each other
    assert hide_ids(pd.Series(["bc"]), "a").tolist() != hide_ids(pd.Series(["c"]), "ab").tolist()


def test_a_column_without_rows_stays_one() -> None:
    assert hide_ids(pd.Series([], dtype="str"), "salt").tolist() == []
