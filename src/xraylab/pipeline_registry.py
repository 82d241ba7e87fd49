"""The pipelines by name. Every folder under ``pipelines`` is found; ``__default__`` is all of them."""

from __future__ import annotations

import warnings
from importlib import import_module

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

__all__ = ["UPSTREAM", "register_pipelines"]

UPSTREAM = {
    "feature_extraction": ("dose_simulation.exposures",),
    "dose_estimation": ("dose_simulation.exposures", "feature_extraction.features"),
}
"""What a pipeline cannot do without of others: the nodes that make it are a part of the pipeline."""


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by its name, with the nodes that it depends on, and their sum as ``__default__``."""
    with warnings.catch_warnings():
        # Pipelines meet in the catalog by namespaced names, such as dose_simulation.exposures. Kedro
        # advises against a dot in a name that another namespace reads; the namespace is what we mean.
        warnings.filterwarnings("ignore", message="One or more dataset names contain '.'")
        pipelines: dict[str, Pipeline] = find_pipelines(raise_errors=True)
        for name in pipelines.keys() & UPSTREAM.keys():
            made = [_create(each.partition(".")[0]).to_outputs(each) for each in UPSTREAM[name]]
            tags = {tag for node in pipelines[name].nodes for tag in node.tags}
            pipelines[name] += Pipeline(made, tags=tags)
    pipelines["__default__"] = sum(pipelines.values(), Pipeline([]))
    return pipelines


def _create(name: str) -> Pipeline:
    created: Pipeline = import_module(f"xraylab.pipelines.{name}").create_pipeline()
    return created
