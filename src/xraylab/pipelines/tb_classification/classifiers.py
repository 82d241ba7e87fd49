"""One classifier of any kind: from a part of the films to a stored model, and from a stored model to probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter

from xraylab.models.classifiers import build_classifier, restore_classifier
from xraylab.models.mlp import build_mlp, restore_mlp
from xraylab.models.networks import Weights, describe_network
from xraylab.models.state import ModelState
from xraylab.tabular.interface import FitOptions
from xraylab.tabular.kinds import TabularSpec, fit_tabular_model, restore_tabular_model
from xraylab.tabular.params import KernelSpec, LogisticSpec
from xraylab.training.params import TrainingParams

from .material import Material, TabularModelParams
from .params import BoostingModel, CnnModel, KernelModelParams, MlpModel

__all__ = ["FitSetting", "Simple", "predict_classifier", "restore", "train_classifier"]

Simple = MlpModel | CnnModel | TabularModelParams
Floats = NDArray[np.float64]
Trained = tuple[ModelState, pd.DataFrame]


@dataclass(frozen=True)
class FitSetting:
    """What every training of a protocol shares.

    Attributes
    ----------
    material : Material
        What the models may look at.
    weights : mapping of str to callable
        Pretrained weights that are at hand.
    training : TrainingParams
        Budget and machine.
    seed : int
        Seed of the fits.
    """

    material: Material
    weights: Weights
    training: TrainingParams
    seed: int


def train_classifier(
    spec: Simple, setting: FitSetting, rows: pd.DataFrame, card: dict[str, Any], folder: Path
) -> Trained:
    """Fit one model to the rows of the split ``train``.

    Parameters
    ----------
    spec : any of the parameters of a model but `MeanModel`
        The model.
    setting : FitSetting
        What it may look at, budget, machine, seed.
    rows : DataFrame
        ``image_id, group_id, split, target``; a ``cnn`` chooses its weights on the split ``val``.
    card : dict
        What is known of the training.
    folder : Path
        For the checkpoints of a ``cnn``.

    Returns
    -------
    ModelState
        With the card.
    DataFrame
        One row per epoch; none for a model that is fitted at once.
    """
    if isinstance(spec, CnnModel):
        return _train_cnn(spec, setting, rows, card, folder)
    train = rows[rows["split"] == "train"]
    target = pd.Series(train["target"].to_numpy(np.float64), name="tuberculosis")
    if isinstance(spec, MlpModel):
        return _train_mlp(spec, setting, train["image_id"], target, card)
    components = setting.material.fit_components(spec, train["image_id"])
    features = setting.material.tabular_features(spec, train["image_id"], components)
    options = FitOptions(setting.seed, binary=True)
    state = fit_tabular_model(_tabular_spec(spec), features, target, options).state(card)
    return ModelState(state.card, {**state.tensors, **components}, state.booster), pd.DataFrame()


def restore(state: ModelState) -> Any:
    """Return what a stored model is: a network, or a fitted tabular model."""
    kind = state.card["spec"]["kind"]
    if kind == "cnn":
        return restore_classifier(state)
    return restore_mlp(state) if kind == "mlp" else restore_tabular_model(state)


def predict_classifier(
    state: ModelState,
    material: Material,
    image_ids: pd.Series,
    training: TrainingParams,
    restored: Any = None,
) -> Floats:
    """Return the probability (M,) of tuberculosis of films, by a stored model that is no mean of others.

    ``restored`` is what `restore` gives of it, where it is kept for several calls.
    """
    model = state.card["spec"]
    restored = restore(state) if restored is None else restored
    if model["kind"] == "cnn":
        from xraylab.training.predict import predict_films

        found = predict_films(
            restored, material.films(model["inside_lungs"]),
            material.arrays.rows_of(image_ids), model["recipe"]["batch_size"], views=model["views"],
            precision=training.precision, accelerator=training.accelerator,
        )  # fmt: skip
        return np.asarray(found, np.float64)
    if model["kind"] == "mlp":
        from xraylab.training.vectors import predict_vectors

        features = material.features_of(model["encoder"], image_ids)
        return predict_vectors(restored, features)
    adapter: TypeAdapter[TabularModelParams] = TypeAdapter(TabularModelParams)
    spec = adapter.validate_python(model)
    table: Floats = restored.predict(material.tabular_features(spec, image_ids, state.tensors))
    return table


def _tabular_spec(spec: TabularModelParams) -> TabularSpec:
    if isinstance(spec, BoostingModel):
        return spec.spec
    if isinstance(spec, KernelModelParams):
        return KernelSpec(penalty=spec.penalty, width=spec.width)
    return LogisticSpec()


def _train_mlp(
    spec: MlpModel,
    setting: FitSetting,
    image_ids: pd.Series,
    target: pd.Series,
    card: dict[str, Any],
) -> Trained:
    from xraylab.training.vectors import fit_vectors

    features = setting.material.features_of(spec.encoder, image_ids)
    network = build_mlp(features.shape[1], spec.hidden_sizes, setting.seed)
    history = fit_vectors(network, features, target.to_numpy(), spec.recipe, setting.seed)
    described = {"n_features": features.shape[1], "hidden_sizes": list(spec.hidden_sizes)}
    return describe_network(network, {**card, "network": described}), history


def _train_cnn(
    spec: CnnModel, setting: FitSetting, rows: pd.DataFrame, card: dict[str, Any], folder: Path
) -> Trained:
    from xraylab.training.classify import Labelled, fit_classifier

    arrays, training = setting.material.arrays, setting.training
    own = training.model_copy(update={"seed": training.seed + spec.seed})
    network = build_classifier(spec.network, own.seed, arrays.size_px, setting.weights)
    train, val = (
        Labelled(
            arrays.rows_of(part["image_id"]),
            part["target"].to_numpy(),
            part["group_id"].to_numpy(),
        )
        for part in (rows[rows["split"] == name] for name in ("train", "val"))
    )
    films = setting.material.films(spec.inside_lungs)
    outcome = fit_classifier(network, films, train, val, spec.recipe, own, folder)
    described = {"network": spec.network.model_dump(mode="json"), "fit": outcome.facts()}
    return describe_network(network, {**card, **described}), outcome.history
