"""Networks of masks: how they are trained, and the masks of films that they were not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.flow.train import Training
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.networks import Weights, build_network, restore_network
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams
from xraylab.training.segment import Examples, fit_segmenter

if TYPE_CHECKING:
    from torch import nn

    from xraylab.training.fit import Fit
    from xraylab.training.predict import Batches

__all__ = ["MaskTask", "RankedFilms", "predict_held_out_masks"]

Bytes = NDArray[np.uint8]
Threshold = Callable[[NDArray[np.float32]], float]


@dataclass(frozen=True)
class MaskTask:
    """A `xraylab.flow.train.Task` of one mask per film.

    Attributes
    ----------
    arrays : ArrayCache
        Films and masks.
    machine : TrainingParams
        Budget and machine.
    weights : mapping of str to callable
        Pretrained weights that are at hand.
    examples : callable
        Takes a training and ``train`` or ``val``, and returns what is shown of that part.
    facts : callable
        Takes a training and returns what it depends on beside network, recipe, films and machine.
    """

    arrays: ArrayCache
    machine: TrainingParams
    weights: Weights
    examples: Callable[[Training, str], Examples]
    facts: Callable[[Training], dict[str, Any]]

    def describe(self, training: Training) -> dict[str, Any]:
        """Return views, and what the pipeline adds."""
        return {"views": training.spec.views, **self.facts(training)}

    def build(self, training: Training) -> nn.Module:
        """Return the network with new or pretrained weights."""
        network, size = training.spec.network, self.arrays.size_px
        return build_network(network, self.machine.seed, self.weights, size_px=size)

    def fit(self, network: nn.Module, training: Training, folder: Path) -> Fit:
        """Train the network."""
        train, val = (self.examples(training, part) for part in ("train", "val"))
        machine = self.machine.within(training.limits)
        return fit_segmenter(
            network, self.arrays, train, val, training.spec.recipe, machine, folder
        )

    def measure(self, network: nn.Module, training: Training, outcome: Fit) -> dict[str, Any]:
        """Return loss and Dice of the validation part."""
        dice = float(outcome.history["val_dice"].iloc[outcome.best_epoch])
        return {"metrics": {"val_loss": outcome.val_loss, "val_dice": dice}}


def predict_held_out_masks(
    trainings: Iterable[Training],
    models: Mapping[str, ModelState],
    read: Callable[[pd.DataFrame], Bytes],
    machine: TrainingParams,
    name_of: Callable[[Training, Mapping[Any, Any]], str],
    threshold: Threshold,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the masks of films that were not trained on, a batch at a time as the catalog saves them.

    Parameters
    ----------
    trainings : iterable of Training
        Their held-out rows are predicted.
    models : mapping of str to ModelState
        The stored networks.
    read : callable
        Takes rows of a cohort and returns their films (B, S, S).
    machine : TrainingParams
        Precision and accelerator.
    name_of : callable
        Takes a training and a row and returns the name of its mask.
    threshold : callable
        Takes the map (S, S) of a film and returns the probability from which a pixel belongs to the mask.

    Returns
    -------
    dict of str to callable
        By name a callable that gives the mask (S, S) of 0 and 1.
    """
    from xraylab.training.predict import Batches

    masks: dict[str, Callable[[], Bytes]] = {}
    for training in trainings:
        rows = training.held_out
        names = [name_of(training, row) for row in rows.to_dict("records")]
        order = np.argsort(np.array(names))  # that in which the catalog saves them
        rows = rows.iloc[order]
        batches = Batches(
            restore_network(models[training.key]), len(rows), partial(_read_slice, read, rows),
            training.spec.recipe.batch_size, views=training.spec.views,
            precision=machine.precision, accelerator=machine.accelerator,
        )  # fmt: skip
        for position, place in enumerate(order):
            masks[names[place]] = partial(_mask, batches, position, threshold)
    return masks


def _read_slice(
    read: Callable[[pd.DataFrame], Bytes], rows: pd.DataFrame, start: int, stop: int
) -> Bytes:
    return read(rows.iloc[start:stop])


def _mask(batches: Batches, position: int, threshold: Threshold) -> Bytes:
    found = batches(position)
    return np.asarray(found >= threshold(found), np.uint8)


class RankedFilms:
    """Chosen films of a table that is ranked by Dice, each shown once: best, some in between, worst.

    Parameters
    ----------
    rows : DataFrame
        One row per film: ``image_id, dice``; films without a Dice are left out.
    places : mapping of str to float
        Where each is in the ranking, from 0 (best) to 1 (worst), by its label.

    Examples
    --------
    >>> rows = pd.DataFrame({"image_id": ["a", "b", "c"], "dice": [0.2, 0.9, 0.5]})
    >>> [(label, row["image_id"]) for label, row in RankedFilms(rows, {"best": 0, "worst": 1})]
    [('best', 'b'), ('worst', 'a')]
    """

    def __init__(self, rows: pd.DataFrame, places: Mapping[str, float]) -> None:
        known = rows.dropna(subset="dice")
        self.rows = known.sort_values(["dice", "image_id"], ascending=False, ignore_index=True)
        self.places = places

    def __iter__(self) -> Any:
        """Give label and row of each."""
        last = len(self.rows) - 1
        chosen = {int(last * share): label for label, share in self.places.items()}
        for place, label in sorted(chosen.items()):
            if place >= 0:
                yield label, self.rows.iloc[place]
