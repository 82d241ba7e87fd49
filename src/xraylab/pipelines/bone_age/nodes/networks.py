"""Cohort → tuned hyper-parameters → trained networks → predictions."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bone_age import (
    BoneAgeNetworkParams,
    build_bone_age_network,
    restore_bone_age_network,
)
from xraylab.models.card import NOTICE, digest_facts, package_versions
from xraylab.models.networks import Weights, describe_network
from xraylab.models.state import ModelState
from xraylab.pipelines.bone_age.params import AgeModel, ProtocolParams, SearchParams
from xraylab.tabular.studies import open_storage, search
from xraylab.training.params import TrainingParams

from .split import SINGLE

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import Dataset

    from xraylab.training.fit import Fit

__all__ = [
    "list_trainings",
    "model_key",
    "predict",
    "predict_months",
    "sex_code",
    "train_networks",
    "tune_networks",
]

logger = logging.getLogger(__name__)

_KEPT = ["image_id", "group_id", "arm", "split", "fold", "sex", "target"]


def tune_networks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    studies: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Look for the hyper-parameters of each model that has a search, before each of its trainings.

    A trial trains on the training part and is judged by the validation part; where there is none, as published, by the
    test part that is reported.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    cohort : DataFrame
        As `split_cohort` gives it.
    studies : Path
        Folder of the SQLite database, unless ``search.storage`` names another, and of the trials' checkpoints.
    training : TrainingParams
        Machine.
    params : ProtocolParams
        The models.

    Returns
    -------
    best_hyperparams : DataFrame
        One row a training: ``model, arm, val_loss, n_trials, n_pruned, parameters`` (as JSON).
    trials : DataFrame
        One row a trial: ``model, arm, trial, state, value`` (validation loss), ``seconds`` and the hyper-parameters.
    """
    best, trials = [], []
    for name, spec, arm, rows in list_trainings(cohort, params):
        if spec.search is None:
            continue
        address = spec.search.storage or f"sqlite:///{(studies / 'studies.db').resolve()}"
        facts = _describe_training(arrays, rows, spec, training)
        chosen = spec.search.model_dump(
            mode="json", include={"seed", "max_epochs", *spec.search.space()}
        )
        study = f"{name}-{arm}-{digest_facts([facts, chosen])}"
        folder = studies / study
        objective = _make_objective(arrays, rows, spec, spec.search, training, folder)
        found = search(objective, spec.search.space(), spec.search, open_storage(address), study)
        logger.info(
            "Tuned %s in %s: validation loss %.4g after %d trials, %d of them pruned; %s",
            name, arm, found.value, len(found.trials), found.n_pruned, found.best,
        )  # fmt: skip
        best.append(
            {
                "model": name, "arm": arm, "val_loss": found.value, "n_trials": len(found.trials),
                "n_pruned": found.n_pruned, "parameters": json.dumps(found.best),
            }
        )  # fmt: skip
        trials.append(found.trials.assign(model=name, arm=arm))
    columns = ["model", "arm", "val_loss", "n_trials", "n_pruned", "parameters"]
    of_trials = ["model", "arm", "trial", "state", "value", "seconds"]
    table = pd.concat(trials, ignore_index=True) if trials else pd.DataFrame(columns=of_trials)
    others = [column for column in table if column not in of_trials]
    return pd.DataFrame(best, columns=columns), table[of_trials + others]


def _make_objective(
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: AgeModel,
    space: SearchParams,
    training: TrainingParams,
    folder: Path,
) -> Callable[[dict[str, Any], Callable[[float, int], None]], float]:
    budget = training.model_copy(
        update={
            "max_epochs": space.max_epochs,
            "max_minutes": space.trial_minutes,
            "progress": False,
        }
    )

    def objective(drawn: dict[str, Any], report: Callable[[float, int], None]) -> float:
        network = _build(_with(spec.network, drawn), arrays, training.seed)
        place = folder / digest_facts(drawn)
        try:
            fitted = _fit(network, arrays, rows, spec, budget, place, report)
            return fitted.val_loss
        finally:
            shutil.rmtree(place, ignore_errors=True)

    return objective


def _with(network: BoneAgeNetworkParams, drawn: dict[str, Any]) -> BoneAgeNetworkParams:
    return BoneAgeNetworkParams.model_validate({**network.model_dump(), **drawn})


def _build(
    network: BoneAgeNetworkParams, arrays: ArrayCache, seed: int, weights: Weights | None = None
) -> nn.Module:
    return build_bone_age_network(network, seed, arrays.size_px, weights)


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
    models, histories = {}, []
    for name, spec, arm, rows in list_trainings(cohort, params):
        chosen = spec
        if spec.search is not None:
            network = _with(spec.network, json.loads(tuned[name, arm]))
            chosen = spec.model_copy(update={"network": network})
        beside = arm != SINGLE and params.split == "parts" and spec.fold_minutes is not None
        minutes = spec.fold_minutes if beside else spec.max_minutes
        budget = (
            training if minutes is None else training.model_copy(update={"max_minutes": minutes})
        )
        key = model_key(name, arm)
        models[key], history = _train(
            key, arrays, rows, chosen, budget, encoder_weights, unfinished
        )
        histories.append(history.assign(model=key))
    history = pd.concat(histories, ignore_index=True)
    return models, history[["model", *(column for column in history if column != "model")]]


def list_trainings(
    cohort: pd.DataFrame, params: ProtocolParams
) -> Iterator[tuple[str, AgeModel, str, pd.DataFrame]]:
    """Give model, spec, split and rows of each training; in folds beside a single split those that ask for it."""
    for arm, rows in cohort.groupby("arm", sort=False):
        for name, spec in params.models.items():
            if arm == SINGLE or params.split == "folds" or spec.in_folds:
                yield name, spec, str(arm), rows


def model_key(name: str, arm: str) -> str:
    """Return the name of one training of a model."""
    return name if arm == SINGLE else f"{name}_{arm}"


def sex_code(sex: pd.Series) -> NDArray[np.float32]:
    """Return the sex as a network takes it, (N, 1): 1 male, 0 female."""
    return np.asarray((sex == "M").to_numpy(), np.float32)[:, None]


def _train(
    key: str,
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: AgeModel,
    training: TrainingParams,
    encoder_weights: Weights,
    unfinished: Path,
) -> tuple[ModelState, pd.DataFrame]:
    facts = _describe_training(arrays, rows, spec, training)
    network = _build(spec.network, arrays, training.seed, encoder_weights)
    learn, check = _parts(rows)
    logger.info("Training %s on %d films, %d to validate", key, len(learn), len(check))
    outcome = _fit(
        network, arrays, rows, spec, training, unfinished / f"{key}-{digest_facts(facts)}"
    )
    mean, deviation = _scale(learn, spec)
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


def _fit(
    network: nn.Module,
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: AgeModel,
    training: TrainingParams,
    folder: Path,
    report: Callable[[float, int], None] | None = None,
) -> Fit:
    from torchmetrics import MeanAbsoluteError, MetricCollection

    from xraylab.training.data import LabelledFilms, RandomAugmentation
    from xraylab.training.fit import fit

    learn, check = _parts(rows)
    mean, deviation = _scale(learn, spec)
    drawn = spec.recipe.augmentation

    def films(part: pd.DataFrame, augment: RandomAugmentation | None) -> Dataset[Any]:
        target = (part["target"].to_numpy() - mean) / deviation
        places = arrays.rows_of(part["image_id"])
        return LabelledFilms(arrays.films, places, target, augment, sex_code(part["sex"]))

    return fit(
        network, films(learn, RandomAugmentation(drawn) if drawn is not None else None),
        films(check, None), spec.recipe, training,
        metrics=MetricCollection({"mae": MeanAbsoluteError()}), kind="number", report=report,
        folder=folder,
    )  # fmt: skip


def _parts(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the films to learn from and those to stop by: without a validation part, as published, the test films."""
    stop_by = "val" if (rows["split"] == "val").any() else "test"
    return rows[rows["split"] == "train"], rows[rows["split"] == stop_by]


def _scale(learn: pd.DataFrame, spec: AgeModel) -> tuple[float, float]:
    """Return what is taken from an age, and what it is divided by."""
    if not spec.standardise_target:
        return 0.0, 1.0
    deviation = float(learn["target"].std(ddof=0))
    return float(learn["target"].mean()), deviation if deviation > 0 else 1.0


def _describe_training(
    arrays: ArrayCache, rows: pd.DataFrame, spec: AgeModel, training: TrainingParams
) -> dict[str, Any]:
    """Return all that a training depends on."""
    records = rows[["image_id", "split", "sex", "target", "source"]].to_dict("records")
    return {
        "kind": "bone_age",
        "network": spec.network.model_dump(mode="json"),
        "recipe": spec.recipe.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude={"progress"}),
        "standardise_target": spec.standardise_target,
        "views": spec.views,
        "unit": "months",
        "covariates": ["male"],
        "size_px": arrays.size_px,
        "preprocess": arrays.preprocess,
        "data_digest": digest_facts(records),
    }


def predict_months(
    state: ModelState,
    films: NDArray[np.uint8],
    rows: NDArray[np.int64],
    sex: pd.Series,
    batch_size: int,
    training: TrainingParams,
    network: nn.Module | None = None,
) -> NDArray[np.float64]:
    """Return the bone age (N,) in months that a model gives for films of known sex.

    Parameters
    ----------
    state : ModelState
        The model.
    films : (M, S, S) ndarray of uint8
        Prepared films.
    rows : (N,) ndarray of int
        The films wanted.
    sex : (N,) Series
        ``M`` or ``F`` of each.
    batch_size : int
        Films at once.
    training : TrainingParams
        Machine.
    network : torch.nn.Module, optional
        The restored network, where it is asked more than once.
    """
    from xraylab.training.predict import predict_films

    card = state.card
    found = predict_films(
        restore_bone_age_network(state) if network is None else network, films, rows, batch_size,
        sex_code(sex), kind="number", views=card["views"], precision=training.precision,
        accelerator=training.accelerator,
    )  # fmt: skip
    months = np.asarray(found, np.float64) * card["target_sd"] + card["target_mean"]
    return np.asarray(months, np.float64)


def predict(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ProtocolParams,
) -> pd.DataFrame:
    """Predict every film of the validation and test parts, by networks and by baselines that look at no bone.

    ``mean_age`` is the mean of the training films of the same sex; ``border_only`` a ridge regression on the border of
    the film, its size and the sex.

    Returns
    -------
    DataFrame
        One row a film and model: ``model, image_id, group_id, arm, split, fold, sex, target, prediction`` and
        ``interval_low, interval_high`` (months), calibrated on the validation part of each sex; nan without one.
    """
    tables = []
    for name, spec, arm, rows in list_trainings(cohort, params):
        held_out = rows[rows["split"] != "train"]
        found = predict_months(
            models[model_key(name, arm)], arrays.films, arrays.rows_of(held_out["image_id"]),
            held_out["sex"], spec.recipe.batch_size, training,
        )  # fmt: skip
        tables.append(held_out[_KEPT].assign(model=name, prediction=found))
    tables += _predict_baselines(arrays, cohort)
    together = [_add_intervals(table, params.coverage) for table in tables]
    joined = pd.concat(together, ignore_index=True)
    return joined[["model", *(column for column in joined if column != "model")]]


def _predict_baselines(arrays: ArrayCache, cohort: pd.DataFrame) -> Iterator[pd.DataFrame]:
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from xraylab.evaluation.shortcut_features import border_pixels

    border = border_pixels(arrays.films)
    for _, rows in cohort.groupby("arm", sort=False):
        learn, held_out = rows[rows["split"] == "train"], rows[rows["split"] != "train"]
        means = learn.groupby("sex")["target"].mean()
        mean = held_out["sex"].map(means).fillna(learn["target"].mean())
        yield held_out[_KEPT].assign(model="mean_age", prediction=mean)
        x, x_held_out = (
            np.column_stack(
                [
                    border[arrays.rows_of(part["image_id"])],
                    part[["height_px", "width_px"]],
                    sex_code(part["sex"]),
                ]
            )
            for part in (learn, held_out)
        )
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 6, 13)))
        ridge.fit(x, learn["target"])
        yield held_out[_KEPT].assign(model="border_only", prediction=ridge.predict(x_held_out))


def _add_intervals(rows: pd.DataFrame, coverage: float) -> pd.DataFrame:
    """Give predictions of one model and training an interval each, by split conformal prediction within each sex."""
    from xraylab.evaluation.conformal import calibrate, prediction_interval, residual_scores

    rows = rows.assign(interval_low=np.nan, interval_high=np.nan)
    for sex, part in rows.groupby("sex"):
        val = part[part["split"] == "val"]
        if val.empty:
            continue
        scores = residual_scores(val["target"].to_numpy(), val["prediction"].to_numpy(), "absolute")
        radius = calibrate(scores, val["group_id"], coverage)
        low, high = prediction_interval(part["prediction"].to_numpy(), radius, "absolute")
        here = rows["sex"] == sex
        rows.loc[here, "interval_low"], rows.loc[here, "interval_high"] = low, high
    return rows
