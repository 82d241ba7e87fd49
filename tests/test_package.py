"""The package as `kedro package` makes it: installed in an empty folder, it runs without the project."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.cli import project as kedro_project
from kedro.framework.startup import bootstrap_project

from xraylab.__main__ import main

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Installed:
    """The unpacked wheel, an empty folder to run in, and the archive of the settings."""

    site: Path
    folder: Path
    conf: Path

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m xraylab``."""
        environ = {key: value for key, value in os.environ.items() if key != "XRAYLAB_RAW"}
        return subprocess.run(
            [sys.executable, "-m", "xraylab", *arguments],
            cwd=self.folder,
            env={**environ, "PYTHONPATH": str(self.site)},
            check=False,
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def installed(
    copy_project: Callable[[Path, pytest.MonkeyPatch], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Installed:
    """What ``kedro package`` makes, but for the empty environment that it would fetch hatchling into."""
    call = kedro_project.call

    def build_here(command: list[str], **kwargs: Any) -> None:
        call([*command, "--no-isolation"] if "build" in command else command, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        project = copy_project(tmp_path_factory.mktemp("project"), patch)
        (project / "src/xraylab").symlink_to(PROJECT / "src/xraylab")
        for name in ("README.md", "LICENSE"):
            (project / name).write_bytes((PROJECT / name).read_bytes())
        for name in ("local/.gitkeep", "local/credentials.yml", "local/bone_age.yml"):
            (project / "conf" / name).write_text("secret: 1\n")
        patch.setattr(kedro_project, "call", build_here)
        kedro_project.package.callback.__wrapped__(bootstrap_project(project))
    (wheel,) = (project / "dist").glob("*.whl")
    site, folder = (tmp_path_factory.mktemp(name) for name in ("site", "empty"))
    zipfile.ZipFile(wheel).extractall(site)  # noqa: S202 - our own; all there is to do for a wheel of Python alone
    return Installed(site, folder, project / "dist/conf-xraylab.tar.gz")


def test_the_wheel_holds_templates_and_settings_and_nothing_of_the_users_own(
    installed: Installed,
) -> None:
    source = PROJECT / "src/xraylab"
    data = {
        path.relative_to(source)
        for path in source.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc")
    }
    assert {path.suffix for path in data} >= {".j2", ".css"}
    for path in data:
        assert (installed.site / "xraylab" / path).is_file(), path
    conf = installed.site / "xraylab/conf"
    assert sorted(path.name for path in conf.iterdir()) == [
        *("base", "local", "logging.yml", "public", "test"),
    ]
    assert list((conf / "local").glob("*.yml")) == []
    with tarfile.open(installed.conf) as archive:
        assert not [name for name in archive.getnames() if "local" in name and ".yml" in name]


def test_it_runs_with_the_settings_beside_it(installed: Installed) -> None:
    ran = installed("--env=test", "--pipelines=dose_simulation", f"--conf-source={installed.conf}")
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    assert "Summary: dose_simulation in the environment test, 7 of 7 nodes" in ran.stdout
    written = installed.folder / "data/test"
    card = json.loads((written / "workspace.json").read_text())
    assert "+" not in card["code"]  # of no checkout
    assert list(written.glob("08_reporting/dose_simulation/metrics.csv/*/metrics.csv"))
    assert (installed.folder / "data/01_raw/phantoms_test/nih_chest_xray14").is_dir()
    assert "dose_simulation" in (installed.folder / "xraylab.log").read_text()
    assert sorted(path.name for path in installed.folder.iterdir()) == ["data", "xraylab.log"]


def test_it_runs_with_its_own_settings(installed: Installed) -> None:
    ran = installed("--env=test", "--pipelines=reporting")
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    assert (installed.folder / "data/test/08_reporting/report.html").is_file()


def test_a_mistake_is_said_in_its_own_words(installed: Installed) -> None:
    ran = installed("--pipelines=fractur")
    assert ran.returncode == 1
    assert "there is no pipeline 'fractur'. Did you mean 'fracture'?" in ran.stderr


def test_its_help_names_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    main(["--help"], standalone_mode=False)
    assert "Usage: python -m xraylab [OPTIONS]" in capsys.readouterr().out
