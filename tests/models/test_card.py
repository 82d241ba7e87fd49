import pytest

from xraylab.models.card import check_preparation, digest_facts, package_versions


def test_films_prepared_alike_pass() -> None:
    check_preparation("robust", {"preprocess": {"size_px": 48}}, {"size_px": 48})


def test_films_prepared_in_another_way_are_refused() -> None:
    card = {"preprocess": {"size_px": 48}}
    with pytest.raises(
        ValueError,
        match=r"'robust' was trained on films prepared with {'size_px': 48}, these are prepared with {'size_px': 64}",
    ):
        check_preparation("robust", card, {"size_px": 64})


def test_a_digest_changes_with_any_fact():
    assert digest_facts({"a": 1, "b": [2]}) == digest_facts({"b": [2], "a": 1})
    assert digest_facts({"a": 1}) != digest_facts({"a": 2})
    assert {"xraylab", "python", "torch"} <= set(package_versions())
