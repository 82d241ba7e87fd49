"""One classifier of any kind: from a part of the films to a stored model, and from a stored model to probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.models.classifiers import build_classifier, restore_classifier
from xraylab.models.mlp import build_mlp, restore_mlp
from xraylab.models.networks import Weights, describe_network
from xraylab.models.state import ModelState
from xraylab.tabular.kernel import fit_kernel, restore_kernel
from xraylab.tabular.logistic import fit_logistic, restore_logistic
from xraylab.tabular.trees import fit_tree_model, restore_tree_model
from xraylab.training.params import TrainingParams

from .material import Material

__all__ = ["Simple", "fit_model", "predict_by"]

Simple = MlpModel | LogisticModelParams | BoostingModel | KernelModelParams | CnnModel
Floats = NDArray[np.float64]


def fit_model(
    spec: Simple,
    material: Material,
    rows: pd.DataFrame,
    weights: Weights,
    training: TrainingParams,
    seed: int,
    card: dict[str, Any],
    folder: Path,
) -> tuple[ModelState, pd.DataFrame]:
    """Fit one model to the rows of the split ``train``.

    Parameters
    ----------
    spec : any of the parameters of a model but `MeanModel`
        The model.
    material : Material
        What it may look at.
    rows : DataFrame
        ``image_id, group_id, split, target``; a ``cnn`` chooses its weights on the split ``val``.
    weights : mapping of str to callable
        Pretrained weights that lie at hand.
    training : TrainingParams
        Budget and machine.
    seed : int
        Seed of the fit.
    card : dict
        What is known of the training.
    folder : Path
        For the checkpoints of a ``cnn``.

    Returns
    -------
    ModelState
        With the card.
    DataFrame
        One row an epoch; none for a model that is fitted at once.
    """
    learn = rows[rows["split"] == "train"]
    target = learn["target"].to_numpy(np.float64)
    if isinstance(spec, CnnModel):
        return _fit_cnn(spec, material, rows, weights, training, card, folder)
    if isinstance(spec, MlpModel):
        from xraylab.training.vectors import fit_vectors

        features = material.features_of(spec.encoder, learn["image_id"])
        network = build_mlp(features.shape[1], spec.hidden_sizes, seed)
        history = fit_vectors(network, features, target, spec.recipe, seed)
        described = {"n_features": features.shape[1], "hidden_sizes": list(spec.hidden_sizes)}
        return describe_network(network, {**card, "network": described}), history
    if isinstance(spec, LogisticModelParams):
        features = material.features_of(spec.encoder, learn["image_id"])
        model = fit_logistic(features, target, seed)
        return model.state({**card, "n_parameters": features.shape[1] + 1}), pd.DataFrame()
    if isinstance(spec, KernelModelParams):
        features = _kernel_features(spec, material, learn["image_id"])
        return fit_kernel(features, target, spec.penalty, spec.width).state(card), pd.DataFrame()
    return _fit_boosting(spec, material, learn, seed, card), pd.DataFrame()


def _fit_cnn(
    spec: CnnModel,
    material: Material,
    rows: pd.DataFrame,
    weights: Weights,
    training: TrainingParams,
    card: dict[str, Any],
    folder: Path,
) -> tuple[ModelState, pd.DataFrame]:
    from xraylab.training.classify import Labelled, fit_classifier

    arrays = material.arrays
    own = training.model_copy(update={"seed": training.seed + spec.seed})
    network = build_classifier(spec.network, own.seed, arrays.size_px, weights)
    learn, check = (
        Labelled(
            arrays.rows_of(part["image_id"]),
            part["target"].to_numpy(),
            part["group_id"].to_numpy(),
        )
        for part in (rows[rows["split"] == name] for name in ("train", "val"))
    )
    films = material.films(spec.inside_lungs)
    outcome = fit_classifier(network, films, learn, check, spec.recipe, own, folder)
    described = {"network": spec.network.model_dump(mode="json"), "fit": outcome.facts()}
    return describe_network(network, {**card, **described}), outcome.history


def _fit_boosting(
    spec: BoostingModel, material: Material, learn: pd.DataFrame, seed: int, card: dict[str, Any]
) -> ModelState:
    tensors: dict[str, Any] = {}
    if spec.encoder is not None:
        features = material.features_of(spec.encoder, learn["image_id"]).astype(np.float64)
        mean = features.mean(axis=0)
        _, _, basis = np.linalg.svd(features - mean, full_matrices=False)
        tensors = {"embedding_mean": mean, "embedding_basis": basis[: spec.n_components]}
    table = _table(spec, material, learn["image_id"], tensors)
    target = pd.Series(learn["target"].to_numpy(np.float64), name="tuberculosis")
    fitted = fit_tree_model(table, target, spec.spec, seed, binary=True, n_threads=1)
    state = fitted.state()
    return ModelState({**state.card, **card}, {**state.tensors, **tensors}, state.booster)


def _table(
    spec: BoostingModel, material: Material, image_ids: pd.Series, tensors: dict[str, Any]
) -> pd.DataFrame:
    """Return the features of the trees: scores on the components of an embedding, and radiomics."""
    parts = []
    if spec.encoder is not None:
        features = material.features_of(spec.encoder, image_ids).astype(np.float64)
        scores = (features - tensors["embedding_mean"]) @ tensors["embedding_basis"].T
        parts.append(
            pd.DataFrame(scores, columns=[f"component_{i}" for i in range(scores.shape[1])])
        )
    if spec.radiomics:
        parts.append(material.lungs_of(image_ids))
    return pd.concat(parts, axis=1)


def _kernel_features(
    spec: KernelModelParams, material: Material, image_ids: pd.Series
) -> NDArray[np.floating[Any]]:
    parts: list[NDArray[np.floating[Any]]] = []
    if spec.encoder is not None:
        parts.append(material.features_of(spec.encoder, image_ids))
    if spec.radiomics:
        parts.append(material.lungs_of(image_ids).to_numpy(np.float64))
    return np.concatenate(parts, axis=1)


def predict_by(
    state: ModelState, material: Material, image_ids: pd.Series, training: TrainingParams
) -> Floats:
    """Return the probability (M,) of tuberculosis of films, by a stored model that is no mean of others."""
    spec = state.card["model"]
    kind = spec["kind"]
    if kind == "cnn":
        from xraylab.training.predict import predict_films

        found = predict_films(
            restore_classifier(state), material.films(spec["inside_lungs"]),
            material.arrays.rows_of(image_ids), spec["recipe"]["batch_size"], views=spec["views"],
            precision=training.precision, accelerator=training.accelerator,
        )  # fmt: skip
        return np.asarray(found, np.float64)
    if kind == "mlp":
        from xraylab.training.vectors import predict_vectors

        return predict_vectors(restore_mlp(state), material.features_of(spec["encoder"], image_ids))
    if kind == "logistic":
        features = material.features_of(spec["encoder"], image_ids)
        return restore_logistic(state).predict(features)
    if kind == "kernel":
        kernel = KernelModelParams.model_validate(spec)
        return restore_kernel(state).predict(_kernel_features(kernel, material, image_ids))
    boosting = BoostingModel.model_validate(spec)
    table = _table(boosting, material, image_ids, state.tensors)
    # a booster's float32 may round a probability past 1
    return np.clip(restore_tree_model(state).predict(table), 0.0, 1.0)
