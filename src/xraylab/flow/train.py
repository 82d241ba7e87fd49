"""The trainings of a protocol: each model in each arm, to stored models whose cards say what they are."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.flow.budget import BudgetedParams
from xraylab.flow.split import SINGLE
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.card import NOTICE, describe_cut_short, digest_facts, package_versions
from xraylab.models.networks import describe_network
from xraylab.models.state import ModelState
from xraylab.training.history import join_histories
from xraylab.training.params import Limits, TrainingParams

if TYPE_CHECKING:
    from torch import nn

    from xraylab.training.fit import Fit

__all__ = [
    "HELD_OUT",
    "PredictionTask",
    "Task",
    "Trained",
    "Training",
    "describe_models",
    "describe_training",
    "join_predictions",
    "list_trainings",
    "model_key",
    "predict_held_out",
    "shown_model",
    "train_models",
    "train_networks",
]

logger = logging.getLogger(__name__)

HELD_OUT = ("val", "test")
"""Parts of a split that are predicted."""

Trained = tuple[dict[str, ModelState], pd.DataFrame, pd.DataFrame]
"""Stored models by their keys, the history of all trainings, and one row per training."""

_RECORD = ("image_id", "variant", "group_id", "split", "target", "sex")


@dataclass(frozen=True)
class Training:
    """One model on one arm of a split.

    Attributes
    ----------
    name : str
        The model, as the parameters name it.
    spec : Any
        Its parameters.
    arm : str
        The training: ``single``, ``fold_<k>``, a site, or the model where each has a split of its own.
    rows : DataFrame
        The films of the arm, with their ``split``.
    share : float
        What it has of the minutes of its protocol, beside the shares of the others.
    limits : Limits
        What the run sets for it.
    """

    name: str
    spec: Any
    arm: str
    rows: pd.DataFrame
    share: float = 0.0
    limits: Limits = field(default_factory=Limits)

    @property
    def key(self) -> str:
        """Name of the stored model."""
        return model_key(self.name, self.arm)

    @property
    def train(self) -> pd.DataFrame:
        """Films to train on."""
        return self.part("train")

    @property
    def val(self) -> pd.DataFrame:
        """Films that choose the weights: the test films where there is no validation part, as published."""
        val = self.part("val")
        return val if len(val) else self.part("test")

    @property
    def held_out(self) -> pd.DataFrame:
        """Films that are predicted."""
        return self.part(*HELD_OUT)

    def part(self, *splits: str) -> pd.DataFrame:
        """Return the films of some parts."""
        return self.rows[self.rows["split"].isin(splits)]


class Task(Protocol):
    """What a pipeline knows of its networks; `train_networks` does the rest."""

    @property
    def arrays(self) -> ArrayCache:
        """Films, and masks if there are any."""

    @property
    def machine(self) -> TrainingParams:
        """Budget and machine of each training."""

    def describe(self, training: Training) -> dict[str, Any]:
        """Return what the training depends on, beside its network, recipe, films and machine."""

    def build(self, training: Training) -> nn.Module:
        """Return the network with new or pretrained weights."""

    def fit(self, network: nn.Module, training: Training, folder: Path) -> Fit:
        """Train the network and leave it with the weights that are kept."""

    def measure(self, network: nn.Module, training: Training, outcome: Fit) -> dict[str, Any]:
        """Return what the card says of the trained network: threshold, calibration, validation metrics."""


class PredictionTask(Task, Protocol):
    """A task whose networks give one number per film; `predict_held_out` does the rest."""

    def predict(
        self, state: ModelState, rows: pd.DataFrame, batch_size: int
    ) -> NDArray[np.float64]:
        """Return the prediction (N,) of a stored model for films of the cohort."""


def model_key(name: str, arm: str) -> str:
    """Return the name of a stored model.

    Examples
    --------
    >>> model_key("cnn", "single"), model_key("cnn", "fold_1")
    ('cnn', 'cnn_fold_1')
    """
    return name if arm in (SINGLE, name) else f"{name}_{arm}"


def list_trainings(cohort: pd.DataFrame, models: Mapping[str, Any]) -> Iterator[Training]:
    """Give every training of a protocol: each model in each arm, or in the arm of its own name.

    The ``share`` that a model declares is divided among its arms.

    Raises
    ------
    ValueError
        If the cohort is empty.
    """
    if cohort.empty:
        raise ValueError("the cohort of this protocol is empty: its node split_cohort has not run")
    arms = [(str(arm), rows) for arm, rows in cohort.groupby("arm", sort=False)]
    n_arms = sum(arm not in models for arm, _ in arms)
    for arm, rows in arms:
        for name, spec in models.items():
            if arm not in models or arm == name:
                share = getattr(spec, "share", 0.0) / (n_arms + (arm == name))
                yield Training(name, spec, arm, rows, share)


def describe_training(
    training: Training, arrays: ArrayCache, machine: TrainingParams
) -> dict[str, Any]:
    """Return what any training depends on: model, films, and machine.

    Its digest names the folder of the checkpoints, so that an interrupted training is resumed only by its like.
    """
    rows = training.rows
    sources = arrays.index.set_index("image_id")["source"]
    used = rows[[name for name in _RECORD if name in rows]].assign(
        source=rows["image_id"].map(sources)
    )
    return {
        "name": training.name,
        "arm": training.arm,
        "fold": int(rows["fold"].iloc[0]),
        "training": machine.model_dump(mode="json", exclude={"progress"}),
        "size_px": arrays.size_px,
        "preprocess": arrays.preprocess,
        "data_digest": digest_facts(used.to_dict("records")),
        "n_train": len(training.train),
        "n_val": len(training.val),
    }


def train_models(
    trainings: Iterable[Training],
    fit: Callable[[Training], tuple[ModelState, pd.DataFrame]],
    params: BudgetedParams,
) -> Trained:
    """Fit every model of a protocol.

    Parameters
    ----------
    trainings : iterable of Training
        What to fit.
    fit : callable
        Takes a training and returns the stored model and its history, one row per epoch.
    params : BudgetedParams
        The protocol, with its minutes.

    Returns
    -------
    models : dict of str to ModelState
        By `model_key`.
    history : DataFrame
        ``model, epoch, train_loss, val_loss`` and what else was measured.
    trainings : DataFrame
        As `describe_models` gives it.
    """
    models: dict[str, ModelState] = {}
    histories: dict[str, pd.DataFrame] = {}
    for training in _with_limits(list(trainings), params):
        logger.debug("Training %s", training.key)
        begun = time.perf_counter()
        models[training.key], histories[training.key] = fit(training)
        logger.info(
            "Trained %s on %d films, %d to validate%s (%.1f s)",
            training.key, len(training.train), len(training.val),
            _outcome(models[training.key].card.get("fit", {})), time.perf_counter() - begun,
        )  # fmt: skip
    return models, join_histories(histories), describe_models(models)


def _with_limits(trainings: Sequence[Training], params: BudgetedParams) -> Iterator[Training]:
    """Give each training the minutes that it has when it begins; the first of a model says what all of them cost."""
    counts = Counter(each.name for each in trainings)
    minutes = params.budget.divide([each.share for each in trainings], of=params.total_share)
    for each, limit in zip(trainings, minutes, strict=True):
        yield replace(each, limits=Limits(limit, each.name, counts.pop(each.name, 0)))


def _outcome(fit: Mapping[str, Any]) -> str:
    """Return what a log line says of the epochs of a training; nothing where it has none."""
    if "epochs" not in fit:
        return ""
    end = "" if fit["stopped_by"] == "epochs" else f", stopped by {fit['stopped_by']}"
    return f": {fit['epochs']} epochs, validation loss {fit['val_loss']:.4g}{end}"


def train_networks(
    task: Task, trainings: Iterable[Training], checkpoints: Path, params: BudgetedParams
) -> Trained:
    """Train every network of a protocol.

    Parameters
    ----------
    task : Task
        What the pipeline knows of its networks.
    trainings : iterable of Training
        What to train.
    checkpoints : Path
        Folder for checkpoints; an interrupted run resumes from it.
    params : BudgetedParams
        The protocol, with its minutes.

    Returns
    -------
    Trained
        As `train_models` gives it.
    """

    def fit(training: Training) -> tuple[ModelState, pd.DataFrame]:
        spec = training.spec
        facts = {
            **describe_training(training, task.arrays, task.machine),
            "network": spec.network.model_dump(mode="json"),
            "recipe": spec.recipe.model_dump(mode="json"),
            "minutes": params.budget.minutes,
            **task.describe(training),
        }
        network = task.build(training)
        folder = checkpoints / f"{training.key}-{digest_facts(facts)}"
        outcome = task.fit(network, training, folder)
        card = {
            **facts,
            "fit": outcome.facts(),
            **task.measure(network, training, outcome),
            "versions": package_versions(),
            "notice": NOTICE,
        }
        return describe_network(network, card), outcome.history

    return train_models(trainings, fit, params)


def describe_models(models: Mapping[str, ModelState]) -> pd.DataFrame:
    """Return one row per stored model: what it is, and what its training took.

    Returns
    -------
    DataFrame
        ``model, name, arm, fold, kind, n_parameters, n_train, n_val, epochs, minutes, stopped_by, cut_short, val_loss,
        threshold``; missing where a model has no such thing. ``cut_short`` is as
        `xraylab.models.card.describe_cut_short` gives it.
    """
    rows = []
    for key, state in models.items():
        card = state.card
        fit = card.get("fit", {})
        rows.append(
            {
                "model": key,
                **{fact: card[fact] for fact in ("name", "arm", "fold")},
                "kind": _kind(card),
                **{fact: card.get(fact, np.nan) for fact in ("n_parameters", "n_train", "n_val")},
                **{fact: fit.get(fact, np.nan) for fact in ("epochs", "minutes")},
                "stopped_by": fit.get("stopped_by", ""),
                "cut_short": describe_cut_short(card),
                "val_loss": fit.get("val_loss", np.nan),
                "threshold": card.get("threshold", np.nan),
            }
        )
    return pd.DataFrame(rows)


def _kind(card: Mapping[str, Any]) -> str:
    """Return what a model is: the kind of its spec, or its architecture and encoder."""
    network = card.get("network", {})
    if "spec" in card:
        return str(card["spec"]["kind"])
    return "-".join(filter(None, (network.get("architecture"), network.get("encoder")))) or "cnn"


def predict_held_out(
    task: PredictionTask,
    trainings: Iterator[Training],
    models: Mapping[str, ModelState],
    columns: list[str],
) -> list[pd.DataFrame]:
    """Predict every film of the validation and test parts, by the model of each training.

    Returns
    -------
    list of DataFrame
        For each training one row per film: ``model``, the columns of the cohort, ``prediction``, and ``threshold``
        where the card of the model has one.
    """
    tables = []
    for training in trainings:
        state, rows = models[training.key], training.held_out
        found = task.predict(state, rows, training.spec.recipe.batch_size)
        table = rows[columns].assign(model=training.name, prediction=found)
        if "threshold" in state.card:
            table["threshold"] = state.card["threshold"]
        tables.append(table)
    return tables


def join_predictions(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put predictions of several models below each other, with the ``model`` in the first column.

    Examples
    --------
    >>> list(join_predictions([pd.DataFrame({"image_id": ["a"], "model": "cnn"})]))
    ['model', 'image_id']
    """
    joined = pd.concat(tables, ignore_index=True)
    return joined[["model", *(column for column in joined if column != "model")]]


def shown_model(predictions: pd.DataFrame, wanted: str) -> str:
    """Return the model to show: the one that is wanted, or the first where there is none of that name."""
    names = list(dict.fromkeys(predictions["model"]))
    return wanted if wanted in names else str(names[0])
