"""Parameters of reporting."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from xraylab.parameters import Parameters

__all__ = ["MAX_CLAIMS", "ClaimParams", "Measured", "ReportingParams", "SectionParams"]

MAX_CLAIMS = 12
"""Rows of the headline; a table that is longer is not read."""

_MAX_KEY_FIGURES, _MAX_METRICS = 4, 3


class Measured(Parameters):
    """Where a value stands in ``metrics.csv``.

    Attributes
    ----------
    protocol, model : str
        As in the table.
    """

    protocol: str = Field(min_length=1)
    model: str = Field(min_length=1)


class ClaimParams(Parameters):
    """A published number, and where this run measures it.

    Attributes
    ----------
    title : str
        What is claimed, in a few words.
    pipeline, metric, split : str
        Where it is measured, as in ``metrics.csv``.
    better : str
        Whether a ``higher`` or a ``lower`` value is better.
    unit : str
        Unit of the metric; empty where it has none.
    value : float, optional
        The number as published; None where no single one was.
    note : str
        How the number was published, where that is not the metric.
    data, by : str
        On what it was measured, and by whom.
    data_set : str
        The raw data set that holds these data.
    n_films : int, optional
        How many films it was measured on.
    theirs, honest, baseline : Measured
        The model by their protocol, by an honest one, and the baseline that it must beat.
    why : str
        One sentence on what makes the two protocols differ.
    """

    title: str = Field(min_length=1)
    pipeline: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    split: str = "test"
    better: Literal["higher", "lower"] = "higher"
    unit: str = ""
    value: float | None = None
    note: str = ""
    data: str = Field(min_length=1)
    by: str = Field(min_length=1)
    data_set: str = Field(min_length=1)
    n_films: int | None = Field(None, ge=1)
    theirs: Measured
    honest: Measured
    baseline: Measured
    why: str = Field(min_length=1)


class SectionParams(Parameters):
    """What the page says about one pipeline.

    Attributes
    ----------
    title : str
        Heading of the section.
    about : str
        What the pipeline does, in a sentence or two.
    compared : tuple of str
        Metrics of the table of models, at most three; none leaves the table out.
    split : str
        Split that the table shows; empty for all.
    units : dict of str to str
        Unit by metric.
    baselines : tuple of str
        Models that see nothing of what is asked for.
    key_figures : tuple of str
        Figures that are shown; the others are folded.
    captions : dict of str to str
        Caption by the name of the figure.
    intended_use, limits : str
        For the model card.
    """

    title: str = Field(min_length=1)
    about: str = ""
    compared: tuple[str, ...] = Field((), max_length=_MAX_METRICS)
    split: str = "test"
    units: dict[str, str] = Field(default_factory=dict)
    baselines: tuple[str, ...] = ()
    key_figures: tuple[str, ...] = Field((), max_length=_MAX_KEY_FIGURES)
    captions: dict[str, str] = Field(default_factory=dict)
    intended_use: str = ""
    limits: str = ""


class ReportingParams(Parameters):
    """Parameters of reporting.

    Attributes
    ----------
    title : str
        Title of the page.
    figure_width_px : int
        Width to which wider figures are reduced for the page, in pixels.
    figure_quality : int
        Quality of the figures on the page, as WebP counts it; 100 is the best.
    claims : tuple of ClaimParams
        Rows of the headline.
    protocols : dict of str to str
        Heading of each protocol, in the order of the columns.
    names : dict of str to dict of str to str
        What a model is called on the page, by pipeline; ``all`` holds for every pipeline that has no name of its own.
    suffixes : dict of str to str
        What the last part of a model's name means, such as the site that it was trained at.
    sections : dict of str to SectionParams
        One per pipeline, in the order of the page.
    """

    title: str = Field("xraylab report", min_length=1)
    figure_width_px: int = Field(1200, ge=200, le=4000)
    figure_quality: int = Field(70, ge=1, le=100)
    claims: tuple[ClaimParams, ...] = Field((), max_length=MAX_CLAIMS)
    protocols: dict[str, str] = Field(default_factory=dict)
    names: dict[str, dict[str, str]] = Field(default_factory=dict)
    suffixes: dict[str, str] = Field(default_factory=dict)
    sections: dict[str, SectionParams] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _know_pipelines(self) -> ReportingParams:
        claimed = {claim.pipeline for claim in self.claims}
        unknown = sorted((claimed | set(self.names)) - {*self.sections, "all"})
        if unknown:
            raise ValueError(
                f"claims or names speak of {unknown}, which has no section; there are {list(self.sections)}"
            )
        return self
