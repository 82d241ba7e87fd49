"""Parameters of lesion_regression."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from xraylab.duplicates.hash_distance import MAX_HASH_DISTANCE
from xraylab.evaluation.leakage import OnLeak
from xraylab.features.lesions import LESION_FEATURES
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.networks import NetworkParams
from xraylab.parameters import Parameters
from xraylab.tabular.tree_params import ForestSpec, LightgbmSpec, XgboostSpec
from xraylab.training.params import Augmentation, Recipe

__all__ = [
    "CLINICAL_FEATURES",
    "CohortParams",
    "EvaluationParams",
    "ProtocolParams",
    "ReleaseParams",
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


class CohortParams(Parameters):
    """Which films are used, and how they are prepared.

    Attributes
    ----------
    labels : tuple of str
        Boxes of these labels are drawn as lesions; other boxes are as good as none.
    box_lists : tuple of str
        Tables of boxes, by the names of their files without ``.csv``; what is not there is left out.
    box_frame_px : (int, int), optional
        Width and height of the films that the boxes were drawn on. Without it that is the published 1024 x 1024, or
        what the clinical table states as ``OriginalImage[Width,Height]``.
    preprocess : PreprocessParams
        Size and equalisation.
    workers : int
        Films decoded at once, as joblib counts: -1 uses every core.
    max_rejected_fraction : float
        Stop when more than this share of the annotated films is left out.
    max_hash_distance : int
        Bits of 256 by which the perceptual hashes of two copies may differ.
    inside_lungs : bool
        Measure lesions inside the lungs alone, where there is a mask of the lungs.
    patient_folder : int, optional
        Which folder above a film is its patient's: 1 for the one that it lies in. Films of a patient are one group.
    """

    labels: tuple[str, ...] = Field(("Pneumonia",), min_length=1)
    box_lists: tuple[str, ...] = ("BBox_List_2017", "BBox_List_rsna")
    box_frame_px: tuple[PositiveInt, PositiveInt] | None = None
    preprocess: PreprocessParams = PreprocessParams()
    workers: int = Field(-1, ge=-64, le=256)
    max_rejected_fraction: float = Field(0.2, ge=0, le=1)
    max_hash_distance: int = Field(MAX_HASH_DISTANCE, ge=0, le=256)
    inside_lungs: bool = True
    patient_folder: int | None = Field(None, ge=1, le=32)


class SegmentationParams(Parameters):
    """The network that finds lesions, trained once a fold so that it predicts every film without having seen it.

    Attributes
    ----------
    network : NetworkParams
        The network by name.
    recipe : Recipe
        Loss, optimiser, schedule, augmentation.
    n_folds : int
        Folds of patients; each is predicted by the network that was trained on all others.
    val_fraction : float
        Share of the patients of the other folds that chooses the weights.
    mask_draws : int
        Times that an epoch shows each film with a pixel mask; one with boxes, whose outlines are coarse, is shown once.
    views : {1, 2}
        Average each prediction with that of the mirror image (2), or not.
    threshold : float or "expected_dice"
        Probability from which a pixel is lesion, or for each film that which gives the largest expected Dice
        (`xraylab.evaluation.decoding.choose_threshold`).
    on_leak : {"regroup", "fail", "report"}
        What the leak gate does about films on both sides of a fold.
    seed : int
        Seed of the folds.
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
    n_folds: int = Field(5, ge=2, le=100)
    val_fraction: float = Field(0.15, gt=0, lt=1)
    mask_draws: int = Field(1, ge=1, le=100)
    views: Literal[1, 2] = 2
    threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["expected_dice"] = 0.5
    on_leak: OnLeak = "regroup"
    seed: int = Field(2018, ge=0, lt=2**32)


class ProtocolParams(Parameters):
    """One protocol: what a row is, what is regressed on what, and how folds are made.

    Attributes
    ----------
    rows : {"films", "patients"}
        ``films``: one row a film, with what is known of that film. ``patients``: a row for every age that any film of
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


class EvaluationParams(Parameters):
    """How predictions are measured.

    Attributes
    ----------
    n_resamples : int
        Bootstrap resamples of the groups.
    seed : int
        Seed of the resamples.
    """

    n_resamples: int = Field(1000, ge=0, le=100_000)
    seed: int = Field(42, ge=0)


class ReleaseParams(Parameters):
    """How films that nobody has annotated are measured.

    Attributes
    ----------
    batch_size : int
        Films at once.
    max_rejected_fraction : float
        Stop when more than this share of the films cannot be read.
    """

    batch_size: int = Field(16, ge=1, le=4096)
    max_rejected_fraction: float = Field(0.5, ge=0, le=1)
