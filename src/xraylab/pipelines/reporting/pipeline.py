"""Wiring of reporting: the summary of every other pipeline → one page; two saved versions → another one."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow.template import step

from .comparison import compare_versions
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
    compared = {"params": "params:reporting", "versions": "versions"}
    return Pipeline(
        [
            step(render_report, inputs, "page"),
            step(compare_versions, compared, "comparison"),
        ],
        namespace="reporting",
        inputs=summaries,
        parameters={"params:reporting"},
    )
