"""A training in a process of its own that kills itself in the middle of an epoch: run by test_fit."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from xraylab.models.networks import NetworkParams, build_network
from xraylab.training.data import MaskedFilms
from xraylab.training.fit import TrainingData, fit
from xraylab.training.params import Augmentation, Recipe, TrainingParams

RECIPE = Recipe(
    loss="bce", learning_rate=1e-2, batch_size=4, schedule="one_cycle", augmentation=Augmentation()
)
PARAMS = TrainingParams(max_epochs=5, precision="32", accelerator="cpu", seed=3, progress=False)


class Deadly(MaskedFilms):
    """Films that send SIGKILL to the process when one has been read often enough."""

    reads = 0
    deadly_read = -1

    def __getitem__(self, position: int) -> tuple[torch.Tensor, torch.Tensor]:
        Deadly.reads += 1
        if Deadly.reads == Deadly.deadly_read:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(position)


def train(folder: Path) -> object:
    """Train on seeded films; the second half of the films of an epoch differ from the first."""
    from xraylab.training.data import RandomAugmentation

    # torch's batch normalisation gives other running statistics on another number of threads
    torch.set_num_threads(1)
    rng = np.random.default_rng(5)
    films = rng.integers(0, 255, (20, 16, 16), dtype=np.uint8)
    masks = (films > 128).astype(np.uint8)
    augment = RandomAugmentation(Augmentation())
    network = build_network(NetworkParams(architecture="resunet", widths=(4, 8)), seed=2)
    train_part = Deadly(films, masks, np.arange(12), augment=augment)
    outcome = fit(
        network,
        TrainingData(train_part, MaskedFilms(films, masks, np.arange(12, 20))),
        RECIPE,
        PARAMS,
        folder=folder,
    )
    return outcome, network


if __name__ == "__main__":
    Deadly.deadly_read = int(sys.argv[2])
    train(Path(sys.argv[1]))
