"""Where a network looks, how much of that is lung, and whether the maps mean anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.evaluation.saliency import summarise_checks
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.classifiers import restore_classifier
from xraylab.models.state import ModelState
from xraylab.pipelines.tb_classification.params import CohortParams, EvaluationParams

from .cohort import CLASS_NAMES
from .features import cut_to_lungs
from .training import model_key

if TYPE_CHECKING:
    from torch import nn

__all__ = ["check_saliency", "plot_saliency", "plot_saliency_checks"]

Bytes = NDArray[np.uint8]


def check_saliency(
    arrays: ArrayCache,
    lung_guess: dict[str, ModelState],
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: CohortParams,
    params: EvaluationParams,
) -> pd.DataFrame:
    """Check the Grad-CAM maps of every end-to-end network on test films.

    Parameters
    ----------
    arrays : ArrayCache
        Films and lungs.
    lung_guess : dict of str to ModelState
        The lungs of films without a mask.
    predictions : DataFrame
        Of the protocol whose models they are.
    models : dict of str to ModelState
        The trained models.
    cohort, params
        How lungs are cut out; how many films.

    Returns
    -------
    DataFrame
        One row a network and check: ``model, check, value, n``, as `xraylab.training.saliency_checks.check_maps` names
        them: ``share_on_lungs`` is the share of the map that lies in the lungs, to be held against ``area_of_lungs``,
        their share of the film (films with a mask of their own only).
    """
    from xraylab.training.saliency_checks import check_maps

    tables = []
    for model in _networks(predictions, models):
        rows = _test_rows(predictions, model).sort_values("image_id").head(params.n_checked)
        found = []
        for arm, part in rows.groupby("arm", sort=True):
            state = models[model_key(model, str(arm))]
            places = arrays.rows_of(part["image_id"])
            masks = [mask if mask.any() else None for mask in np.asarray(arrays.masks[places])]
            films = _films(arrays, lung_guess, state, cohort)[places]
            network = restore_classifier(state)
            found.append(
                check_maps(network, films, {"lungs": masks}, params.border_fraction, params.seed)
            )
        tables.append(summarise_checks(found, model))
    columns = ["model", "check", "value", "n"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _networks(predictions: pd.DataFrame, models: dict[str, ModelState]) -> list[str]:
    pairs = predictions[["model", "arm"]].drop_duplicates("model").itertuples(index=False)
    keys = {name: model_key(name, str(arm)) for name, arm in pairs}
    return [name for name, key in keys.items() if key in models and _is_cnn(models[key])]


def _is_cnn(state: ModelState) -> bool:
    return bool(state.card["model"]["kind"] == "cnn")


def _films(
    arrays: ArrayCache, lung_guess: dict[str, ModelState], state: ModelState, cohort: CohortParams
) -> Any:
    inside = state.card["model"]["inside_lungs"]
    return cut_to_lungs(arrays, lung_guess, cohort) if inside else arrays.films


def _test_rows(predictions: pd.DataFrame, model: str) -> pd.DataFrame:
    return predictions[(predictions["model"] == model) & (predictions["split"] == "test")]


def plot_saliency_checks(saliency_checks: pd.DataFrame) -> plots.Figure:
    """Draw the checks."""
    return plots.plot_saliency_checks(saliency_checks)


def plot_saliency(
    arrays: ArrayCache,
    lung_guess: dict[str, ModelState],
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort: CohortParams,
    params: EvaluationParams,
) -> plots.Figure:
    """Draw Grad-CAM maps of right and wrong films, the surest first, with the lungs outlined.

    Raises
    ------
    ValueError
        If no model is an end-to-end network.
    """
    from xraylab.evaluation.saliency import share_inside
    from xraylab.training.saliency import grad_cam

    names = _networks(predictions, models)
    if not names:
        raise ValueError(
            "no model is a 'cnn', and only that one has maps to show; add one, or leave the protocol out"
        )
    model = params.shown_model if params.shown_model in names else names[0]
    rows = _test_rows(predictions, model)
    rows = rows.assign(
        called=rows["prediction"] >= rows["threshold"],
        margin=(rows["prediction"] - rows["threshold"]).abs(),
    ).sort_values("margin", ascending=False)
    networks: dict[str, nn.Module] = {}
    panels: dict[str, list[Any]] = {}
    for right in (True, False):
        for target, name in enumerate(CLASS_NAMES):
            kind = rows[(rows["target"] == target) & ((rows["called"] == target) == right)]
            for row in kind.head(params.n_shown).to_dict("records"):
                key = model_key(model, row["arm"])
                if key not in networks:
                    networks[key] = restore_classifier(models[key])
                place = arrays.row_of(row["image_id"])
                (seen,) = grad_cam(
                    networks[key], _films(arrays, lung_guess, models[key], cohort)[[place]]
                )
                mask = np.asarray(arrays.masks[place])
                label = f"{row['image_id']}\np = {row['prediction']:.2f}"
                if mask.any() and seen.any():
                    label += f", {100 * share_inside(seen, mask):.0f} % of it in the lungs"
                panel = (label, np.asarray(arrays.films[place]), seen, mask if mask.any() else None)
                panels.setdefault(f"{'right' if right else 'wrong'}: {name}", []).append(panel)
    title = f"{model}: what speaks for tuberculosis (Grad-CAM), films that no training saw"
    return plots.plot_saliency(panels, title, "lungs")
