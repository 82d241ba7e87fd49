"""Cohort → folds → a network a fold → the lesions of every film, by a network that has not seen it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.decoding import Threshold, choose_threshold
from xraylab.evaluation.leakage import pass_gate
from xraylab.evaluation.splits import assign_folds, assign_splits
from xraylab.imaging.array_cache import ArrayCache, LoadFilm
from xraylab.models.card import NOTICE, digest_facts, package_versions
from xraylab.models.networks import Weights, build_network, describe_network, restore_network
from xraylab.models.state import ModelState
from xraylab.pipelines.lesion_regression.params import (
    CLINICAL_FEATURES,
    CohortParams,
    SegmentationParams,
)
from xraylab.training.history import join_histories
from xraylab.training.params import TrainingParams

if TYPE_CHECKING:
    from xraylab.training.predict import Batches

__all__ = ["fold_name", "measure_films", "predict_masks", "split_folds", "train_networks"]

logger = logging.getLogger(__name__)

Bytes = NDArray[np.uint8]


def split_folds(
    all_films: pd.DataFrame, params: SegmentationParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give every film a fold by a hash of its patient, and pass the folds through the leak gate.

    Returns
    -------
    cohort : DataFrame
        The films with their ``fold``; ``split`` is ``test``, as each film is predicted by a network that was trained
        on the other folds.
    leakage : DataFrame
        What the gate found, and the ``action`` that was taken.

    Raises
    ------
    ValueError
        If a fold would be empty.
    LeakError
        With ``on_leak: fail``, if anything leaks.
    """

    def resplit(groups: pd.Series) -> pd.Series:
        return "fold " + assign_folds(groups, params.n_folds, params.seed).astype(str)

    cohort, leaks = pass_gate(all_films, params.on_leak, resplit)
    fold = cohort["split"].str.removeprefix("fold ").astype(np.int64)
    return cohort.assign(fold=fold, split="test"), leaks


def fold_name(fold: int) -> str:
    """Return the name of the network that was not trained on a fold."""
    return f"fold_{fold}"


def train_networks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    encoder_weights: Weights,
    unfinished: Path,
    training: TrainingParams,
    params: SegmentationParams,
) -> tuple[dict[str, ModelState], pd.DataFrame]:
    """Train one network a fold on the films of the other folds; some of their patients choose the weights.

    Parameters
    ----------
    arrays : ArrayCache
        Films and masks.
    cohort : DataFrame
        As `split_folds` gives it.
    encoder_weights : mapping of str to callable
        Pretrained weights that lie at hand.
    unfinished : Path
        Folder for checkpoints; what a killed run left there is gone on from.
    training : TrainingParams
        Budget and machine of each training.
    params : SegmentationParams
        Network and recipe.

    Returns
    -------
    models : dict of str to ModelState
        ``fold_0`` and so on, named by the fold that they have not seen.
    history : DataFrame
        One row an epoch: ``model, epoch, train_loss, val_loss, val_dice, learning_rate, seconds``.
    """
    models, histories = {}, {}
    for fold, rows in _list_trainings(cohort, params):
        facts = _describe_training(arrays, rows, training, params)
        name = fold_name(fold)
        folder = unfinished / f"{name}-{digest_facts(facts)}"
        models[name], histories[name] = _train(
            arrays, rows, encoder_weights, folder, training, params, facts
        )
    return models, join_histories(histories)


def _list_trainings(
    cohort: pd.DataFrame, params: SegmentationParams
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Give for each fold the films of the others, split into ``train`` and ``val`` by patient."""
    fractions = {"train": 1 - params.val_fraction, "val": params.val_fraction}
    for fold in sorted(cohort["fold"].unique()):
        others = cohort[cohort["fold"] != fold]
        # another hash a fold, so that no patient is left out of all trainings
        yield (
            int(fold),
            others.assign(
                split=assign_splits(others["group_id"], fractions, params.seed + int(fold))
            ),
        )


def _describe_training(
    arrays: ArrayCache, rows: pd.DataFrame, training: TrainingParams, params: SegmentationParams
) -> dict[str, Any]:
    """Return all that a training depends on."""
    known = arrays.index.set_index("image_id")["source"]
    used = [
        [row["image_id"], row["split"], known[row["image_id"]]]
        for row in rows[["image_id", "split"]].to_dict("records")
    ]
    return {
        "kind": "segmentation",
        "network": params.network.model_dump(mode="json"),
        "recipe": params.recipe.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude={"progress"}),
        "mask_draws": params.mask_draws,
        "views": params.views,
        "threshold": params.threshold,
        "size_px": arrays.size_px,
        "preprocess": arrays.preprocess,
        "data_digest": digest_facts(used),
    }


def _train(
    arrays: ArrayCache,
    rows: pd.DataFrame,
    encoder_weights: Weights,
    folder: Path,
    training: TrainingParams,
    params: SegmentationParams,
    facts: dict[str, Any],
) -> tuple[ModelState, pd.DataFrame]:
    from torchmetrics import MetricCollection
    from torchmetrics.classification import BinaryF1Score

    from xraylab.training.data import MaskedFilms, RandomAugmentation
    from xraylab.training.fit import Objective, TrainingData, fit

    network = build_network(params.network, training.seed, encoder_weights, size_px=arrays.size_px)
    learn, check = rows[rows["split"] == "train"], rows[rows["split"] == "val"]
    drawn = params.recipe.augmentation
    augment = RandomAugmentation(drawn) if drawn is not None else None
    times = np.where(learn["annotation"] == "mask", params.mask_draws, 1)
    shown = np.repeat(arrays.rows_of(learn["image_id"]), times)
    train = MaskedFilms(arrays.films, arrays.masks, shown, augment=augment)
    val = MaskedFilms(arrays.films, arrays.masks, arrays.rows_of(check["image_id"]))
    logger.info(
        "Training %s on %d films, %d to validate",
        folder.name.rpartition("-")[0],
        len(learn),
        len(check),
    )
    data = TrainingData(train, val)
    objective = Objective(MetricCollection({"dice": BinaryF1Score()}))
    outcome = fit(network, data, params.recipe, training, objective=objective, folder=folder)
    best = outcome.history.iloc[outcome.best_epoch]
    card = {
        **facts,
        "n_train": len(learn),
        "n_val": len(check),
        "fit": outcome.facts(),
        "metrics": {"val_loss": outcome.val_loss, "val_dice": float(best["val_dice"])},
        "versions": package_versions(),
        "notice": NOTICE,
    }
    return describe_network(network, card), outcome.history


def predict_masks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: SegmentationParams,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the lesions of every film by the network of its fold, a batch at a time as the catalog saves them.

    Returns
    -------
    dict of str to callable
        By image id a callable that gives the mask (S, S) of 0 and 1.
    """
    from xraylab.training.predict import Batches

    masks: dict[str, Callable[[], Bytes]] = {}
    batches: Batches | None = None
    for fold, rows in cohort.groupby("fold", sort=True):
        ids = sorted(rows["image_id"])
        places = arrays.rows_of(pd.Series(ids))
        batches = Batches(
            restore_network(models[fold_name(int(str(fold)))]),
            len(ids),
            partial(_read_films, arrays, places),
            params.recipe.batch_size,
            views=params.views,
            precision=training.precision,
            accelerator=training.accelerator,
        )
        masks.update(
            {
                image_id: partial(_threshold, batches, position, params.threshold)
                for position, image_id in enumerate(ids)
            }
        )
    return masks


def _read_films(arrays: ArrayCache, places: NDArray[np.int64], start: int, stop: int) -> Bytes:
    return np.asarray(arrays.films[places[start:stop]])


def _threshold(batches: Batches, position: int, threshold: Threshold) -> Bytes:
    probabilities = batches(position)
    return np.asarray(probabilities >= choose_threshold(probabilities, threshold), np.uint8)


def measure_films(
    masks: Mapping[str, LoadFilm],
    lung_masks: Mapping[str, LoadFilm],
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    params: CohortParams,
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
        As `split_folds` gives it.
    params : CohortParams
        Whether lesions are measured inside the lungs alone.

    Returns
    -------
    DataFrame
        The cohort's keys, ``target`` and clinical columns, the features of `xraylab.features.lesions` on the network's
        grid, ``in_lungs`` (whether there was a mask of the lungs), and ``dice, iou`` of the whole predicted mask.
    """
    from xraylab.evaluation.segmentation import measure_mask
    from xraylab.features.lesions import measure_lesions
    from xraylab.imaging.preprocess import prepare_mask

    lungs_of = {Path(name).name.removesuffix("_mask"): lung_masks[name] for name in lung_masks}
    preprocess = params.preprocess
    rows = []
    for row in cohort.to_dict("records"):
        image_id = row["image_id"]
        predicted = np.asarray(masks[image_id]() > 0.5, np.uint8)  # noqa: PLR2004 - read back from a file
        lungs = None
        if params.inside_lungs and image_id in lungs_of:
            shape = int(row["height_px"]), int(row["width_px"])
            lungs = prepare_mask([lungs_of[image_id]()], shape, preprocess)
        truth = np.asarray(arrays.masks[arrays.row_of(image_id)])
        overlap = measure_mask(predicted, truth, per_lung=False)
        features = measure_lesions(predicted, lungs)
        rows.append({"in_lungs": lungs is not None, **features, **overlap})
    kept = [
        "image_id", "group_id", "patient_id", "data_set", "annotation", "split", "fold", "target", *CLINICAL_FEATURES,
    ]  # fmt: skip
    measured = pd.DataFrame(rows)
    return pd.concat([cohort[kept].reset_index(drop=True), measured], axis=1)
