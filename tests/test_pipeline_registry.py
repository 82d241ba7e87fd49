"""Listing the pipelines must stay quick (seconds are measured in benchmarks), and the docs name what there is."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
RELEASED = (
    "bone_age",
    "dose_estimation",
    "fracture",
    "lesion_regression",
    "lung_segmentation",
    "tb_classification",
)
LIST_PIPELINES = """
import sys
from pathlib import Path
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
bootstrap_project(Path.cwd())
print(*sorted(pipelines))
print(*sorted({node.name for node in pipelines["__default__"].nodes if "predict" in node.tags}))
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
    names, predicting, heavy = listed.stdout.splitlines()[-3:]
    folders = {
        path.parent.name for path in (PROJECT / "src/xraylab/pipelines").glob("*/pipeline.py")
    }
    released = {
        path.parent.name for path in (PROJECT / "src/xraylab/pipelines").glob("*/release.py")
    }
    assert released == {*RELEASED}
    assert set(names.split()) == folders | {f"{name}_predict" for name in released} | {
        "__default__",
        "export",
    }
    assert predicting == ""  # a default run needs no films of a user
    assert heavy == ""


@pytest.mark.parametrize("name", RELEASED)
def test_a_pipeline_that_predicts_reads_nothing_of_a_training_but_its_bundle(name: str) -> None:
    pipeline = import_module(f"xraylab.pipelines.{name}").create_predict()
    assert pipeline.outputs() == {f"{name}_predict.results"}
    own = {each for each in pipeline.inputs() if not each.startswith("params:")}
    assert {f"{name}_predict.{each}" for each in ("films", "bundle")} <= own
    assert own <= {f"{name}_predict.{each}" for each in ("films", "bundle", "tables")}
    assert {tag for node in pipeline.nodes for tag in node.tags} == {"predict"}


@pytest.mark.parametrize("name", RELEASED)
def test_the_diagram_of_a_pipeline_names_nodes_and_data_sets_that_there_are(name: str) -> None:
    diagram = (PROJECT / f"docs/{name}.md").read_text().split("```")[1]
    module = import_module(f"xraylab.pipelines.{name}")
    pipeline = module.create_pipeline() + module.create_predict()
    known = {node.name for node in pipeline.nodes} | pipeline.datasets()
    named = set(re.findall(r"[a-z]+(?:_[a-z]+)+", diagram))
    assert "split_cohort" in named
    assert named <= {each.rpartition(".")[2] for each in known}
