"""Parameters of bone_age."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from xraylab.imaging.preprocess import PreprocessParams
from xraylab.parameters import Parameters

__all__ = ["CohortParams", "OfficialSplit"]

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


class CohortParams(Parameters):
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
    preprocess : PreprocessParams
        Window, crop and size.
    workers : int
        Films decoded at once, as joblib counts: -1 uses every core.
    max_rejected_fraction : float
        Stop when more than this share of the labelled films cannot be read.
    max_look_distance : int
        Bits of 256 by which the perceptual hashes of two copies may differ. Hands in one pose differ by less than other
        films do, so that it is less than elsewhere.
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
    workers: int = Field(-1, ge=-64, le=256)
    max_rejected_fraction: float = Field(0.2, ge=0, le=1)
    max_look_distance: int = Field(12, ge=0, le=256)

    @model_validator(mode="after")
    def _check(self) -> CohortParams:
        if self.min_months >= self.max_months:
            raise ValueError(
                f"min_months must be under max_months, got {self.min_months} and {self.max_months}"
            )
        return self
