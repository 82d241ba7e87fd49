"""Models of tuberculosis: how each is fitted, and what it predicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.thresholds import choose_threshold
from xraylab.flow.probes import MIDDLE
from xraylab.flow.train import (
    Trained,
    Training,
    describe_training,
    join_predictions,
    list_trainings,
    model_key,
    train_models,
)
from xraylab.models.card import NOTICE, digest_facts, package_versions
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams

from .classifiers import FitSetting, predict_classifier, train_classifier
from .material import Material
from .params import CLASS_NAMES, MeanModel, ProtocolParams
from .probes import predict_by_shortcut

__all__ = ["KEPT", "predict", "predict_mean", "train"]

KEPT = ["image_id", "group_id", "arm", "site", "split", "fold", "target"]
"""Columns of the cohort that a row of predictions keeps."""


def train(
    material: Material,
    cohort: pd.DataFrame,
    encoder_weights: Weights,
    checkpoints: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> Trained:
    """Fit every model of a protocol: in each fold, at each site, or on a split of its own.

    The card of a model holds its threshold, chosen on the validation part.

    Parameters
    ----------
    material : Material
        Films, lungs and features.
    cohort : DataFrame
        As `split_cohort` gives it.
    encoder_weights : mapping of str to callable
        Pretrained weights that are at hand.
    checkpoints : Path
        Folder for checkpoints; an interrupted run resumes from it.
    training, params
        Budget and machine, the models.
    """
    setting = FitSetting(material, encoder_weights, training, params.seed)
    models: dict[str, ModelState] = {}

    def fit(one: Training) -> tuple[ModelState, pd.DataFrame]:
        facts = {**_describe(one, material, training), "seed": params.seed}
        facts["minutes"] = params.budget.minutes
        history = pd.DataFrame()
        if isinstance(one.spec, MeanModel):
            members = [model_key(each, one.arm) for each in one.spec.of]
            state = ModelState({**facts, "members": members})
        else:
            folder = checkpoints / f"{one.key}-{digest_facts(facts)}"
            bounded = replace(setting, training=training.within(one.limits))
            state, history = train_classifier(one.spec, bounded, one.rows, facts, folder)
        models[one.key] = state
        threshold = MIDDLE
        if params.threshold_rule is not None:
            val = one.part("val")
            found = predict_mean(one.key, models, material, val["image_id"], training)
            threshold = choose_threshold(val.assign(prediction=found), params.threshold_rule)
        card = {**state.card, "threshold": threshold, "threshold_rule": params.threshold_rule}
        models[one.key] = ModelState(card, state.tensors, state.booster)
        return models[one.key], history

    return train_models(_list_trainings(cohort, params), fit, params)


def _list_trainings(cohort: pd.DataFrame, params: ProtocolParams) -> Iterator[Training]:
    """Give each training; in each arm means come after what they are of."""
    ordered = sorted(params.models.items(), key=lambda item: item[1].kind == "mean")
    return list_trainings(cohort, dict(ordered))


def _describe(one: Training, material: Material, training: TrainingParams) -> dict[str, Any]:
    """Return all that a training depends on, and what its card says of it."""
    encoder = getattr(one.spec, "encoder", None) or ""
    embedding = material.embeddings.get(encoder)
    return {
        **describe_training(one, material.arrays, training),
        "spec": one.spec.model_dump(mode="json"),
        "classes": dict(zip("01", CLASS_NAMES, strict=True)),
        "sites": sorted(one.train["site"].unique().tolist()),
        "versions": package_versions(),
        "notice": NOTICE,
        **({} if embedding is None else {"embedding": embedding.facts}),
    }


def predict_mean(
    key: str,
    models: Mapping[str, ModelState],
    material: Material,
    image_ids: pd.Series,
    training: TrainingParams,
) -> NDArray[np.float64]:
    """Return the probability (M,) of tuberculosis of films by a stored model, or by the mean of several."""
    members = models[key].card.get("members", [key])
    found = [predict_classifier(models[each], material, image_ids, training) for each in members]
    return np.asarray(np.mean(found, axis=0), np.float64)


def predict(
    material: Material,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ProtocolParams,
) -> pd.DataFrame:
    """Predict every film of the validation and test parts, by models and by baselines that see no lung.

    Returns
    -------
    DataFrame
        One row per film and model: ``model``, the columns `KEPT` of the cohort, ``prediction`` (probability of
        tuberculosis) and ``threshold`` (chosen on the validation part).
    """
    found: dict[str, NDArray[np.float64]] = {}
    tables: list[pd.DataFrame] = []
    for one in _list_trainings(cohort, params):
        state, rows = models[one.key], one.held_out
        members = state.card.get("members")
        if members is None:
            found[one.key] = predict_classifier(state, material, rows["image_id"], training)
        else:
            found[one.key] = np.mean([found[each] for each in members], axis=0)
        table = rows[KEPT].assign(prediction=found[one.key], threshold=state.card["threshold"])
        tables.append(table.assign(model=one.name))
    tables += predict_by_shortcut(material, cohort, params, KEPT)
    return join_predictions(tables)
