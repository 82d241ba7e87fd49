"""Wiring of dose_simulation: raw films → cohort → exposures (→ simulated films); phantoms → physics check."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow.template import create_summary, step

from .nodes import (
    index_cohort,
    measure_physics,
    plan_exposures,
    plot_physics,
    simulate_films,
    summarise_physics,
)

__all__ = ["FIGURES", "create_pipeline"]

FIGURES = ("physics_validation",)
"""Figures that the report shows, in its order."""


def create_pipeline() -> Pipeline:
    """Return the pipeline; its films come from ``nih_chest_xray14``."""
    params = "params:dose_simulation"
    return Pipeline(
        [
            step(index_cohort, ["films", "tables", params], ["cohort", "rejected"]),
            step(plan_exposures, ["cohort", params], "exposures"),
            step(simulate_films, ["films", "exposures", params], "simulated_films"),
            step(measure_physics, params, ["physics_curves", "physics_spectra"]),
            step(summarise_physics, ["physics_curves", "physics_spectra", params], "metrics"),
            step(plot_physics, ["physics_curves", "physics_spectra"], "physics_validation_figure"),
            create_summary(FIGURES, ["metrics", "rejected", "cohort"]),
        ],
        namespace="dose_simulation",
        inputs={"films": "nih_chest_xray14.films", "tables": "nih_chest_xray14.tables"},
        parameters={params},
    )
