"""Training of a network that gives one mask per film, with the Dice that its history shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.array_cache import ArrayCache
from xraylab.training.params import Recipe, TrainingParams

if TYPE_CHECKING:
    from torch import nn

    from xraylab.training.data import Edit
    from xraylab.training.fit import Fit

__all__ = ["Examples", "fit_segmenter"]


class Examples(NamedTuple):
    """A part of the films: their rows among all, and how each is changed before it is shown, the same every epoch."""

    rows: NDArray[np.int64]
    edit: Edit | None = None


def fit_segmenter(
    network: nn.Module,
    arrays: ArrayCache,
    train: Examples,
    val: Examples,
    recipe: Recipe,
    training: TrainingParams,
    folder: Path,
) -> Fit:
    """Train a network of masks as `xraylab.training.fit.fit` does; the baseline is given the mean training mask.

    Parameters
    ----------
    network : torch.nn.Module
        Maps films to one map of logits each, or `xraylab.models.mean_mask.MeanMask`.
    arrays : ArrayCache
        Films and masks.
    train, val : Examples
        Those to train on, and those to choose the weights by.
    recipe, training, folder
        As `fit` takes them.

    Returns
    -------
    Fit
        Its history has the ``dice`` of both parts.
    """
    from torchmetrics import MetricCollection
    from torchmetrics.classification import BinaryF1Score

    from xraylab.models.mean_mask import MeanMask
    from xraylab.training.data import MaskedFilms, RandomAugmentation
    from xraylab.training.fit import Objective, TrainingData, fit, fit_mean_mask

    drawn = recipe.augmentation
    augment = RandomAugmentation(drawn) if drawn is not None else None
    shown, checked = (
        MaskedFilms(arrays.films, arrays.masks, part.rows, part.edit, change)
        for part, change in ((train, augment), (val, None))
    )
    metrics: Any = MetricCollection({"dice": BinaryF1Score()})
    data = TrainingData(shown, checked)
    if isinstance(network, MeanMask):
        return fit_mean_mask(network, data, recipe, metrics)
    return fit(network, data, recipe, training, objective=Objective(metrics), folder=folder)
