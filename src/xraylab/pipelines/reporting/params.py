"""Parameters of reporting."""

from __future__ import annotations

from pydantic import Field

from xraylab.parameters import Parameters

__all__ = ["PublishedValue", "ReportingParams", "SectionParams"]


class PublishedValue(Parameters):
    """A number as its authors published it.

    Attributes
    ----------
    model, metric : str
        As in ``metrics.csv``.
    value : float
        The number.
    note : str
        Where it comes from and on what it was measured.
    """

    model: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    value: float
    note: str = ""


class SectionParams(Parameters):
    """What the page says about one pipeline.

    Attributes
    ----------
    title : str
        Heading of the section.
    about : str
        What the pipeline does, in a sentence or two.
    compared : tuple of str
        Metrics that the table *published against honest* shows; none leaves the pipeline out of it.
    split : str
        Split that the table shows.
    published : tuple of PublishedValue
        Published numbers.
    captions : dict of str to str
        Caption by the name of the figure.
    """

    title: str = Field(min_length=1)
    about: str = ""
    compared: tuple[str, ...] = ()
    split: str = "test"
    published: tuple[PublishedValue, ...] = ()
    captions: dict[str, str] = Field(default_factory=dict)


class ReportingParams(Parameters):
    """Parameters of reporting.

    Attributes
    ----------
    title : str
        Title of the page.
    sections : dict of str to SectionParams
        One a pipeline, in the order of the page.
    """

    title: str = Field("xraylab report", min_length=1)
    sections: dict[str, SectionParams] = Field(default_factory=dict)
