"""Every command that the documents show is one that the project knows; the quick ones are run.

A `kedro run` goes through the project's own command line up to the moment at which Kedro would run the first node:
options, environment, pipelines, tags, nodes, namespaces, runner, versions, and every key and value of ``--params`` are
checked. Only the runs of `is_quick` go on, in the environment ``test``. The others are not run here, as they train
networks for minutes or hours, or read the reader's own films; `tests/integration` runs each pipeline, its protocols and
its released network on tiny phantoms.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.framework.cli.cli import KedroCLI
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
from tests.docs.documented import (
    PROJECT,
    Command,
    commands_in,
    documented_commands,
    documents,
    files_in,
    is_quick,
)

from xraylab.cli import cli

COMMANDS = documented_commands()
RUNS = [each for each in COMMANDS if each.words[:2] == ("kedro", "run")]

loaded: set[str] = set()
"""Environments and parameters of the runs that have been loaded; most commands have those of another."""


def by(*words: str) -> list[Command]:
    return [each for each in COMMANDS if each.words[: len(words)] == words]


@pytest.fixture(scope="module")
def project(
    copy_project: Callable[[Path, pytest.MonkeyPatch], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """A copy of the settings for all commands of this file; a run ends before its first node."""
    with pytest.MonkeyPatch.context() as patch:
        folder = copy_project(tmp_path_factory.mktemp("project"), patch)
        bootstrap_project(folder)
        patch.setattr(KedroSession, "run", _check)
        yield folder


def _check(session: KedroSession, **options: Any) -> dict[str, Any]:
    """Do what `KedroSession.run` does before the first node: find the nodes, load the settings, check parameters."""
    names = options["pipeline_names"] or ["__default__"]
    run = sum((pipelines[name] for name in names), Pipeline([])).filter(
        tags=options["tags"],
        from_nodes=options["from_nodes"],
        to_nodes=options["to_nodes"],
        node_names=options["node_names"],
        from_inputs=options["from_inputs"],
        to_outputs=options["to_outputs"],
        node_namespaces=options["namespaces"],
    )
    assert set(options["load_versions"] or {}) <= run.datasets()
    settings = repr((session.store.get("env"), session.store.get("runtime_params")))
    if settings not in loaded:
        assert session.load_context().params  # the keys of all parameters, and their values
        loaded.add(settings)
    return {}


@pytest.mark.parametrize("command", RUNS, ids=str)
def test_a_run_of_the_documents_is_one_that_the_project_knows(
    project: Path, command: Command
) -> None:
    result = CliRunner().invoke(cli, command.words[1:])
    assert result.exit_code == 0, result.output + result.stderr


@pytest.mark.parametrize(
    "mistake",
    [
        "--pipelines=fractur",
        "--env=pubic",
        "--pipelines=fracture --tags=honst",
        "--pipelines=fracture --from-nodes=fracture.evaluat",
        "--pipelines=fracture --namespaces=fracture.hones",
        "--params fracture.training.max_epochs=0",
        "--params fracture.trainin.seed=3",
        "--runner=TreadRunner",
        "--pipeline",
    ],
)
def test_a_mistake_in_a_document_would_be_found(project: Path, mistake: str) -> None:
    (command,) = commands_in(f"    kedro run {mistake}", "a.md")
    assert CliRunner().invoke(cli, command.words[1:]).exit_code != 0


@pytest.mark.parametrize("command", [each for each in RUNS if is_quick(each)], ids=str)
def test_a_quick_run_of_the_documents_runs(finished_copy: Path, command: Command) -> None:
    bootstrap_project(finished_copy)
    result = CliRunner().invoke(cli, ["run", "--env=test", *command.words[2:]])
    assert result.exit_code == 0, result.output[-4000:] + result.stderr[-4000:]


@pytest.mark.parametrize("command", [each for each in by("kedro") if each not in RUNS], ids=str)
def test_another_command_of_kedro_exists(command: Command) -> None:
    import click

    found: click.Command | None = KedroCLI(PROJECT)
    words = list(command.words[1:])
    while isinstance(found, click.Group):
        found = found.get_command(click.Context(found), words.pop(0))
    assert found is not None
    found.make_context("kedro", words)


@pytest.mark.parametrize("command", [*by("kedro", "registry"), *by("make", "help")], ids=str)
def test_a_command_that_only_lists_runs(command: Command) -> None:
    words = [sys.executable, "-m", *command.words] if command.words[0] == "kedro" else command.words
    listed = subprocess.run(words, cwd=PROJECT, check=True, capture_output=True, text=True)
    assert len(listed.stdout.splitlines()) > 5


@pytest.mark.parametrize("command", by("make"), ids=str)
def test_a_target_of_make_exists(command: Command) -> None:
    subprocess.run(["make", "-n", *command.words[1:]], cwd=PROJECT, check=True, capture_output=True)


@pytest.mark.parametrize("command", by("python", "-m"), ids=str)
def test_a_module_that_is_run_exists(command: Command) -> None:
    assert importlib.util.find_spec(command.words[2]) is not None


SETTINGS = [path for path in documents() if "# conf/local/" in path.read_text("utf-8")]


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.name)
def test_settings_of_a_page_are_valid(project_copy: Path, path: Path) -> None:
    _write_files(path, project_copy)
    bootstrap_project(project_copy)
    with KedroSession.create(project_copy) as session:
        assert session.load_context().params


def test_the_recipe_for_a_pipeline_gives_one_that_runs(project_copy: Path) -> None:
    shutil.copytree(PROJECT / "src", project_copy / "src", dirs_exist_ok=True)
    _write_files(PROJECT / "CONTRIBUTING.md", project_copy)
    environ = {**os.environ, "PYTHONPATH": str(project_copy / "src")}

    def run(*words: object) -> None:
        command = [sys.executable, "-m", *map(str, words)]
        ran = subprocess.run(
            command, cwd=project_copy, env=environ, check=False, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]

    place = "src/xraylab/pipelines/film_sizes"
    run("ruff", "check", "--config", PROJECT / "pyproject.toml", place)
    run("ruff", "format", "--check", "--config", PROJECT / "pyproject.toml", place)
    run("kedro", "run", "--env=test", "--pipelines=film_sizes")
    written = project_copy / "data/test/08_reporting/film_sizes"
    (newest,) = written.glob("sizes.csv/*/sizes.csv")
    sizes, rejected = pd.read_csv(newest), pd.read_csv(written / "rejected.csv")
    assert (sizes[["height_px", "width_px"]] >= 64).all(axis=None)
    assert len(rejected) > 0  # phantoms have planted bad films


def _write_files(page: Path, project: Path) -> None:
    """Write the files that a page shows to a copy of the project."""
    for place, text in files_in(page.read_text("utf-8")).items():
        (project / place).parent.mkdir(exist_ok=True, parents=True)
        (project / place).write_text(text)


def test_commands_are_found_in_blocks_and_lines_and_placeholders_left_out() -> None:
    text = "`kedro run` and `kedro run --tags=…`\n\n    A=1 make run  # x\n\n```sh\n$ kedro viz run\n```\nno `make`\n"
    assert [each.words for each in commands_in(text, "a.md")] == [
        ("kedro", "run"),
        ("make", "run"),
        ("kedro", "viz", "run"),
    ]
