"""Figures: each function takes tables or arrays and returns a matplotlib ``Figure``."""

from xraylab.plots.dose import (
    plot_correlations,
    plot_dose_strip,
    plot_feature_against_dose,
    plot_physics_validation,
)
from xraylab.plots.regression import (
    plot_error_by_level,
    plot_loss_curves,
    plot_predicted_against_true,
    plot_protocol_comparison,
)

__all__ = [
    "plot_correlations",
    "plot_dose_strip",
    "plot_error_by_level",
    "plot_feature_against_dose",
    "plot_loss_curves",
    "plot_physics_validation",
    "plot_predicted_against_true",
    "plot_protocol_comparison",
]
