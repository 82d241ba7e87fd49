"""Any films → lung masks, by the released network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm, digest_source
from xraylab.models.card import check_preparation
from xraylab.models.networks import restore_network
from xraylab.models.state import ModelState
from xraylab.pipelines.lung_segmentation.params import CohortParams, ReleaseParams
from xraylab.training.params import TrainingParams

from .networks import THRESHOLD

if TYPE_CHECKING:
    from xraylab.training.predict import Batches

__all__ = ["cache_new_films", "describe_lungs", "plot_lung_masks", "predict_lungs"]

Bytes = NDArray[np.uint8]

_SHOWN = 12
_MARGIN = 0.2  # by which a plausible lung may be smaller or larger than any that the network was trained on


def cache_new_films(
    new_films: dict[str, LoadFilm], cohort: CohortParams, params: ReleaseParams
) -> CachePlan:
    """Plan the arrays of the films whose lungs are wanted, prepared as the network's own were."""
    return CachePlan(
        new_films,
        preprocess=cohort.preprocess,
        workers=cohort.workers,
        max_rejected_fraction=params.max_rejected_fraction,
    )


def predict_lungs(
    new_arrays: ArrayCache,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ReleaseParams,
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
    from xraylab.training.predict import Batches

    if params.model not in models:
        raise ValueError(
            f"release.model '{params.model}' is none of the trained {', '.join(models)}"
        )
    card = models[params.model].card
    check_preparation(params.model, card, new_arrays.preprocess)
    batches = Batches(
        restore_network(models[params.model]),
        len(new_arrays.index),
        lambda start, stop: np.asarray(new_arrays.films[start:stop]),
        params.batch_size,
        views=2 if card["average_flip"] else 1,
        precision=training.precision,
        accelerator=training.accelerator,
    )
    return {
        str(row["image_id"]): partial(_mask, batches, position, row, params)
        for position, row in enumerate(new_arrays.index.to_dict("records"))
    }


def _mask(batches: Batches, position: int, facts: dict[Any, Any], params: ReleaseParams) -> Bytes:
    """Return the mask (H, W) of one film at its own size."""
    from xraylab.evaluation.segmentation import clean_mask

    shape = int(facts["width_px"]), int(facts["height_px"])
    found = cv2.resize(batches(position), shape, interpolation=cv2.INTER_LINEAR)
    mask = np.asarray(found >= THRESHOLD, np.uint8)
    return clean_mask(mask) if params.clean else mask


def describe_lungs(
    lung_masks: Mapping[str, LoadFilm],
    new_arrays: ArrayCache,
    models: dict[str, ModelState],
    params: ReleaseParams,
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

    least, most = models[params.model].card["lung_fraction_range"]
    low, high = least * (1 - _MARGIN), most * (1 + _MARGIN)
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
    ranked = lungs.sort_values(["plausible", "image_id"], ignore_index=True)
    doubtful = ranked[~ranked["plausible"]].head(_SHOWN // 2)
    rest = ranked[ranked["plausible"]]
    spread = (
        np.linspace(0, len(rest) - 1, min(len(rest), _SHOWN - len(doubtful))).round().astype(int)
    )
    chosen = pd.concat([doubtful, rest.iloc[np.unique(spread)]])
    size = (new_arrays.size_px, new_arrays.size_px)
    panels = []
    for row in chosen.to_dict("records"):
        image_id = row["image_id"]
        place = new_arrays.row_of(image_id)
        mask = cv2.resize(
            np.asarray(lung_masks[image_id](), np.float32), size, interpolation=cv2.INTER_AREA
        )
        label = f"{image_id}\n{100 * row['lung_fraction']:.0f} % lung" + (
            "" if row["plausible"] else ", not plausible"
        )
        panels.append(
            (label, np.asarray(new_arrays.films[place]), None, (mask > THRESHOLD).astype(np.uint8))
        )
    return plots.plot_mask_overlays(
        {"": panels}, "Predicted lungs. Research software, not a medical device."
    )
