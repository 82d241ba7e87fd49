"""One network and one split: what every training of bone_age shares, a trial's too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bone_age import BoneAgeNetworkParams
from xraylab.models.card import digest_facts
from xraylab.pipelines.bone_age.params import AgeModel, ProtocolParams
from xraylab.training.params import TrainingParams

from .split import SINGLE

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import Dataset

    from xraylab.training.fit import Fit

__all__ = [
    "age_scale",
    "describe_training",
    "fit_network",
    "list_trainings",
    "model_key",
    "sex_code",
    "training_parts",
    "with_hyperparams",
]


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


def with_hyperparams(network: BoneAgeNetworkParams, drawn: dict[str, Any]) -> BoneAgeNetworkParams:
    """Return a network with hyper-parameters that were drawn or found."""
    return BoneAgeNetworkParams.model_validate({**network.model_dump(), **drawn})


def fit_network(
    network: nn.Module,
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: AgeModel,
    training: TrainingParams,
    folder: Path,
    report: Callable[[float, int], None] | None = None,
) -> Fit:
    """Fit a network to the films of one split and leave it with its best weights.

    Parameters
    ----------
    network : torch.nn.Module
        As `xraylab.models.bone_age.build_bone_age_network` gives it.
    arrays : ArrayCache
        The films.
    rows : DataFrame
        Of one split: ``image_id, split, sex, target``.
    spec : AgeModel
        Recipe and scale of the target.
    training : TrainingParams
        Budget and machine.
    folder : Path
        Of the checkpoints.
    report : callable, optional
        As `xraylab.training.fit.fit` takes it.
    """
    from torchmetrics import MeanAbsoluteError, MetricCollection

    from xraylab.training.data import LabelledFilms, RandomAugmentation
    from xraylab.training.fit import Objective, TrainingData, fit

    learn, check = training_parts(rows)
    mean, deviation = age_scale(learn, spec)
    drawn = spec.recipe.augmentation

    def films(part: pd.DataFrame, augment: RandomAugmentation | None) -> Dataset[Any]:
        target = (part["target"].to_numpy() - mean) / deviation
        places = arrays.rows_of(part["image_id"])
        return LabelledFilms(arrays.films, places, target, augment, sex_code(part["sex"]))

    augment = RandomAugmentation(drawn) if drawn is not None else None
    data = TrainingData(films(learn, augment), films(check, None))
    objective = Objective(MetricCollection({"mae": MeanAbsoluteError()}), kind="number")
    return fit(
        network, data, spec.recipe, training, objective=objective, report=report, folder=folder
    )


def training_parts(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the films to learn from and those to stop by: without a validation part, as published, the test films."""
    stop_by = "val" if (rows["split"] == "val").any() else "test"
    return rows[rows["split"] == "train"], rows[rows["split"] == stop_by]


def age_scale(learn: pd.DataFrame, spec: AgeModel) -> tuple[float, float]:
    """Return what is taken from an age, and what it is divided by."""
    if not spec.standardise_target:
        return 0.0, 1.0
    deviation = float(learn["target"].std(ddof=0))
    return float(learn["target"].mean()), deviation if deviation > 0 else 1.0


def describe_training(
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
