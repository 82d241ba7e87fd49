"""Where a network looks, how much of that is lung, and whether the maps mean anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.flow.saliency import SaliencyMaps
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.state import ModelState

from .features import LungPrior, cut_to_lungs
from .params import CLASS_NAMES, TbCohortParams, TbEvaluationParams

__all__ = ["check_saliency", "plot_saliency"]


def check_saliency(
    arrays: ArrayCache,
    lung_prior: LungPrior,
    shown_predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: TbCohortParams,
    params: TbEvaluationParams,
) -> pd.DataFrame:
    """Check the Grad-CAM maps of every end-to-end network, as `xraylab.flow.saliency.SaliencyMaps.check` does."""
    maps = _maps(arrays, lung_prior, shown_predictions, models, cohort, params)
    return maps.check(_networks(models))


def plot_saliency(
    arrays: ArrayCache,
    lung_prior: LungPrior,
    shown_predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: TbCohortParams,
    params: TbEvaluationParams,
) -> plots.Figure:
    """Draw Grad-CAM maps of right and wrong films, with the lungs outlined.

    Raises
    ------
    ValueError
        If no model is an end-to-end network.
    """
    names = _networks(models)
    if not names:
        raise ValueError(
            "no model is a 'cnn', and only that one has maps to show; add one, or leave the protocol out"
        )
    model = params.shown_model if params.shown_model in names else names[0]
    maps = _maps(arrays, lung_prior, shown_predictions, models, cohort, params)
    title = "what speaks for tuberculosis (Grad-CAM), films that no training saw"
    return maps.draw(model, title, "lungs")


def _networks(models: dict[str, ModelState]) -> list[str]:
    cards = [state.card for state in models.values() if state.card["spec"]["kind"] == "cnn"]
    return list(dict.fromkeys(card["name"] for card in cards))


def _maps(
    arrays: ArrayCache,
    lung_prior: LungPrior,
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: TbCohortParams,
    params: TbEvaluationParams,
) -> SaliencyMaps:
    def lungs_of(image_id: str) -> NDArray[np.uint8] | None:
        mask = np.asarray(arrays.masks[arrays.row_of(image_id)])
        return mask if mask.any() else None

    def films_of(state: ModelState) -> Any:
        inside = state.card["spec"]["inside_lungs"]
        return cut_to_lungs(arrays, lung_prior, cohort) if inside else arrays.films

    return SaliencyMaps(
        arrays, predictions, models, "lungs", lungs_of, films_of, CLASS_NAMES, params
    )
