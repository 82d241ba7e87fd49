"""Any films → probability of tuberculosis, by the released model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.flow.cohort import cache_new_films as plan_new_films
from xraylab.flow.release import call_films, find_released, plot_predicted_films
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.models.embeddings import EmbeddingPlan, Embeddings
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams

from .classifiers import predict_classifier
from .cohort import join_lungs
from .features import LungPrior, measure_radiomics, plan_embeddings
from .material import Material
from .params import EmbeddingParams, TbCohortParams, TbReleaseParams

__all__ = [
    "cache_new_films",
    "collect_new_material",
    "embed_new_films",
    "plot_tuberculosis",
    "predict_tuberculosis",
]

_NO_LUNGS = "the released model looks at lungs alone, and there is no mask of its lungs; run lung_segmentation on it"


def cache_new_films(
    new_films: dict[str, LoadFilm],
    lung_masks: dict[str, LoadFilm],
    lungs: pd.DataFrame,
    cohort: TbCohortParams,
    params: TbReleaseParams,
) -> CachePlan:
    """Plan the arrays of films to be read, prepared as the model's own were, with the lungs that were predicted.

    A film's lungs are found by the content of its file. The lungs of a film without a mask are estimated later on.
    """
    masks = {image_id: list[LoadFilm]() for image_id in new_films}
    found = join_lungs(lung_masks, lungs)
    return plan_new_films(new_films, cohort, params, masks=masks, masks_of_content=found)


def embed_new_films(
    new_arrays: ArrayCache,
    lung_prior: LungPrior,
    models: dict[str, ModelState],
    encoder_weights: Weights,
    cohort: TbCohortParams,
    embedding: EmbeddingParams,
    params: TbReleaseParams,
) -> dict[str, EmbeddingPlan]:
    """Plan the features that the released model asks for, by the encoders that it was trained with.

    Raises
    ------
    ValueError
        If there is no such model, or an encoder has other weights than those of its training.
    """
    wanted = {}
    for state in _members(models, params, new_arrays)[1].values():
        name = state.card["spec"].get("encoder")
        if name is not None:
            wanted[name] = state.card["embedding"]
    plans = plan_embeddings(
        new_arrays, lung_prior, encoder_weights, cohort, embedding, list(wanted)
    )
    for name, facts in wanted.items():
        found = plans[name].facts["weights_digest"]
        if found != facts["weights_digest"]:
            raise ValueError(
                f"the encoder '{name}' now has other weights ({plans[name].facts['weights']}, {found}) than when "
                f"'{params.model}' was trained ({facts['weights']}, {facts['weights_digest']}); train it again"
            )
    return plans


def _members(
    models: dict[str, ModelState], params: TbReleaseParams, arrays: ArrayCache
) -> tuple[list[ModelState], dict[str, ModelState]]:
    """Return the released model of each fold, and all stored models that it is the mean of, by their keys."""
    released = find_released(models, params.model, arrays)
    keys = [each for key, state in released.items() for each in state.card.get("members", [key])]
    return list(released.values()), {key: models[key] for key in keys}


def collect_new_material(
    new_arrays: ArrayCache,
    lung_prior: LungPrior,
    new_embeddings: dict[str, Embeddings],
    cohort: TbCohortParams,
) -> Material:
    """Put together all that the released model may look at of new films."""
    radiomics = measure_radiomics(new_arrays, lung_prior)
    return Material(new_arrays, lung_prior, new_embeddings, radiomics, cohort)


def predict_tuberculosis(
    new_material: Material,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: TbReleaseParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every film by the mean of the released model's trainings on all folds.

    The lungs of a film without a mask are guessed. Where there is no guess either, it is predicted without those
    members that look at lungs alone.

    Returns
    -------
    tuberculosis : DataFrame
        As `xraylab.flow.release.call_films` gives it, with ``lungs`` (``predicted`` by lung_segmentation, or
        ``guessed``); ``tuberculosis`` is the finding.
    rejected : DataFrame
        ``image_id, reason`` of every film that cannot be read.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    arrays, radiomics = new_material.arrays, new_material.radiomics
    states, members = _members(models, params, arrays)
    ids = arrays.index["image_id"].astype(str)
    annotated = np.array([bool(mask.any()) for mask in arrays.masks], bool)
    has_lungs = radiomics["lung_area"].to_numpy() > 0
    found = np.full((len(members), len(ids)), np.nan)
    for row, state in enumerate(members.values()):
        able = has_lungs | (not _needs_lungs(state))
        if able.any():
            found[row, able] = predict_classifier(state, new_material, ids[able], training)
    read = np.isfinite(found).any(axis=0)
    table = call_films(arrays, ids[read], found[:, read], states, "tuberculosis")
    table.insert(2, "lungs", np.where(annotated[read], "predicted", "guessed"))
    without = pd.DataFrame({"image_id": ids[~read].to_numpy(), "reason": _NO_LUNGS}, dtype="str")
    return table, pd.concat([arrays.rejected, without], ignore_index=True)


def _needs_lungs(state: ModelState) -> bool:
    spec = state.card["spec"]
    embedding = state.card.get("embedding", {}).get("encoder", {})
    return bool(
        spec.get("inside_lungs") or spec.get("radiomics") or embedding.get("inside_lungs", False)
    )


def plot_tuberculosis(new_arrays: ArrayCache, tuberculosis: pd.DataFrame) -> plots.Figure:
    """Draw up to twelve films with their probability, from the least to the most likely."""

    def describe(row: Mapping[Any, Any]) -> str:
        return f"\np = {row['probability']:.2f}" + (", tuberculosis" if row["tuberculosis"] else "")

    title = "Predicted probability of tuberculosis"
    return plot_predicted_films(new_arrays, tuberculosis, "probability", describe, title)
