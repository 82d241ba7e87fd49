import pytest

from xraylab.models.card import check_preparation


def test_films_prepared_alike_pass() -> None:
    check_preparation("robust", {"preprocess": {"size_px": 48}}, {"size_px": 48})


def test_films_prepared_in_another_way_are_refused() -> None:
    card = {"preprocess": {"size_px": 48}}
    with pytest.raises(
        ValueError,
        match=r"'robust' was trained on films prepared with {'size_px': 48}, these are prepared with {'size_px': 64}",
    ):
        check_preparation("robust", card, {"size_px": 64})
