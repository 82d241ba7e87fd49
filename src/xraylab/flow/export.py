"""The pipeline that exports a released model, whichever task it is of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper

from kedro.pipeline import Node, Pipeline

from xraylab.flow.release import Release
from xraylab.flow.tags import EXPORT
from xraylab.models.bundle import Bundle
from xraylab.prediction.export import ExportPlan

__all__ = ["create_export", "plan_export"]

FindRelease = Callable[[str], Release]


def plan_export(bundle: Bundle, find: FindRelease) -> ExportPlan:
    """Plan the export of a bundle; the catalog makes it as it writes the folder.

    Parameters
    ----------
    bundle : Bundle
        The released model.
    find : callable
        Takes the name of a task and returns what it says of its released model.
    """
    return ExportPlan(bundle, find(bundle.task).restore)


def create_export(find: FindRelease) -> Pipeline:
    """Return the pipeline ``export``: a bundle → ``model.onnx``, its card, and a script that predicts with them.

    Parameters
    ----------
    find : callable
        As `plan_export` takes it.
    """
    function = update_wrapper(partial(plan_export, find=find), plan_export)
    node = Node(function, "bundle", "files", name="plan_export")
    return Pipeline([node], namespace=EXPORT, tags=EXPORT)
