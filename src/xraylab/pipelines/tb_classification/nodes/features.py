"""Arrays → features of frozen encoders, and of what is inside of the lungs."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.features.lungs import LUNG_FEATURES, measure_lungs
from xraylab.imaging.array_cache import ArrayCache
from xraylab.imaging.fingerprint import digest_pixels
from xraylab.imaging.inside_masks import FilmsInsideMasks, mean_mask
from xraylab.models.card import digest_facts
from xraylab.models.embeddings import EmbeddingPlan
from xraylab.models.frozen import FrozenEncoderParams, build_frozen_encoder
from xraylab.models.networks import Weights
from xraylab.pipelines.tb_classification.params import CohortParams, EmbeddingParams

__all__ = ["cut_to_lungs", "embed_films", "measure_radiomics", "plan_embeddings"]


def cut_to_lungs(arrays: ArrayCache, params: CohortParams) -> FilmsInsideMasks:
    """Return the films with all but their lungs blacked out; a film without a mask is cut by the mean of the others."""
    return FilmsInsideMasks(arrays.films, arrays.masks, mean_mask(arrays.masks), params.lung_margin)


def embed_films(
    arrays: ArrayCache, encoder_weights: Weights, cohort: CohortParams, params: EmbeddingParams
) -> dict[str, EmbeddingPlan]:
    """Plan the features of all films by every frozen encoder; the catalog computes what it does not hold yet.

    Parameters
    ----------
    arrays : ArrayCache
        Films and lungs.
    encoder_weights : mapping of str to callable
        Pretrained weights that lie at hand.
    cohort, params
        How lungs are cut out; the encoders.

    Returns
    -------
    dict of str to EmbeddingPlan
        By the name of the encoder. Films inside of lungs are left out where no film has a mask.

    Raises
    ------
    ValueError
        If weights are neither at hand nor can be fetched: the message says which file to put where.
    """
    return plan_embeddings(arrays, encoder_weights, cohort, params, list(params.encoders))


def plan_embeddings(
    arrays: ArrayCache,
    encoder_weights: Weights,
    cohort: CohortParams,
    params: EmbeddingParams,
    names: list[str],
) -> dict[str, EmbeddingPlan]:
    """Plan the features by some of the encoders."""
    ids = arrays.index["image_id"].astype(str).tolist()
    sources = arrays.index["source"].astype(str)
    plans = {}
    for name in names:
        encoder = params.encoders[name]
        shown = _Encoder(encoder, params.seed, encoder_weights)
        films: Any = cut_to_lungs(arrays, cohort) if encoder.inside_lungs else arrays.films
        facts = {
            "encoder": encoder.model_dump(mode="json"),
            "weights": shown.weights,
            "weights_digest": shown.digest,
            "preprocess": arrays.preprocess,
            "lungs": _lungs_facts(films) if encoder.inside_lungs else None,
        }
        plans[name] = EmbeddingPlan(
            ids,
            (sources if encoder.inside_lungs else sources.str.split("+").str[0]).tolist(),
            facts,
            _Compute(shown, films),
            params.batch_size,
        )
    return plans


def _lungs_facts(films: FilmsInsideMasks) -> str:
    return digest_pixels(films.fallback.astype(np.float32))


class _Encoder:
    """An encoder with what it is known by."""

    def __init__(self, params: FrozenEncoderParams, seed: int, weights: Weights) -> None:
        self.equalise = params.equalise
        self.network, self.weights = build_frozen_encoder(params, seed, weights)
        parts = [digest_pixels(value.numpy()) for value in self.network.state_dict().values()]
        self.digest = digest_facts(parts)


class _Compute:
    """The features of some of the films."""

    def __init__(self, encoder: _Encoder, films: Any) -> None:
        self.encoder, self.films = encoder, films

    def __call__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        from xraylab.training.predict import predict_probabilities

        films = np.asarray(self.films[rows])
        if self.encoder.equalise:
            films = np.stack([cv2.equalizeHist(film) for film in films])
        # in full precision: what is stored is the same on every machine, within rounding
        found = predict_probabilities(
            self.encoder.network, films, kind="number", precision="32", accelerator="cpu"
        )
        return found.reshape(len(rows), -1)


def measure_radiomics(arrays: ArrayCache) -> pd.DataFrame:
    """Measure every film inside of its lungs; a film without a mask inside of the mean of the others.

    Returns
    -------
    DataFrame
        ``image_id`` and `xraylab.features.lungs.LUNG_FEATURES`; of ``lung_area`` and ``area_asymmetry`` those of the
        film's own mask, nan without one.
    """
    fallback = mean_mask(arrays.masks)
    rows: list[dict[str, Any]] = []
    for image_id, film, mask in zip(
        arrays.index["image_id"].astype(str), arrays.films, arrays.masks, strict=True
    ):
        own = bool(mask.any())
        found = measure_lungs(np.asarray(film), np.asarray(mask) if own else fallback)
        if not own:
            found |= {"lung_area": float("nan"), "area_asymmetry": float("nan")}
        rows.append({"image_id": image_id, **found})
    return pd.DataFrame(rows, columns=["image_id", *LUNG_FEATURES])
