"""The pipelines by name: every folder under ``pipelines``; ``__default__``, all of these; those beside it."""

from __future__ import annotations

import warnings
from importlib import import_module

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

from xraylab.flow.export import create_export
from xraylab.flow.tags import EXPORT
from xraylab.pipelines import find_release, predict_names

__all__ = ["UPSTREAM", "register_pipelines"]

UPSTREAM = {
    "feature_extraction": ("dose_simulation.exposures",),
    "dose_estimation": ("dose_simulation.exposures", "feature_extraction.features"),
}
"""What a pipeline cannot do without of others: the nodes that make it are a part of the pipeline."""

_MISSING = "An error occurred while importing"


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by its name, with the nodes that it depends on, and their sum as ``__default__``.

    Beside them stand ``<name>_predict`` for each that releases a model, and ``export``; they are no part of the sum.
    """
    with warnings.catch_warnings():
        # Pipelines meet in the catalog by namespaced names, such as dose_simulation.exposures. Kedro
        # advises against a dot in a name that another namespace reads; the namespace is what we mean.
        warnings.filterwarnings("ignore", message="One or more dataset names contain '.'")
        pipelines, apart = _find()
        for name in pipelines.keys() & UPSTREAM.keys():
            made = [_create(each.partition(".")[0]).to_outputs(each) for each in UPSTREAM[name]]
            tags = {tag for node in pipelines[name].nodes for tag in node.tags}
            pipelines[name] += Pipeline(made, tags=tags)
        pipelines["__default__"] = sum(pipelines.values(), Pipeline([]))
        for name in apart:
            pipelines[name] = _create_apart(name)
    return pipelines


def _find() -> tuple[dict[str, Pipeline], list[str]]:
    """Return the pipelines that Kedro finds as folders, and the names of others, as far as they are wanted.

    Kedro looks for the pipelines of a run alone, and warns of names that are no folders: those that predict or export.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found: dict[str, Pipeline] = find_pipelines()
    missing = [str(each.message) for each in caught if _MISSING in str(each.message)]
    others = [*predict_names(), EXPORT]
    named = [name for name in others if any(f".{name}'" in each for each in missing)]
    if len(named) < len(missing):
        find_pipelines(raise_errors=True)
    return found, others if "__default__" in found else named


def _create_apart(name: str) -> Pipeline:
    """Return a pipeline that predicts, or the export."""
    if name == EXPORT:
        return create_export(find_release)
    module = import_module(f"xraylab.pipelines.{predict_names()[name]}")
    created: Pipeline = module.create_predict()
    return created


def _create(name: str) -> Pipeline:
    created: Pipeline = import_module(f"xraylab.pipelines.{name}").create_pipeline()
    return created
