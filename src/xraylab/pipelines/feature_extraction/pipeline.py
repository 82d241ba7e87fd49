"""Wiring of feature_extraction: films and their planned exposures → features."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow.template import create_summary, step

from .nodes import (
    extract_features,
    plot_feature_correlations,
    plot_noise_against_dose,
    plot_strip,
)

__all__ = ["FIGURES", "create_pipeline"]

FIGURES = ("noise_against_dose", "correlations", "dose_strip")
"""Figures that the report shows, in its order."""


def create_pipeline() -> Pipeline:
    """Return the pipeline; it reads the exposures that dose_simulation has planned."""
    params = "params:feature_extraction"
    return Pipeline(
        [
            step(extract_features, ["films", "exposures", params], ["features", "rejected"]),
            step(plot_noise_against_dose, "features", "noise_against_dose_figure"),
            step(plot_feature_correlations, "features", "correlations_figure"),
            step(plot_strip, ["films", "exposures", params], "dose_strip_figure"),
            create_summary(FIGURES, ["rejected"]),
        ],
        namespace="feature_extraction",
        inputs={"films": "nih_chest_xray14.films", "exposures": "dose_simulation.exposures"},
        parameters={params},
    )
