"""Cohort → trained models → predictions."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xraylab.evaluation.thresholds import choose_threshold
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.card import NOTICE, digest_facts, package_versions
from xraylab.models.embeddings import Embeddings
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.pipelines.tb_classification.params import (
    CohortParams,
    MeanModel,
    ModelParams,
    ProtocolParams,
)
from xraylab.training.history import join_histories
from xraylab.training.params import TrainingParams

from .classifiers import FitSetting, predict_classifier, train_classifier
from .cohort import CLASS_NAMES
from .material import Material

__all__ = ["KEPT", "list_arms", "model_key", "predict", "predict_mean", "train_models"]

logger = logging.getLogger(__name__)

KEPT = ["image_id", "group_id", "arm", "site", "split", "fold", "target"]
"""Columns of the cohort that a row of predictions keeps."""

_MIDDLE = 0.5


def train_models(
    arrays: ArrayCache,
    lung_guess: dict[str, ModelState],
    cohort: pd.DataFrame,
    embeddings: dict[str, Embeddings],
    radiomics: pd.DataFrame,
    encoder_weights: Weights,
    unfinished: Path,
    cohort_params: CohortParams,
    training: TrainingParams,
    params: ProtocolParams,
) -> tuple[dict[str, ModelState], pd.DataFrame]:
    """Train every model of a protocol: once a fold, once a site, or once on a split of its own.

    Parameters
    ----------
    arrays : ArrayCache
        Films and lungs.
    lung_guess : dict of str to ModelState
        The lungs of films without a mask.
    cohort : DataFrame
        As `split_cohort` gives it.
    embeddings : dict of str to Embeddings
        Features of frozen encoders.
    radiomics : DataFrame
        Features inside of the lungs.
    encoder_weights : mapping of str to callable
        Pretrained weights that lie at hand.
    unfinished : Path
        Folder for checkpoints; what a killed run left there is gone on from.
    cohort_params, training, params
        How lungs are cut out, budget and machine, the models.

    Returns
    -------
    models : dict of str to ModelState
        Named as in the parameters, followed by ``_<arm>`` under ``folds`` and ``sites``. The card holds the threshold,
        chosen on the validation part.
    history : DataFrame
        One row an epoch: ``model, epoch, train_loss, val_loss`` and what else was measured; none of models that are
        fitted at once.
    """
    material = Material(arrays, lung_guess, embeddings, radiomics, cohort_params)
    setting = FitSetting(material, encoder_weights, training, params.seed)
    models: dict[str, ModelState] = {}
    histories: dict[str, pd.DataFrame] = {}
    for name, spec, arm, rows in _list_trainings(cohort, params):
        key = model_key(name, arm)
        facts = {"name": name, **_describe_training(rows, spec, arrays, training, params)}
        encoder = getattr(spec, "encoder", None)
        if encoder in embeddings:
            facts["embedding"] = embeddings[encoder].facts
        if isinstance(spec, MeanModel):
            state = ModelState({**facts, "members": [model_key(each, arm) for each in spec.of]})
        else:
            logger.info("Fitting %s to %d films", key, facts["n_train"])
            folder = unfinished / f"{key}-{digest_facts(facts)}"
            state, histories[key] = train_classifier(spec, setting, rows, facts, folder)
        models[key] = state
        threshold = _threshold(key, models, material, rows, training, params)
        models[key] = ModelState(
            {**state.card, "threshold": threshold, "threshold_rule": params.threshold_rule},
            state.tensors,
            state.booster,
        )
    return models, join_histories(histories)


def _list_trainings(
    cohort: pd.DataFrame, params: ProtocolParams
) -> Iterator[tuple[str, ModelParams, str, pd.DataFrame]]:
    """Give name, description, arm and films of each training; means after what they are of."""
    ordered = sorted(params.models.items(), key=lambda item: item[1].kind == "mean")
    for arm, rows in list_arms(cohort):
        for name, spec in ordered:
            if params.split != "rows" or name == arm:
                yield name, spec, arm, rows


def list_arms(cohort: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the name and films of each training."""
    for arm, rows in cohort.groupby("arm", sort=False):
        yield str(arm), rows


def model_key(name: str, arm: str) -> str:
    """Return the name of one training of a model."""
    return name if name == arm else f"{name}_{arm}"


def _threshold(
    key: str,
    models: Mapping[str, ModelState],
    material: Material,
    rows: pd.DataFrame,
    training: TrainingParams,
    params: ProtocolParams,
) -> float:
    if params.threshold_rule is None:
        return _MIDDLE
    val = rows[rows["split"] == "val"]
    found = predict_mean(key, models, material, val["image_id"], training)
    return choose_threshold(val.assign(prediction=found), params.threshold_rule)


def predict_mean(
    key: str,
    models: Mapping[str, ModelState],
    material: Material,
    image_ids: pd.Series,
    training: TrainingParams,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the probability (M,) of tuberculosis of films by a stored model, or by the mean of several."""
    members = models[key].card.get("members", [key])
    found = [predict_classifier(models[each], material, image_ids, training) for each in members]
    return np.asarray(np.mean(found, axis=0), np.float64)


def _describe_training(
    rows: pd.DataFrame,
    spec: ModelParams,
    arrays: ArrayCache,
    training: TrainingParams,
    params: ProtocolParams,
) -> dict[str, Any]:
    """Return all that a training depends on."""
    records = rows[["image_id", "group_id", "split", "target", "source"]].to_dict("records")
    counts = rows["split"].value_counts()
    return {
        "model": spec.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude={"progress"}),
        "seed": params.seed,
        "classes": {str(i): name for i, name in enumerate(CLASS_NAMES)},
        "size_px": arrays.size_px,
        "preprocess": arrays.preprocess,
        "data_digest": digest_facts(records),
        "n_train": int(counts.get("train", 0)),
        "n_val": int(counts.get("val", 0)),
        "sites": sorted(rows.loc[rows["split"] == "train", "site"].unique().tolist()),
        "versions": package_versions(),
        "notice": NOTICE,
    }


def predict(
    arrays: ArrayCache,
    lung_guess: dict[str, ModelState],
    cohort: pd.DataFrame,
    embeddings: dict[str, Embeddings],
    radiomics: pd.DataFrame,
    models: dict[str, ModelState],
    cohort_params: CohortParams,
    training: TrainingParams,
    params: ProtocolParams,
) -> pd.DataFrame:
    """Predict every film of the validation and test parts.

    Returns
    -------
    DataFrame
        One row a film and model: ``model``, the columns `KEPT` of the cohort, ``prediction`` (probability of
        tuberculosis) and ``threshold`` (chosen on the validation part).
    """
    material = Material(arrays, lung_guess, embeddings, radiomics, cohort_params)
    tables: list[pd.DataFrame] = []
    for name, spec, arm, rows in _list_trainings(cohort, params):
        held_out = rows[rows["split"].isin(["val", "test"])]
        key = model_key(name, arm)
        if isinstance(spec, MeanModel):
            of = [each for each in tables if each["model"].iloc[0] in spec.of]
            of = [each for each in of if each["arm"].iloc[0] == arm]
            found = np.mean([each["prediction"].to_numpy() for each in of], axis=0)
        else:
            found = predict_classifier(models[key], material, held_out["image_id"], training)
        table = held_out[KEPT].assign(prediction=found, threshold=models[key].card["threshold"])
        tables.append(table.assign(model=name))
    return pd.concat(tables, ignore_index=True)
