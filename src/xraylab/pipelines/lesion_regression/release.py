"""The released models: any films → lesions, their size and place, and the estimated ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.decoding import mask_threshold
from xraylab.features.lesions import measure_lesions
from xraylab.flow.params import ReleaseParams
from xraylab.flow.release import (
    CHEST,
    MaskNetworks,
    Release,
    draw_mask,
    find_released,
    pack_release,
    stack_films,
    trained_films,
)
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bundle import Bundle
from xraylab.models.state import ModelState
from xraylab.prediction.engine import Finding, PredictParams, Sex
from xraylab.prediction.export import Graph
from xraylab.prediction.intake import LoadedFilm
from xraylab.prediction.result import Column
from xraylab.tabular.interface import TabularModel
from xraylab.tabular.kinds import restore_tabular_model

from .params import CLINICAL_FEATURES, SegmentationParams
from .task import NETWORK

__all__ = ["RELEASE", "pack_bundle"]

_REGRESSOR = "estimate-"


def pack_bundle(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    regressors: dict[str, ModelState],
    segmentation: SegmentationParams,
    params: ReleaseParams,
) -> dict[str, ModelState]:
    """Pack the networks of all folds, and the models that estimate the ratio that an annotator would draw.

    Raises
    ------
    ValueError
        If the networks were trained on films prepared in another way.
    """
    networks = find_released(models, NETWORK, arrays)
    members = {**networks, **{f"{_REGRESSOR}{name}": each for name, each in regressors.items()}}
    card = {
        "model": NETWORK,
        "threshold": segmentation.threshold,
        "networks": list(networks),
        "regressors": list(regressors),
    }
    return pack_release(RELEASE, members, trained_films(arrays, cohort), params, card)


@dataclass(frozen=True)
class LesionReader:
    """Networks that draw lesions, and models of their ratio, for any films."""

    bundle: Bundle
    params: PredictParams
    segments = ("Lesion",)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Mask, what is measured of it, and an estimate of each model."""
        estimates = (
            Column(f"estimated_{name}", f"Ratio by {name}", "of the film", 3)
            for name in self.bundle.card["regressors"]
        )
        return (
            Column("mask", "Mask"),
            Column("lesion_ratio", "Lesions", "of the film", 3),
            Column("num_lesions", "Number of lesions", "", 0),
            Column("left_share", "Share on the left", "", 2),
            *estimates,
        )

    @cached_property
    def _networks(self) -> MaskNetworks:
        states = [self.bundle.members[name] for name in self.bundle.card["networks"]]
        return MaskNetworks(states, self.params.accelerator)

    @cached_property
    def _regressors(self) -> Mapping[str, TabularModel]:
        return {
            name: restore_tabular_model(self.bundle.members[f"{_REGRESSOR}{name}"])
            for name in self.bundle.card["regressors"]
        }

    def read(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> list[Finding]:
        """Draw and measure the lesions of films.

        Features are measured on the networks' grid, as those were that the regressions were fitted to. What clinical
        tables say is missing, and the models know what to do with it.
        """
        maps = self._networks.maps(stack_films(films))
        levels = [mask_threshold(seen, self.bundle.card["threshold"]) for seen in maps]
        measured = [
            measure_lesions(np.asarray(seen >= level, np.uint8))
            for seen, level in zip(maps, levels, strict=True)
        ]
        table = pd.DataFrame(measured).assign(**dict.fromkeys(CLINICAL_FEATURES, np.nan))
        estimates = {name: model.predict(table) for name, model in self._regressors.items()}
        findings = []
        for row, film in enumerate(films):
            values: dict[str, Any] = {
                "mask": "",
                **{name: measured[row][name] for name in ("lesion_ratio", "num_lesions")},
                "left_share": measured[row]["left_share"],
                **{f"estimated_{name}": float(each[row]) for name, each in estimates.items()},
            }
            mask = draw_mask(maps[row], film.shape, levels[row])
            findings.append(Finding(values, (), mask))
        return findings

    def heat(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> NDArray[np.float32]:
        """Return the probability (B, S, S) of a lesion."""
        return self._networks.maps(stack_films(films))

    def graph(self) -> Graph:
        """Return the map for export."""
        known = {"threshold": self.bundle.card["threshold"], "clean": False}
        return self._networks.graph(
            {**known, "share": "lesion_ratio", "on_grid": True},
            "Exported are the map and the mask, not the estimates of the ratio: those models read features that are "
            "measured on the parts of a mask, which no graph does.",
        )


RELEASE = Release(
    "lesion_regression",
    "Lesions of the lungs",
    "It was trained on few films with drawn lesions and on boxes of pneumonia, and draws opacities of any cause.",
    CHEST,
    LesionReader,
)
