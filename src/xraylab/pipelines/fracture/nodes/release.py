"""Any films → probability of a fracture, by the released network."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.evaluation.calibration import apply_calibration
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.models.card import NOTICE, check_preparation
from xraylab.models.classifiers import restore_classifier
from xraylab.models.state import ModelState
from xraylab.pipelines.fracture.params import CohortParams, ReleaseParams
from xraylab.training.params import TrainingParams

__all__ = ["cache_new_films", "plot_fractures", "predict_fractures"]

_SHOWN = 12


def cache_new_films(
    new_films: dict[str, LoadFilm], cohort: CohortParams, params: ReleaseParams
) -> CachePlan:
    """Plan the arrays of films to be read, prepared as the network's own were."""
    return CachePlan(
        new_films,
        preprocess=cohort.preprocess,
        workers=cohort.workers,
        max_rejected_fraction=params.max_rejected_fraction,
    )


def predict_fractures(
    new_arrays: ArrayCache,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ReleaseParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every film; with folds, by the mean of the networks of all folds.

    Returns
    -------
    fractures : DataFrame
        ``image_id, scaled_by, model, probability, spread`` (standard deviation over the networks, 0 with one),
        ``threshold`` (the mean of those chosen in validation), ``fractured`` (probability at least the threshold),
        ``notice``.
    rejected : DataFrame
        ``image_id, reason`` of every film that cannot be read.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    from xraylab.training.predict import predict_films

    states = [state for key, state in models.items() if key.partition("_fold_")[0] == params.model]
    if not states:
        names = dict.fromkeys(key.partition("_fold_")[0] for key in models)
        raise ValueError(
            f"release.model '{params.model}' is none of the trained {', '.join(names)}"
        )
    rows = np.arange(len(new_arrays.index))
    found = []
    for state in states:
        check_preparation(params.model, state.card, new_arrays.preprocess)
        raw = predict_films(
            restore_classifier(state), new_arrays.films, rows, params.batch_size,
            views=state.card["views"], precision=training.precision, accelerator=training.accelerator,
        )  # fmt: skip
        found.append(apply_calibration(raw, state.card["calibration"]))
    probability = np.mean(found, axis=0, dtype=np.float64)
    threshold = float(np.mean([state.card["threshold"] for state in states]))
    table = pd.DataFrame(
        {
            "image_id": new_arrays.index["image_id"].astype(str),
            "scaled_by": new_arrays.index["scaled_by"],
            "model": params.model,
            "probability": probability,
            "spread": np.std(found, axis=0, dtype=np.float64),
            "threshold": threshold,
            "fractured": probability >= threshold,
            "notice": NOTICE,
        }
    )
    return table, new_arrays.rejected


def plot_fractures(new_arrays: ArrayCache, fractures: pd.DataFrame) -> plots.Figure:
    """Draw up to twelve films with their probability, from the least to the most likely fractured."""
    ranked = fractures.sort_values(["probability", "image_id"], ignore_index=True)
    places = np.linspace(0, len(ranked) - 1, min(_SHOWN, len(ranked))).round().astype(int)
    panels = [
        (
            f"{PurePosixPath(row['image_id']).name}\np = {row['probability']:.2f}"
            + (", fractured" if row["fractured"] else ""),
            np.asarray(new_arrays.films[new_arrays.row_of(row["image_id"])]),
        )
        for row in ranked.iloc[places].to_dict("records")
    ]
    return plots.plot_film_grid(panels, "Predicted probability of a fracture")
