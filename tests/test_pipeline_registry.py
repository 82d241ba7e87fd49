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
heavy = ["torch", "lightning", "pandas._libs", "matplotlib", "numba", "sklearn", "scipy.stats", "xgboost"]
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


def test_a_deferred_module_loads_on_first_use_and_as_a_parent() -> None:
    script = (
        "import sys, xraylab, pandas as pd\n"
        "assert 'pandas._libs' not in sys.modules\n"
        "import pandas.api.types\n"
        "assert 'pandas._libs' in sys.modules\n"
        "assert pd.DataFrame({'a': [1]}).shape == (1, 1)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT / "src", check=True)
