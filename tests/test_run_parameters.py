from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraylab.run_parameters import parse_run_parameters


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", {}),
        ("a=1", {"a": 1}),
        ("a=1,b=x", {"a": 1, "b": "x"}),
        ("a.b=1,a.c=2.5", {"a": {"b": 1, "c": 2.5}}),
        ("a=null,b=true,c=1e-3", {"a": None, "b": True, "c": 1e-3}),
        ("f.recipes=additive,quantum", {"f": {"recipes": ["additive", "quantum"]}}),
        ("f.recipes=quantum,raw=/x", {"f": {"recipes": "quantum"}, "raw": "/x"}),
        ("a=1,2,3,b=4", {"a": [1, 2, 3], "b": 4}),
        ("a=[1, 2],b=[x,y]", {"a": [1, 2], "b": ["x", "y"]}),
        ("a={b: 1, c: [2, 3]}", {"a": {"b": 1, "c": [2, 3]}}),
        ("films=/a,b c/d,workspace=w", {"films": "/a,b c/d", "workspace": "w"}),
        ("films=/a=b/c", {"films": "/a=b/c"}),
        ("split=/my, own/split.csv,a=1", {"split": "/my, own/split.csv", "a": 1}),
        ('films="/in/x=1,y=2",a=3', {"films": "/in/x=1,y=2", "a": 3}),
        ("raw=/data [2024]/it's (new), really", {"raw": "/data [2024]/it's (new), really"}),
        ("raw=~/röntgen/肺", {"raw": "~/röntgen/肺"}),
        ("raw=2024", {"raw": "2024"}),
    ],
)
def test_parameters_are_read_as_they_are_meant(typed: str, expected: dict[str, Any]) -> None:
    assert parse_run_parameters(typed) == expected


@pytest.mark.parametrize(
    ("typed", "words"),
    [("foo", "'foo' must be a key and a value"), ("a=1,a=2", "'a' is given twice"), ("a=1,a.b=2", "'a' has a value")],
)  # fmt: skip
def test_what_cannot_be_read_is_named(typed: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_run_parameters(typed)


paths = st.text(st.characters(codec="utf-8", exclude_characters="='\"[](){}\n\r"), max_size=20)


@given(paths, st.integers(), st.lists(st.integers(), min_size=2, max_size=4))
def test_any_path_comes_through(path: str, number: int, numbers: list[int]) -> None:
    path = f"/{path.strip()}"
    typed = f"raw={path},a.b={number},c={','.join(map(str, numbers))}"
    assert parse_run_parameters(typed) == {"raw": path.strip(), "a": {"b": number}, "c": numbers}
