"""Wiring of reporting: the summary of every other pipeline → one page."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow.template import step

from .nodes import render_report

__all__ = ["REPORTED", "create_pipeline"]

REPORTED = (
    "dose_simulation", "feature_extraction", "dose_estimation", "lung_segmentation", "lesion_regression", "bone_age",
    "fracture", "tb_classification",
)  # fmt: skip
"""Pipelines whose summary the page shows. A new pipeline adds its name here."""


def create_pipeline() -> Pipeline:
    """Return the pipeline; as it reads what the others write, it runs after them."""
    summaries = {name: f"{name}.summary" for name in REPORTED}
    inputs = {
        "params": "params:reporting",
        "origins": "sources",
        **{name: name for name in REPORTED},
    }
    return Pipeline(
        [step(render_report, inputs, "page")],
        namespace="reporting",
        inputs=summaries,
        parameters={"params:reporting"},
    )
