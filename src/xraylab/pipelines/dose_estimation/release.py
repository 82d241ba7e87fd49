"""The released regression: any chest film → dose relative to that of the films that it was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.conformal import prediction_interval
from xraylab.flow.release import CHEST, Release, TrainedFilms, pack_release
from xraylab.imaging.film_file import LoadFilm
from xraylab.imaging.preprocess import prepare_film
from xraylab.models.bundle import Bundle
from xraylab.models.state import ModelState
from xraylab.prediction.engine import Finding, PredictParams, Sex
from xraylab.prediction.export import Graph
from xraylab.prediction.intake import LoadedFilm
from xraylab.prediction.result import Column, Value
from xraylab.tabular.interface import TabularModel
from xraylab.tabular.kinds import restore_tabular_model

from .nodes import LEAST_DOSE, interval_radius
from .params import DoseReleaseParams, ProtocolParams

__all__ = ["RELEASE", "pack_bundle"]

_LARGER = 1.5  # than the films that it was fitted to, or smaller


def pack_bundle(
    films: dict[str, LoadFilm],
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    predictions: pd.DataFrame,
    protocol: ProtocolParams,
    params: DoseReleaseParams,
) -> dict[str, ModelState]:
    """Pack the released regression, with the radius of its interval and the doses that it was fitted to.

    Parameters
    ----------
    films : dict of str to callable
        The films whose exposures were simulated; some of them are read once more, to know what is familiar.
    cohort, models, predictions : DataFrame, dict of str to ModelState, DataFrame
        Of the protocol.
    protocol : ProtocolParams
        The interval that is asked for.
    params : DoseReleaseParams
        Which model.

    Raises
    ------
    ValueError
        If there is no such model.
    """
    if params.model not in models:
        raise ValueError(
            f"release.model '{params.model}' is none of the trained {', '.join(models)}"
        )
    trained, edges = _prepare(films, cohort, params)
    rows = predictions[predictions["model"] == params.model]
    doses = cohort.loc[cohort["split"] == "train", "target"]
    # infinite where too few films calibrate it
    radius = np.inf if protocol.interval is None else interval_radius(rows, protocol)
    card = {
        "model": params.model,
        "texture": "all",
        "interval": protocol.interval,
        "coverage": protocol.coverage,
        "radius": radius if np.isfinite(radius) else None,
        "dose_range": [float(doses.min()), float(doses.max())],
        "edge_range": [float(edges.min()), float(edges.max())],
    }
    return pack_release(RELEASE, {params.model: models[params.model]}, trained, params, card)


def _prepare(
    films: dict[str, LoadFilm], cohort: pd.DataFrame, params: DoseReleaseParams
) -> tuple[TrainedFilms, NDArray[np.int64]]:
    """Return some of the films, prepared, and the longer edge of each."""
    rows = cohort[cohort["split"] != "test"].drop_duplicates("image_id")
    rows = rows.iloc[:: max(1, -(-len(rows) // params.n_films))]
    small, edges = [], []
    for image_id in rows["image_id"]:
        film = films[image_id]()
        small.append(prepare_film(film, params.preprocess))
        edges.append(max(film.shape))
    groups = rows["group_id"].reset_index(drop=True)
    preprocess = params.preprocess.model_dump(mode="json")
    return TrainedFilms(np.stack(small), groups, preprocess), np.array(edges)


@dataclass(frozen=True)
class DoseReader:
    """A regression on texture, for any chest films."""

    bundle: Bundle
    params: PredictParams
    segments = ()
    columns = (
        Column("dose_fraction", "Relative dose", "of the full dose", 2),
        Column("interval_low", "Interval from", "of the full dose", 2),
        Column("interval_high", "Interval to", "of the full dose", 2),
        Column("coverage", "Coverage of the interval", "", 2),
    )

    @cached_property
    def _model(self) -> TabularModel:
        (state,) = self.bundle.members.values()
        return restore_tabular_model(state)

    def read(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> list[Finding]:
        """Estimate the dose of films from the texture that was measured at their own size."""
        card = self.bundle.card
        table = pd.DataFrame([film.texture for film in films])
        read = table[list(self._model.record.feature_names)]
        known = np.isfinite(read.to_numpy(np.float64)).all(axis=1)
        found = np.full(len(films), np.nan)
        if known.any():
            found[known] = self._model.predict(table[known])
        known &= np.isfinite(found)
        found[~known] = np.nan
        low, high = np.full((2, len(found)), np.nan)
        if card["radius"] is not None and known.any():
            found = np.maximum(found, LEAST_DOSE) if card["interval"] == "relative" else found
            low[known], high[known] = prediction_interval(
                found[known], card["radius"], card["interval"]
            )
        findings = []
        for row, (film, dose) in enumerate(zip(films, found, strict=True)):
            values: dict[str, Value] = {
                "dose_fraction": float(dose),
                "interval_low": float(low[row]),
                "interval_high": float(high[row]),
                "coverage": card["coverage"],
            }
            likely = (low[row], high[row]) if np.isfinite(low[row]) else (dose, dose)
            findings.append(Finding(values, self._doubts(film, *likely)))
        return findings

    def _doubts(self, film: LoadedFilm, low: float, high: float) -> tuple[str, ...]:
        """Return why the estimate may be wrong: doses, all of the interval, or a size that it was not fitted to."""
        if np.isnan(low):
            return ("it has no texture from which a dose could be told",)
        doubts = []
        least, most = self.bundle.card["dose_range"]
        if high < least or low > most:
            doubts.append(f"outside of {least:.2g} to {most:.2g}, the doses that it was fitted to")
        short, long = self.bundle.card["edge_range"]
        edge = max(film.shape)
        if not short / _LARGER <= edge <= long * _LARGER:
            doubts.append(
                f"the film is {edge} px long, those that it was fitted to {short:.0f} to {long:.0f} px, and noise "
                "depends on the size of a pixel"
            )
        return tuple(doubts)

    def heat(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> NDArray[np.float32]:
        """Raise ValueError: texture is measured all over a film."""
        raise ValueError("dose_estimation looks at no place in a film: it has no heat maps")

    def graph(self) -> Graph:
        """Raise ValueError: its features are no graph."""
        raise ValueError(
            "dose_estimation cannot be exported as ONNX: its regression reads texture that xraylab's own kernels "
            "measure at the film's own size, and without them it says nothing"
        )


RELEASE = Release(
    "dose_estimation",
    "Relative dose",
    "It was fitted to noise that was simulated on films of one detector; another detector, grid or processing shifts "
    "it, and it gives no dose in milligray.",
    CHEST,
    DoseReader,
)
