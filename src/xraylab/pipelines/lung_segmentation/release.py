"""Any films → lung masks, by the released network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.flow.release import find_released, plot_predicted_masks, predict_masks
from xraylab.imaging.array_cache import ArrayCache, LoadFilm, digest_source
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams

from .params import LungReleaseParams
from .task import THRESHOLD

__all__ = ["describe_lungs", "plot_lung_masks", "predict_lungs"]

Bytes = NDArray[np.uint8]

_MARGIN = 0.2  # by which a plausible lung may be smaller or larger than any that the network was trained on


def predict_lungs(
    new_arrays: ArrayCache,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: LungReleaseParams,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the lungs of every film at the film's own size, a batch at a time as the catalog saves them.

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
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure each predicted mask, and say which are unlike anything that the network was trained on.

    Returns
    -------
    lungs : DataFrame
        ``image_id, source`` (digest of the film's file), ``scaled_by``, ``mask_digest`` (of the mask's), ``model,
        lung_fraction`` (of the film), ``right_fraction, left_fraction, n_components, plausible``: false where there
        are not two lungs, or the fraction lies a fifth or more beyond that of any training film.
    rejected : DataFrame
        ``image_id, reason`` of every film that cannot be read.
    """
    from xraylab.evaluation.segmentation import split_lungs

    states = find_released(models, params.model, new_arrays).values()
    ranges = np.array([state.card["lung_fraction_range"] for state in states])
    low, high = ranges.min() * (1 - _MARGIN), ranges.max() * (1 + _MARGIN)
    rows: list[dict[str, Any]] = []
    facts = new_arrays.index[["image_id", "source", "scaled_by"]]
    for image_id, source, scaled_by in facts.itertuples(index=False):
        mask = np.asarray(lung_masks[image_id]() > THRESHOLD, np.uint8)
        sides = split_lungs(mask)
        n_components = cv2.connectedComponents(mask, connectivity=8)[0] - 1
        fraction = float(mask.mean())
        rows.append(
            {
                "image_id": image_id,
                "source": source,
                "scaled_by": scaled_by,
                "mask_digest": digest_source(lung_masks[image_id]),
                "model": params.model,
                "lung_fraction": fraction,
                "right_fraction": float((sides == 1).mean()),
                "left_fraction": float((sides == 2).mean()),  # noqa: PLR2004 - the left lung's label
                "n_components": n_components,
                "plausible": bool(n_components == 2 and low <= fraction <= high),  # noqa: PLR2004
            }
        )
    return pd.DataFrame(rows), new_arrays.rejected


def plot_lung_masks(
    lung_masks: Mapping[str, LoadFilm], new_arrays: ArrayCache, lungs: pd.DataFrame
) -> plots.Figure:
    """Draw predicted lungs over up to twelve films, those that are not plausible first."""

    def describe(row: Mapping[Any, Any]) -> str:
        doubt = "" if row["plausible"] else ", not plausible"
        return f"{100 * row['lung_fraction']:.0f} % lung{doubt}"

    ranked = lungs.sort_values("image_id")
    return plot_predicted_masks(new_arrays, lung_masks, ranked, describe, "Predicted lungs")
