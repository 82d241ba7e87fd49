"""Released models as the tests of each pipeline use them: packed, opened, and asked of films."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from xraylab.flow.release import Release
from xraylab.models.bundle import bundle_of
from xraylab.models.state import ModelState
from xraylab.prediction.engine import Finding, Predictor, PredictParams, Sex
from xraylab.prediction.familiarity import FamiliarityParams
from xraylab.prediction.intake import load_film

FEW = FamiliarityParams(depth=3, grid=1, max_films=8, n_folds=2, size_px=32)
"""A score of unfamiliar films that is fitted in a moment."""


def open_predictor(states: Mapping[str, ModelState], release: Release) -> Predictor:
    """Open a packed bundle."""
    bundle = bundle_of(states, "here", None)
    return Predictor(bundle, release.restore, PredictParams(accelerator="cpu"))


def read_films(
    predictor: Predictor,
    films: Mapping[str, Callable[[], np.ndarray[Any, Any]]],
    sexes: Mapping[str, Sex] | None = None,
) -> dict[str, Finding]:
    """Return what the model says of each film."""
    loaded = [load_film(name, film, predictor.intake) for name, film in films.items()]
    known = [(sexes or {}).get(name, ("", "unknown")) for name in films]
    return dict(zip(films, predictor.reader.read(loaded, known), strict=True))
