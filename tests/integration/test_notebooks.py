"""The notebooks run from top to bottom on what the default run wrote."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def test_notebooks_run(finished_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(
        PROJECT / "notebooks",
        finished_copy / "notebooks",
        ignore=shutil.ignore_patterns(".ipynb_checkpoints"),
    )
    monkeypatch.setenv("KEDRO_ENV", "test")
    pipelines = {path.parent.name for path in PROJECT.glob("src/xraylab/pipelines/*/pipeline.py")}
    names = {path.stem for path in (finished_copy / "notebooks").glob("*.ipynb")}
    assert names == pipelines - {"reporting"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbmake", "notebooks", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"],
        cwd=finished_copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{len(names)} passed" in done.stdout
