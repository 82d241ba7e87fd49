import pandas as pd
import pytest

from xraylab.evaluation.sites import OTHER_SITE, list_sites, site_of


def test_the_site_is_told_by_how_an_id_begins() -> None:
    ids = pd.Series(["MCUCXR_0001_0", "CHNCXR_0001_1", "film_MCUCXR"], index=[7, 3, 5])
    found = site_of(ids, {"MCUCXR": "montgomery", "CHNCXR": "shenzhen"})
    assert found.to_dict() == {7: "montgomery", 3: "shenzhen", 5: OTHER_SITE}


def test_a_longer_beginning_may_part_a_site() -> None:
    found = site_of(pd.Series(["A_1", "AB_1"]), {"A": "one", "AB": "two"})
    assert found.tolist() == ["one", "two"]


def test_sites_are_listed_once_and_sorted() -> None:
    assert list_sites(pd.Series(["b", "a", "b"])) == ["a", "b"]


def test_a_single_site_cannot_be_held_out() -> None:
    with pytest.raises(ValueError, match="films of two sites or more, there is only 'shenzhen'"):
        list_sites(pd.Series(["shenzhen", "shenzhen"]))
