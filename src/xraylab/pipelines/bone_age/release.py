"""The released network: any hand films → bone age in months, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.flow.release import (
    Release,
    find_released,
    pack_release,
    stack_films,
    trained_films,
)
from xraylab.flow.split import SINGLE
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bone_age import restore_bone_age_network
from xraylab.models.bundle import Bundle
from xraylab.models.state import ModelState
from xraylab.prediction.engine import Finding, PredictParams, Sex
from xraylab.prediction.export import Graph, Output
from xraylab.prediction.intake import LoadedFilm
from xraylab.prediction.result import Column, Value

from .baselines import sex_code
from .params import AgeReleaseParams, ProtocolParams

if TYPE_CHECKING:
    from torch import nn

__all__ = ["RELEASE", "pack_bundle"]

Floats = NDArray[np.float64]

_SEXES = ("F", "M")
_SCALE_MONTHS = 100.0
_ASK = "the sex is not known: name it with sex=M or sex=F, or in a table beside the films"


def pack_bundle(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    predictions: pd.DataFrame,
    protocol: ProtocolParams,
    params: AgeReleaseParams,
) -> dict[str, ModelState]:
    """Pack the released network, with the radius of its intervals for each sex.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    members = find_released(models, params.model, arrays)
    card = {
        "model": params.model,
        "unit": "months",
        "coverage": protocol.coverage,
        "radii": _radii(predictions, params.model),
    }
    return pack_release(RELEASE, members, trained_films(arrays, cohort), params, card)


def _radii(predictions: pd.DataFrame, model: str) -> dict[str, float | None]:
    """Return half the width of the intervals of each sex; None where too few films calibrate it."""
    rows = predictions[(predictions["model"] == model) & (predictions["arm"] == SINGLE)]
    half = (rows["interval_high"] - rows["interval_low"]) / 2
    found = half.groupby(rows["sex"]).first()
    return {
        sex: float(found[sex]) if np.isfinite(found.get(sex, np.nan)) else None for sex in _SEXES
    }


@dataclass(frozen=True)
class AgeReader:
    """A network that reads a bone age, for any hands."""

    bundle: Bundle
    params: PredictParams
    segments = ()
    columns = (
        Column("sex", "Sex"),
        Column("sex_from", "Sex from"),
        Column("months", "Bone age", "months", 0),
        Column("interval_low", "Interval from", "months", 0),
        Column("interval_high", "Interval to", "months", 0),
        Column("coverage", "Coverage of the interval", "", 2),
        Column("months_if_female", "Bone age of a girl", "months", 0),
        Column("months_if_male", "Bone age of a boy", "months", 0),
    )

    @property
    def _state(self) -> ModelState:
        (state,) = self.bundle.members.values()
        return state

    @cached_property
    def _network(self) -> nn.Module:
        return restore_bone_age_network(self._state)

    def read(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> list[Finding]:
        """Predict films: of a child of unknown sex the middle between either, with an interval that holds both."""
        batch = stack_films(films)
        unknown = any(not sex for sex, _ in sexes)
        known = pd.Series([sex or "F" for sex, _ in sexes])
        months = self._months(batch, known)
        other = months
        if unknown:
            other = self._months(batch, known.map({"F": "M", "M": "F"}))
        return [
            self._finding(sex, origin, {known[row]: months[row], **self._other(sex, other[row])})
            for row, (sex, origin) in enumerate(sexes)
        ]

    @staticmethod
    def _other(sex: str, months: float) -> dict[str, float]:
        return {} if sex else {"M": months}

    def _finding(self, sex: str, origin: str, months: dict[str, float]) -> Finding:
        radii: dict[str, float | None] = self.bundle.card["radii"]
        spread = {each: np.nan if (radius := radii[each]) is None else radius for each in months}
        values: dict[str, Value] = {
            "sex": sex,
            "sex_from": origin,
            "months": float(np.mean(list(months.values()))),
            "interval_low": float(min(found - spread[each] for each, found in months.items())),
            "interval_high": float(max(found + spread[each] for each, found in months.items())),
            "coverage": self.bundle.card["coverage"],
            "months_if_female": None if sex else float(months["F"]),
            "months_if_male": None if sex else float(months["M"]),
        }
        return Finding(values, () if sex else (_ASK,))

    def _months(self, films: NDArray[np.uint8], sex: pd.Series) -> Floats:
        from xraylab.training.predict import predict_probabilities

        card = self._state.card
        found = predict_probabilities(
            self._network, films, covariates=sex_code(sex), kind="number", views=card["views"],
            accelerator=self.params.accelerator,
        )  # fmt: skip
        return np.asarray(found.astype(np.float64) * card["target_sd"] + card["target_mean"])

    def heat(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> NDArray[np.float32]:
        """Return what raises the age of films that are read as older than the mean, and lowers that of others."""
        from xraylab.training.saliency import grad_cam

        batch, sex = stack_films(films), pd.Series([each or "F" for each, _ in sexes])
        older = self._months(batch, sex) >= self._state.card["target_mean"]
        code = sex_code(sex)
        up, down = (grad_cam(self._network, batch, code, against=each) for each in (False, True))
        return np.asarray(np.where(older[:, None, None], up, down), np.float32)

    def graph(self) -> Graph:
        """Return the age for export; intervals are made of it and the radii."""
        from xraylab.prediction.graphs import AgeGraph

        card = self._state.card
        network = AgeGraph(self._network, card["views"], card["target_mean"], card["target_sd"])
        known = {name: self.bundle.card[name] for name in ("radii", "coverage")}
        outputs = {"months": Output("bone age in months", _SCALE_MONTHS)}
        return Graph(network, outputs, {"kind": "age", **known}, inputs=("films", "sex"))


RELEASE = Release(
    "bone_age",
    "Bone age",
    "It was trained on left hands of children; it is no substitute for a reading, and not made for sick children.",
    ("HAND", "WRIST", "FINGER", "CARP", "BONE AGE"),
    AgeReader,
)
