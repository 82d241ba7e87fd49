"""Networks that tell fractured from whole bones: how they are trained, and what they predict."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.binary import Weight
from xraylab.evaluation.calibration import apply_calibration, fit_calibration
from xraylab.evaluation.thresholds import choose_threshold
from xraylab.flow.split import OfficialSplit
from xraylab.flow.train import (
    Trained,
    Training,
    join_predictions,
    list_trainings,
    predict_held_out,
    train_networks,
)
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.classifiers import build_classifier, restore_classifier
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams

from .params import CLASS_NAMES, ProtocolParams
from .probes import predict_by_shortcut

if TYPE_CHECKING:
    from torch import nn

    from xraylab.training.fit import Fit

__all__ = ["KEPT", "FractureTask", "predict", "train", "weight_of"]

KEPT = ["image_id", "group_id", "arm", "split", "fold", "target", "unseen"]
"""Columns of the cohort that a row of predictions keeps."""


@dataclass(frozen=True)
class FractureTask:
    """A `xraylab.flow.train.Task` of one logit per film.

    Attributes
    ----------
    arrays : ArrayCache
        The films.
    machine : TrainingParams
        Budget and machine.
    params : ProtocolParams, optional
        How thresholds are chosen; not needed to predict.
    weights : mapping of str to callable
        Pretrained weights that are at hand.
    """

    arrays: ArrayCache
    machine: TrainingParams
    params: ProtocolParams | None = None
    weights: Weights = field(default_factory=dict)

    def describe(self, training: Training) -> dict[str, Any]:
        """Return views, calibration and classes."""
        return {
            "views": training.spec.views,
            "calibration_method": training.spec.calibration,
            "classes": dict(zip("01", CLASS_NAMES, strict=True)),
        }

    def build(self, training: Training) -> nn.Module:
        """Return the classifier with new or pretrained weights."""
        network = training.spec.network
        return build_classifier(network, self.machine.seed, self.arrays.size_px, self.weights)

    def fit(self, network: nn.Module, training: Training, folder: Path) -> Fit:
        """Train on all films, or on so many of each family as the recipe says."""
        from xraylab.training.classify import Labelled, fit_classifier

        recipe = training.spec.recipe
        train, val = (
            Labelled(
                self.arrays.rows_of(part["image_id"]),
                part["target"].to_numpy(),
                part["group_id"].to_numpy(),
            )
            for part in (training.train, _thin(training.val, recipe.draws_per_group))
        )
        machine = self.machine.within(training.limits)
        return fit_classifier(network, self.arrays.films, train, val, recipe, machine, folder)

    def measure(self, network: nn.Module, training: Training, outcome: Fit) -> dict[str, Any]:
        """Calibrate on the validation part, and choose the threshold there."""
        assert self.params is not None  # noqa: S101 - for the type checker
        spec, val = training.spec, training.val
        found = val[["group_id", "target"]].assign(
            prediction=self._probabilities(network, val, spec.views, spec.recipe.batch_size)
        )
        calibration = None
        if spec.calibration is not None:
            # families weigh as the training weighs them
            thinned = found.loc[_thin(val, spec.recipe.draws_per_group).index]
            calibration = fit_calibration(thinned, spec.calibration).model_dump()
            found["prediction"] = apply_calibration(found["prediction"].to_numpy(), calibration)
        last = outcome.history.iloc[outcome.best_epoch]
        return {
            "n_train_families": int(training.train["group_id"].nunique()),
            "calibration": calibration,
            "threshold": choose_threshold(
                found, self.params.threshold_rule, weight_of(self.params)
            ),
            "threshold_rule": self.params.threshold_rule,
            "metrics": {key: float(last[key]) for key in ("val_loss", "val_accuracy", "val_auroc")},
        }

    def predict(
        self, state: ModelState, rows: pd.DataFrame, batch_size: int
    ) -> NDArray[np.float64]:
        """Return the calibrated probability (N,) of a fracture."""
        network, card = restore_classifier(state), state.card
        found = self._probabilities(network, rows, card["views"], batch_size)
        return apply_calibration(found, card["calibration"])

    def _probabilities(
        self, network: nn.Module, rows: pd.DataFrame, views: int, batch_size: int
    ) -> NDArray[np.float64]:
        """Predict films, those of equal pixels once."""
        from xraylab.training.predict import predict_films

        places = self.arrays.rows_of(rows["image_id"])
        digests = self.arrays.index["digest"].to_numpy()[places]
        _, first, again = np.unique(digests, return_index=True, return_inverse=True)
        found = predict_films(
            network, self.arrays.films, places[first], batch_size, views=views,
            precision=self.machine.precision, accelerator=self.machine.accelerator,
        )  # fmt: skip
        return np.asarray(found[again], np.float64)


def _thin(rows: pd.DataFrame, n_copies: int | None) -> pd.DataFrame:
    """Keep so many films of each family, so that the validation loss weighs families as the training does."""
    if n_copies is None:
        return rows
    turn = rows.sort_values("image_id").groupby("group_id").cumcount()
    return rows[turn.reindex(rows.index) < n_copies]


def weight_of(params: ProtocolParams) -> Weight:
    """Return whether a threshold weighs films, or families as one film each."""
    return "row" if isinstance(params.split, OfficialSplit) else "group"


def train(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    encoder_weights: Weights,
    checkpoints: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> Trained:
    """Train every network of a protocol, once for each fold (`xraylab.flow.train.train_networks`)."""
    task = FractureTask(arrays, training, params, encoder_weights)
    trainings = list_trainings(cohort, params.models)
    return train_networks(task, trainings, checkpoints, params)


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
        One row per film and model: ``model``, the columns `KEPT` of the cohort, ``prediction`` (probability of a
        fracture) and ``threshold`` (chosen on the validation part).
    """
    trainings = list_trainings(cohort, params.models)
    tables = predict_held_out(FractureTask(arrays, training), trainings, models, KEPT)
    tables += predict_by_shortcut(arrays, cohort, params, KEPT, weight_of(params))
    return join_predictions(tables)
