from pathlib import Path

import pytest
from kedro.io import DatasetError
from pydantic import BaseModel, Field

from xraylab.messages import explain


class Bounds(BaseModel):
    seed: int = Field(ge=0)
    kind: str


def errors() -> dict[str, tuple[BaseException, str]]:
    found: dict[str, tuple[BaseException, str]] = {}
    try:
        Bounds.model_validate({"seed": -1, "kind": 3})
    except ValueError as error:
        found["pydantic"] = (error, "seed: input should be greater than or equal to 0, got -1")
    try:
        try:
            Path("/in/films").read_text()
        except FileNotFoundError as error:
            raise DatasetError(
                "Failed while loading data from dataset x(y=1).\n[Errno 2]"
            ) from error
    except DatasetError as error:
        found["a file below a data set"] = (error, "No such file or directory: /in/films")
    try:
        {}["key"]
    except KeyError as error:
        found["a fault of the code"] = (error, "KeyError")
    found["many lines"] = (DatasetError("\n".join("abcdefgh")), "… and 4 more lines")
    return found


@pytest.mark.parametrize("kind", errors())
def test_an_error_is_a_few_plain_lines(kind: str) -> None:
    error, words = errors()[kind]
    text = explain(error)
    assert words in text
    assert len(text.splitlines()) <= 5
    for noise in ("Traceback", "pydantic", "input_value", "Failed while"):
        assert noise not in text
