"""Training of a network that gives one logit a film, with the metrics that its history shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xraylab.training.params import Recipe, TrainingParams

if TYPE_CHECKING:
    from torch import nn

    from xraylab.training.fit import Fit

__all__ = ["Labelled", "fit_classifier"]


class Labelled(NamedTuple):
    """A part of the films: their rows among all, their targets 0 or 1, and their groups."""

    rows: NDArray[np.int64]
    targets: NDArray[np.floating[Any]]
    groups: NDArray[Any] | None = None


def fit_classifier(
    network: nn.Module,
    films: NDArray[np.uint8],
    learn: Labelled,
    check: Labelled,
    recipe: Recipe,
    training: TrainingParams,
    folder: Path,
) -> Fit:
    """Train a classifier as `xraylab.training.fit.fit` does.

    Parameters
    ----------
    network : torch.nn.Module
        Maps films to one logit each.
    films : (N, S, S) ndarray of uint8
        All films, usually memory-mapped.
    learn, check : Labelled
        Those to train on, and those to choose the weights by.
    recipe, training, folder
        As `fit` takes them.

    Returns
    -------
    Fit
        Its history has ``accuracy`` and ``auroc`` of both parts.
    """
    from torchmetrics import MetricCollection
    from torchmetrics.classification import BinaryAccuracy, BinaryAUROC

    from xraylab.training.data import LabelledFilms, RandomAugmentation
    from xraylab.training.fit import Objective, TrainingData, fit

    drawn = recipe.augmentation
    augment = RandomAugmentation(drawn) if drawn is not None else None
    train, val = (
        LabelledFilms(films, part.rows, part.targets, change)
        for part, change in ((learn, augment), (check, None))
    )
    metrics = MetricCollection({"accuracy": BinaryAccuracy(), "auroc": BinaryAUROC()})
    data = TrainingData(train, val, learn.groups)
    return fit(network, data, recipe, training, objective=Objective(metrics), folder=folder)
