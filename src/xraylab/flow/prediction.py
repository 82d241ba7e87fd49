"""The node of every pipeline that predicts."""

from __future__ import annotations

from collections.abc import Mapping

from xraylab.imaging.film_file import LoadFilm
from xraylab.models.bundle import Bundle
from xraylab.prediction.engine import Predictor, PredictParams, Restore
from xraylab.prediction.folder import PredictionPlan

__all__ = ["predict_films"]


def predict_films(
    films: Mapping[str, LoadFilm],
    bundle: Bundle,
    params: PredictParams,
    restore: Restore,
    sexes: Mapping[str, str] | None = None,
) -> PredictionPlan:
    """Plan the predictions of any films; the catalog makes them as it writes the folder of results.

    Parameters
    ----------
    films : mapping of str to callable
        Lazy films by their path in the folder.
    bundle : Bundle
        The released model.
    params : PredictParams
        What is refused, and what is drawn.
    restore : callable
        Takes bundle and parameters and returns what reads films.
    sexes : mapping of str to str, optional
        ``M`` or ``F`` by the path of a film, where a table beside the films names it.
    """
    return PredictionPlan(Predictor(bundle, restore, params), films, sexes or {})
