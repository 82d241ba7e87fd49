"""Parameters of lung_segmentation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from xraylab.flow.budget import ModelsParams
from xraylab.flow.params import EvaluationParams, ModelReleaseParams
from xraylab.flow.split import GroupsSplit, RowsSplit, SitesSplit
from xraylab.imaging.augment import Variant
from xraylab.models.networks import NetworkParams
from xraylab.parameters import Parameters
from xraylab.training.params import Recipe

__all__ = ["LungEvaluationParams", "LungReleaseParams", "ProtocolParams", "SegmentationModel"]


class SegmentationModel(Parameters):
    """One network and how it is trained.

    Attributes
    ----------
    network : NetworkParams
        The network by name.
    recipe : Recipe
        Loss, optimiser, schedule, augmentation.
    variants : tuple of str or None
        The published variants of each film to train on; None takes those of the protocol.
    views : {1, 2}
        Average each prediction with that of the mirror image (2), or not.
    share : float
        What its trainings have together of the minutes of a run.
    """

    network: NetworkParams = NetworkParams()
    recipe: Recipe = Recipe()
    variants: tuple[Variant, ...] | None = Field(None, min_length=1)
    views: Literal[1, 2] = 1
    share: float = Field(1.0, gt=0, le=1000)


class ProtocolParams(ModelsParams):
    """One protocol: how the films are split, what is trained.

    Attributes
    ----------
    split : Split
        ``rows`` makes the variants first and splits them at random, as the public demo does: the part that is held
        out chooses the weights and is reported. ``groups`` and ``sites`` split films before any variant is made.
    variants : tuple of str
        The published variants of each film to train on, unless a model names its own.
    seed : int
        Seed of the split and of the variants.
    models : dict of str to SegmentationModel
        What to train, by name.
    """

    split: Annotated[RowsSplit | GroupsSplit | SitesSplit, Field(discriminator="kind")]
    variants: tuple[Variant, ...] = Field(("original",), min_length=1)
    seed: int = Field(2018, ge=0, lt=2**32)
    models: dict[str, SegmentationModel] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> ProtocolParams:
        if isinstance(self.split, RowsSplit):
            if self.split.val_fraction:
                raise ValueError(
                    "split 'rows' keeps the public demo's two parts as they are: val_fraction must be 0, got "
                    f"{self.split.val_fraction}"
                )
            if any(model.variants for model in self.models.values()):
                raise ValueError(
                    "split 'rows' splits the variants: they are those of the protocol, not of a model"
                )
        if len(set(self.variants)) < len(self.variants):
            raise ValueError(f"variants must differ from each other, got {list(self.variants)}")
        return self


class LungEvaluationParams(EvaluationParams):
    """How predicted masks are measured.

    Attributes
    ----------
    overlay_model : str
        Model whose best, median and worst films are shown.
    """

    overlay_model: str = "robust"


class LungReleaseParams(ModelReleaseParams):
    """Which trained network is released, and how it draws the lungs of the whole set for other pipelines.

    Attributes
    ----------
    clean : bool
        Keep the two largest components, without holes.
    batch_size : int
        Films at once.
    max_rejected_fraction : float
        Stop when more than this share of the films of the set cannot be read.
    """

    clean: bool = True
    batch_size: int = Field(16, ge=1, le=4096)
    max_rejected_fraction: float = Field(0.5, ge=0, le=1)
