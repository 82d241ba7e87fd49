"""Listing the pipelines must stay quick: nothing heavy is imported for it. Seconds are measured in benchmarks."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
LIST_PIPELINES = """
import sys
from pathlib import Path
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
bootstrap_project(Path.cwd())
print(*sorted(pipelines))
heavy = ["torch", "lightning", "matplotlib", "numba", "sklearn", "scipy.stats", "xgboost"]
print(*[name for name in heavy if name in sys.modules])
"""


def test_registry_finds_every_pipeline_and_imports_nothing_heavy() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", LIST_PIPELINES],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    names, heavy = listed.stdout.splitlines()[-2:]
    folders = {
        path.parent.name for path in (PROJECT / "src/xraylab/pipelines").glob("*/pipeline.py")
    }
    assert set(names.split()) == folders | {"__default__"}
    assert heavy == ""
