"""The command line: parameters as they are typed, and errors that a person can read."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from pydantic import BaseModel, Field

from xraylab.cli import cli
from xraylab.messages import explain
from xraylab.parameters import Parameters
from xraylab.run_parameters import parse_run_parameters


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", {}),
        ("a=1", {"a": 1}),
        ("a=1,b=x", {"a": 1, "b": "x"}),
        ("a.b=1,a.c=2.5", {"a": {"b": 1, "c": 2.5}}),
        ("a=null,b=true,c=1e-3", {"a": None, "b": True, "c": 1e-3}),
        ("f.protocols=published,honest", {"f": {"protocols": ["published", "honest"]}}),
        ("f.protocols=honest,raw=/x", {"f": {"protocols": "honest"}, "raw": "/x"}),
        ("a=1,2,3,b=4", {"a": [1, 2, 3], "b": 4}),
        ("a=[1, 2],b=[x,y]", {"a": [1, 2], "b": ["x", "y"]}),
        ("a={b: 1, c: [2, 3]}", {"a": {"b": 1, "c": [2, 3]}}),
        ("films=/a,b c/d,workspace=w", {"films": "/a,b c/d", "workspace": "w"}),
        ("films=/a=b/c", {"films": "/a=b/c"}),
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


class Inner(Parameters):
    sizes: tuple[int, ...] = (1,)
    name: str | tuple[str, ...] = "x"
    maybe: tuple[str, ...] | None = None


def test_one_value_for_a_list_is_a_list_of_one() -> None:
    made = Inner.model_validate({"sizes": 3, "maybe": "a", "name": "y"})
    assert (made.sizes, made.maybe, made.name) == ((3,), ("a",), "y")
    assert Inner.model_validate({"maybe": None}).maybe is None


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


MISTAKES = {
    "pipeline": (["--pipelines=fractur"], "there is no pipeline 'fractur'. Did you mean 'fracture'?"),
    "tag": (["--pipelines=dose_simulation", "--tags=predct"], "contains no nodes"),
    "node": (
        ["--pipelines=dose_simulation", "--to-nodes=dose_simulation.idex_cohort"],
        "Did you mean 'dose_simulation.index_cohort'?",
    ),
    "environment": (["--env=tst"], "Environments: base, local, public, test"),
    "key": (["--pipelines=dose_simulation", "--params=dose_simulation.sed=3"], "did you mean 'seed'"),
    "value": (
        ["--pipelines=dose_simulation", "--params=dose_simulation.seed=-3"],
        "dose_simulation.seed: input should be greater than or equal to 0, got -3",
    ),
    "raw root": (["--pipelines=dose_simulation", "--params=raw=/no, where"], "the raw root '/no, where' has no folder"),
    "no model": (
        ["--pipelines=fracture", "--tags=predict", "--params=films=/in"],
        "'fracture.honest.models' is not there yet",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_on_the_command_line_says_what_to_do(project_copy: Path, kind: str) -> None:
    arguments, words = MISTAKES[kind]
    bootstrap_project(project_copy)
    env = [] if any(each.startswith("--env") for each in arguments) else ["--env=test"]
    result = CliRunner().invoke(cli, ["run", *env, *arguments])
    assert result.exit_code == 1
    shown = result.stderr
    assert words in shown
    assert len(shown.splitlines()) <= 5
    for noise in ("Traceback", "pydantic", "input_value", "╭"):
        assert noise not in shown


def test_verbose_shows_all_of_an_error(project_copy: Path) -> None:
    bootstrap_project(project_copy)
    result = CliRunner().invoke(cli, ["run", "--env=tst", "--verbose"])
    assert result.exit_code == 1
    assert isinstance(result.exception, Exception)
    assert not isinstance(result.exception, SystemExit)


def test_a_misspelt_key_in_conf_stops_the_run(project_copy: Path) -> None:
    bootstrap_project(project_copy)
    path = project_copy / "conf/local/parameters.yml"
    path.write_text("lung_segmentatoin:\n  seed: 3\n")
    result = CliRunner().invoke(cli, ["run", "--pipelines=dose_simulation"])
    assert (
        "unknown parameter 'lung_segmentatoin' in the files of parameters under conf/"
        in result.stderr
    )
    assert "Did you mean 'lung_segmentation'?" in result.stderr
