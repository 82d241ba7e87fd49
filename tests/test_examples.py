"""The examples of docstrings hold, and every public function of the packages that people call has one."""

import doctest
import importlib
import inspect
import logging
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
PACKAGES = ("dose", "duplicates", "evaluation", "features", "imaging")

PATHS = sorted((SOURCE / "xraylab").rglob("*.py"))
MODULES = {".".join(path.relative_to(SOURCE).with_suffix("").parts): path for path in PATHS}
WITH_EXAMPLES = [name for name, path in MODULES.items() if ">>> " in path.read_text("utf-8")]
TO_SHOW = [name for name in MODULES if name.split(".")[1:2] and name.split(".")[1] in PACKAGES]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_hold(name, monkeypatch):
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # a log is no output
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("name", TO_SHOW)
def test_every_public_function_has_an_example(name):
    module = importlib.import_module(name)
    public = {each: getattr(module, each) for each in getattr(module, "__all__", ())}
    without = [
        each
        for each, value in public.items()
        if inspect.isroutine(inspect.unwrap(value)) and ">>> " not in (value.__doc__ or "")
    ]
    assert without == []
