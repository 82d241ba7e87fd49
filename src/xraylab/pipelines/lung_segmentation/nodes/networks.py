"""Cohort → trained networks → predicted masks."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.imaging.array_cache import ArrayCache
from xraylab.imaging.augment import VARIANTS, make_variant
from xraylab.models.card import NOTICE, digest_facts, package_versions
from xraylab.models.networks import Weights, build_network, describe_network, restore_network
from xraylab.models.state import ModelState
from xraylab.pipelines.lung_segmentation.params import ProtocolParams, SegmentationModel
from xraylab.training.history import join_histories
from xraylab.training.params import TrainingParams

if TYPE_CHECKING:
    from torch import nn

    from xraylab.training.predict import Batches

__all__ = ["THRESHOLD", "list_trainings", "mask_key", "predict_masks", "train_networks", "vary"]

logger = logging.getLogger(__name__)

Bytes = NDArray[np.uint8]

THRESHOLD = 0.5
"""Probability from which a pixel is lung."""


def train_networks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    encoder_weights: Weights,
    unfinished: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> tuple[dict[str, ModelState], pd.DataFrame]:
    """Train every network of a protocol, on every arm.

    Parameters
    ----------
    arrays : ArrayCache
        Films and masks.
    cohort : DataFrame
        As `split_cohort` gives it.
    encoder_weights : mapping of str to callable
        Pretrained weights that lie at hand.
    unfinished : Path
        Folder for checkpoints; what a killed run left there is gone on from.
    training : TrainingParams
        Budget and machine.
    params : ProtocolParams
        The networks.

    Returns
    -------
    models : dict of str to ModelState
        Named as in the parameters, followed by ``_<arm>`` where there are arms.
    history : DataFrame
        One row an epoch: ``model, epoch, train_loss, val_loss, val_dice, learning_rate, seconds``.
    """
    models, histories = {}, {}
    for name, spec, rows in list_trainings(cohort, params):
        network = build_network(
            spec.network, training.seed, encoder_weights, size_px=arrays.size_px
        )
        budget = training.within(spec.max_minutes)
        facts = _describe_training(arrays, rows, spec, budget, params)
        folder = unfinished / f"{name}-{digest_facts(facts)}"
        models[name], histories[name] = _train(
            network, arrays, rows, spec, budget, params, facts, folder
        )
    return models, join_histories(histories)


def list_trainings(
    cohort: pd.DataFrame, params: ProtocolParams
) -> Iterator[tuple[str, SegmentationModel, pd.DataFrame]]:
    """Give name, description and examples of each training."""
    for arm, rows in cohort.groupby("arm", sort=True):
        for name, spec in params.models.items():
            yield f"{name}_{arm!s}" if arm else name, spec, rows


def _train(
    network: nn.Module,
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: SegmentationModel,
    training: TrainingParams,
    params: ProtocolParams,
    facts: dict[str, Any],
    folder: Path,
) -> tuple[ModelState, pd.DataFrame]:
    from torchmetrics import MetricCollection
    from torchmetrics.classification import BinaryF1Score

    from xraylab.models.mean_mask import MeanMask
    from xraylab.training.data import MaskedFilms, RandomAugmentation
    from xraylab.training.fit import Objective, TrainingData, fit, fit_mean_mask

    split = {part: rows[rows["split"] == part] for part in ("train", "val", "test")}
    learn, check = split["train"], split["val"] if len(split["val"]) else split["test"]
    if params.split != "rows":  # variants belong to the training part alone
        variants = spec.variants or params.variants
        learn = pd.concat([learn.assign(variant=each) for each in variants])
    logger.info(
        "Training %s on %d examples, %d to validate",
        folder.name.rpartition("-")[0],
        len(learn),
        len(check),
    )
    drawn = spec.recipe.augmentation
    augment = RandomAugmentation(drawn) if drawn is not None else None
    train, val = (
        MaskedFilms(
            arrays.films, arrays.masks, arrays.rows_of(part["image_id"]),
            _VariantOf(part["variant"].tolist(), part["image_id"].tolist(), params.seed), change,
        )
        for part, change in ((learn, augment), (check, None))
    )  # fmt: skip
    data = TrainingData(train, val)
    metrics = MetricCollection({"dice": BinaryF1Score()})
    if isinstance(network, MeanMask):
        outcome = fit_mean_mask(network, data, spec.recipe, metrics)
    else:
        objective = Objective(metrics)
        outcome = fit(network, data, spec.recipe, training, objective=objective, folder=folder)
    last = outcome.history.iloc[outcome.best_epoch]
    card = {
        **facts,
        "n_train": len(learn),
        "n_val": len(check),
        "fit": outcome.facts(),
        "metrics": {"val_loss": outcome.val_loss, "val_dice": float(last["val_dice"])},
        "lung_fraction_range": [float(learn["target"].min()), float(learn["target"].max())],
        "versions": package_versions(),
        "notice": NOTICE,
    }
    return describe_network(network, card), outcome.history


class _VariantOf:
    """The published variant of an example, the same at every epoch and in every process."""

    def __init__(self, variants: list[str], image_ids: list[str], seed: int) -> None:
        self.variants, self.image_ids, self.seed = variants, image_ids, seed

    def __call__(self, film: Bytes, mask: Bytes, position: int) -> tuple[Bytes, Bytes]:
        return vary(film, mask, self.variants[position], self.image_ids[position], self.seed)


def vary(film: Bytes, mask: Bytes, variant: str, image_id: str, seed: int) -> tuple[Bytes, Bytes]:
    """Return a published variant of a film and its mask, drawn by the seed, the image and the variant."""
    stream = int.from_bytes(hashlib.blake2b(image_id.encode(), digest_size=8).digest(), "big")
    place = next(i for i, each in enumerate(VARIANTS) if each == variant)
    return make_variant(VARIANTS[place], film, mask, np.random.default_rng([seed, place, stream]))


def _describe_training(
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: SegmentationModel,
    training: TrainingParams,
    params: ProtocolParams,
) -> dict[str, Any]:
    """Return all that a training depends on."""
    known = arrays.index.set_index("image_id")["source"]
    records = rows[["image_id", "split", "variant"]].to_dict("records")
    used = [[*row.values(), known[row["image_id"]]] for row in records]
    return {
        "kind": "segmentation",
        "network": spec.network.model_dump(mode="json"),
        "recipe": spec.recipe.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude={"progress"}),
        "average_flip": spec.average_flip,
        "variants": list(spec.variants or params.variants),
        "size_px": arrays.size_px,
        "preprocess": arrays.preprocess,
        "data_digest": digest_facts(used),
    }


def predict_masks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ProtocolParams,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the lungs of every film that was not trained on, as the catalog saves it, a batch at a time.

    Returns
    -------
    dict of str to callable
        By ``<model>/<image>`` (with ``~<variant>`` for a variant) a callable that gives the mask (S, S) of 0 and 1.
    """
    from xraylab.training.predict import Batches

    masks: dict[str, Callable[[], Bytes]] = {}
    for name, spec, rows in list_trainings(cohort, params):
        held_out = rows[rows["split"].isin(["val", "test"])]
        keys = [
            mask_key(name, *pair)
            for pair in zip(held_out["image_id"], held_out["variant"], strict=True)
        ]
        order = np.argsort(np.array(keys))  # that in which the catalog saves them
        batches = Batches(
            restore_network(models[name]),
            len(held_out),
            partial(_read_variants, arrays, held_out.iloc[order], params.seed),
            spec.recipe.batch_size,
            views=2 if spec.average_flip else 1,
            precision=training.precision,
            accelerator=training.accelerator,
        )
        masks.update(
            {keys[i]: partial(_threshold, batches, position) for position, i in enumerate(order)}
        )
    return masks


def mask_key(model: str, image_id: str, variant: str) -> str:
    """Return the name of a predicted mask among all of a protocol."""
    return f"{model}/{image_id}" if variant == "original" else f"{model}/{image_id}~{variant}"


def _read_variants(
    arrays: ArrayCache, rows: pd.DataFrame, seed: int, start: int, stop: int
) -> Bytes:
    films = []
    for row in rows.iloc[start:stop].to_dict("records"):
        film = np.asarray(arrays.films[arrays.row_of(row["image_id"])])
        films.append(vary(film, np.zeros_like(film), row["variant"], row["image_id"], seed)[0])
    return np.stack(films)


def _threshold(batches: Batches, position: int) -> Bytes:
    return np.asarray(batches(position) >= THRESHOLD, np.uint8)
