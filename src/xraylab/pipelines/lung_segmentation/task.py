"""Networks that find lungs: how they are trained, and the masks that they predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.flow.masks import MaskTask, predict_held_out_masks
from xraylab.flow.split import RowsSplit
from xraylab.flow.train import Trained, Training, list_trainings, train_networks
from xraylab.imaging.array_cache import ArrayCache
from xraylab.imaging.augment import vary
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams
from xraylab.training.segment import Examples

from .params import ProtocolParams

__all__ = ["THRESHOLD", "mask_name", "predict_masks", "train"]

Bytes = NDArray[np.uint8]

THRESHOLD = 0.5
"""Probability from which a pixel is lung."""


def train(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    encoder_weights: Weights,
    checkpoints: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> Trained:
    """Train every network of a protocol, on every arm (`xraylab.flow.train.train_networks`)."""

    def variants_of(one: Training) -> tuple[str, ...]:
        return one.spec.variants or params.variants

    def examples(one: Training, part: str) -> Examples:
        rows = one.train if part == "train" else one.val
        if part == "train" and not isinstance(
            params.split, RowsSplit
        ):  # they belong to the training part alone
            rows = pd.concat([rows.assign(variant=each) for each in variants_of(one)])
        edit = _Variants(rows["variant"].tolist(), rows["image_id"].tolist(), params.seed)
        return Examples(arrays.rows_of(rows["image_id"]), edit)

    def facts(one: Training) -> dict[str, Any]:
        lungs = one.train["target"]
        return {
            "variants": list(variants_of(one)),
            "lung_fraction_range": [float(lungs.min()), float(lungs.max())],
        }

    task = MaskTask(arrays, training, encoder_weights, examples, facts)
    trainings = list_trainings(cohort, params.models)
    return train_networks(task, trainings, checkpoints, params)


@dataclass(frozen=True)
class _Variants:
    """The published variant of each example, the same at every epoch and in every process."""

    variants: list[str]
    image_ids: list[str]
    seed: int

    def __call__(self, film: Bytes, mask: Bytes, position: int) -> tuple[Bytes, Bytes]:
        return vary(film, mask, self.variants[position], self.image_ids[position], self.seed)


def predict_masks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ProtocolParams,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the lungs of every film that was not trained on, by the names of `mask_name`."""

    def read(rows: pd.DataFrame) -> Bytes:
        films = np.asarray(arrays.films[arrays.rows_of(rows["image_id"])])
        known = zip(films, rows["variant"], rows["image_id"], strict=True)
        return np.stack(
            [
                vary(film, np.zeros_like(film), variant, image_id, params.seed)[0]
                for film, variant, image_id in known
            ]
        )

    trainings = list_trainings(cohort, params.models)
    return predict_held_out_masks(
        trainings, models, read, training, mask_name, lambda found: THRESHOLD
    )


def mask_name(training: Training, row: Mapping[Any, Any]) -> str:
    """Return the name of a predicted mask among all of a protocol."""
    name = f"{training.key}/{row['image_id']}"
    return name if row["variant"] == "original" else f"{name}~{row['variant']}"
