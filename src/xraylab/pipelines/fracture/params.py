"""Parameters of fracture."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from xraylab.duplicates.rotations import TurnedCopyParams
from xraylab.evaluation.calibration import CalibrationMethod
from xraylab.evaluation.leakage import OnLeak
from xraylab.evaluation.thresholds import ThresholdRule
from xraylab.imaging.markers import MarkerParams
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.classifiers import ClassifierParams
from xraylab.parameters import Parameters
from xraylab.training.params import Recipe

__all__ = [
    "PROBES",
    "CohortParams",
    "EvaluationParams",
    "FractureModel",
    "ProtocolParams",
    "ReleaseParams",
    "plain_name",
]

PROBES = ("md5_look_up", "hash_look_up", "border_only")
"""Baselines that look at no bone: the same file, the most alike film, and the border of the film."""


def plain_name(folder: str) -> str:
    """Return the name of a folder in one spelling.

    Examples
    --------
    >>> plain_name("Non_fractured"), plain_name(" not  Fractured ")
    ('non fractured', 'not fractured')
    """
    return " ".join(re.split(r"[\s_-]+", folder.strip().casefold()))


class CohortParams(Parameters):
    """Which films are used, how they are prepared, and when two are copies.

    Attributes
    ----------
    splits : dict of str to str
        Split by the name of its folder.
    classes : dict of str to int or None
        1 (fractured) or 0 by the name of the class folder; None leaves the films of a folder out. Upper and lower case,
        spaces, ``-`` and ``_`` make no difference (`plain_name`).
    preprocess : PreprocessParams
        Size and equalisation.
    copies : TurnedCopyParams
        When a film is a turned copy of another.
    markers : MarkerParams
        What a burned-in marker looks like.
    workers : int
        Films decoded at once, as joblib counts: -1 uses every core.
    max_rejected_fraction : float
        Stop when more than this share of the films cannot be read.
    patient_folder : int, optional
        Which folder above a film is its patient's: 1 for the one that it lies in. Films of a patient are one group.
    """

    splits: dict[str, Literal["train", "val", "test"]] = Field(min_length=1)
    classes: dict[str, Literal[0, 1] | None] = Field(min_length=2)
    preprocess: PreprocessParams = PreprocessParams(size_px=224, equalise="none")
    copies: TurnedCopyParams = TurnedCopyParams()
    markers: MarkerParams = MarkerParams()
    workers: int = Field(-1, ge=-64, le=256)
    max_rejected_fraction: float = Field(0.2, ge=0, le=1)
    patient_folder: int | None = Field(None, ge=1, le=32)

    @field_validator("splits", "classes", mode="before")
    @classmethod
    def _spell_plainly(cls, value: Any) -> Any:
        named = isinstance(value, dict)
        return {plain_name(str(k)): v for k, v in value.items()} if named else value


class FractureModel(Parameters):
    """One network and how it is trained.

    Attributes
    ----------
    network : ClassifierParams
        The network by name.
    recipe : Recipe
        Loss, optimiser, schedule, augmentation, copies an epoch.
    views : {1, 2, 8}
        Views of a film that a prediction is averaged over: itself, its mirror image, all quarter turns of both.
    calibration : {"platt", "temperature"}, optional
        How probabilities are calibrated on the validation part of each training, so that those of several folds mean
        the same.
    max_minutes : float, optional
        Budget of each of its trainings, instead of that of ``training``.
    """

    network: ClassifierParams = ClassifierParams()
    recipe: Recipe = Recipe(loss="bce")
    views: Literal[1, 2, 8] = 1
    calibration: CalibrationMethod | None = None
    max_minutes: float | None = Field(None, gt=0, le=100_000)

    @model_validator(mode="after")
    def _check(self) -> FractureModel:
        if self.recipe.loss != "bce":
            raise ValueError(
                f"a network of one logit a film takes the loss 'bce', got '{self.recipe.loss}'"
            )
        return self


class ProtocolParams(Parameters):
    """One protocol: how the films are split, what is trained.

    Attributes
    ----------
    split : {"official", "groups"}
        ``official`` takes the folders as they are published. ``groups`` makes a film and all its copies one group and
        splits by group.
    n_folds : int
        With ``groups``: each film is tested once, by a network that saw no copy of it, in so many trainings; 0 makes a
        single split by a hash.
    val_fraction, test_fraction : float
        Shares of the groups, of those that are not in the test fold where there are folds.
    on_leak : {"regroup", "fail", "report"}
        What the leak gate does about films on both sides of the split.
    threshold_rule : str
        How the threshold is chosen on the validation part: ``youden, f1, sensitivity_90, specificity_90``.
    seed : int
        Seed of the split and of the probes.
    models : dict of str to FractureModel
        What to train, by name.
    """

    split: Literal["official", "groups"]
    n_folds: int = Field(0, ge=0, le=50)
    val_fraction: float = Field(0.15, gt=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    on_leak: OnLeak = "regroup"
    threshold_rule: ThresholdRule = "youden"
    seed: int = Field(2018, ge=0, lt=2**32)
    models: dict[str, FractureModel] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> ProtocolParams:
        if self.split == "official" and self.on_leak == "regroup":
            raise ValueError(
                "split 'official' keeps the published folders: on_leak must be 'report' or 'fail', got 'regroup'"
            )
        if self.split == "official" and self.n_folds:
            raise ValueError(f"split 'official' has no folds, got n_folds {self.n_folds}")
        if self.n_folds == 1:
            raise ValueError("n_folds must be 0, or 2 and more, got 1")
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"val_fraction + test_fraction must be under 1, got {self.val_fraction} + {self.test_fraction}"
            )
        taken = set(self.models) & set(PROBES)
        if taken:
            raise ValueError(f"'{min(taken)}' is a baseline; name the model in another way")
        return self


class EvaluationParams(Parameters):
    """How predictions are measured and shown.

    Attributes
    ----------
    n_resamples : int
        Bootstrap resamples of the groups.
    seed : int
        Seed of the resamples, and of the weights that are drawn anew to check saliency maps.
    n_bins : int
        Bins of the reliability figure, of equal counts.
    shown_model : str
        Model whose saliency maps are shown and checked.
    n_shown : int
        Films shown of each kind: right and wrong, fractured and not.
    n_checked : int
        Films that saliency is checked on.
    border_fraction : float
        Width of the border, as a fraction of the edge.
    """

    n_resamples: int = Field(1000, ge=0, le=100_000)
    seed: int = Field(42, ge=0, lt=2**32)
    n_bins: int = Field(10, ge=2, le=100)
    shown_model: str = "robust"
    n_shown: int = Field(3, ge=1, le=12)
    n_checked: int = Field(64, ge=4, le=10_000)
    border_fraction: float = Field(0.08, gt=0, lt=0.5)


class ReleaseParams(Parameters):
    """Which trained network reads new films, and how.

    Attributes
    ----------
    model : str
        A model of the honest protocol; with folds the mean of its trainings.
    batch_size : int
        Films at once.
    max_rejected_fraction : float
        Stop when more than this share of the films cannot be read.
    """

    model: str = "robust"
    batch_size: int = Field(32, ge=1, le=4096)
    max_rejected_fraction: float = Field(0.5, ge=0, le=1)
