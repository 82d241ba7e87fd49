"""The notebooks run from top to bottom on what a run in the test environment wrote."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def test_notebooks_run(project_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap_project(project_copy)
    with KedroSession.create(project_copy, env="test") as session:
        session.run()
    shutil.copytree(
        NOTEBOOKS, project_copy / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
    )
    monkeypatch.setenv("KEDRO_ENV", "test")
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    assert {"dose_estimation", "feature_extraction", "fracture", "lung_segmentation"} <= set(names)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbmake", "notebooks", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"],
        cwd=project_copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
