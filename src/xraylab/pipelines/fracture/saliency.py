"""Where the network looks, and whether the maps mean anything."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.flow.params import ClassifierEvaluationParams
from xraylab.flow.saliency import SaliencyMaps
from xraylab.flow.train import shown_model
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.state import ModelState

from .params import CLASS_NAMES, FractureCohortParams

__all__ = ["check_saliency", "plot_saliency"]


def check_saliency(
    arrays: ArrayCache,
    shown_predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: FractureCohortParams,
    params: ClassifierEvaluationParams,
) -> pd.DataFrame:
    """Check the Grad-CAM maps of the shown network, as `xraylab.flow.saliency.SaliencyMaps.check` does."""
    name = shown_model(shown_predictions, params.shown_model)
    return _maps(arrays, shown_predictions, models, cohort, params).check([name])


def plot_saliency(
    arrays: ArrayCache,
    shown_predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: FractureCohortParams,
    params: ClassifierEvaluationParams,
) -> plots.Figure:
    """Draw Grad-CAM maps of right and wrong films, burned-in markers outlined."""
    name = shown_model(shown_predictions, params.shown_model)
    title = "what speaks for a fracture (Grad-CAM), test films of the honest split"
    maps = _maps(arrays, shown_predictions, models, cohort, params)
    return maps.draw(name, title, "burned-in marker")


def _maps(
    arrays: ArrayCache,
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: FractureCohortParams,
    params: ClassifierEvaluationParams,
) -> SaliencyMaps:
    from xraylab.imaging.markers import find_markers

    def markers_of(image_id: str) -> NDArray[np.uint8] | None:
        film = np.asarray(arrays.films[arrays.row_of(image_id)])
        found = find_markers(film, cohort.markers)
        return found.astype(np.uint8) if found.any() else None

    return SaliencyMaps(
        arrays,
        predictions,
        models,
        "markers",
        markers_of,
        lambda state: arrays.films,
        CLASS_NAMES,
        params,
    )
