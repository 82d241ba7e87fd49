"""Parameters of tb_classification."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from xraylab.evaluation.calibration import CalibrationMethod
from xraylab.evaluation.thresholds import ThresholdRule
from xraylab.flow.budget import ModelsParams
from xraylab.flow.params import (
    ClassifierEvaluationParams,
    ModelReleaseParams,
    SitedCohortParams,
    check_model_names,
)
from xraylab.flow.split import GroupsSplit, RowsSplit, SitesSplit
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.classifiers import ClassifierParams
from xraylab.models.frozen import FrozenEncoderParams
from xraylab.models.mlp import PUBLISHED_SIZES
from xraylab.parameters import Parameters
from xraylab.tabular.tree_params import ForestSpec, LightgbmSpec, XgboostSpec
from xraylab.training.params import Recipe
from xraylab.training.vector_params import VectorRecipe

__all__ = [
    "CLASS_NAMES",
    "PROBES",
    "BoostingModel",
    "CnnModel",
    "EmbeddingParams",
    "KernelModelParams",
    "LogisticModelParams",
    "MeanModel",
    "MlpModel",
    "ModelParams",
    "ProtocolParams",
    "TbCohortParams",
    "TbEvaluationParams",
    "TbReleaseParams",
]

CLASS_NAMES = ("normal", "tuberculosis")

PROBES = ("site_only", "size_and_border", "mean_intensity", "outside_lungs")
"""Baselines that see no lung: where a film is from, its size and border, its mean grey, all but its lungs."""


class TbCohortParams(SitedCohortParams):
    """Which films are used, and how they are prepared.

    Attributes
    ----------
    lung_margin : float
        By which lungs are grown before all else is blacked out, as a fraction of the edge.
    """

    preprocess: PreprocessParams = PreprocessParams(size_px=224)
    lung_margin: float = Field(0.03, ge=0, le=0.5)


class EmbeddingParams(Parameters):
    """Frozen encoders whose features classifiers are fitted to.

    Attributes
    ----------
    encoders : dict of str to FrozenEncoderParams
        By the name that models call them by.
    batch_size : int
        Films at once.
    seed : int
        Seed of random weights.
    """

    encoders: dict[str, FrozenEncoderParams] = Field(min_length=1)
    batch_size: int = Field(8, ge=1, le=4096)
    seed: int = Field(2018, ge=0, lt=2**32)


class MlpModel(Parameters):
    """The published dense network on the features of an encoder.

    Attributes
    ----------
    encoder : str
        A name among the encoders of ``embedding``.
    hidden_sizes : tuple of int
        Widths of the hidden layers.
    recipe : VectorRecipe
        How it is trained.
    """

    kind: Literal["mlp"] = "mlp"
    encoder: str
    hidden_sizes: tuple[int, ...] = Field(PUBLISHED_SIZES, min_length=1)
    recipe: VectorRecipe = VectorRecipe()


class LogisticModelParams(Parameters):
    """Logistic regression on the features of an encoder, the penalty chosen by inner folds.

    Attributes
    ----------
    encoder : str
        A name among the encoders of ``embedding``.
    """

    kind: Literal["logistic"] = "logistic"
    encoder: str


class BoostingModel(Parameters):
    """Boosted trees.

    Attributes
    ----------
    encoder : str or None
        Features of an encoder, as the scores on their leading components; None for none.
    n_components : int
        How many components.
    radiomics : bool
        Features inside of the lungs (`xraylab.features.lungs`).
    spec
        Hyper-parameters by the kind of trees.
    """

    kind: Literal["boosting"] = "boosting"
    encoder: str | None = None
    n_components: int = Field(20, ge=1, le=10_000)
    radiomics: bool = True
    spec: Annotated[XgboostSpec | LightgbmSpec | ForestSpec, Field(discriminator="kind")] = (
        XgboostSpec()
    )

    @model_validator(mode="after")
    def _check(self) -> BoostingModel:
        if self.encoder is None and not self.radiomics:
            raise ValueError("boosting needs the features of an encoder, or radiomics, or both")
        return self


class KernelModelParams(Parameters):
    """Kernel logistic regression (`xraylab.tabular.kernel`).

    Attributes
    ----------
    encoder : str or None
        Features of an encoder; None for none.
    radiomics : bool
        Features inside of the lungs (`xraylab.features.lungs`).
    penalty : float
        Strength of the fit: the smaller, the smoother.
    width : float
        Width of the kernel: the larger, the more local.
    """

    kind: Literal["kernel"] = "kernel"
    encoder: str | None = None
    radiomics: bool = False
    penalty: float = Field(30.0, gt=0)
    width: float = Field(0.3, gt=0)

    @model_validator(mode="after")
    def _check(self) -> KernelModelParams:
        if self.encoder is None and not self.radiomics:
            raise ValueError("kernel needs the features of an encoder, or radiomics, or both")
        return self


class CnnModel(Parameters):
    """A network trained from end to end.

    Attributes
    ----------
    network : ClassifierParams
        The network by name.
    recipe : Recipe
        Loss, optimiser, schedule, augmentation.
    views : {1, 2}
        Average each prediction with that of the mirror image (2), or not.
    inside_lungs : bool
        Black out what lies outside of the lungs.
    seed : int
        Added to that of the training, so that two like networks differ.
    share : float
        What its trainings have together of the minutes of a run; other models are fitted in seconds and have none.
    """

    kind: Literal["cnn"] = "cnn"
    network: ClassifierParams = ClassifierParams()
    recipe: Recipe = Recipe(loss="bce")
    views: Literal[1, 2] = 2
    inside_lungs: bool = False
    seed: int = Field(0, ge=0, le=1_000_000)
    share: float = Field(1.0, gt=0, le=1000)

    @model_validator(mode="after")
    def _check(self) -> CnnModel:
        if self.recipe.loss != "bce":
            raise ValueError(
                f"a network of one logit a film takes the loss 'bce', got '{self.recipe.loss}'"
            )
        return self


class MeanModel(Parameters):
    """The mean of what other models of the protocol predict.

    Attributes
    ----------
    of : tuple of str
        Names of those models.
    """

    kind: Literal["mean"] = "mean"
    of: tuple[str, ...] = Field(min_length=2)


ModelParams: TypeAlias = Annotated[
    MlpModel | LogisticModelParams | BoostingModel | KernelModelParams | CnnModel | MeanModel,
    Field(discriminator="kind"),
]


class ProtocolParams(ModelsParams):
    """One protocol: how the films are split, what is trained.

    Attributes
    ----------
    split : Split
        ``rows`` makes one random split for each model, as was published. ``groups`` with folds tests each film once,
        apart from its copies, in folds of like sites and classes. ``sites`` trains on each site in turn.
    threshold_rule : str or None
        How the threshold is chosen on the validation part; None takes 0.5.
    seed : int
        Seed of the split, of fits and of probes.
    models : dict of str to model
        What to train, by name; its ``kind`` is ``mlp, logistic, boosting, kernel, cnn`` or ``mean``.
    """

    split: Annotated[RowsSplit | GroupsSplit | SitesSplit, Field(discriminator="kind")]
    threshold_rule: ThresholdRule | None = "youden"
    seed: int = Field(2018, ge=0, lt=2**32)
    models: dict[str, ModelParams] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> ProtocolParams:
        if self.split.val_fraction == 0:
            if self.threshold_rule is not None:
                raise ValueError(
                    "val_fraction must be above 0: the validation part chooses the threshold"
                )
            if any(model.kind == "cnn" for model in self.models.values()):
                raise ValueError("val_fraction must be above 0: it chooses the weights of a 'cnn'")
        check_model_names(self.models, PROBES)
        for name, model in self.models.items():
            if model.kind == "mean":
                self._check_mean(name, model)
        return self

    def _check_mean(self, name: str, model: MeanModel) -> None:
        simple = [each for each, spec in self.models.items() if spec.kind != "mean"]
        unknown = [each for each in model.of if each not in simple]
        if unknown:
            raise ValueError(
                f"'{name}' is the mean of '{unknown[0]}', which is none of {', '.join(simple)}"
            )
        if self.split.kind == "rows":
            raise ValueError(
                f"'{name}': under split 'rows' each model has a split of its own, so that there is no mean"
            )


class TbEvaluationParams(ClassifierEvaluationParams):
    """How predictions are measured and shown.

    Attributes
    ----------
    calibration : {"temperature", "platt"}
        How probabilities are recalibrated at another site.
    literature : dict of str to float
        Published accuracy of each model, for comparison.
    n_literature : int
        Test films that it was measured on.
    """

    calibration: CalibrationMethod = "platt"
    literature: dict[str, float] = Field(default_factory=dict)
    n_literature: int = Field(160, ge=1)
    shown_model: str = "cnn"


class TbReleaseParams(ModelReleaseParams):
    """Which trained model reads new films, and how."""

    model: str = "ensemble"
