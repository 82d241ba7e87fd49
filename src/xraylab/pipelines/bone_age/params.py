"""Parameters of bone_age."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from xraylab.flow.budget import BudgetedParams
from xraylab.flow.params import (
    EvaluationParams,
    HashedCohortParams,
    ModelReleaseParams,
    check_model_names,
)
from xraylab.flow.split import FoldsSplit, GroupsSplit
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.bone_age import BoneAgeNetworkParams
from xraylab.parameters import Parameters
from xraylab.tabular.space import Choice, Real, Whole
from xraylab.tabular.studies import StudyParams
from xraylab.training.params import Recipe

__all__ = [
    "BASELINES",
    "AgeCohortParams",
    "AgeEvaluationParams",
    "AgeModel",
    "AgeReleaseParams",
    "Anchor",
    "OfficialSplit",
    "ProtocolParams",
    "SearchParams",
]

BASELINES = ("mean_age", "border_only")
"""Models that look at no bone: the mean age of each sex, and a ridge regression on border, size and sex."""

OfficialSplit = Literal["train", "val", "test"]

# As the RSNA publishes its three tables, and as they are called where others publish them again.
_TABLES: dict[str, OfficialSplit] = {
    "boneage-training-dataset": "train",
    "train": "train",
    "Validation Dataset": "val",
    "boneage-validation-dataset": "val",
    "Bone age ground truth": "test",
    "boneage-test-dataset": "test",
}


class AgeCohortParams(HashedCohortParams):
    """Which films and labels are used, and how films are prepared.

    Attributes
    ----------
    tables : dict of str to {"train", "val", "test"}
        Tables of labels by their file names without suffix, in any case, and the official split that each is of; other
        tables are not read.
    id_columns, age_columns, sex_columns : tuple of str
        Names that a table may have for the id, the bone age in months and the sex, in any case.
    min_months, max_months : float
        Bone ages that can be, both ends included.
    """

    tables: dict[str, OfficialSplit] = Field(default_factory=lambda: dict(_TABLES), min_length=1)
    id_columns: tuple[str, ...] = Field(("id", "Image ID", "Case ID"), min_length=1)
    age_columns: tuple[str, ...] = Field(
        ("boneage", "Bone Age (months)", "Ground truth bone age (months)"), min_length=1
    )
    sex_columns: tuple[str, ...] = Field(("male", "Sex"), min_length=1)
    min_months: float = Field(0.0, ge=0, le=240)
    max_months: float = Field(240.0, gt=0, le=1200)
    preprocess: PreprocessParams = PreprocessParams(
        equalise="none", window_percentiles=(0.5, 99.5), crop="component", aspect="pad"
    )
    # hands in one pose look more alike than other films do
    max_hash_distance: int = Field(12, ge=0, le=256)

    @model_validator(mode="after")
    def _check(self) -> AgeCohortParams:
        if self.min_months >= self.max_months:
            raise ValueError(
                f"min_months must be under max_months, got {self.min_months} and {self.max_months}"
            )
        return self


class SearchParams(StudyParams):
    """Where the published network's hyper-parameters are searched for, and how long each trial is trained.

    Attributes
    ----------
    max_epochs : int
        Most epochs of a trial; it is pruned by its validation loss after any of them.
    share : float
        What all searches of the model have together of the minutes of a run. A trial has at most the part of one of the
        trials at random (``n_startup_trials``), so that so many are made.
    blocks, filters, dense_layers, dropout
        Choices of L, f, D and p of the published network.
    """

    n_trials: int = Field(20, ge=1, le=100_000)
    n_startup_trials: int = Field(5, ge=1, le=100_000)
    max_epochs: int = Field(10, ge=1, le=10_000)
    share: float = Field(1.0, gt=0, le=1000)
    blocks: Choice = Choice(choices=(3, 4, 5))
    filters: Choice = Choice(choices=(8, 16, 32))
    dense_layers: Choice = Choice(choices=(1, 2, 3))
    dropout: Choice = Choice(choices=(0.1, 0.2, 0.3))

    def space(self) -> dict[str, Whole | Real | Choice]:
        """Return where each hyper-parameter is searched for."""
        names = ("blocks", "filters", "dense_layers", "dropout")
        return {name: getattr(self, name) for name in names}

    @model_validator(mode="after")
    def _check_space(self) -> SearchParams:
        for name, dimension in self.space().items():
            for value in dimension.choices if isinstance(dimension, Choice) else ():
                BoneAgeNetworkParams.model_validate({name: value})
        return self


class AgeModel(Parameters):
    """One network and how it is trained.

    Attributes
    ----------
    network : BoneAgeNetworkParams
        The network by name.
    recipe : Recipe
        Loss (``mse`` or ``l1``), optimiser, schedule, augmentation.
    standardise_target : bool
        Ask for ages in standard deviations about the mean of the training part, not in months.
    search : SearchParams, optional
        Look for hyper-parameters of the published network before each training.
    in_folds : bool
        Whether it is trained in each fold too where a protocol has folds beside its single split.
    views : {1, 2}
        Views of a film that a prediction is averaged over: itself, and its mirror image.
    share, fold_share : float
        What its trainings have together of the minutes of a run, and those in folds beside a single split.
    """

    network: BoneAgeNetworkParams = Field(default_factory=BoneAgeNetworkParams)
    recipe: Recipe = Recipe(loss="l1")
    standardise_target: bool = True
    search: SearchParams | None = None
    in_folds: bool = True
    views: Literal[1, 2] = 1
    share: float = Field(1.0, gt=0, le=1000)
    fold_share: float = Field(0.5, gt=0, le=1000)

    @model_validator(mode="after")
    def _check(self) -> AgeModel:
        if self.recipe.loss not in ("mse", "l1"):
            raise ValueError(
                f"a network of a number takes the loss 'mse' or 'l1', got '{self.recipe.loss}'"
            )
        if self.search is not None and self.network.encoder is not None:
            raise ValueError(
                f"search looks for the published network's hyper-parameters; encoder '{self.network.encoder}' has none "
                "of them"
            )
        return self


class ProtocolParams(BudgetedParams):
    """One protocol: how the films are split, what is trained.

    Attributes
    ----------
    split : Split
        ``folds`` shuffles films into folds as the public demos do: a fold tunes, stops and reports on the same films.
        ``groups`` has training, validation and test apart, copies kept together.
    n_folds : int
        Beside ``groups``, folds of the training and validation films alone, so that the test set is evaluated once; 0
        makes none.
    coverage : float
        Share of the ages that an interval shall hold; intervals are calibrated on the validation part, each sex apart.
    seed : int
        Seed of the split.
    models : dict of str to AgeModel
        What to train, by name.
    """

    split: Annotated[FoldsSplit | GroupsSplit, Field(discriminator="kind")]
    n_folds: int = Field(0, ge=0, le=50)
    coverage: float = Field(0.9, gt=0, lt=1)
    seed: int = Field(42, ge=0, lt=2**32)
    models: dict[str, AgeModel] = Field(min_length=1)

    @property
    def search_share(self) -> float:
        """Sum of the shares of all searches."""
        return sum(each.search.share for each in self.models.values() if each.search is not None)

    @property
    def total_share(self) -> float:
        """Sum of the shares of all trainings and searches."""
        models = self.models.values()
        folds = sum(each.fold_share for each in models if self.n_folds and each.in_folds)
        return self.search_share + folds + sum(each.share for each in models)

    @model_validator(mode="after")
    def _check(self) -> ProtocolParams:
        if self.n_folds == 1 or (self.n_folds and isinstance(self.split, FoldsSplit)):
            raise ValueError(
                f"n_folds must be 0, or 2 and more beside split 'groups', got {self.n_folds}"
            )
        check_model_names(self.models, BASELINES)
        return self


class Anchor(Parameters):
    """A mean absolute error that others reached.

    Attributes
    ----------
    mae : float
        Months.
    note : str
        Whose, on what.
    """

    mae: float = Field(gt=0)
    note: str = Field(min_length=1)


class AgeEvaluationParams(EvaluationParams):
    """How predictions are measured and shown.

    Attributes
    ----------
    age_bands : tuple of float
        Edges of the age bands, in months; a band holds its lower edge.
    shown_model : str
        Model of the honest protocol whose errors, heat maps and stability are shown.
    n_shown : int
        Films shown: so many best and so many worst.
    n_moved : int
        Test films that stability is measured on.
    anchors : dict of str to Anchor
        What others reached, for the table of comparison.
    """

    age_bands: tuple[float, ...] = Field((0, 60, 120, 168, 241), min_length=2)
    shown_model: str = "modern"
    n_shown: int = Field(5, ge=1, le=20)
    n_moved: int = Field(200, ge=2, le=100_000)
    anchors: dict[str, Anchor] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> AgeEvaluationParams:
        if any(a >= b for a, b in zip(self.age_bands, self.age_bands[1:], strict=False)):
            raise ValueError(f"age_bands must rise, got {self.age_bands}")
        return self


class AgeReleaseParams(ModelReleaseParams):
    """Which trained network is released, and how."""

    model: str = "modern"
