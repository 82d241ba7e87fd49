"""The released network: any films → lung masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.flow.cohort import plan_films
from xraylab.flow.params import SitedCohortParams
from xraylab.flow.release import (
    CHEST,
    MaskNetworks,
    Release,
    draw_mask,
    find_released,
    pack_release,
    predict_masks,
    stack_films,
    trained_films,
)
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm, digest_source
from xraylab.models.bundle import Bundle
from xraylab.models.state import ModelState
from xraylab.prediction.engine import Finding, PredictParams, Sex
from xraylab.prediction.export import Graph
from xraylab.prediction.intake import LoadedFilm
from xraylab.prediction.result import Column, Value
from xraylab.training.params import TrainingParams

from .params import LungReleaseParams
from .task import THRESHOLD

__all__ = ["RELEASE", "cache_all_films", "describe_lungs", "pack_bundle", "predict_lungs"]

Bytes = NDArray[np.uint8]

_MARGIN = 0.2  # by which a plausible lung may be smaller or larger than any that the network was trained on
_TWO = 2


def pack_bundle(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    params: LungReleaseParams,
) -> dict[str, ModelState]:
    """Pack the released network, with how large lungs can be.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    members = find_released(models, params.model, arrays)
    card = {
        "model": params.model,
        "clean": params.clean,
        "threshold": THRESHOLD,
        "plausible_fraction": _plausible(members),
    }
    return pack_release(RELEASE, members, trained_films(arrays, cohort), params, card)


def _plausible(members: Mapping[str, ModelState]) -> list[float]:
    """Return between which shares of a film lungs can be: those of the training films, and a fifth beyond."""
    ranges = np.array([state.card["lung_fraction_range"] for state in members.values()])
    return [float(ranges.min() * (1 - _MARGIN)), float(ranges.max() * (1 + _MARGIN))]


def cache_all_films(
    films: dict[str, LoadFilm], cohort: SitedCohortParams, params: LungReleaseParams
) -> CachePlan:
    """Plan the arrays of all films of the set, with or without a mask, prepared as those of the training were."""
    fraction = {"max_rejected_fraction": params.max_rejected_fraction}
    return plan_films(films, cohort.model_copy(update=fraction), allow_empty=True)


def predict_lungs(
    new_arrays: ArrayCache,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: LungReleaseParams,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the lungs of every film of the set at its own size, for pipelines that read films inside of them.

    Returns
    -------
    dict of str to callable
        By image id a callable that gives the mask (H, W) of 0 and 1.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    states = list(find_released(models, params.model, new_arrays).values())
    found = predict_masks(
        new_arrays, states, params.batch_size, training, lambda probabilities: THRESHOLD
    )
    return {name: partial(_clean, mask) for name, mask in found.items()} if params.clean else found


def _clean(mask: Callable[[], Bytes]) -> Bytes:
    from xraylab.evaluation.segmentation import clean_mask

    return clean_mask(mask())


def describe_lungs(
    lung_masks: Mapping[str, LoadFilm],
    new_arrays: ArrayCache,
    models: dict[str, ModelState],
    params: LungReleaseParams,
) -> pd.DataFrame:
    """Measure each predicted mask of the set.

    Returns
    -------
    DataFrame
        ``image_id, source`` (digest of the film's file), ``mask_digest`` (of the mask's), ``model``, and what
        `measure_lungs` gives.
    """
    plausible = _plausible(find_released(models, params.model, new_arrays))
    rows: list[dict[str, Any]] = []
    for image_id, source in new_arrays.index[["image_id", "source"]].itertuples(index=False):
        mask = np.asarray(lung_masks[image_id]() > THRESHOLD, np.uint8)
        digest = digest_source(lung_masks[image_id])
        facts = {"image_id": image_id, "source": source, "mask_digest": digest}
        rows.append({**facts, "model": params.model, **measure_lungs(mask, plausible)})
    return pd.DataFrame(rows)


def measure_lungs(mask: Bytes, plausible: Sequence[float]) -> dict[str, Value]:
    """Measure a mask of lungs.

    Parameters
    ----------
    mask : (H, W) ndarray of uint8
        0 and 1.
    plausible : (float, float)
        Between which shares of a film lungs can be.

    Returns
    -------
    dict
        ``lung_fraction`` (of the film), ``right_fraction, left_fraction, n_components``, and ``plausible``: whether
        there are two lungs of such a size.

    Examples
    --------
    >>> mask = np.zeros((32, 32), np.uint8)
    >>> mask[8:24, 4:12] = mask[8:24, 20:28] = 1
    >>> measure_lungs(mask, (0.1, 0.5))
    {'lung_fraction': 0.25, 'right_fraction': 0.125, 'left_fraction': 0.125, 'n_components': 2, 'plausible': True}
    """
    from xraylab.evaluation.segmentation import split_lungs

    sides = split_lungs(mask)
    n_components = int(cv2.connectedComponents(mask, connectivity=8)[0]) - 1
    fraction = float(mask.mean())
    low, high = plausible
    return {
        "lung_fraction": fraction,
        "right_fraction": float((sides == 1).mean()),
        "left_fraction": float((sides == _TWO).mean()),
        "n_components": n_components,
        "plausible": bool(n_components == _TWO and low <= fraction <= high),
    }


@dataclass(frozen=True)
class LungReader:
    """Networks that draw lungs, for any films."""

    bundle: Bundle
    params: PredictParams
    segments = ("Lung",)
    columns = (
        Column("mask", "Mask"),
        Column("lung_fraction", "Lungs", "of the film", 3),
        Column("right_fraction", "Right lung", "of the film", 3),
        Column("left_fraction", "Left lung", "of the film", 3),
        Column("n_components", "Parts of the mask", "", 0),
    )

    @cached_property
    def _networks(self) -> MaskNetworks:
        return MaskNetworks(list(self.bundle.members.values()), self.params.accelerator)

    def read(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> list[Finding]:
        """Draw the lungs of films."""
        card = self.bundle.card
        findings = []
        for film, seen in zip(films, self._networks.maps(stack_films(films)), strict=True):
            mask = draw_mask(seen, film.shape, card["threshold"])
            if card["clean"]:
                mask = _clean(lambda drawn=mask: drawn)  # type: ignore[misc]
            values = measure_lungs(mask, card["plausible_fraction"])
            doubts = () if values.pop("plausible") else ("these are not two lungs of a usual size",)
            findings.append(Finding({"mask": "", **values}, doubts, mask))
        return findings

    def heat(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> NDArray[np.float32]:
        """Return the probability (B, S, S) of lung."""
        return self._networks.maps(stack_films(films))

    def graph(self) -> Graph:
        """Return the map for export."""
        known = {name: self.bundle.card[name] for name in ("threshold", "clean")}
        return self._networks.graph(
            {**known, "share": "lung_fraction", "on_grid": False},
            "Exported are the map and the mask: right and left lung are not told apart, and the size of the lungs is "
            "not checked.",
        )


RELEASE = Release(
    "lung_segmentation",
    "Lungs",
    "It was trained on frontal chest films of adults; what the heart and the diaphragm hide is not drawn.",
    CHEST,
    LungReader,
)
