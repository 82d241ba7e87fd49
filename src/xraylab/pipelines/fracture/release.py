"""The released network: any films → probability of a fracture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.calibration import apply_calibration
from xraylab.flow.params import ModelReleaseParams
from xraylab.flow.release import (
    CALLED,
    Release,
    call_films,
    called_graph,
    find_released,
    pack_release,
    stack_films,
    trained_films,
)
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bundle import Bundle
from xraylab.models.classifiers import restore_classifier
from xraylab.models.state import ModelState
from xraylab.prediction.engine import Finding, PredictParams, Sex
from xraylab.prediction.export import Graph
from xraylab.prediction.intake import LoadedFilm

from .params import CLASS_NAMES

if TYPE_CHECKING:
    from torch import nn

__all__ = ["RELEASE", "pack_bundle"]

_BONES = (
    *("HAND", "FINGER", "THUMB", "WRIST", "FOREARM", "ULNA", "RADIUS", "ELBOW", "HUMERUS", "ARM"),
    *("SHOULDER", "CLAVICLE", "SCAPULA", "HIP", "PELVIS", "FEMUR", "KNEE", "PATELLA", "TIBIA"),
    *("FIBULA", "LEG", "ANKLE", "FOOT", "TOE", "HEEL", "CALCANEUS", "EXTREMITY", "BONE"),
)
"""Words in the body part of a limb, as DICOM files write it."""


def pack_bundle(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    params: ModelReleaseParams,
) -> dict[str, ModelState]:
    """Pack the released network; with folds, the networks of all folds.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    members = find_released(models, params.model, arrays)
    trained = trained_films(arrays, cohort)
    return pack_release(RELEASE, members, trained, params, {"model": params.model})


@dataclass(frozen=True)
class FractureReader:
    """Networks that tell fractured from whole bones, for any films."""

    bundle: Bundle
    params: PredictParams
    columns = CALLED
    segments = ()

    @cached_property
    def _networks(self) -> list[tuple[nn.Module, ModelState]]:
        return [(restore_classifier(state), state) for state in self.bundle.members.values()]

    def read(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> list[Finding]:
        """Predict films by the mean of the calibrated networks."""
        from xraylab.training.predict import predict_probabilities

        batch = stack_films(films)
        found = []
        for network, state in self._networks:
            raw = predict_probabilities(
                network, batch, views=state.card["views"], accelerator=self.params.accelerator
            )
            found.append(apply_calibration(raw.astype(np.float64), state.card["calibration"]))
        states = [state for _, state in self._networks]
        return [Finding(values) for values in call_films(np.stack(found), states, CLASS_NAMES)]

    def heat(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> NDArray[np.float32]:
        """Return what speaks for a fracture: the mean Grad-CAM map (B, S, S) of the networks."""
        from xraylab.training.saliency import grad_cam

        batch = stack_films(films)
        maps = [grad_cam(network, batch) for network, _ in self._networks]
        return np.asarray(np.mean(maps, axis=0), np.float32)

    def graph(self) -> Graph:
        """Return all of it for export."""
        from xraylab.prediction.graphs import NetworkGraph

        members = [
            NetworkGraph(network, state.card["views"], calibration=state.card["calibration"])
            for network, state in self._networks
        ]
        return called_graph(members, [state for _, state in self._networks], CLASS_NAMES)


RELEASE = Release(
    "fracture",
    "Probability of a fracture",
    "It was trained on films of limbs in which many are copies of each other, and says nothing of other regions.",
    _BONES,
    FractureReader,
)
