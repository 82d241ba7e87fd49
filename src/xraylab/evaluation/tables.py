"""The tables that every pipeline writes, as schemas that the catalog checks on load and save."""

from __future__ import annotations

import pandera.pandas as pa
from pandera.typing import Series

from xraylab.evaluation.splits import NO_FOLD

__all__ = ["SPLITS", "Cohort", "Metrics", "Predictions", "Rejected"]

SPLITS = ["train", "val", "test", ""]
"""Splits of a cohort; empty where nothing is trained."""


class Cohort(pa.DataFrameModel):
    """One row per usable image (or an exposure of it): who it is of, and where it may be used."""

    image_id: Series[str] = pa.Field(nullable=False)
    group_id: Series[str] = pa.Field(nullable=False)
    split: Series[str] = pa.Field(isin=SPLITS)
    fold: Series[int] = pa.Field(ge=NO_FOLD)


class Predictions(pa.DataFrameModel):
    """One row per prediction; every metric can be computed again from it."""

    image_id: Series[str] = pa.Field(nullable=False)
    group_id: Series[str] = pa.Field(nullable=False)
    protocol: Series[str]
    model: Series[str]
    split: Series[str] = pa.Field(isin=SPLITS)
    fold: Series[int] = pa.Field(ge=NO_FOLD)
    target: Series[float]
    prediction: Series[float]


class Metrics(pa.DataFrameModel):
    """Tidy metrics with their 95 % intervals."""

    protocol: Series[str]
    model: Series[str]
    split: Series[str]
    metric: Series[str] = pa.Field(str_matches=r"^[a-z0-9_]+$")
    value: Series[float] = pa.Field(nullable=True)
    ci_low: Series[float] = pa.Field(nullable=True)
    ci_high: Series[float] = pa.Field(nullable=True)
    n: Series[int] = pa.Field(ge=0)
    n_groups: Series[float] | None = pa.Field(ge=0, nullable=True)


class Rejected(pa.DataFrameModel):
    """Every input left out, with the reason."""

    image_id: Series[str] = pa.Field(nullable=False)
    reason: Series[str] = pa.Field(nullable=False, str_length={"min_value": 1})
