"""The table of features, as a schema that the catalog checks."""

from __future__ import annotations

import pandera.pandas as pa
from pandera.typing import Series

__all__ = ["Features"]


class Features(pa.DataFrameModel):
    """One row per exposure of a film; see `xraylab.features.texture` for the features."""

    image_id: Series[str] = pa.Field(nullable=False)
    group_id: Series[str] = pa.Field(nullable=False)
    recipe: Series[str] = pa.Field(isin=["additive", "quantum"])
    level: Series[str]
    scale: Series[float] = pa.Field(gt=0, le=1)
    noise_std: Series[float] = pa.Field(ge=0, le=1)
    dose_fraction: Series[float] = pa.Field(gt=0, le=1)
    digest: Series[str]
    scaled_by: Series[str]
    noise_var: Series[float] = pa.Field(ge=0)
    sharpness: Series[float] = pa.Field(ge=0)
    entropy: Series[float] = pa.Field(ge=0, le=8)
    mean_intensity: Series[float] = pa.Field(ge=0, le=1)
    std_intensity: Series[float] = pa.Field(ge=0, le=1)

    class Config:
        """One row per exposure."""

        unique = ["image_id", "recipe", "level"]  # noqa: RUF012 - pandera's own way
