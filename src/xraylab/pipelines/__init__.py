"""The pipelines, one folder each: wiring, nodes and typed parameters."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xraylab.flow.release import Release

__all__ = ["PREDICTS", "find_release", "pipeline_names", "predict_names"]

PREDICTS = "_predict"
"""End of the name of a pipeline that applies a released model."""


def pipeline_names() -> list[str]:
    """Return the names of all pipelines, loaded or not."""
    packages = Path(__file__).parent
    return sorted(path.parent.name for path in packages.glob("*/pipeline.py"))


def predict_names() -> dict[str, str]:
    """Return the pipelines that apply a released model, and the pipeline that trains it.

    Examples
    --------
    >>> predict_names()["bone_age_predict"]
    'bone_age'
    """
    packages = Path(__file__).parent
    names = sorted(path.parent.name for path in packages.glob("*/release.py"))
    return {f"{name}{PREDICTS}": name for name in names}


def find_release(task: str) -> Release:
    """Return what a pipeline says of its released model.

    Raises
    ------
    ValueError
        If no pipeline of this name releases one.

    Examples
    --------
    >>> find_release("bone_age").title
    'Bone age'
    """
    tasks = list(predict_names().values())
    if task not in tasks:
        raise ValueError(f"there is no task '{task}' that releases a model: {', '.join(tasks)}")
    found: Release = import_module(f"xraylab.pipelines.{task}.release").RELEASE
    return found
