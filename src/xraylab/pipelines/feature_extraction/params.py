"""Parameters of feature_extraction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xraylab.imaging.scaling import ApplyVoi
from xraylab.parameters import Parameters

__all__ = ["FeatureExtractionParams"]


class FeatureExtractionParams(Parameters):
    """Parameters of feature_extraction.

    Attributes
    ----------
    which : {"all", "published"}
        The five published features alone, or also the better noise estimates.
    apply_voi : {"auto", "always", "never"}
        Whether the VOI LUT or window of a DICOM file is applied (see `xraylab.imaging.read_film`).
    workers : int
        Films measured at once, as joblib counts: -1 uses every core, 1 none beside the main thread.
    max_rejected_fraction : float
        Stop when more than this share of the films cannot be read.
    strip_image : str or None
        Image id of the film that the strip of levels shows; None takes the first readable one.
    """

    which: Literal["all", "published"] = "all"
    apply_voi: ApplyVoi = "auto"
    workers: int = Field(-1, ge=-64, le=256)
    max_rejected_fraction: float = Field(0.2, ge=0, le=1)
    strip_image: str | None = None
