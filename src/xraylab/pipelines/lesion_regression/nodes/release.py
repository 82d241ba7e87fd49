"""Any films → lesions, their size and place, and the estimated ratio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.evaluation.decoding import Threshold, mask_threshold
from xraylab.features.lesions import measure_lesions
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.models.card import check_preparation
from xraylab.models.networks import restore_network
from xraylab.models.state import ModelState
from xraylab.pipelines.lesion_regression.params import (
    CLINICAL_FEATURES,
    CohortParams,
    ReleaseParams,
    SegmentationParams,
)
from xraylab.tabular.kinds import restore_tabular_model
from xraylab.training.params import TrainingParams

if TYPE_CHECKING:
    from xraylab.training.predict import Batches

__all__ = ["cache_new_films", "describe_lesions", "plot_lesion_masks", "predict_lesions"]

Bytes = NDArray[np.uint8]

_SHOWN = 12
_HALF = 0.5  # of a mask that is read back from a file


def cache_new_films(
    new_films: dict[str, LoadFilm], cohort: CohortParams, params: ReleaseParams
) -> CachePlan:
    """Plan the arrays of the films whose lesions are wanted, prepared as the networks' own were."""
    return CachePlan(
        new_films,
        preprocess=cohort.preprocess,
        workers=cohort.workers,
        max_rejected_fraction=params.max_rejected_fraction,
    )


def predict_lesions(
    new_arrays: ArrayCache,
    models: dict[str, ModelState],
    training: TrainingParams,
    segmentation: SegmentationParams,
    params: ReleaseParams,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the lesions of every film at its own size: by the median over the networks of all folds.

    A film that was among those of the training is known to all networks but one.

    Returns
    -------
    dict of str to callable
        By image id a callable that gives the mask (H, W) of 0 and 1.

    Raises
    ------
    ValueError
        If the networks were trained on films prepared in another way.
    """
    from xraylab.training.predict import Batches

    read = partial(_read_films, new_arrays)
    members = []
    for name, state in models.items():
        check_preparation(name, state.card, new_arrays.preprocess)
        members.append(
            Batches(
                restore_network(state), len(new_arrays.index), read, params.batch_size,
                views=state.card["views"], precision=training.precision, accelerator=training.accelerator,
            )
        )  # fmt: skip
    return {
        str(row["image_id"]): partial(_mask, members, position, row, segmentation.threshold)
        for position, row in enumerate(new_arrays.index.to_dict("records"))
    }


def _read_films(arrays: ArrayCache, start: int, stop: int) -> Bytes:
    return np.asarray(arrays.films[start:stop])


def _mask(
    members: list[Batches], position: int, facts: dict[Any, Any], threshold: Threshold
) -> Bytes:
    # the median and not the mean: one badly trained network must not lift the background of all films
    middle = np.median([batches(position) for batches in members], axis=0).astype(np.float32)
    shape = int(facts["width_px"]), int(facts["height_px"])
    large = cv2.resize(middle, shape, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large >= mask_threshold(middle, threshold), np.uint8)


def describe_lesions(
    lesion_masks: Mapping[str, LoadFilm],
    new_arrays: ArrayCache,
    cohort: pd.DataFrame,
    regressors: dict[str, ModelState],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure the predicted lesions of each film, and estimate the ratio that an annotator would draw.

    Features are measured on the networks' grid, as those were that the regressions were fitted to. What the clinical
    tables say is known of the films of the cohort, which are recognised by their content: another film of the same name
    is of another patient. Elsewhere it is missing, and the models know what to do with it.

    Returns
    -------
    lesions : DataFrame
        ``image_id, scaled_by``, the features of `xraylab.features.lesions`, the clinical columns, and
        ``estimated_<model>``.
    rejected : DataFrame
        ``image_id, reason`` of every film that cannot be read.
    """
    size = (new_arrays.size_px, new_arrays.size_px)
    rows = []
    for image_id, scaled_by in new_arrays.index[["image_id", "scaled_by"]].itertuples(index=False):
        mask = np.asarray(lesion_masks[image_id]() > _HALF, np.float32)
        small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
        features = measure_lesions(np.asarray(small >= _HALF, np.uint8))
        rows.append({"image_id": image_id, "scaled_by": scaled_by, **features})
    clinical = cohort[["source", *CLINICAL_FEATURES]].drop_duplicates("source")
    sources = new_arrays.index["source"].to_numpy()
    lesions = pd.DataFrame(rows).assign(source=sources).merge(clinical, on="source", how="left")
    lesions = lesions.drop(columns="source")
    for name in CLINICAL_FEATURES:
        lesions[name] = lesions[name].astype(np.float64)
    for name, state in regressors.items():
        lesions[f"estimated_{name}"] = restore_tabular_model(state).predict(lesions)
    return lesions, new_arrays.rejected


def plot_lesion_masks(
    lesion_masks: Mapping[str, LoadFilm], new_arrays: ArrayCache, lesions: pd.DataFrame
) -> plots.Figure:
    """Draw predicted lesions over up to twelve films, from the smallest to the largest."""
    ranked = lesions.sort_values(["lesion_ratio", "image_id"], ignore_index=True)
    places = np.linspace(0, len(ranked) - 1, min(len(ranked), _SHOWN)).round().astype(int)
    size = (new_arrays.size_px, new_arrays.size_px)
    panels = []
    for row in ranked.iloc[np.unique(places)].to_dict("records"):
        image_id = row["image_id"]
        mask = np.asarray(lesion_masks[image_id](), np.float32)
        small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > _HALF
        label = f"{image_id}\n{100 * row['lesion_ratio']:.1f} % of the film, {row['num_lesions']:.0f} lesions"
        film = np.asarray(new_arrays.films[new_arrays.row_of(image_id)])
        panels.append((label, film, None, small.astype(np.uint8)))
    return plots.plot_mask_overlays(
        {"": panels}, "Predicted lesions. Research software, not a medical device."
    )
