"""How a network on vectors of features is trained."""

from __future__ import annotations

from pydantic import Field

from xraylab.parameters import Parameters

__all__ = ["VectorRecipe"]


class VectorRecipe(Parameters):
    """Cross-entropy by Adam, for all epochs.

    Attributes
    ----------
    max_epochs : int
        Epochs.
    learning_rate, weight_decay : float
        Of Adam.
    batch_size : int
        Rows a step.
    standardise : bool
        Shift and scale each feature by its mean and deviation over the training rows first.
    """

    max_epochs: int = Field(50, ge=1, le=100_000)
    learning_rate: float = Field(1e-3, gt=0, le=10)
    weight_decay: float = Field(0.0, ge=0, le=1)
    batch_size: int = Field(32, ge=1, le=65536)
    standardise: bool = True
