"""Two versions of results, compared by a command."""

from pathlib import Path

from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from tests.datasets.test_versions_dataset import A, B, save
from tests.integration.commands import run

from xraylab.cli import cli


def test_two_versions_are_compared_by_a_command(project_copy: Path) -> None:
    workspace = project_copy / "data/test"
    for version, value in ((A, 10.0), (B, 8.5)):
        save(workspace, "bone_age", version, value)
    written = run(project_copy, "--pipeline=reporting", f"--params=compare={A},{B}")
    assert written == {"08_reporting/report.html", "08_reporting/comparison.html"}
    page = (workspace / "08_reporting/comparison.html").read_text()
    assert "10.0 months" in page
    assert "−1.500 months" in page
    assert not list(workspace.rglob("comparison.html.source.json"))
    assert run(project_copy, "--pipeline=reporting") == {"08_reporting/report.html"}


def test_a_version_that_is_not_there_is_named(project_copy: Path) -> None:
    save(project_copy / "data/test", "bone_age", A, 10.0)
    bootstrap_project(project_copy)
    arguments = ["run", "--env=test", "--pipeline=reporting", f"--params=compare={A},{B}"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert f"There is {A} (bone_age)" in result.stderr
    assert len(result.stderr.splitlines()) <= 5
