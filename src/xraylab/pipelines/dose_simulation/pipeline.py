"""Wiring of dose_simulation: raw films → cohort → exposures (→ simulated films); phantoms → physics check."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from .nodes import (
    index_cohort,
    measure_physics,
    plan_exposures,
    plot_physics,
    simulate_films,
    summarise_physics,
)

__all__ = ["create_pipeline"]


def create_pipeline() -> Pipeline:
    """Return the pipeline; its films come from ``nih_chest_xray14``."""
    params = "params:dose_simulation"
    return Pipeline(
        [
            Node(
                index_cohort,
                ["films", "tables", params],
                ["cohort", "rejected"],
                name="index_cohort",
            ),
            Node(plan_exposures, ["cohort", params], "exposures", name="plan_exposures"),
            Node(
                simulate_films,
                ["films", "exposures", params],
                "simulated_films",
                name="simulate_films",
            ),
            Node(
                measure_physics,
                params,
                ["physics_curves", "physics_spectra"],
                name="measure_physics",
            ),
            Node(
                summarise_physics,
                ["physics_curves", "physics_spectra", params],
                "metrics",
                name="summarise_physics",
            ),
            Node(
                plot_physics,
                ["physics_curves", "physics_spectra"],
                "physics_validation_figure",
                name="plot_physics",
            ),
        ],
        namespace="dose_simulation",
        inputs={"films": "nih_chest_xray14.films", "tables": "nih_chest_xray14.tables"},
        parameters={params},
    )
