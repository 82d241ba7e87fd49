"""What a run makes is recorded in MLflow, where kedro-mlflow is installed and has begun a run (docs/tracking.md).

Without it MLflow is never imported, and nothing here does anything.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol

__all__ = ["TrackingHooks"]

# What MLflow takes at once, and of one parameter.
_MANY_PARAMS, _MANY_METRICS, _LONG_PARAM = 100, 1000, 6000

_PAGES = {"reporting.page": "report.html", "reporting.comparison": "comparison.html"}
_OF_PAGES = "params:reporting"  # words and captions, not settings of results


class TrackingHooks:
    """Record parameters, metrics, figures, cards and the report of each run."""

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Tell MLflow to send nothing anywhere, before it is used."""
        mlflow = sys.modules.get("mlflow")
        if mlflow is not None:
            os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
            from mlflow.telemetry import (
                set_telemetry_client,
            )  # it was made when MLflow was imported

            set_telemetry_client()

    @hook_impl(trylast=True)  # kedro-mlflow begins the run
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Record every parameter that the run reads, one by one."""
        self.catalog = catalog
        mlflow = _find_mlflow()
        if mlflow is None:
            return
        facts = {
            name: text
            for place in sorted(pipeline.inputs())
            if place.startswith("params:") and not place.startswith(_OF_PAGES)
            for name, text in _flatten(place.removeprefix("params:"), catalog.load(place))
        }
        for part in _in_parts(facts, _MANY_PARAMS):
            mlflow.log_params(part)

    @hook_impl(trylast=True)
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Record metrics, figures, cards of models, and pages."""
        mlflow = _find_mlflow()
        if mlflow is None:
            return
        pipeline, _, table = dataset_name.partition(".")
        if table == "metrics" and isinstance(data, pd.DataFrame):
            for part in _in_parts(dict(_name_metrics(pipeline, data)), _MANY_METRICS):
                mlflow.log_metrics(part)
            mlflow.log_text(data.to_csv(index=False), f"{pipeline}/metrics.csv")
        elif table.endswith("_figure"):
            figure: Any = self.catalog.get(dataset_name)
            name = f"{table.removesuffix('_figure')}.png"
            _log_file(
                mlflow, name, figure.load(), f"{pipeline}/figures"
            )  # with its source at its foot
        elif table.endswith(".models"):
            for name, state in data.items():
                mlflow.log_dict(
                    state.card, f"{pipeline}/{table.removesuffix('.models')}/{name}.json"
                )
        elif dataset_name in _PAGES and data:
            mlflow.log_text(data, _PAGES[dataset_name])


def _find_mlflow() -> Any:
    """Return MLflow if a run of it is under way, else None."""
    mlflow = sys.modules.get("mlflow")
    return mlflow if mlflow is not None and mlflow.active_run() is not None else None


def _flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Return each single value of a parameter by its keys with dots between them."""
    dump = getattr(value, "model_dump", None)
    known = dump(mode="json") if dump is not None else value
    if isinstance(known, Mapping) and known:
        for key, below in known.items():
            yield from _flatten(f"{name}.{key}", below)
    else:
        yield name, (known if isinstance(known, str) else json.dumps(known))[:_LONG_PARAM]


def _name_metrics(pipeline: str, table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Return each value that was measured, as ``<pipeline>/<protocol>/<model>/<split>/<metric>``."""
    for row in table.to_dict("records"):
        if math.isfinite(row["value"]):
            parts = (pipeline, *(str(row[key]) for key in ("protocol", "model", "split", "metric")))
            yield "/".join(filter(None, parts)), float(row["value"])


def _in_parts(facts: Mapping[str, Any], n: int) -> Iterator[dict[str, Any]]:
    names = list(facts)
    for start in range(0, len(names), n):
        yield {name: facts[name] for name in names[start : start + n]}


def _log_file(mlflow: Any, name: str, content: bytes, place: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        mlflow.log_artifact(str(path), place)
