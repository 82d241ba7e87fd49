"""Commands as a user types them, and what they write."""

import re
from pathlib import Path

from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from xraylab.cli import cli

_VERSION = re.compile(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z")


def run(project: Path, *arguments: str) -> set[str]:
    """Run ``kedro run --env=test`` with more arguments; return the places in the workspace that it wrote to."""
    before = _files(project)
    bootstrap_project(project)
    result = CliRunner().invoke(cli, ["run", "--env=test", *arguments])
    assert result.exit_code == 0, result.output[-4000:]
    after = _files(project)
    return {_place(path) for path, stamp in after.items() if before.get(path) != stamp}


def _files(project: Path) -> dict[Path, int]:
    workspace = project / "data/test"
    return {
        path.relative_to(workspace): path.stat().st_mtime_ns
        for path in workspace.rglob("*")
        if path.is_file() and not path.name.endswith((".source.json", "workspace.json"))
    }


def _place(path: Path) -> str:
    """Return where the catalog keeps a file: without its version and what lies below it."""
    for number, part in enumerate(path.parts):
        if _VERSION.fullmatch(part):
            return "/".join(path.parts[:number])
    return path.as_posix()
