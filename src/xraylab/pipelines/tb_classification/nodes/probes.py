"""Baselines that see no lung: what a model must beat before it has learned anything about tuberculosis."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.shortcut_features import border_pixels, outside_pixels
from xraylab.evaluation.shortcuts import probe
from xraylab.evaluation.thresholds import choose_threshold
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.state import ModelState
from xraylab.pipelines.tb_classification.params import PROBES, ProtocolParams

from .features import fill_masks
from .training import KEPT, list_arms

__all__ = ["join_predictions", "predict_by_shortcut"]

Features = NDArray[np.float64]

_MIDDLE = 0.5


def predict_by_shortcut(
    arrays: ArrayCache,
    lung_guess: dict[str, ModelState],
    cohort: pd.DataFrame,
    params: ProtocolParams,
) -> pd.DataFrame:
    """Predict every film of the validation and test parts without a look at its lungs.

    Each is a logistic regression: ``site_only`` on where the film is from, ``size_and_border`` on its height and
    width in pixels and the pixels of its border, ``mean_intensity`` on the mean of its grey values, ``outside_lungs``
    on all but its lungs, shrunk; that one only where lungs are known, and guessed for a film without a mask.

    Returns
    -------
    DataFrame
        As `predict` gives it.
    """
    looks = _features(arrays, lung_guess, cohort)
    tables = []
    for _, rows in list_arms(cohort):
        learn = rows[rows["split"] == "train"]
        held_out = rows[rows["split"].isin(["val", "test"])]
        here, there = (arrays.rows_of(part["image_id"]) for part in (learn, held_out))
        target, groups = learn["target"].to_numpy(), learn["group_id"].to_numpy()
        for name, values in looks.items():
            found = probe(values[here], target, values[there], groups, params.seed)
            table = held_out[KEPT].assign(prediction=found, model=name)
            threshold = _MIDDLE
            if params.threshold_rule is not None:
                val = table[table["split"] == "val"]
                threshold = choose_threshold(val, params.threshold_rule)
            tables.append(table.assign(threshold=threshold))
    return pd.concat(tables, ignore_index=True)


def _features(
    arrays: ArrayCache, lung_guess: dict[str, ModelState], cohort: pd.DataFrame
) -> dict[str, Features]:
    """Return what each baseline looks at, one row an array."""
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
    lungs = fill_masks(arrays, lung_guess)
    if lungs.guess is not None:
        outside = [
            outside_pixels(np.asarray(film)[None], mask[None])
            for film, mask in zip(arrays.films, lungs, strict=True)
        ]
        found[PROBES[-1]] = np.concatenate(outside).astype(np.float64)
    return found


def join_predictions(models: pd.DataFrame, shortcuts: pd.DataFrame) -> pd.DataFrame:
    """Put the rows of models and baselines below each other, by model."""
    joined = pd.concat([models, shortcuts], ignore_index=True)
    return joined[["model", *(column for column in joined if column != "model")]]
