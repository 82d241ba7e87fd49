"""Training of a network on vectors of features, which are few and small: all in memory, on the processor."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from xraylab.models.cnn import ShiftAndScale
from xraylab.training.vector_params import VectorRecipe

__all__ = ["fit_vectors", "predict_vectors"]

Floats = NDArray[np.floating[Any]]


def fit_vectors(
    network: nn.Module, features: Floats, target: Floats, recipe: VectorRecipe, seed: int
) -> pd.DataFrame:
    """Train a network of two logits, in place.

    Parameters
    ----------
    network : torch.nn.Module
        As `xraylab.models.mlp.build_mlp` gives it.
    features : (N, F) ndarray
        Training features.
    target : (N,) ndarray
        0 or 1.
    recipe : VectorRecipe
        How.
    seed : int
        Seed of the order; the global generator is left as it was.

    Returns
    -------
    DataFrame
        One row per epoch: ``epoch, train_loss, train_accuracy, learning_rate, seconds``.

    Raises
    ------
    ValueError
        If there is no row, or the loss is no number.
    """
    x = torch.as_tensor(np.asarray(features, np.float32))
    y = torch.as_tensor(np.asarray(target, np.int64))
    if not len(y):
        raise ValueError("the training part is empty: there is nothing to train on")
    if recipe.standardise:
        _set_scale(network, x)
    optimizer = torch.optim.Adam(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    order = torch.Generator().manual_seed(seed)
    rows = []
    network.train()
    for epoch in range(recipe.max_epochs):
        start, loss_sum, right = time.monotonic(), 0.0, 0
        for part in torch.split(torch.randperm(len(y), generator=order), recipe.batch_size):
            logits = network(x[part])
            loss = cross_entropy(logits, y[part])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss_sum += float(loss.detach()) * len(part)
            right += int((logits.argmax(1) == y[part]).sum())
        if not np.isfinite(loss_sum):
            raise ValueError(
                f"the loss of epoch {epoch} is {loss_sum}; a lower learning_rate than "
                f"{recipe.learning_rate:g} may help"
            )
        rows.append(
            {
                "epoch": epoch,
                "train_loss": loss_sum / len(y),
                "train_accuracy": right / len(y),
                "learning_rate": recipe.learning_rate,
                "seconds": time.monotonic() - start,
            }
        )
    network.eval()
    return pd.DataFrame(rows)


def _set_scale(network: nn.Module, features: torch.Tensor) -> None:
    for layer in network.modules():
        if isinstance(layer, ShiftAndScale):
            scale, mean = torch.std_mean(features, dim=0, correction=0)
            layer.mean.copy_(mean)
            layer.scale.copy_(torch.where(scale > 0, scale, torch.ones_like(scale)))


def predict_vectors(network: nn.Module, features: Floats) -> NDArray[np.float64]:
    """Return the probability (N,) of class 1 for features (N, F)."""
    with torch.inference_mode():
        logits = network.eval()(torch.as_tensor(np.asarray(features, np.float32)))
    return np.asarray(logits.softmax(1)[:, 1].double().numpy(), np.float64)
