"""The pipelines by name. Every folder under ``pipelines`` is found; ``__default__`` is all of them."""

from __future__ import annotations

import warnings

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

__all__ = ["register_pipelines"]


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by its name, and their sum as ``__default__``."""
    with warnings.catch_warnings():
        # Pipelines meet in the catalog by namespaced names, such as dose_simulation.exposures. Kedro
        # advises against a dot in a name that another namespace reads; the namespace is what we mean.
        warnings.filterwarnings("ignore", message="One or more dataset names contain '.'")
        pipelines: dict[str, Pipeline] = find_pipelines(raise_errors=True)
    pipelines["__default__"] = sum(pipelines.values(), Pipeline([]))
    return pipelines
