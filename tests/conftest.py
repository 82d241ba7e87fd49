"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

# Tests run in two processes on two cores: threads of torch and numba that wait for each other would only be in the way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

PROJECT = Path(__file__).resolve().parents[1]
REAL_DATA = PROJECT.parent / "shared" / "data"

# A shared machine pauses: only the number of examples bounds a property test.
settings.register_profile(
    "xraylab", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("xraylab")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real radiographs beside the checkout."""
    if not REAL_DATA.is_dir():
        pytest.skip("no real films beside the checkout (shared/data)")
    return REAL_DATA


@pytest.fixture
def project_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's own settings in an empty folder, so that a run writes nothing here."""
    return _copy_project(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def copy_project() -> Callable[[Path, pytest.MonkeyPatch], Path]:
    """What `project_copy` does, for a fixture that lives longer than a test."""
    return _copy_project


def _copy_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the project's settings into an empty folder and go there, with no setting of the user's in force."""
    for name in ("conf", "pyproject.toml", ".telemetry"):
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("local"))
        else:
            shutil.copy(source, folder / name)
    (folder / "conf" / "local").mkdir(exist_ok=True)
    (folder / "src").mkdir()  # Kedro asks for one; the package is installed
    monkeypatch.chdir(folder)
    monkeypatch.delenv("XRAYLAB_RAW", raising=False)
    monkeypatch.delenv("KEDRO_ENV", raising=False)
    return folder


@pytest.fixture(scope="session")
def finished_run(
    copy_project: Callable[[Path, pytest.MonkeyPatch], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A project in which ``kedro run --env=test`` has run once for all tests; read it, write elsewhere.

    The first worker that asks for it makes the run, and the others wait at the lock.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    project, outcome = shared / "finished_run", shared / "finished_run.txt"
    with FileLock(shared / "finished_run.lock"):
        if not outcome.exists():
            project.mkdir()
            outcome.write_text(_run_default(project, copy_project))
    if problem := outcome.read_text():
        pytest.fail(f"kedro run --env=test: {problem}", pytrace=False)
    return project


@pytest.fixture
def finished_copy(finished_run: Path, project_copy: Path) -> Path:
    """Copy the finished run, for a test that runs on."""
    shutil.copytree(finished_run / "data", project_copy / "data")
    return project_copy


def _run_default(project: Path, copy: Callable[[Path, pytest.MonkeyPatch], Path]) -> str:
    """Run the command in a copy of the project; return what went wrong, or nothing."""
    from click.testing import CliRunner
    from kedro.framework.startup import bootstrap_project

    from xraylab.cli import cli

    with pytest.MonkeyPatch.context() as patch:
        copy(project, patch)
        bootstrap_project(project)
        with terminal_to(project / "terminal.log"):
            result = CliRunner().invoke(cli, ["run", "--env=test"])
    return "" if result.exit_code == 0 else f"exit code {result.exit_code}\n{result.output[-4000:]}"


@contextmanager
def terminal_to(path: Path) -> Iterator[None]:
    """Write into a file what conf/logging.yml sends to the terminal."""
    terminal = next(each for each in logging.getLogger().handlers if each.name == "terminal")
    assert isinstance(terminal, logging.StreamHandler)
    with path.open("w", encoding="utf-8") as stream:
        before = terminal.setStream(stream)
        try:
            yield
        finally:
            terminal.setStream(before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with one file that needs the default run, and end with the others: nobody waits for it."""
    files = [item.path for item in items if "finished_run" in getattr(item, "fixturenames", ())]
    first = next((path for path in files if path.parent.name == "integration"), None)
    waiting = {*files} - {first}
    items.sort(key=lambda item: (item.path != first, item.path in waiting))


@pytest.fixture
def make_films() -> Callable[[int], dict[str, Callable[[], NDArray[np.float32]]]]:
    """Lazy films of seeded smooth noise, by id ``film_00`` and so on."""

    def make(n: int, size_px: int = 48) -> dict[str, Callable[[], NDArray[np.float32]]]:
        def load(index: int) -> NDArray[np.float32]:
            rng = np.random.default_rng(index)
            y, x = np.mgrid[:size_px, :size_px] / size_px
            film = (
                0.4
                + 0.2 * np.sin(3 * x + index) * np.cos(2 * y)
                + 0.01 * rng.standard_normal(x.shape)
            )
            return np.clip(film, 0, 1).astype(np.float32)

        return {f"film_{i:02}": (lambda i=i: load(i)) for i in range(n)}

    return make


@pytest.fixture(autouse=True)
def _no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDRO_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("DO_NOT_TRACK", "1")
