"""The pipelines, one folder each: wiring, nodes and typed parameters."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PREDICTS", "pipeline_names", "predict_names"]

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
