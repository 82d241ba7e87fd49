"""Baselines that look at no bone: what a network must beat before it has learned anything about fractures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.binary import Weight
from xraylab.evaluation.shortcut_features import border_pixels
from xraylab.evaluation.shortcuts import look_up_content, look_up_nearest, probe
from xraylab.flow.probes import predict_by_probes
from xraylab.flow.train import Training
from xraylab.imaging.array_cache import ArrayCache

from .params import PROBES, ProtocolParams

__all__ = ["predict_by_shortcut"]


def predict_by_shortcut(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    params: ProtocolParams,
    columns: list[str],
    weight: Weight,
) -> list[pd.DataFrame]:
    """Predict every film of the validation and test parts without a look at its bones.

    ``md5_look_up`` answers with the label of the training file with the same bytes, ``hash_look_up`` with that of the
    training film whose perceptual hash is nearest in any quarter turn, ``border_only`` by a logistic regression on the
    pixels of the border.

    Returns
    -------
    list of DataFrame
        For each training and baseline one row per film, as `xraylab.flow.probes.predict_by_probes` gives it.
    """
    border, hashes = border_pixels(arrays.films), arrays.hashes

    def answer(training: Training) -> Mapping[str, NDArray[np.float64]]:
        train, held_out = training.train, training.held_out
        here, there = (arrays.rows_of(part["image_id"]) for part in (train, held_out))
        target, groups = train["target"].to_numpy(), train["group_id"].to_numpy()
        answers = (
            look_up_content(train["source"], target, held_out["source"]),
            look_up_nearest(hashes[here], target, hashes[there])[0],
            probe(border[here], target, border[there], groups, params.seed),
        )
        return dict(zip(PROBES, answers, strict=True))

    return predict_by_probes(cohort, columns, answer, params.threshold_rule, weight)
