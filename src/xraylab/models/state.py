"""A trained model as plain data: what is written to disk and read back without running any code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ModelState"]


@dataclass(frozen=True)
class ModelState:
    """A trained model as tensors or booster text, with the card that says what it is.

    Attributes
    ----------
    card : dict
        JSON-ready facts: kind of model, configuration, feature names, versions, data hash, metrics.
    tensors : dict of str to ndarray
        Weights by name; empty for a boosted model.
    booster : str
        The boosting library's own JSON or text; empty for any other model.
    """

    card: dict[str, Any]
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    booster: str = ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ModelState):
            return NotImplemented
        return (
            self.card == other.card
            and self.booster == other.booster
            and self.tensors.keys() == other.tensors.keys()
            and all(
                np.array_equal(value, other.tensors[key]) for key, value in self.tensors.items()
            )
        )

    __hash__ = None  # type: ignore[assignment]
