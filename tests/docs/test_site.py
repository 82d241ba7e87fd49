"""The site of the docs builds without a warning, and its page of parameters says what the models say."""

import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from docs.site import docstrings, hooks
from docs.site.parameters import (
    ParameterRow,
    attribute_texts,
    describe_class,
    parameter_classes,
    pipeline_keys,
)
from docs.site.reference import PACKAGES
from pydantic import Field

from xraylab.parameters import Parameters
from xraylab.pipelines import pipeline_names

PROJECT = Path(__file__).resolve().parents[2]


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    # --quiet would hide the warnings from --strict
    command = [sys.executable, "-m", "properdocs", "build", "--strict"]
    built = subprocess.run(
        [*command, "--site-dir", str(tmp_path)],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    for page in ("index", "tutorial/index", "parameters/index", "api/imaging/index"):
        assert (tmp_path / f"{page}.html").is_file()
    assert not list(tmp_path.rglob("*.py"))
    reference = (tmp_path / "api/evaluation/index.html").read_text("utf-8")
    assert "reliability_table" in reference
    assert ":math:" not in reference


class Inner(Parameters):
    """Something inside.

    Attributes
    ----------
    size_px : int
        Edge of a film.
    """

    size_px: int = Field(3, ge=1, lt=9)


class Outer(Inner):
    """Something outside.

    Attributes
    ----------
    low, high : float
        Ends of
        the range.
    names : tuple of str
        Names.

    Raises
    ------
    ValueError
        Never.
    """

    low: float = Field(0.0, gt=-1)
    high: float | None = None
    names: tuple[str, ...] = Field(min_length=1)
    inner: Inner = Inner(size_px=5)
    kind: Literal["a", "b"] = "a"


def test_a_class_is_described_by_its_fields_and_docstrings() -> None:
    with pytest.raises(ValueError, match=r"the docstring does not describe 'inner'"):
        describe_class(Outer)
    assert attribute_texts(Outer)["high"] == "Ends of the range."
    assert describe_class(Inner) == [
        ParameterRow("size_px", "whole number", "≥ 1, < 9", "pixels", "`3`", "Edge of a film.")
    ]


class Described(Outer):
    """The same, with all described.

    Attributes
    ----------
    inner : Inner
        The inner one.
    """


def test_types_bounds_units_and_defaults_are_those_of_the_model() -> None:
    rows = {
        row.name: (row.kind, row.bounds, row.unit, row.default) for row in describe_class(Described)
    }
    assert rows["low"] == ("number", "> -1", "", "`0`")
    assert rows["high"] == ("number, or null", "", "", "`null`")
    assert rows["names"] == ("list of text", "not empty", "", "required")
    assert rows["inner"][3] == "its own, with `{size_px: 5}`"
    assert rows["kind"][0] == "`a`, `b`"


def test_every_parameter_of_every_pipeline_is_described() -> None:
    keys = pipeline_keys()
    assert {key.split(".")[0] for key in keys} == {*pipeline_names(), "predict"}
    for cls in parameter_classes(keys.values()).values():
        assert all(row.meaning and row.kind for row in describe_class(cls))


@pytest.mark.parametrize(
    ("link", "origin", "place", "leads_to"),
    [
        ("docs/films.md#x", "README.md", "index.md", "films.md#x"),
        ("docs/decisions", "README.md", "index.md", "decisions/index.md"),
        ("../CONTRIBUTING.md", "docs/films.md", "films.md", "contributing.md"),
        ("../films.md", "docs/decisions/0001.md", "decisions/0001.md", "../films.md"),
        ("../src/xraylab/features/lungs.py", "docs/films.md", "films.md", "api/features.md#xraylab.features.lungs"),
        ("../src/xraylab/records", "docs/records.md", "records.md", "api/records.md"),
    ],
)  # fmt: skip
def test_links_of_the_repository_lead_to_pages_of_the_site(link, origin, place, leads_to) -> None:
    assert hooks.site_link(link, origin, place) == leads_to


def test_every_decision_is_listed_by_its_heading() -> None:
    page = hooks.decisions_page()
    for path in (PROJECT / "docs/decisions").glob("0*.md"):
        assert f"({path.name}): " in page
    assert "- [0018](0018-one-flow.md): One flow for the deep pipelines\n" in page


def test_docstrings_become_markdown() -> None:
    assert docstrings.to_markdown("a :math:`x_1` b").startswith("a <math ")
    assert "_" not in docstrings.to_markdown(":math:`x_1`")
    assert (
        docstrings.to_markdown("====  ====\na     b\n      c\n====  ====")
        == "| | |\n|---|---|\n| a | b c |"
    )
    assert docstrings.to_markdown(".. code-block:: yaml\n\n    a: 1\n") == "```yaml\na: 1\n```\n"


def test_every_shared_package_has_a_page() -> None:
    folders = {path.parent.name for path in (PROJECT / "src/xraylab").glob("*/__init__.py")}
    assert folders - {"pipelines"} == set(PACKAGES)
