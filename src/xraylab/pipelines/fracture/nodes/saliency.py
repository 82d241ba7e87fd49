"""Where the network looks, and whether the maps mean anything."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.evaluation.saliency import summarise_checks
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.classifiers import restore_classifier
from xraylab.models.state import ModelState
from xraylab.pipelines.fracture.params import CohortParams, EvaluationParams

from .audit import CLASS_NAMES
from .networks import model_key

if TYPE_CHECKING:
    from torch import nn

__all__ = ["check_saliency", "plot_saliency", "plot_saliency_checks"]

Maps = NDArray[np.float32]


def check_saliency(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort_params: CohortParams,
    params: EvaluationParams,
) -> pd.DataFrame:
    """Check the Grad-CAM maps of a network on test films, a film of each family before a second of any.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    cohort : DataFrame
        As `index_cohort` gives it.
    predictions : DataFrame
        Of the protocol whose models they are.
    models : dict of str to ModelState
        The trained networks.
    cohort_params, params
        What a marker looks like; which model, how many films.

    Returns
    -------
    DataFrame
        One row a check: ``model, check, value, n``. ``ssim_after_randomisation`` and ``spearman_after_randomisation``
        compare a map with that of the same network with weights drawn anew: they must be far below 1.
        ``share_on_border`` and ``share_on_markers`` are shares of the saliency, to be held against
        ``area_of_border`` and ``area_of_markers``, the shares of the film that border and markers cover (markers only
        of films that have one).
        The mean over ``n`` films.
    """
    from xraylab.imaging.markers import find_markers
    from xraylab.training.saliency_checks import check_maps

    model, rows = _test_rows(predictions, params.shown_model)
    marker = cohort.set_index("image_id")["marker_fraction"]
    rows = _one_of_each_family(rows).head(params.n_checked)
    tables = []
    for arm, part in rows.groupby("arm", sort=True):
        films = np.asarray(arrays.films[arrays.rows_of(part["image_id"])])
        markers = [
            find_markers(film, cohort_params.markers) if marker[image_id] > 0 else None
            for film, image_id in zip(films, part["image_id"], strict=True)
        ]
        network = restore_classifier(models[model_key(model, str(arm))])
        tables.append(
            check_maps(network, films, {"markers": markers}, params.border_fraction, params.seed)
        )
    return summarise_checks(tables, model)


def plot_saliency_checks(saliency_checks: pd.DataFrame) -> plots.Figure:
    """Draw the checks."""
    return plots.plot_saliency_checks(saliency_checks)


def plot_saliency(
    arrays: ArrayCache,
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    cohort_params: CohortParams,
    params: EvaluationParams,
) -> plots.Figure:
    """Draw Grad-CAM maps of right and wrong films, the surest first, a film a family, burned-in markers outlined."""
    from xraylab.imaging.markers import find_markers
    from xraylab.training.saliency import grad_cam

    model, rows = _test_rows(predictions, params.shown_model)
    rows = rows.assign(
        called=rows["prediction"] >= rows["threshold"],
        margin=(rows["prediction"] - rows["threshold"]).abs(),
    ).sort_values("margin", ascending=False)
    networks: dict[str, nn.Module] = {}
    panels: dict[str, list[Any]] = {}
    for right in (True, False):
        for target, name in enumerate(CLASS_NAMES):
            kind = rows[(rows["target"] == target) & ((rows["called"] == target) == right)]
            chosen = kind.drop_duplicates("group_id").head(params.n_shown)
            for row in chosen.to_dict("records"):
                key = model_key(model, row["arm"])
                if key not in networks:
                    networks[key] = restore_classifier(models[key])
                film = np.asarray(arrays.films[arrays.row_of(row["image_id"])])
                (seen,) = grad_cam(networks[key], film[None])
                label = f"{PurePosixPath(row['image_id']).name}\np = {row['prediction']:.2f}"
                title = f"{'right' if right else 'wrong'}: {name}"
                panel = (label, film, seen, find_markers(film, cohort_params.markers))
                panels.setdefault(title, []).append(panel)
    return plots.plot_saliency(
        panels, f"{model}: what speaks for a fracture (Grad-CAM), test films of the honest split"
    )


def _test_rows(predictions: pd.DataFrame, model: str) -> tuple[str, pd.DataFrame]:
    """Return the model that is shown, the first where there is none of that name, and its test rows."""
    names = list(dict.fromkeys(predictions["model"]))
    shown = model if model in names else names[0]
    return shown, predictions[(predictions["model"] == shown) & (predictions["split"] == "test")]


def _one_of_each_family(rows: pd.DataFrame) -> pd.DataFrame:
    turn = rows.sort_values("image_id").groupby("group_id").cumcount()
    return rows.assign(turn=turn).sort_values(["turn", "image_id"]).drop(columns="turn")
