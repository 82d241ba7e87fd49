"""Parameters of dose_estimation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from xraylab.dose.simulate import Recipe
from xraylab.evaluation.leakage import OnLeak
from xraylab.flow.params import ModelReleaseParams
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.parameters import Parameters
from xraylab.tabular.params import RegressorParams

__all__ = ["DoseReleaseParams", "EvaluationParams", "ProtocolParams"]


class ProtocolParams(Parameters):
    """One protocol: which exposures, how they are split, what is fitted.

    Attributes
    ----------
    recipe : {"additive", "quantum"}
        Exposures of this recipe are the examples.
    target : {"scale", "dose_fraction"}
        What is estimated.
    split : {"rows", "groups"}
        ``rows`` splits exposures at random, as the public demo does, so that one film stands on both sides.
        ``groups`` splits patients by a hash, so that a new film never moves an old one.
    val_fraction, test_fraction : float
        Shares of the rows or groups; the rest trains. ``rows`` has no validation part.
    on_leak : {"regroup", "fail", "report"}
        What the leak gate does about groups or equal films on both sides of the split.
    seed : int
        Seed of the split and of the fits.
    models : dict of str to RegressorParams
        What to fit, by name.
    interval : {"absolute", "relative"} or None
        Score of the conformal prediction interval, calibrated on the validation part; None gives no interval.
    coverage : float
        Wanted coverage of that interval.
    """

    recipe: Recipe
    target: Literal["scale", "dose_fraction"]
    split: Literal["rows", "groups"]
    val_fraction: float = Field(0.0, ge=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    on_leak: OnLeak = "regroup"
    seed: int = Field(42, ge=0, lt=2**32)
    models: dict[str, RegressorParams] = Field(min_length=1)
    interval: Literal["absolute", "relative"] | None = None
    coverage: float = Field(0.9, gt=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> ProtocolParams:
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"val_fraction + test_fraction must be under 1, got {self.val_fraction} + {self.test_fraction}"
            )
        if self.split == "rows" and (self.val_fraction > 0 or self.on_leak == "regroup"):
            raise ValueError(
                "split 'rows' keeps the public demo's two parts as they are: val_fraction must be 0 and on_leak "
                f"'report' or 'fail', got {self.val_fraction} and '{self.on_leak}'"
            )
        if self.interval is not None and self.val_fraction == 0:
            raise ValueError("interval needs a validation part to calibrate on: val_fraction is 0")
        return self


class EvaluationParams(Parameters):
    """How predictions are measured.

    Attributes
    ----------
    just_noticeable_difference : float
        Relative difference in dose that readers can just notice, 17 % (Borges et al. 2017); the share of predictions
        within it is a metric.
    n_resamples : int
        Bootstrap resamples of the groups.
    seed : int
        Seed of the resamples.
    """

    just_noticeable_difference: float = Field(0.17, gt=0, lt=1)
    n_resamples: int = Field(1000, ge=0, le=100_000)
    seed: int = Field(42, ge=0)


class DoseReleaseParams(ModelReleaseParams):
    """Which model of the fair protocol is released, and what is familiar to it.

    Attributes
    ----------
    n_films : int
        Films that are read once more to know what a familiar film looks like, at most.
    preprocess : PreprocessParams
        How films are prepared for that; texture is measured at their own size.
    """

    model: str = "mlp"
    n_films: int = Field(1000, ge=2, le=100_000)
    preprocess: PreprocessParams = PreprocessParams(size_px=224, equalise="none")
