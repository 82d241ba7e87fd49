"""Parameters of lung_segmentation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from xraylab.duplicates.hash_distance import MAX_HASH_DISTANCE
from xraylab.evaluation.leakage import OnLeak
from xraylab.imaging.augment import Variant
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.networks import NetworkParams
from xraylab.parameters import Parameters
from xraylab.training.params import Recipe

__all__ = [
    "CohortParams",
    "EvaluationParams",
    "ProtocolParams",
    "ReleaseParams",
    "SegmentationModel",
]


class CohortParams(Parameters):
    """Which films are used, and how they are prepared.

    Attributes
    ----------
    sites : dict of str to str
        Site by the beginning of the image id; every other film is of the site ``other``.
    preprocess : PreprocessParams
        Size and equalisation.
    workers : int
        Films decoded at once, as joblib counts: -1 uses every core.
    max_rejected_fraction : float
        Stop when more than this share of the films that have a mask cannot be read.
    max_hash_distance : int
        Bits of 256 by which the perceptual hashes of two copies may differ.
    patient_folder : int, optional
        Which folder above a film is its patient's: 1 for the one that it lies in. Films of a patient are one group.
    same_patients : tuple of tuple of str
        Lists of image ids that are of one patient, beside what the readings say.
    """

    sites: dict[str, str] = Field(default_factory=dict)
    preprocess: PreprocessParams = PreprocessParams()
    workers: int = Field(-1, ge=-64, le=256)
    max_rejected_fraction: float = Field(0.2, ge=0, le=1)
    max_hash_distance: int = Field(MAX_HASH_DISTANCE, ge=0, le=256)
    patient_folder: int | None = Field(None, ge=1, le=32)
    same_patients: tuple[tuple[str, ...], ...] = ()


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
    average_flip : bool
        Average each prediction with that of the mirror image.
    max_minutes : float, optional
        Budget of each of its trainings, instead of that of ``training``.
    """

    network: NetworkParams = NetworkParams()
    recipe: Recipe = Recipe()
    variants: tuple[Variant, ...] | None = Field(None, min_length=1)
    average_flip: bool = False
    max_minutes: float | None = Field(None, gt=0)


class ProtocolParams(Parameters):
    """One protocol: how the films are split, what is trained.

    Attributes
    ----------
    split : {"rows", "groups", "sites"}
        ``rows`` makes the variants first and splits them at random, as the public demo does: the part that is held
        out chooses the weights and is reported. ``groups`` splits films by a hash, before any variant is made.
        ``sites`` trains on each site in turn and tests on the others.
    val_fraction, test_fraction : float
        Shares of the rows or groups; the rest trains. ``rows`` has no validation part of its own.
    variants : tuple of str
        The published variants of each film to train on, unless a model names its own.
    on_leak : {"regroup", "fail", "report"}
        What the leak gate does about films on both sides of the split.
    seed : int
        Seed of the split and of the variants.
    models : dict of str to SegmentationModel
        What to train, by name.
    """

    split: Literal["rows", "groups", "sites"]
    val_fraction: float = Field(0.0, ge=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    variants: tuple[Variant, ...] = Field(("original",), min_length=1)
    on_leak: OnLeak = "regroup"
    seed: int = Field(2018, ge=0, lt=2**32)
    models: dict[str, SegmentationModel] = Field(min_length=1)

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
        if self.split != "rows" and self.val_fraction == 0:
            raise ValueError(
                "val_fraction must be above 0: the validation part chooses the weights"
            )
        if self.split == "rows" and any(model.variants for model in self.models.values()):
            raise ValueError(
                "split 'rows' splits the variants: they are those of the protocol, not of a model"
            )
        if len(set(self.variants)) < len(self.variants):
            raise ValueError(f"variants must differ from each other, got {list(self.variants)}")
        return self


class EvaluationParams(Parameters):
    """How predicted masks are measured.

    Attributes
    ----------
    n_resamples : int
        Bootstrap resamples of the groups.
    seed : int
        Seed of the resamples.
    overlay_model : str
        Model whose best, median and worst films are shown.
    """

    n_resamples: int = Field(1000, ge=0, le=100_000)
    seed: int = Field(42, ge=0)
    overlay_model: str = "robust"


class ReleaseParams(Parameters):
    """Which trained network gives the lung masks, and how.

    Attributes
    ----------
    model : str
        A model of the honest protocol.
    clean : bool
        Keep the two largest components, without holes.
    batch_size : int
        Films at once.
    max_rejected_fraction : float
        Stop when more than this share of the films cannot be read.
    """

    model: str = "robust"
    clean: bool = True
    batch_size: int = Field(16, ge=1, le=4096)
    max_rejected_fraction: float = Field(0.5, ge=0, le=1)
