"""Arrays → features of frozen encoders, and of what is inside of the lungs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xraylab.features.lungs import LUNG_FEATURES, measure_lungs
from xraylab.imaging.array_cache import ArrayCache
from xraylab.imaging.fingerprint import digest_pixels
from xraylab.imaging.inside_masks import FilledMasks, FilmsInsideMasks
from xraylab.models.embeddings import EmbeddingPlan
from xraylab.models.lung_prior import fit_lung_prior, lung_prior_of
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.training.embed import EncodeFilms, KnownEncoder

from .params import EmbeddingParams, TbCohortParams

__all__ = [
    "LungPrior",
    "cut_to_lungs",
    "embed_films",
    "estimate_lung_prior",
    "fill_masks",
    "measure_radiomics",
    "plan_embeddings",
]

LungPrior = dict[str, ModelState]

_LUNGS = "lungs"


def estimate_lung_prior(arrays: ArrayCache) -> LungPrior:
    """Fit an estimate of the lungs to the films that have a mask, for those that have none, now and later."""
    return {_LUNGS: fit_lung_prior(arrays.films, arrays.masks)}


def fill_masks(arrays: ArrayCache, lung_prior: LungPrior) -> FilledMasks:
    """Return the lungs of every film, estimated where it has no mask; empty where there is no estimate either."""
    return FilledMasks(arrays.films, arrays.masks, lung_prior_of(lung_prior[_LUNGS]))


def cut_to_lungs(
    arrays: ArrayCache, lung_prior: LungPrior, params: TbCohortParams
) -> FilmsInsideMasks:
    """Return the films with all but their lungs blacked out."""
    return FilmsInsideMasks(arrays.films, fill_masks(arrays, lung_prior), params.lung_margin)


def embed_films(
    arrays: ArrayCache,
    lung_prior: LungPrior,
    encoder_weights: Weights,
    cohort: TbCohortParams,
    params: EmbeddingParams,
) -> dict[str, EmbeddingPlan]:
    """Plan the features of all films by every frozen encoder; the catalog computes what it does not hold yet.

    Parameters
    ----------
    arrays : ArrayCache
        Films and lungs.
    lung_prior : dict of str to ModelState
        The lungs of films without a mask.
    encoder_weights : mapping of str to callable
        Pretrained weights that are at hand.
    cohort, params
        How lungs are cut out; the encoders.

    Returns
    -------
    dict of str to EmbeddingPlan
        By the name of the encoder.

    Raises
    ------
    ValueError
        If weights are neither at hand nor can be fetched: the message says which file to put where.
    """
    names = list(params.encoders)
    return plan_embeddings(arrays, lung_prior, encoder_weights, cohort, params, names)


def plan_embeddings(
    arrays: ArrayCache,
    lung_prior: LungPrior,
    encoder_weights: Weights,
    cohort: TbCohortParams,
    params: EmbeddingParams,
    names: list[str],
) -> dict[str, EmbeddingPlan]:
    """Plan the features by some of the encoders."""
    ids = arrays.index["image_id"].astype(str).tolist()
    sources = arrays.index["source"].astype(str)
    plans = {}
    for name in names:
        encoder = params.encoders[name]
        shown = KnownEncoder(encoder, params.seed, encoder_weights)
        inside = encoder.inside_lungs
        films: Any = cut_to_lungs(arrays, lung_prior, cohort) if inside else arrays.films
        facts = {
            "encoder": encoder.model_dump(mode="json"),
            "weights": shown.weights,
            "weights_digest": shown.digest,
            "missing_weights": None
            if shown.weights == (encoder.weights or shown.weights)
            else encoder.weights,
            "preprocess": arrays.preprocess,
            "lungs": _lungs_facts(lung_prior, cohort) if inside else None,
        }
        plans[name] = EmbeddingPlan(
            ids,
            (sources if inside else sources.str.split("+").str[0]).tolist(),
            facts,
            EncodeFilms(shown, films),
            params.batch_size,
        )
    return plans


def _lungs_facts(lung_prior: LungPrior, cohort: TbCohortParams) -> list[Any]:
    tensors = lung_prior[_LUNGS].tensors
    return [cohort.lung_margin, *(digest_pixels(tensors[name]) for name in sorted(tensors))]


def measure_radiomics(arrays: ArrayCache, lung_prior: LungPrior) -> pd.DataFrame:
    """Measure every film inside of its lungs, or of the guess where it has no mask.

    Returns
    -------
    DataFrame
        ``image_id`` and `xraylab.features.lungs.LUNG_FEATURES`.
    """
    ids = arrays.index["image_id"].astype(str)
    lungs = fill_masks(arrays, lung_prior)
    rows = [
        {"image_id": image_id, **measure_lungs(np.asarray(film), mask)}
        for image_id, film, mask in zip(ids, arrays.films, lungs, strict=True)
    ]
    return pd.DataFrame(rows, columns=["image_id", *LUNG_FEATURES])
