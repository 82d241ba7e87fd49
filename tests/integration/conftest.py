"""Results of the one default run."""

import shutil
from pathlib import Path

import pytest
from tests.integration.results import Results


@pytest.fixture(scope="session")
def results(finished_run: Path) -> Results:
    """Return what the default run wrote; read it, write elsewhere."""
    return Results(finished_run)


@pytest.fixture
def finished_copy(finished_run: Path, project_copy: Path) -> Path:
    """Copy the finished run, for a test that runs on."""
    shutil.copytree(finished_run / "data", project_copy / "data")
    return project_copy
