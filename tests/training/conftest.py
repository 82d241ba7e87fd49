"""A tiny task that a network learns in seconds."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from xraylab.models.networks import NetworkParams, build_network
from xraylab.training.data import MaskedFilms
from xraylab.training.fit import TrainingData

SMALL = NetworkParams(architecture="unet", widths=(4, 8))


@pytest.fixture
def films() -> tuple[np.ndarray, np.ndarray]:
    """Bright squares on noise, and where they are."""
    rng = np.random.default_rng(0)
    films = rng.integers(0, 90, (24, 16, 16), dtype=np.uint8)
    masks = np.zeros_like(films)
    for film, mask, (top, left) in zip(films, masks, rng.integers(0, 8, (24, 2)), strict=True):
        film[top : top + 8, left : left + 8] += 120
        mask[top : top + 8, left : left + 8] = 1
    return films, masks


@pytest.fixture
def parts(films) -> TrainingData:
    """Sixteen films to train on, eight to validate on."""
    return TrainingData(MaskedFilms(*films, np.arange(16)), MaskedFilms(*films, np.arange(16, 24)))


@pytest.fixture
def new_network() -> Callable[[], torch.nn.Module]:
    """The same new network at every call."""
    return lambda: build_network(SMALL, seed=1)
