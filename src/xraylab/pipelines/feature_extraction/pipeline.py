"""Wiring of feature_extraction: films and their planned exposures → features."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from .nodes import (
    extract_features,
    plot_feature_correlations,
    plot_noise_against_dose,
    plot_strip,
)

__all__ = ["create_pipeline"]


def create_pipeline() -> Pipeline:
    """Return the pipeline; it reads the exposures that dose_simulation has planned."""
    params = "params:feature_extraction"
    return Pipeline(
        [
            Node(
                extract_features,
                ["films", "exposures", params],
                ["features", "rejected"],
                name="extract_features",
            ),
            Node(
                plot_noise_against_dose,
                "features",
                "noise_against_dose_figure",
                name="plot_noise_against_dose",
            ),
            Node(
                plot_feature_correlations,
                "features",
                "correlations_figure",
                name="plot_feature_correlations",
            ),
            Node(
                plot_strip, ["films", "exposures", params], "dose_strip_figure", name="plot_strip"
            ),
        ],
        namespace="feature_extraction",
        inputs={"films": "nih_chest_xray14.films", "exposures": "dose_simulation.exposures"},
        parameters={params},
    )
