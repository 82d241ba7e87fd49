"""The table of planned exposures, as a schema that the catalog checks."""

from __future__ import annotations

import numpy as np
import pandera.pandas as pa

__all__ = ["ExposurePlan"]


class ExposurePlan(pa.DataFrameModel):
    """One row per simulated exposure; see `xraylab.dose.simulate.Exposure` for the columns."""

    image_id: str = pa.Field(nullable=False)
    group_id: str = pa.Field(nullable=False)
    recipe: str = pa.Field(isin=["additive", "quantum"])
    level: str
    scale: float = pa.Field(gt=0, le=1)
    noise_std: float = pa.Field(ge=0, le=1)
    dose_fraction: float = pa.Field(gt=0, le=1)
    noise_key: np.uint64
    match_mean: bool
    photons_per_pixel: float = pa.Field(gt=0)
    blur_sigma_px: float = pa.Field(ge=0)
    electronic_noise: float = pa.Field(ge=0)
    log_range: float = pa.Field(gt=0)

    class Config:
        """A plan has these columns and no other."""

        strict = True
        unique = ["image_id", "recipe", "level"]  # noqa: RUF012 - pandera's own way
