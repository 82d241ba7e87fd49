"""Cohort and hyper-parameters → trained networks."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd

from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bone_age import build_bone_age_network
from xraylab.models.card import NOTICE, digest_facts, package_versions
from xraylab.models.networks import Weights, describe_network
from xraylab.models.state import ModelState
from xraylab.pipelines.bone_age.params import AgeModel, ProtocolParams
from xraylab.training.history import join_histories
from xraylab.training.params import TrainingParams

from .fitting import (
    age_scale,
    describe_training,
    fit_network,
    list_trainings,
    model_key,
    training_parts,
    with_hyperparams,
)
from .split import SINGLE

__all__ = ["train_networks"]

logger = logging.getLogger(__name__)


def train_networks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    best_hyperparams: pd.DataFrame,
    encoder_weights: Weights,
    unfinished: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> tuple[dict[str, ModelState], pd.DataFrame]:
    """Train every network of a protocol, once a split.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    cohort : DataFrame
        As `split_cohort` gives it.
    best_hyperparams : DataFrame
        As `tune_networks` gives them.
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
        Named as in the parameters, followed by ``_fold_<k>`` in a fold.
    history : DataFrame
        One row an epoch: ``model, epoch, train_loss, val_loss, train_mae, val_mae`` (months), ``learning_rate,
        seconds``.
    """
    tuned = best_hyperparams.set_index(["model", "arm"])["parameters"]
    models, histories = {}, {}
    for name, spec, arm, rows in list_trainings(cohort, params):
        chosen = spec
        if spec.search is not None:
            network = with_hyperparams(spec.network, json.loads(tuned[name, arm]))
            chosen = spec.model_copy(update={"network": network})
        beside = arm != SINGLE and params.split == "parts" and spec.fold_minutes is not None
        budget = training.within(spec.fold_minutes if beside else spec.max_minutes)
        key = model_key(name, arm)
        models[key], histories[key] = _train(
            key, arrays, rows, chosen, budget, encoder_weights, unfinished
        )
    return models, join_histories(histories)


def _train(
    key: str,
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: AgeModel,
    training: TrainingParams,
    encoder_weights: Weights,
    unfinished: Path,
) -> tuple[ModelState, pd.DataFrame]:
    facts = describe_training(arrays, rows, spec, training)
    network = build_bone_age_network(spec.network, training.seed, arrays.size_px, encoder_weights)
    learn, check = training_parts(rows)
    logger.info("Training %s on %d films, %d to validate", key, len(learn), len(check))
    outcome = fit_network(
        network, arrays, rows, spec, training, unfinished / f"{key}-{digest_facts(facts)}"
    )
    mean, deviation = age_scale(learn, spec)
    history = outcome.history
    for column in ("train_mae", "val_mae"):
        history[column] = history[column] * deviation
    card = {
        **facts,
        "target_mean": mean,
        "target_sd": deviation,
        "n_train": len(learn),
        "n_val": len(check),
        "fit": outcome.facts(),
        "metrics": {
            name: float(history[name].iloc[outcome.best_epoch]) for name in ("val_loss", "val_mae")
        },
        "versions": package_versions(),
        "notice": NOTICE,
    }
    return describe_network(network, card), history
