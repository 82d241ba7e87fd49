"""Cohort → trained networks → predictions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.binary import Weight
from xraylab.evaluation.calibration import apply_calibration, fit_calibration
from xraylab.evaluation.thresholds import choose_threshold
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.card import NOTICE, digest_facts, package_versions
from xraylab.models.classifiers import build_classifier, restore_classifier
from xraylab.models.networks import Weights, describe_network
from xraylab.models.state import ModelState
from xraylab.pipelines.fracture.params import FractureModel, ProtocolParams
from xraylab.training.history import join_histories
from xraylab.training.params import TrainingParams

if TYPE_CHECKING:
    from torch import nn

__all__ = ["KEPT", "list_arms", "model_key", "predict", "train_networks", "weight_of"]

logger = logging.getLogger(__name__)

KEPT = ["image_id", "group_id", "arm", "split", "fold", "target", "unseen"]
"""Columns of the cohort that a row of predictions keeps."""


def train_networks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    encoder_weights: Weights,
    unfinished: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> tuple[dict[str, ModelState], pd.DataFrame]:
    """Train every network of a protocol, once a fold.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
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
        Named as in the parameters, followed by ``_fold_<k>`` where there are folds. The card holds the calibration
        and the threshold, both from the validation part.
    history : DataFrame
        One row an epoch: ``model, epoch, train_loss, val_loss, train_accuracy, val_accuracy, val_auroc, learning_rate,
        seconds``.
    """
    models, histories = {}, {}
    for arm, rows in list_arms(cohort):
        for name, spec in params.models.items():
            key = model_key(name, arm)
            budget = training.within(spec.max_minutes)
            facts = _describe_training(arrays, rows, spec, budget)
            network = build_classifier(spec.network, training.seed, arrays.size_px, encoder_weights)
            folder = unfinished / f"{key}-{digest_facts(facts)}"
            models[key], histories[key] = _train(
                network, arrays, rows, spec, budget, params, facts, folder
            )
    return models, join_histories(histories)


def list_arms(cohort: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the name and rows of each training: one, or one a fold."""
    for arm, rows in cohort.groupby("arm", sort=True):
        yield str(arm), rows


def model_key(name: str, arm: str) -> str:
    """Return the name of one training of a model."""
    return f"{name}_{arm}" if arm.startswith("fold_") else name


def _train(
    network: nn.Module,
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: FractureModel,
    training: TrainingParams,
    params: ProtocolParams,
    facts: dict[str, Any],
    folder: Path,
) -> tuple[ModelState, pd.DataFrame]:
    from xraylab.training.classify import Labelled, fit_classifier

    learn, val_rows = (rows[rows["split"] == part] for part in ("train", "val"))
    check = _thin(val_rows, spec.recipe.draws_per_group)
    logger.info(
        "Training %s on %d films of %d families, %d to validate",
        folder.name.rpartition("-")[0],
        len(learn),
        learn["group_id"].nunique(),
        len(check),
    )
    train, val = (
        Labelled(
            arrays.rows_of(part["image_id"]),
            part["target"].to_numpy(),
            part["group_id"].to_numpy(),
        )
        for part in (learn, check)
    )
    outcome = fit_classifier(network, arrays.films, train, val, spec.recipe, training, folder)
    found = val_rows[["group_id", "target"]].assign(
        prediction=_predict_rows(network, arrays, val_rows, spec, training)
    )
    calibration = None
    if spec.calibration is not None:
        # families weigh as the training weighs them
        calibration = fit_calibration(found.loc[check.index], spec.calibration).model_dump()
        found["prediction"] = apply_calibration(found["prediction"].to_numpy(), calibration)
    last = outcome.history.iloc[outcome.best_epoch]
    card = {
        **facts,
        "n_train": len(learn),
        "n_train_families": int(learn["group_id"].nunique()),
        "n_val": len(check),
        "calibration": calibration,
        "threshold": choose_threshold(found, params.threshold_rule, weight_of(params)),
        "threshold_rule": params.threshold_rule,
        "fit": outcome.facts(),
        "metrics": {name: float(last[name]) for name in ("val_loss", "val_accuracy", "val_auroc")},
        "versions": package_versions(),
        "notice": NOTICE,
    }
    return describe_network(network, card), outcome.history


def _thin(rows: pd.DataFrame, n_copies: int | None) -> pd.DataFrame:
    """Keep so many films of each family, so that the validation loss weighs families as the training does."""
    if n_copies is None:
        return rows
    turn = rows.sort_values("image_id").groupby("group_id").cumcount()
    return rows[turn.reindex(rows.index) < n_copies]


def weight_of(params: ProtocolParams) -> Weight:
    """Return whether a threshold weighs films, or families as one film each."""
    return "row" if params.split == "official" else "group"


def _describe_training(
    arrays: ArrayCache, rows: pd.DataFrame, spec: FractureModel, training: TrainingParams
) -> dict[str, Any]:
    """Return all that a training depends on."""
    records = rows[["image_id", "group_id", "split", "target", "source"]].to_dict("records")
    return {
        "kind": "classification",
        "network": spec.network.model_dump(mode="json"),
        "recipe": spec.recipe.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude={"progress"}),
        "views": spec.views,
        "calibration_method": spec.calibration,
        "classes": {"0": "not fractured", "1": "fractured"},
        "size_px": arrays.size_px,
        "preprocess": arrays.preprocess,
        "data_digest": digest_facts(records),
    }


def _predict_rows(
    network: nn.Module,
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: FractureModel,
    training: TrainingParams,
) -> NDArray[np.float64]:
    """Predict films, those of equal pixels once."""
    from xraylab.training.predict import predict_films

    places = arrays.rows_of(rows["image_id"])
    digests = arrays.index["digest"].to_numpy()[places]
    _, first, again = np.unique(digests, return_index=True, return_inverse=True)
    found = predict_films(
        network, arrays.films, places[first], spec.recipe.batch_size,
        views=spec.views, precision=training.precision, accelerator=training.accelerator,
    )  # fmt: skip
    return np.asarray(found[again], np.float64)


def predict(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ProtocolParams,
) -> pd.DataFrame:
    """Predict every film of the validation and test parts; with folds each film is tested once.

    Returns
    -------
    DataFrame
        One row a film and model: ``model``, the columns `KEPT` of the cohort, ``prediction`` (probability of a
        fracture) and ``threshold`` (chosen on the validation part).
    """
    tables = []
    for arm, rows in list_arms(cohort):
        held_out = rows[rows["split"].isin(["val", "test"])]
        for name, spec in params.models.items():
            state = models[model_key(name, arm)]
            raw = _predict_rows(restore_classifier(state), arrays, held_out, spec, training)
            found = apply_calibration(raw, state.card["calibration"])
            table = held_out[KEPT].assign(prediction=found, threshold=state.card["threshold"])
            tables.append(table.assign(model=name))
    return pd.concat(tables, ignore_index=True)
