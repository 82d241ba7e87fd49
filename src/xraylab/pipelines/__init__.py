"""The pipelines, one folder each: wiring, nodes and typed parameters."""

from __future__ import annotations

from pathlib import Path

__all__ = ["pipeline_names"]


def pipeline_names() -> list[str]:
    """Return the names of all pipelines, loaded or not."""
    packages = Path(__file__).parent
    return sorted(path.parent.name for path in packages.glob("*/pipeline.py"))
