"""Networks that read a bone age: how they are trained, and what they predict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.conformal import add_intervals
from xraylab.flow.split import SINGLE, FoldsSplit
from xraylab.flow.train import (
    Trained,
    Training,
    join_predictions,
    list_trainings,
    predict_held_out,
    train_networks,
)
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bone_age import (
    BoneAgeNetworkParams,
    build_bone_age_network,
    restore_bone_age_network,
)
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams

from .baselines import predict_baselines, sex_code
from .params import AgeModel, ProtocolParams

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import Dataset

    from xraylab.training.fit import Fit

__all__ = ["KEPT", "AgeTask", "list_age_trainings", "predict", "train", "with_hyperparams"]

KEPT = ["image_id", "group_id", "arm", "split", "fold", "sex", "target"]
"""Columns of the cohort that a row of predictions keeps."""


def list_age_trainings(cohort: pd.DataFrame, params: ProtocolParams) -> Iterator[Training]:
    """Give each training; in folds beside a single split those of models that ask for it."""
    only = isinstance(params.split, FoldsSplit)
    for training in list_trainings(cohort, params.models):
        spec: AgeModel = training.spec
        if only:
            yield training
        elif training.arm == SINGLE:
            yield replace(training, share=spec.share)
        elif spec.in_folds:
            yield replace(training, share=spec.fold_share / params.n_folds)


def with_hyperparams(network: BoneAgeNetworkParams, drawn: dict[str, Any]) -> BoneAgeNetworkParams:
    """Return a network with hyper-parameters that were drawn or found."""
    return BoneAgeNetworkParams.model_validate({**network.model_dump(), **drawn})


@dataclass(frozen=True)
class AgeTask:
    """A `xraylab.flow.train.Task` of one number per film, for a child of known sex.

    Attributes
    ----------
    arrays : ArrayCache
        The films.
    machine : TrainingParams
        Budget and machine.
    weights : mapping of str to callable
        Pretrained weights that are at hand.
    """

    arrays: ArrayCache
    machine: TrainingParams
    weights: Weights = field(default_factory=dict)

    def describe(self, training: Training) -> dict[str, Any]:
        """Return views, unit, and how ages are scaled for the network."""
        mean, deviation = _age_scale(training)
        return {
            "views": training.spec.views,
            "unit": "months",
            "covariates": ["male"],
            "target_mean": mean,
            "target_sd": deviation,
        }

    def build(self, training: Training) -> nn.Module:
        """Return the network with new or pretrained weights."""
        network = training.spec.network
        return build_bone_age_network(network, self.machine.seed, self.arrays.size_px, self.weights)

    def fit(
        self,
        network: nn.Module,
        training: Training,
        folder: Path,
        report: Callable[[float, int], None] | None = None,
    ) -> Fit:
        """Train the network; its history is in months.

        ``report`` is called after each epoch, as `xraylab.training.fit.fit` takes it.
        """
        from torchmetrics import MeanAbsoluteError, MetricCollection

        from xraylab.training.data import LabelledFilms, RandomAugmentation
        from xraylab.training.fit import Objective, TrainingData, fit

        spec: AgeModel = training.spec
        mean, deviation = _age_scale(training)
        drawn = spec.recipe.augmentation

        def films(part: pd.DataFrame, augment: RandomAugmentation | None) -> Dataset[Any]:
            target = (part["target"].to_numpy() - mean) / deviation
            places = self.arrays.rows_of(part["image_id"])
            return LabelledFilms(self.arrays.films, places, target, augment, sex_code(part["sex"]))

        augment = RandomAugmentation(drawn) if drawn is not None else None
        data = TrainingData(films(training.train, augment), films(training.val, None))
        objective = Objective(MetricCollection({"mae": MeanAbsoluteError()}), kind="number")
        machine = self.machine.within(training.limits)
        outcome = fit(
            network, data, spec.recipe, machine, objective=objective, report=report, folder=folder
        )
        in_months = {name: outcome.history[name] * deviation for name in ("train_mae", "val_mae")}
        return replace(outcome, history=outcome.history.assign(**in_months))

    def measure(self, network: nn.Module, training: Training, outcome: Fit) -> dict[str, Any]:
        """Return loss and mean absolute error of the validation part."""
        last = outcome.history.iloc[outcome.best_epoch]
        return {"metrics": {name: float(last[name]) for name in ("val_loss", "val_mae")}}

    def predict(
        self, state: ModelState, rows: pd.DataFrame, batch_size: int
    ) -> NDArray[np.float64]:
        """Return the bone age (N,) in months of films ``image_id`` of children of known ``sex``."""
        places = self.arrays.rows_of(rows["image_id"])
        network = restore_bone_age_network(state)
        return self.read(network, state, self.arrays.films, places, rows["sex"], batch_size)

    def read(
        self,
        network: nn.Module,
        state: ModelState,
        films: NDArray[np.uint8],
        places: NDArray[np.int64],
        sex: pd.Series,
        batch_size: int,
    ) -> NDArray[np.float64]:
        """Return the bone age (N,) in months that a restored network gives for some of any films (M, S, S)."""
        from xraylab.training.predict import predict_films

        found = predict_films(
            network, films, places, batch_size, sex_code(sex), kind="number", views=state.card["views"],
            precision=self.machine.precision, accelerator=self.machine.accelerator,
        )  # fmt: skip
        months = np.asarray(found, np.float64) * state.card["target_sd"]
        return np.asarray(months + state.card["target_mean"], np.float64)


def _age_scale(training: Training) -> tuple[float, float]:
    """Return what is taken from an age, and what it is divided by."""
    if not training.spec.standardise_target:
        return 0.0, 1.0
    ages = training.train["target"]
    deviation = float(ages.std(ddof=0))
    return float(ages.mean()), deviation if deviation > 0 else 1.0


def train(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    best_hyperparams: pd.DataFrame,
    encoder_weights: Weights,
    checkpoints: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> Trained:
    """Train every network of a protocol, with the hyper-parameters that were found for it."""
    tuned = best_hyperparams.set_index(["model", "arm"])["parameters"]

    def chosen(one: Training) -> Training:
        spec: AgeModel = one.spec
        if spec.search is None:
            return one
        network = with_hyperparams(spec.network, json.loads(tuned[one.name, one.arm]))
        return replace(one, spec=spec.model_copy(update={"network": network}))

    trainings = (chosen(one) for one in list_age_trainings(cohort, params))
    task = AgeTask(arrays, training, encoder_weights)
    models, history, table = train_networks(task, trainings, checkpoints, params)
    return models, history, _add_searches(table, best_hyperparams)


def _add_searches(trainings: pd.DataFrame, best_hyperparams: pd.DataFrame) -> pd.DataFrame:
    """Say of a training whose search was cut short that it was."""
    searches = best_hyperparams.set_index(["model", "arm"])["cut_short"]
    keys = pd.MultiIndex.from_frame(trainings[["name", "arm"]])
    cut = pd.Series(searches.reindex(keys).fillna("").to_numpy(), trainings.index)
    words = trainings["cut_short"].str.cat(("search " + cut).where(cut != "", ""), sep="; ")
    return trainings.assign(cut_short=words.str.strip("; "))


def predict(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ProtocolParams,
) -> pd.DataFrame:
    """Predict every film of the validation and test parts, by networks and by baselines that look at no bone.

    Returns
    -------
    DataFrame
        One row per film and model: ``model, image_id, group_id, arm, split, fold, sex, target, prediction`` and
        ``interval_low, interval_high`` (months), calibrated on the validation part of each sex; nan without one.
    """
    trainings = list_age_trainings(cohort, params)
    tables = predict_held_out(AgeTask(arrays, training), trainings, models, KEPT)
    tables += predict_baselines(arrays, cohort, KEPT)
    return join_predictions([add_intervals(each, params.coverage, "sex") for each in tables])
