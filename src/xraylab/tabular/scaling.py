"""Standardised features and targets: one rule for every kind of model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEATURE_TENSORS", "FeatureScaling", "TargetScaling"]

Floats = NDArray[np.float64]

FEATURE_TENSORS = ("offset", "scale")
"""Names of the stored arrays of a `FeatureScaling`."""


@dataclass(frozen=True, eq=False)
class FeatureScaling:
    """A shift and a factor for each feature.

    Attributes
    ----------
    offset, scale : (F,) ndarray of float64
        A feature becomes (feature - offset) / scale.

    Examples
    --------
    >>> scaling = FeatureScaling.fit(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> scaling.apply(np.array([[5.0, 6.0]])).tolist()
    [[3.0, 1.0]]
    """

    offset: Floats
    scale: Floats

    @classmethod
    def fit(cls, design: Floats) -> FeatureScaling:
        """Return the scaling to mean 0 and standard deviation 1 of the known values of each column.

        Parameters
        ----------
        design : (N, F) ndarray of float64
            Training features; missing values are nan. The scale of a constant column is 1.
        """
        known = np.isfinite(design)
        n_known = np.maximum(known.sum(axis=0), 1)
        offset = np.where(known, design, 0.0).sum(axis=0) / n_known
        squares = np.where(known, (design - offset) ** 2, 0.0)
        scale = np.sqrt(squares.sum(axis=0) / n_known)
        scale[scale == 0] = 1.0
        return cls(offset, scale)

    @classmethod
    def identity(cls, n_features: int) -> FeatureScaling:
        """Return the scaling that changes nothing."""
        return cls(np.zeros(n_features), np.ones(n_features))

    @classmethod
    def restore(cls, tensors: Mapping[str, NDArray[Any]]) -> FeatureScaling:
        """Return the scaling whose `tensors` were stored."""
        return cls(tensors["offset"], tensors["scale"])

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to store, by the names `FEATURE_TENSORS`."""
        return {"offset": self.offset, "scale": self.scale}

    def apply(self, design: Floats) -> Floats:
        """Return scaled features (N, F); a missing value stays nan."""
        return np.asarray((design - self.offset) / self.scale)


@dataclass(frozen=True)
class TargetScaling:
    """How the target of trees is scaled for the fit.

    Attributes
    ----------
    offset, scale : float
        The model is fitted to (target - offset) / scale.
    binary : bool
        The target is 0 or 1, and predictions are probabilities.

    Examples
    --------
    >>> scaling = TargetScaling(offset=2.0, scale=4.0)
    >>> scaling.undo(np.array([0.5])).tolist()
    [4.0]
    """

    offset: float = 0.0
    scale: float = 1.0
    binary: bool = False

    @classmethod
    def fit(cls, target: Floats, scale_target: bool, binary: bool) -> TargetScaling:
        """Return the scaling of a training target.

        Parameters
        ----------
        target : (N,) ndarray of float64
            Training target.
        scale_target : bool
            Standardise the target by its mean and standard deviation.
        binary : bool
            The target is a class.

        Raises
        ------
        ValueError
            If a binary target is not 0 or 1, or is to be standardised.
        """
        if binary and (scale_target or not np.isin(target, (0, 1)).all()):
            raise ValueError("a binary target must be 0 or 1, and is not scaled")
        if not scale_target:
            return cls(binary=binary)
        return cls(float(target.mean()), float(target.std()) or 1.0)

    @classmethod
    def restore(cls, card: Mapping[str, Any]) -> TargetScaling:
        """Return the scaling whose `card` entries were stored."""
        return cls(card["target_offset"], card["target_scale"], card["binary"])

    def card(self) -> dict[str, Any]:
        """Return the entries of a model's card."""
        return {"target_offset": self.offset, "target_scale": self.scale, "binary": self.binary}

    def apply(self, target: Floats) -> Floats:
        """Return the target (N,) on the scale of the fit."""
        return np.asarray((target - self.offset) / self.scale)

    def undo(self, output: Floats) -> Floats:
        """Return outputs of the fit (N,) in units of the target; probabilities lie in [0, 1]."""
        values = output * self.scale + self.offset
        # rounding in float32 may move a booster's probability past 1
        return np.asarray(np.clip(values, 0.0, 1.0) if self.binary else values)
