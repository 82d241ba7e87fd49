"""Any films → probability of tuberculosis, by the released model."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.models.card import NOTICE, check_preparation
from xraylab.models.embeddings import EmbeddingPlan, Embeddings
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.pipelines.tb_classification.params import (
    CohortParams,
    EmbeddingParams,
    ReleaseParams,
)
from xraylab.training.params import TrainingParams

from .classifiers import predict_classifier
from .cohort import join_lungs
from .features import measure_radiomics, plan_embeddings
from .material import Material

__all__ = ["cache_new_films", "embed_new_films", "plot_tuberculosis", "predict_tuberculosis"]

_SHOWN = 12
_NO_LUNGS = "the released model looks at lungs alone, and there is no mask of its lungs; run lung_segmentation on it"


def cache_new_films(
    new_films: dict[str, LoadFilm],
    lung_masks: dict[str, LoadFilm],
    lungs: pd.DataFrame,
    cohort: CohortParams,
    params: ReleaseParams,
) -> CachePlan:
    """Plan the arrays of films to be read, prepared as the model's own were, with the lungs that were predicted.

    A film's lungs are found by the content of its file. A film without is given the guess of `guess_lungs` later on.
    """
    return CachePlan(
        new_films,
        {image_id: [] for image_id in new_films},
        preprocess=cohort.preprocess,
        workers=cohort.workers,
        max_rejected_fraction=params.max_rejected_fraction,
        masks_of_content=join_lungs(lung_masks, lungs),
    )


def embed_new_films(
    new_arrays: ArrayCache,
    lung_guess: dict[str, ModelState],
    models: dict[str, ModelState],
    encoder_weights: Weights,
    cohort: CohortParams,
    embedding: EmbeddingParams,
    params: ReleaseParams,
) -> dict[str, EmbeddingPlan]:
    """Plan the features that the released model asks for, by the encoders that it was trained with.

    Raises
    ------
    ValueError
        If there is no such model, or an encoder has other weights than those of its training.
    """
    wanted = {}
    for state in _members(models, params).values():
        name = state.card["model"].get("encoder")
        if name is not None:
            wanted[name] = state.card["embedding"]
    plans = plan_embeddings(
        new_arrays, lung_guess, encoder_weights, cohort, embedding, list(wanted)
    )
    for name, facts in wanted.items():
        found = plans[name].facts["weights_digest"]
        if found != facts["weights_digest"]:
            raise ValueError(
                f"the encoder '{name}' now has other weights ({plans[name].facts['weights']}, {found}) than when "
                f"'{params.model}' was trained ({facts['weights']}, {facts['weights_digest']}); train it again"
            )
    return plans


def _released(models: dict[str, ModelState], params: ReleaseParams) -> list[ModelState]:
    """Return the model of each fold."""
    states = [state for state in models.values() if state.card["name"] == params.model]
    if not states:
        names = dict.fromkeys(state.card["name"] for state in models.values())
        raise ValueError(
            f"release.model '{params.model}' is none of the trained {', '.join(names)}"
        )
    return states


def _members(models: dict[str, ModelState], params: ReleaseParams) -> dict[str, ModelState]:
    """Return all stored models that the released one is the mean of, by their keys."""
    keys = {key: None for key, state in models.items() if state.card["name"] == params.model}
    _released(models, params)
    names = [each for key in keys for each in models[key].card.get("members", [key])]
    return {name: models[name] for name in names}


def predict_tuberculosis(
    new_arrays: ArrayCache,
    lung_guess: dict[str, ModelState],
    new_embeddings: dict[str, Embeddings],
    models: dict[str, ModelState],
    cohort: CohortParams,
    training: TrainingParams,
    params: ReleaseParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every film by the mean of the released model's trainings on all folds.

    The lungs of a film without a mask are guessed. Where there is no guess either, it is predicted without those
    members that look at lungs alone.

    Returns
    -------
    tuberculosis : DataFrame
        ``image_id, scaled_by, lungs`` (``predicted`` by lung_segmentation, or ``guessed``), ``model, probability,
        spread`` (standard deviation over trainings), ``n_models`` (how many predicted it), ``threshold`` (the mean of
        those chosen in validation), ``tuberculosis`` (probability at least the threshold), ``notice``.
    rejected : DataFrame
        ``image_id, reason`` of every film that cannot be read.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    states, members = _released(models, params), _members(models, params)
    for state in members.values():
        check_preparation(params.model, state.card, new_arrays.preprocess)
    ids = new_arrays.index["image_id"].astype(str)
    radiomics = measure_radiomics(new_arrays, lung_guess)
    material = Material(new_arrays, lung_guess, new_embeddings, radiomics, cohort)
    annotated = np.array([bool(mask.any()) for mask in new_arrays.masks], bool)
    has_lungs = radiomics["lung_area"].to_numpy() > 0
    found = np.full((len(members), len(ids)), np.nan)
    for row, state in enumerate(members.values()):
        able = has_lungs | (not _needs_lungs(state))
        if able.any():
            found[row, able] = predict_classifier(state, material, ids[able], training)
    known = np.isfinite(found)
    read = known.any(axis=0)
    probability, spread = _mean_and_spread(found[:, read])
    threshold = float(np.mean([state.card["threshold"] for state in states]))
    table = pd.DataFrame(
        {
            "image_id": ids[read].to_numpy(),
            "scaled_by": new_arrays.scaled_by(ids[read]),
            "lungs": np.where(annotated[read], "predicted", "guessed"),
            "model": params.model,
            "probability": probability,
            "spread": spread,
            "n_models": known.sum(axis=0)[read],
            "threshold": threshold,
            "tuberculosis": probability >= threshold,
            "notice": NOTICE,
        }
    )
    without = pd.DataFrame({"image_id": ids[~read].to_numpy(), "reason": _NO_LUNGS}, dtype="str")
    return table, pd.concat([new_arrays.rejected, without], ignore_index=True)


def _needs_lungs(state: ModelState) -> bool:
    spec = state.card["model"]
    embedding = state.card.get("embedding", {}).get("encoder", {})
    return bool(
        spec.get("inside_lungs") or spec.get("radiomics") or embedding.get("inside_lungs", False)
    )


def _mean_and_spread(
    found: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not found.shape[1]:
        return np.empty(0), np.empty(0)
    return np.nanmean(found, axis=0), np.nanstd(found, axis=0)


def plot_tuberculosis(new_arrays: ArrayCache, tuberculosis: pd.DataFrame) -> plots.Figure:
    """Draw up to twelve films with their probability, from the least to the most likely."""
    ranked = tuberculosis.sort_values(["probability", "image_id"], ignore_index=True)
    places = np.linspace(0, len(ranked) - 1, min(_SHOWN, len(ranked))).round().astype(int)
    panels = [
        (
            f"{PurePosixPath(row['image_id']).name}\np = {row['probability']:.2f}"
            + (", tuberculosis" if row["tuberculosis"] else ""),
            np.asarray(new_arrays.films[new_arrays.row_of(row["image_id"])]),
        )
        for row in ranked.iloc[places].to_dict("records")
    ]
    return plots.plot_film_grid(panels, "Predicted probability of tuberculosis")
