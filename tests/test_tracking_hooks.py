"""What is recorded in MLflow, and that nothing is where it is not installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline

from xraylab.models.state import ModelState
from xraylab.pipelines import predict_names
from xraylab.pipelines.reporting.params import SectionParams
from xraylab.tracking_hooks import TrackingHooks

PROJECT = Path(__file__).resolve().parents[1]
needs_mlflow = pytest.mark.skipif(
    find_spec("kedro_mlflow") is None,
    reason="kedro-mlflow is not installed: pip install '.[mlflow]'",
)


class Recorder:
    """Stands in for MLflow: remembers what is recorded."""

    def __init__(self, active: bool) -> None:
        self.active, self.params, self.metrics = active, {}, {}  # type: tuple[bool, dict[str, str], dict[str, float]]
        self.files: dict[str, Any] = {}

    def active_run(self) -> object:
        return object() if self.active else None

    def log_params(self, params: dict[str, str]) -> None:
        assert len(params) <= 100
        self.params |= params

    def log_metrics(self, metrics: dict[str, float]) -> None:
        assert len(metrics) <= 1000
        self.metrics |= metrics

    def log_text(self, text: str, place: str) -> None:
        self.files[place] = text

    def log_dict(self, facts: dict[str, Any], place: str) -> None:
        self.files[place] = facts

    def log_artifact(self, path: str, place: str) -> None:
        self.files[f"{place}/{Path(path).name}"] = Path(path).read_bytes()


def run_with(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, saved: dict[str, Any]) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", recorder)  # type: ignore[arg-type]
    params = SectionParams(title="T", units={f"metric_{n}": "mm" for n in range(150)})
    data = {
        "params:x.section": params,
        "params:x.scales": [1.0, 0.5],
        "params:reporting": params,
        "x.roc_figure": b"png",
    }
    catalog = DataCatalog({name: MemoryDataset(each) for name, each in data.items()})
    hooks = TrackingHooks()
    read = [name for name in data if name.startswith("params:")]
    hooks.before_pipeline_run(pipeline([node(lambda *_: 1, read, "out")]), catalog)
    for name, each in saved.items():
        hooks.after_dataset_saved(name, each)


SAVED = {
    "x.metrics": pd.DataFrame(
        {"protocol": "honest", "model": "cnn", "split": "test", "metric": ["mae", "r2"], "value": [2.5, float("nan")]}
    ),
    "x.roc_figure": object(),
    "x.honest.models": {"cnn": ModelState({"epochs": 3}, {})},
    "x.cohort": pd.DataFrame(),
    "reporting.page": "<p>",
    "reporting.comparison": "",
}  # fmt: skip


def test_settings_metrics_figures_cards_and_pages_are_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder = Recorder(active=True)
    run_with(recorder, monkeypatch, SAVED)
    assert recorder.params["x.section.title"] == "T"
    assert recorder.params["x.scales"] == "[1.0, 0.5]"
    assert recorder.params["x.section.units.metric_149"] == "mm"
    assert not [name for name in recorder.params if name.startswith("reporting")]
    assert recorder.metrics == {"x/honest/cnn/test/mae": 2.5}
    assert recorder.files["x/figures/roc.png"] == b"png"
    assert recorder.files["x/honest/cnn.json"] == {"epochs": 3}
    assert set(recorder.files) == {
        *("x/metrics.csv", "x/figures/roc.png", "x/honest/cnn.json", "report.html"),
    }


def test_without_a_run_of_mlflow_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(active=False)
    run_with(recorder, monkeypatch, SAVED)
    assert (recorder.params, recorder.metrics, recorder.files) == ({}, {}, {})


def test_without_mlflow_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    hooks = TrackingHooks()
    hooks.after_context_created()
    hooks.after_dataset_saved("x.metrics", SAVED["x.metrics"])
    assert "mlflow" not in sys.modules


def test_its_telemetry_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    telemetry = SimpleNamespace(
        set_telemetry_client=lambda: told.append(os.environ["MLFLOW_DISABLE_TELEMETRY"])
    )
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")  # put back after the test
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace())  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "mlflow.telemetry", telemetry)  # type: ignore[arg-type]
    TrackingHooks().after_context_created()
    assert told == ["true"]


def test_no_prediction_is_recorded() -> None:
    settings = yaml.safe_load((PROJECT / "conf/base/mlflow.yml").read_text())
    off = settings["tracking"]["disable_tracking"]["pipelines"]
    assert off == sorted(predict_names())


@needs_mlflow
def test_a_run_is_in_mlflow(project_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    command = [sys.executable, "-m", "kedro", "run", "--env=test", "--pipelines=dose_simulation"]
    ran = subprocess.run(command, cwd=project_copy, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{project_copy}/mlflow.db")
    (experiment,) = (each for each in client.search_experiments() if each.name == "xraylab")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert json.loads(found.data.params["dose_simulation.quantum.dose_fractions"]) == [0.1, 1.0]
    assert found.data.metrics["dose_simulation/honest/quantum/dose_0.5/nnps_error"] > 0
    folder = project_copy / f"mlruns/{found.info.run_id}/artifacts/dose_simulation"
    assert (folder / "metrics.csv").is_file()
    assert (folder / "figures/physics_validation.png").read_bytes().startswith(b"\x89PNG")
