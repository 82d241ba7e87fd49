"""Parameters of fracture."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from xraylab.duplicates.rotations import TurnedCopyParams
from xraylab.evaluation.calibration import CalibrationMethod
from xraylab.evaluation.thresholds import ThresholdRule
from xraylab.flow.budget import ModelsParams
from xraylab.flow.params import CohortParams, check_model_names
from xraylab.flow.split import GroupsSplit, OfficialSplit
from xraylab.imaging.markers import MarkerParams
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.classifiers import ClassifierParams
from xraylab.parameters import Parameters
from xraylab.records.ids import plain_name
from xraylab.training.params import Recipe

__all__ = [
    "CLASS_NAMES",
    "PROBES",
    "FractureCohortParams",
    "FractureModel",
    "ProtocolParams",
]

CLASS_NAMES = ("not fractured", "fractured")

PROBES = ("md5_look_up", "hash_look_up", "border_only")
"""Baselines that look at no bone: the same file, the most alike film, and the border of the film."""


class FractureCohortParams(CohortParams):
    """Which films are used, how they are prepared, and when two are copies.

    Attributes
    ----------
    splits : dict of str to str
        Split by the name of its folder.
    classes : dict of str to int or None
        1 (fractured) or 0 by the name of the class folder; None leaves the films of a folder out. Upper and lower case,
        spaces, ``-`` and ``_`` make no difference (`plain_name`).
    copies : TurnedCopyParams
        When a film is a turned copy of another.
    markers : MarkerParams
        What a burned-in marker looks like.
    """

    splits: dict[str, Literal["train", "val", "test"]] = Field(min_length=1)
    classes: dict[str, Literal[0, 1] | None] = Field(min_length=2)
    preprocess: PreprocessParams = PreprocessParams(size_px=224, equalise="none")
    copies: TurnedCopyParams = TurnedCopyParams()
    markers: MarkerParams = MarkerParams()

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
    share : float
        What its trainings have together of the minutes of a run.
    """

    network: ClassifierParams = ClassifierParams()
    recipe: Recipe = Recipe(loss="bce")
    views: Literal[1, 2, 8] = 1
    calibration: CalibrationMethod | None = None
    share: float = Field(1.0, gt=0, le=1000)

    @model_validator(mode="after")
    def _check(self) -> FractureModel:
        if self.recipe.loss != "bce":
            raise ValueError(
                f"a network of one logit a film takes the loss 'bce', got '{self.recipe.loss}'"
            )
        return self


class ProtocolParams(ModelsParams):
    """One protocol: how the films are split, what is trained.

    Attributes
    ----------
    split : Split
        ``official`` takes the folders as they are published. ``groups`` makes a film and all its copies one group.
    threshold_rule : str
        How the threshold is chosen on the validation part: ``youden, f1, sensitivity_90, specificity_90``.
    seed : int
        Seed of the split and of the probes.
    models : dict of str to FractureModel
        What to train, by name.
    """

    split: Annotated[OfficialSplit | GroupsSplit, Field(discriminator="kind")]
    threshold_rule: ThresholdRule = "youden"
    seed: int = Field(2018, ge=0, lt=2**32)
    models: dict[str, FractureModel] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> ProtocolParams:
        check_model_names(self.models, PROBES)
        return self
