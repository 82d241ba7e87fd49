"""Parameters that several pipelines share; a pipeline adds what only it has."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from xraylab.duplicates.hash_distance import MAX_HASH_DISTANCE
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.parameters import Parameters
from xraylab.prediction.familiarity import FamiliarityParams

__all__ = [
    "ClassifierEvaluationParams",
    "CohortParams",
    "EvaluationParams",
    "HashedCohortParams",
    "ModelReleaseParams",
    "ReleaseParams",
    "SitedCohortParams",
    "check_model_names",
]


class CohortParams(Parameters):
    """Which films are used, and how they are prepared.

    Attributes
    ----------
    preprocess : PreprocessParams
        Size, window and equalisation.
    workers : int
        Films decoded at once, as joblib counts: -1 uses every core.
    max_rejected_fraction : float
        Stop when more than this share of the films cannot be used.
    patient_folder : int, optional
        Which folder above a film is its patient's: 1 for the one that it lies in. Films of a patient are one group.
    """

    preprocess: PreprocessParams = PreprocessParams()
    workers: int = Field(-1, ge=-64, le=256)
    max_rejected_fraction: float = Field(0.2, ge=0, le=1)
    patient_folder: int | None = Field(None, ge=1, le=32)


class HashedCohortParams(CohortParams):
    """A cohort whose near-duplicates are found by perceptual hashes.

    Attributes
    ----------
    max_hash_distance : int
        Bits of 256 by which the perceptual hashes of two copies may differ.
    """

    max_hash_distance: int = Field(MAX_HASH_DISTANCE, ge=0, le=256)


class SitedCohortParams(HashedCohortParams):
    """A cohort of several hospitals.

    Attributes
    ----------
    sites : dict of str to str
        Site by the beginning of the image id; every other film is of the site ``other``.
    same_patients : tuple of tuple of str
        Lists of image ids that are of one patient, beside what the readings say.
    """

    sites: dict[str, str] = Field(default_factory=dict)
    same_patients: tuple[tuple[str, ...], ...] = ()


class EvaluationParams(Parameters):
    """How predictions are measured.

    Attributes
    ----------
    n_resamples : int
        Bootstrap resamples of the groups.
    seed : int
        Seed of the resamples, and of whatever else an evaluation draws.
    """

    n_resamples: int = Field(1000, ge=0, le=100_000)
    seed: int = Field(42, ge=0, lt=2**32)


class ClassifierEvaluationParams(EvaluationParams):
    """How a classifier is measured and shown.

    Attributes
    ----------
    n_bins : int
        Bins of the reliability figure, of equal counts.
    shown_model : str
        Network whose saliency maps are shown and checked.
    n_shown : int
        Films shown of each kind: right and wrong, of either class.
    n_checked : int
        Films that saliency maps are checked on.
    border_fraction : float
        Width of the border, as a fraction of the edge.
    """

    n_bins: int = Field(10, ge=2, le=100)
    shown_model: str = "robust"
    n_shown: int = Field(3, ge=1, le=12)
    n_checked: int = Field(64, ge=4, le=10_000)
    border_fraction: float = Field(0.08, gt=0, lt=0.5)


class ReleaseParams(Parameters):
    """How a trained model is released.

    Attributes
    ----------
    familiarity : FamiliarityParams
        How films that are unlike those of the training are found.
    """

    familiarity: FamiliarityParams = FamiliarityParams()


class ModelReleaseParams(ReleaseParams):
    """Which trained model is released, and how.

    Attributes
    ----------
    model : str
        A model of the honest protocol; where it was trained in folds only, the mean of all folds.
    """

    model: str = "robust"


def check_model_names(models: Iterable[str], baselines: Iterable[str]) -> None:
    """Raise ValueError if a model is named as a baseline.

    Examples
    --------
    >>> check_model_names(["cnn"], ["mean_age"])
    """
    taken = set(models) & set(baselines)
    if taken:
        raise ValueError(f"'{min(taken)}' is a baseline; name the model in another way")
