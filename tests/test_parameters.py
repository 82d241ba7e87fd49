import pytest
from pydantic import Field, ValidationError

from xraylab.parameters import Parameters


class Example(Parameters):
    size_px: int = Field(3, ge=1)
    spacing_mm: float = 1.0


def test_unknown_key_lists_the_valid_ones_and_the_closest() -> None:
    with pytest.raises(
        ValidationError, match=r"unknown key 'sizepx' \(did you mean 'size_px'\?\)"
    ) as error:
        Example.model_validate({"sizepx": 4})
    assert "valid keys: size_px, spacing_mm" in str(error.value)


def test_bounds_and_frozenness() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Example(size_px=0)
    with pytest.raises(ValidationError, match="frozen"):
        Example().size_px = 5  # type: ignore[misc]


class Inner(Parameters):
    sizes: tuple[int, ...] = (1,)
    name: str | tuple[str, ...] = "x"
    maybe: tuple[str, ...] | None = None


def test_one_value_for_a_list_is_a_list_of_one() -> None:
    made = Inner.model_validate({"sizes": 3, "maybe": "a", "name": "y"})
    assert (made.sizes, made.maybe, made.name) == ((3,), ("a",), "y")
    assert Inner.model_validate({"maybe": None}).maybe is None
