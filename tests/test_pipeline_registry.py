"""Listing the pipelines must stay quick (seconds are measured in benchmarks), and the docs name what there is."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from xraylab.pipelines import predict_names

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
    assert set(names.split()) == folders | {"__default__", "export", *predict_names()}
    assert heavy == ""


@pytest.mark.parametrize(
    "name",
    ["bone_age", "dose_estimation", "fracture", "lesion_regression", "lung_segmentation", "tb_classification"],
)  # fmt: skip
def test_the_diagram_of_a_pipeline_names_nodes_and_data_sets_that_there_are(name: str) -> None:
    diagram = (PROJECT / f"docs/{name}.md").read_text().split("```")[1]
    pipeline = import_module(f"xraylab.pipelines.{name}.pipeline").create_pipeline()
    known = {node.name for node in pipeline.nodes} | pipeline.datasets()
    named = set(re.findall(r"[a-z]+(?:_[a-z]+)+", diagram))
    assert "split_cohort" in named
    assert named <= {each.rpartition(".")[2] for each in known}
