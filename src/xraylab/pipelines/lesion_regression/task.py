"""The network that finds lesions: trained once for each fold, so that it predicts every film without having seen it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.decoding import mask_threshold
from xraylab.flow.cohort import masks_by_film
from xraylab.flow.masks import MaskTask, predict_held_out_masks
from xraylab.flow.split import SINGLE, fold_beside, split_films
from xraylab.flow.train import Trained, Training, list_trainings, train_networks
from xraylab.imaging.array_cache import ArrayCache, LoadFilm
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.records.split_table import SplitTable
from xraylab.training.params import TrainingParams
from xraylab.training.segment import Examples

from .params import CLINICAL_FEATURES, LesionCohortParams, SegmentationParams

__all__ = ["NETWORK", "measure_films", "predict_masks", "split_cohort", "train"]

Bytes = NDArray[np.uint8]

NETWORK = "network"
"""Model name of the segmentation."""


def split_cohort(
    all_films: pd.DataFrame, params: SegmentationParams, table: SplitTable | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give every patient a fold, and pass the folds through the leak gate (`xraylab.flow.split.split_films`).

    Where a table gives the parts, the arm ``single`` has them. The regression needs lesions of its training films that
    a network predicts without having seen them, so that the films of ``train`` and ``val`` have folds beside it.
    """
    split = params.split
    cohort, leaks = split_films(all_films, split, params.seed, table=table)
    if table is None:
        return cohort, leaks
    folds = fold_beside(cohort, split.n_folds, split.val_fraction, params.seed)
    return pd.concat([cohort, *folds], ignore_index=True), leaks


def train(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    encoder_weights: Weights,
    checkpoints: Path,
    training: TrainingParams,
    params: SegmentationParams,
) -> Trained:
    """Train one network for each fold on the films of the other folds (`xraylab.flow.train.train_networks`)."""

    def examples(one: Training, part: str) -> Examples:
        if part == "val":
            return Examples(arrays.rows_of(one.val["image_id"]))
        times = np.where(one.train["annotation"] == "mask", params.mask_draws, 1)
        return Examples(np.repeat(arrays.rows_of(one.train["image_id"]), times))

    def facts(one: Training) -> dict[str, Any]:
        return {"mask_draws": params.mask_draws, "threshold": params.threshold}

    task = MaskTask(arrays, training, encoder_weights, examples, facts)
    trainings = list_trainings(cohort, {NETWORK: params})
    return train_networks(task, trainings, checkpoints, params)


def predict_masks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: SegmentationParams,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the lesions of every film, by image id, with the network that has not seen its fold."""
    tested = cohort[cohort["split"] == "test"]

    def read(rows: pd.DataFrame) -> Bytes:
        return np.asarray(arrays.films[arrays.rows_of(rows["image_id"])])

    def name_of(one: Training, row: Mapping[Any, Any]) -> str:
        return str(row["image_id"])

    threshold = partial(mask_threshold, threshold=params.threshold)
    trainings = list_trainings(tested, {NETWORK: params})
    return predict_held_out_masks(trainings, models, read, training, name_of, threshold)


def measure_films(
    masks: Mapping[str, LoadFilm],
    lung_masks: Mapping[str, LoadFilm],
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    params: LesionCohortParams,
) -> pd.DataFrame:
    """Measure the predicted lesions of every film, and hold them against its annotation.

    Parameters
    ----------
    masks : mapping of str to callable
        Predicted masks by image id.
    lung_masks : mapping of str to callable
        Masks of the lungs where there are any, named as their film, with or without ``_mask``.
    arrays : ArrayCache
        The annotation.
    cohort : DataFrame
        As `split_cohort` gives it.
    params : LesionCohortParams
        Whether lesions are measured inside the lungs alone.

    Returns
    -------
    DataFrame
        The cohort's keys, ``split`` (``test``, or the part that a table gives the film), ``fold`` (that in which it is
        predicted; -1 for the test films of a table), ``target`` and clinical columns, the features of
        `xraylab.features.lesions` on the network's grid, ``in_lungs`` (whether there was a mask of the lungs), and
        ``dice, iou`` of the whole predicted mask.
    """
    from xraylab.evaluation.segmentation import measure_mask
    from xraylab.features.lesions import measure_lesions
    from xraylab.imaging.preprocess import prepare_mask

    lungs_of = masks_by_film(lung_masks)
    preprocess = params.preprocess
    tested = cohort[cohort["split"] == "test"]
    tested = tested.iloc[np.argsort(arrays.rows_of(tested["image_id"]))]
    of_table = cohort[cohort["arm"] == SINGLE].set_index("image_id")["split"]
    if len(of_table):
        tested = tested.assign(split=tested["image_id"].map(of_table))
    rows = []
    for row in tested.to_dict("records"):
        image_id = row["image_id"]
        predicted = np.asarray(masks[image_id]() > 0.5, np.uint8)  # noqa: PLR2004 - read back from a file
        lungs = None
        if params.inside_lungs and image_id in lungs_of:
            shape = int(row["height_px"]), int(row["width_px"])
            lungs = prepare_mask([lungs_of[image_id][0]()], shape, preprocess)
        truth = np.asarray(arrays.masks[arrays.row_of(image_id)])
        overlap = measure_mask(predicted, truth, per_lung=False)
        features = measure_lesions(predicted, lungs)
        rows.append({"in_lungs": lungs is not None, **features, **overlap})
    kept = [
        "image_id", "group_id", "patient_id", "data_set", "annotation", "split", "fold", "target", *CLINICAL_FEATURES,
    ]  # fmt: skip
    measured = pd.DataFrame(rows)
    return pd.concat([tested[kept].reset_index(drop=True), measured], axis=1)
