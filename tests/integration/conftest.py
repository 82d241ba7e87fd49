"""Results of the one default run."""

from pathlib import Path

import pytest
from tests.integration.results import Results


@pytest.fixture(scope="session")
def results(finished_run: Path) -> Results:
    """Return what the default run wrote; read it, write elsewhere."""
    return Results(finished_run)
