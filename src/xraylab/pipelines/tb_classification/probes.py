"""Baselines that see no lung: what a model must beat before it has learned anything about tuberculosis."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.shortcut_features import border_pixels, outside_pixels
from xraylab.evaluation.shortcuts import probe
from xraylab.flow.probes import predict_by_probes
from xraylab.flow.train import Training
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.state import ModelState

from .features import fill_masks
from .material import Material
from .params import PROBES, ProtocolParams

__all__ = ["predict_by_shortcut"]

Features = NDArray[np.float64]


def predict_by_shortcut(
    material: Material, cohort: pd.DataFrame, params: ProtocolParams, columns: list[str]
) -> list[pd.DataFrame]:
    """Predict every film of the validation and test parts without a look at its lungs.

    Each is a logistic regression: ``site_only`` on where the film is from, ``size_and_border`` on its height and
    width in pixels and the pixels of its border, ``mean_intensity`` on the mean of its grey values, ``outside_lungs``
    on all but its lungs, shrunk; that one only where lungs are known, and estimated for a film without a mask.

    Returns
    -------
    list of DataFrame
        For each training and baseline one row per film, as `xraylab.flow.probes.predict_by_probes` gives it.
    """
    arrays = material.arrays
    seen = _features(arrays, material.lung_prior, cohort)

    def answer(training: Training) -> dict[str, Features]:
        train, held_out = training.train, training.held_out
        here, there = (arrays.rows_of(part["image_id"]) for part in (train, held_out))
        target, groups = train["target"].to_numpy(), train["group_id"].to_numpy()
        return {
            name: probe(values[here], target, values[there], groups, params.seed)
            for name, values in seen.items()
        }

    return predict_by_probes(cohort, columns, answer, params.threshold_rule)


def _features(
    arrays: ArrayCache, lung_prior: dict[str, ModelState], cohort: pd.DataFrame
) -> dict[str, Features]:
    """Return what each baseline looks at, one row per array."""
    site = cohort.drop_duplicates("image_id").set_index("image_id")["site"]
    names = site.reindex(arrays.index["image_id"].astype(str))
    sizes = arrays.index[["height_px", "width_px"]].to_numpy(np.float64)
    border = border_pixels(arrays.films).astype(np.float64)
    means = np.array([[film.mean()] for film in arrays.films])
    found = dict(
        zip(
            PROBES,
            (
                pd.get_dummies(names).to_numpy(np.float64),
                np.concatenate([sizes, border], axis=1),
                means,
            ),
            strict=False,
        )
    )
    lungs = fill_masks(arrays, lung_prior)
    if lungs.guess is not None:
        outside = [
            outside_pixels(np.asarray(film)[None], mask[None])
            for film, mask in zip(arrays.films, lungs, strict=True)
        ]
        found[PROBES[-1]] = np.concatenate(outside).astype(np.float64)
    return found
