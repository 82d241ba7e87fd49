"""Parameters of lesion_regression."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from xraylab.features.lesions import LESION_FEATURES
from xraylab.flow.budget import BudgetedParams
from xraylab.flow.params import HashedCohortParams
from xraylab.flow.split import GroupsSplit
from xraylab.models.networks import NetworkParams
from xraylab.parameters import Parameters
from xraylab.tabular.tree_params import ForestSpec, LightgbmSpec, XgboostSpec
from xraylab.training.params import Augmentation, Recipe

__all__ = [
    "CLINICAL_FEATURES",
    "LesionCohortParams",
    "ProtocolParams",
    "SegmentationParams",
    "TableParams",
]

CLINICAL_FEATURES = ("age", "sex", "view", "follow_up")
"""What is known of a film beside its pixels: years, 0 male or 1 female, 0 PA or 1 AP, number of the follow-up."""

_PUBLISHED_FEATURES = ("age", "sex", "num_lesions", "mean_area", "mean_centroid_distance")
_HONEST_FEATURES = (
    "lesion_ratio",
    "num_lesions",
    "mean_area",
    "mean_centroid_distance",
    "largest_ratio",
    "left_share",
    "eccentricity",
    *CLINICAL_FEATURES,
)


class LesionCohortParams(HashedCohortParams):
    """Which films are used, and how they are prepared.

    Attributes
    ----------
    labels : tuple of str
        Boxes of these labels are drawn as lesions; other boxes are ignored.
    box_lists : tuple of str
        Tables of boxes, by the names of their files without ``.csv``; what is not there is left out.
    box_frame_px : (int, int), optional
        Width and height of the films that the boxes were drawn on. Without it that is the published 1024 x 1024, or
        what the clinical table states as ``OriginalImage[Width,Height]``.
    inside_lungs : bool
        Measure lesions inside the lungs alone, where there is a mask of the lungs.
    """

    labels: tuple[str, ...] = Field(("Pneumonia",), min_length=1)
    box_lists: tuple[str, ...] = ("BBox_List_2017", "BBox_List_rsna")
    box_frame_px: tuple[PositiveInt, PositiveInt] | None = None
    inside_lungs: bool = True


class SegmentationParams(BudgetedParams):
    """The network that finds lesions, trained once for each fold: every film is predicted by one that has not seen it.

    Attributes
    ----------
    network : NetworkParams
        The network by name.
    recipe : Recipe
        Loss, optimiser, schedule, augmentation.
    split : GroupsSplit
        Folds of patients; each is predicted by the network that was trained on all others. Some of their patients
        choose the weights.
    mask_draws : int
        Times that an epoch shows each film with a pixel mask; one with boxes, whose outlines are coarse, is shown once.
    views : {1, 2}
        Average each prediction with that of the mirror image (2), or not.
    threshold : float or "expected_dice"
        Probability from which a pixel is lesion, or for each film that which gives the largest expected Dice
        (`xraylab.evaluation.decoding.mask_threshold`).
    seed : int
        Seed of the folds.
    share : float
        What the trainings have together of the minutes of a run.
    """

    # made when it is asked for: to check an encoder's name loads torch
    network: NetworkParams = Field(
        default_factory=lambda: NetworkParams(architecture="unet", encoder="resnet34")
    )
    recipe: Recipe = Recipe(
        loss="dice_bce",
        schedule="plateau",
        plateau_factor=0.1,
        plateau_patience=2,
        plateau_cooldown=0,
        early_stopping_patience=5,
        augmentation=Augmentation(),
    )
    split: GroupsSplit = GroupsSplit(n_folds=5)
    mask_draws: int = Field(1, ge=1, le=100)
    views: Literal[1, 2] = 2
    threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["expected_dice"] = 0.5
    seed: int = Field(2018, ge=0, lt=2**32)
    share: float = Field(4.0, gt=0, le=1000)

    @property
    def total_share(self) -> float:
        """The share of the trainings."""
        return self.share

    @model_validator(mode="after")
    def _check(self) -> SegmentationParams:
        if not self.split.n_folds:
            raise ValueError("split.n_folds must be 2 or more: every film is predicted once")
        return self


class ProtocolParams(BudgetedParams):
    """One protocol: what a row is, what is regressed on what, and how folds are made.

    Attributes
    ----------
    rows : {"films", "patients"}
        ``films``: one row per film, with what is known of that film. ``patients``: a row for every age that any film of
        the patient has, as the public demo joins them.
    target : {"true_ratio", "predicted_ratio"}
        Share of the film that is lesion, by the annotation, or, as in the public demo, by the network.
    features : tuple of str
        Features by name, in order.
    folds : {"groups", "rows"}
        ``groups``: those of the segmentation, which keep patients whole. ``rows``: shuffled rows, as the public demo.
    n_folds : int
        Folds of ``rows``.
    tuning : {"nested", "reported"}
        ``nested`` tunes anew for every fold, on folds of the other rows. ``reported`` tunes once, on the very folds
        whose errors are then reported, as the public demo.
    n_inner_folds : int
        Folds of ``nested``.
    scale_target : bool
        Standardise the target in each fit.
    on_leak : {"fail", "report"}
        What the leak gate does about groups on both sides of a fold, and about features that give the target.
    seed : int
        Seed of the folds and of the fits.
    share : float
        What the searches have together of the minutes of a run.
    """

    rows: Literal["films", "patients"]
    target: Literal["true_ratio", "predicted_ratio"]
    features: tuple[str, ...] = Field(_HONEST_FEATURES, min_length=1)
    folds: Literal["groups", "rows"]
    n_folds: int = Field(5, ge=2, le=100)
    tuning: Literal["nested", "reported"]
    n_inner_folds: int = Field(3, ge=2, le=100)
    scale_target: bool = True
    on_leak: Literal["fail", "report"] = "fail"
    seed: int = Field(42, ge=0, lt=2**32)
    share: float = Field(1.0, gt=0, le=1000)

    @property
    def total_share(self) -> float:
        """The share of the searches."""
        return self.share

    @model_validator(mode="after")
    def _check(self) -> ProtocolParams:
        valid = (*LESION_FEATURES, *CLINICAL_FEATURES)
        unknown = [name for name in self.features if name not in valid]
        if unknown:
            raise ValueError(f"features: there is no '{unknown[0]}'; valid: {', '.join(valid)}")
        if len(set(self.features)) < len(self.features):
            raise ValueError(f"features: a name occurs twice in {list(self.features)}")
        if self.folds == "rows" and self.on_leak == "fail":
            raise ValueError(
                "folds 'rows' puts one patient on both sides, as the public demo does: on_leak must be 'report'"
            )
        if self.tuning == "nested" and self.folds == "rows":
            raise ValueError("tuning 'nested' needs folds 'groups'")
        return self


class TableParams(Parameters):
    """The public demo's own table, with the models that it reports.

    Attributes
    ----------
    n_folds : int
        Folds, of shuffled rows and of images.
    seed : int
        Seed of the shuffle and of the fits.
    xgboost, lightgbm, random_forest
        Hyper-parameters as published.
    """

    n_folds: int = Field(5, ge=2, le=100)
    seed: int = Field(42, ge=0, lt=2**32)
    xgboost: XgboostSpec = XgboostSpec()
    lightgbm: LightgbmSpec = LightgbmSpec()
    random_forest: ForestSpec = ForestSpec(n_estimators=100, max_depth=5, max_features="log2")
