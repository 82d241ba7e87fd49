"""Baselines that look at no bone: what a network must beat before it has learned anything about fractures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.shortcut_features import border_pixels
from xraylab.evaluation.shortcuts import look_up_content, look_up_nearest, probe
from xraylab.evaluation.thresholds import choose_threshold
from xraylab.imaging.array_cache import ArrayCache
from xraylab.pipelines.fracture.params import PROBES, ProtocolParams

from .networks import KEPT, list_arms, weight_of

__all__ = ["join_predictions", "predict_by_shortcut"]


def predict_by_shortcut(
    arrays: ArrayCache, cohort: pd.DataFrame, params: ProtocolParams
) -> pd.DataFrame:
    """Predict every film of the validation and test parts without a look at its bones.

    ``md5_look_up`` answers with the label of the training file with the same bytes, ``hash_look_up`` with that of the
    training film whose perceptual hash is nearest in any quarter turn, ``border_only`` by a logistic regression on the
    pixels of the border.

    Returns
    -------
    DataFrame
        As `predict` gives it.
    """
    tables = []
    border = border_pixels(arrays.films)
    hashes = arrays.hashes
    for _, rows in list_arms(cohort):
        learn = rows[rows["split"] == "train"]
        held_out = rows[rows["split"].isin(["val", "test"])]
        here, there = (arrays.rows_of(part["image_id"]) for part in (learn, held_out))
        target, groups = learn["target"].to_numpy(), learn["group_id"].to_numpy()
        answers: tuple[NDArray[np.float64], ...] = (
            look_up_content(learn["source"], target, held_out["source"]),
            look_up_nearest(hashes[here], target, hashes[there])[0],
            probe(border[here], target, border[there], groups, params.seed),
        )
        for name, found in zip(PROBES, answers, strict=True):
            table = held_out[KEPT].assign(prediction=found, model=name)
            val = table[table["split"] == "val"]
            threshold = choose_threshold(val, params.threshold_rule, weight_of(params))
            tables.append(table.assign(threshold=threshold))
    return pd.concat(tables, ignore_index=True)


def join_predictions(networks: pd.DataFrame, shortcuts: pd.DataFrame) -> pd.DataFrame:
    """Put the rows of networks and baselines below each other, by model."""
    joined = pd.concat([networks, shortcuts], ignore_index=True)
    return joined[["model", *(column for column in joined if column != "model")]]
