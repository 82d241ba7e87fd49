"""Typed parameters of audit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from xraylab.duplicates.rotations import TurnedCopyParams
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.frozen import FrozenEncoderParams
from xraylab.parameters import Parameters

__all__ = [
    "AuditParams",
    "ColumnsParams",
    "FilesParams",
    "LabelsParams",
    "ProposalParams",
    "ShortcutParams",
    "SplitsParams",
]

FailOn = Literal["error", "warning", "never"]


class ColumnsParams(Parameters):
    """Columns of a table of labels; those that are None are found by their names.

    Attributes
    ----------
    image, patient, study, split, label, site, sex, age : str, optional
        Name of the column. ``image`` holds names or paths of films.
    """

    image: str | None = None
    patient: str | None = None
    study: str | None = None
    split: str | None = None
    label: str | None = None
    site: str | None = None
    sex: str | None = None
    age: str | None = None


class FilesParams(Parameters):
    """What is said of files.

    Attributes
    ----------
    blank_range : float
        A film whose grey values (percentiles 1 to 99) span less of [0, 1] is blank.
    colour_fraction : float
        Share of pixels with colour from which an image is a photograph or a drawing, not a film.
    outlier_factor : float
        A film whose longer edge is so many times larger or smaller than the median is far from the others.
    least_inverted : float
        A film is called inverted where its correlation with the mean film of the set is below minus this.
    """

    blank_range: float = Field(0.02, ge=0, lt=1)
    colour_fraction: float = Field(0.05, gt=0, lt=1)
    outlier_factor: float = Field(4.0, gt=1, le=100)
    least_inverted: float = Field(0.3, gt=0, lt=1)


class SplitsParams(Parameters):
    """What is asked of the parts of a split.

    Attributes
    ----------
    wanted_half_width : float
        Half of the 95 % interval that a test part shall give for an AUROC; smaller parts are named.
    drift : float
        Difference between parts (total variation distance of categories, Kolmogorov–Smirnov distance of numbers) from
        which it is named, where the lower end of its interval is above it.
    """

    wanted_half_width: float = Field(0.05, gt=0, lt=0.5)
    drift: float = Field(0.1, gt=0, lt=1)


class ShortcutParams(Parameters):
    """How well the label is predicted by what shows no disease.

    Attributes
    ----------
    n_folds : int
        Folds of groups: each prediction is of a film whose group the probe was not fitted to.
    max_films : int
        Films that probes are fitted to and measured on, drawn group by group.
    border_fraction : float
        Width of the border, as a fraction of the edge.
    strong : float
        AUROC from which a probe is a warning; with an R² a half of its distance from 0.5. Any interval above chance is
        named.
    """

    n_folds: int = Field(5, ge=2, le=50)
    max_films: int = Field(20_000, ge=10)
    border_fraction: float = Field(0.08, gt=0, lt=0.5)
    strong: float = Field(0.7, gt=0.5, lt=1)


class LabelsParams(Parameters):
    """How labels are compared with those of similar films.

    Attributes
    ----------
    encoder : FrozenEncoderParams
        Encoder whose features say which films are similar.
    size_px : int
        Edge that films are resized to for it.
    neighbours : int
        Nearest films of other groups that are asked.
    least_disagreeing : float
        Share of them with another label from which a film is listed.
    max_films : int
        Films that are embedded, drawn group by group.
    """

    encoder: FrozenEncoderParams = FrozenEncoderParams(
        encoder="timm-tf_efficientnet_lite0", weights="imagenet", depth=4, grid=2
    )
    size_px: int = Field(96, ge=32, le=512)
    neighbours: int = Field(10, ge=1, le=100)
    least_disagreeing: float = Field(0.9, gt=0.5, le=1)
    max_films: int = Field(20_000, ge=10)


class ProposalParams(Parameters):
    """The split that is proposed.

    Attributes
    ----------
    val_fraction, test_fraction : float
        Shares of the groups, where the set has no parts of its own.
    """

    val_fraction: float = Field(0.15, gt=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> ProposalParams:
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"val_fraction + test_fraction must be under 1, got {self.val_fraction} + {self.test_fraction}"
            )
        return self


class AuditParams(Parameters):
    """What is audited, and how.

    Attributes
    ----------
    data_set : str
        A public data set below the raw root, audited where no ``films`` are named.
    table : str, optional
        Table of labels (CSV, TSV or Parquet); without one, tables beside the films are looked at.
    columns : ColumnsParams
        Columns of that table.
    label_folders : bool
        Whether the folder of a film may be its class.
    preprocess : PreprocessParams
        How films are prepared for the checks.
    workers : int
        Films decoded at once, as joblib counts.
    files, copies, splits, shortcuts, labels, proposal
        Settings of the checks and of the proposed split.
    salt : str, optional
        Mixed into the digests that stand for the ids of patients and studies in all outputs. None draws one for each
        run, so that nobody can try out ids, and two audits cannot be linked.
    n_resamples : int
        Bootstrap resamples of the groups.
    seed : int
        Seed of the proposed split, of folds and of resamples.
    fail_on : {"error", "warning", "never"}
        Findings that end the run with exit status 1, after all is written.
    """

    data_set: str = "fracture_multi_region"
    table: str | None = None
    columns: ColumnsParams = ColumnsParams()
    label_folders: bool = True
    preprocess: PreprocessParams = PreprocessParams(size_px=224, equalise="none", aspect="pad")
    workers: int = Field(-1, ge=-64, le=256)
    files: FilesParams = FilesParams()
    copies: TurnedCopyParams = TurnedCopyParams()
    splits: SplitsParams = SplitsParams()
    shortcuts: ShortcutParams = ShortcutParams()
    labels: LabelsParams = LabelsParams()
    proposal: ProposalParams = ProposalParams()
    salt: str | None = None
    n_resamples: int = Field(1000, ge=0, le=100_000)
    seed: int = Field(2018, ge=0, lt=2**32)
    fail_on: FailOn = "never"
