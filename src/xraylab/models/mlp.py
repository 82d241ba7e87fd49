"""A network of dense layers on a vector of features, such as that of the public tuberculosis demo."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from xraylab.models.networks import load_state
from xraylab.models.state import ModelState

if TYPE_CHECKING:
    from torch import nn

__all__ = ["PUBLISHED_SIZES", "build_mlp", "restore_mlp"]

PUBLISHED_SIZES = (200, 120, 80, 50, 20, 5)
"""Units of the hidden layers as published, between 25,088 features and 2 classes."""


def build_mlp(n_features: int, hidden_sizes: Sequence[int], seed: int) -> nn.Module:
    """Build a network of dense layers with ReLU between them and two logits, one a class.

    Parameters
    ----------
    n_features : int
        Length of the vectors.
    hidden_sizes : sequence of int
        Units of each hidden layer.
    seed : int
        Seed of the weights; the global generator is left as it was.

    Returns
    -------
    torch.nn.Module
        Maps vectors (B, F) to logits (B, 2). The first layer shifts and scales features by its buffers, 0 and 1 as long
        as no training has set them.
    """
    import torch
    from torch import nn

    from xraylab.models.cnn import ShiftAndScale

    sizes = [n_features, *hidden_sizes, 2]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers: list[nn.Module] = [ShiftAndScale(n_features)]
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def restore_mlp(state: ModelState) -> nn.Module:
    """Return the network of a stored model, in evaluation mode.

    Raises
    ------
    ValueError
        If the tensors are not those of the network that the card names.
    """
    described = state.card["network"]
    network = build_mlp(int(described["n_features"]), described["hidden_sizes"], 0)
    return load_state(network, state)
