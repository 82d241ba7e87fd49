"""The released model on any folder of films."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.flow.split import SINGLE
from xraylab.imaging.array_cache import ArrayCache, LoadFilm
from xraylab.models.card import NOTICE, check_preparation
from xraylab.models.networks import restore_network
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams

if TYPE_CHECKING:
    from xraylab.training.predict import Batches

__all__ = [
    "call_films",
    "find_released",
    "plot_predicted_films",
    "plot_predicted_masks",
    "predict_masks",
    "read_mask_on_grid",
    "read_new_films",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

_SHOWN = 12
_HALF = 0.5  # of a mask that is read back from a file


def find_released(
    models: Mapping[str, ModelState], name: str, arrays: ArrayCache
) -> dict[str, ModelState]:
    """Return the stored models that are the released one: that of the single split, or those of all folds.

    Parameters
    ----------
    models : mapping of str to ModelState
        All models of the protocol.
    name : str
        The released model, as the parameters name it.
    arrays : ArrayCache
        The films that it shall read.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    found = {key: state for key, state in models.items() if state.card["name"] == name}
    if not found:
        names = dict.fromkeys(state.card["name"] for state in models.values())
        raise ValueError(f"release.model '{name}' is none of the trained {', '.join(names)}")
    single = {key: state for key, state in found.items() if state.card["arm"] == SINGLE}
    for state in (single or found).values():
        check_preparation(name, state.card, arrays.preprocess)
    return single or found


def call_films(
    arrays: ArrayCache,
    image_ids: pd.Series,
    found: Floats,
    states: Sequence[ModelState],
    finding: str,
) -> pd.DataFrame:
    """Return what a classifier says of films: the mean of its trainings, and whether it is above the threshold.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    image_ids : (N,) Series of str
        Those that were predicted.
    found : (M, N) ndarray
        Probability by each training; nan where a training could not predict a film.
    states : sequence of ModelState
        The trainings of the released model; the mean of their thresholds is the threshold.
    finding : str
        Column of the answer, such as ``fractured``.

    Returns
    -------
    DataFrame
        ``image_id, scaled_by, model, probability, spread`` (standard deviation over trainings, 0 with one),
        ``n_models, threshold``, the finding, ``notice``.
    """
    some = found.shape[1] > 0
    probability = np.nanmean(found, axis=0) if some else np.empty(0)
    threshold = float(np.mean([state.card["threshold"] for state in states]))
    return pd.DataFrame(
        {
            "image_id": image_ids.to_numpy(),
            "scaled_by": arrays.scaled_by(image_ids),
            "model": states[0].card["name"],
            "probability": probability,
            "spread": np.nanstd(found, axis=0) if some else np.empty(0),
            "n_models": np.isfinite(found).sum(axis=0),
            "threshold": threshold,
            finding: probability >= threshold,
            "notice": NOTICE,
        }
    )


def predict_masks(
    arrays: ArrayCache,
    states: Sequence[ModelState],
    batch_size: int,
    machine: TrainingParams,
    threshold: Callable[[NDArray[np.float32]], float],
) -> dict[str, Callable[[], Bytes]]:
    """Predict a mask of every film at the film's own size, a batch at a time as the catalog saves them.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    states : sequence of ModelState
        Stored networks; with several the median of their maps is taken. Not the mean: one badly trained network must
        not raise the background of all films.
    batch_size : int
        Films at once.
    machine : TrainingParams
        Precision and accelerator.
    threshold : callable
        Takes the map (S, S) of one film and returns the probability from which a pixel belongs to the mask.

    Returns
    -------
    dict of str to callable
        By image id a callable that gives the mask (H, W) of 0 and 1.
    """
    from xraylab.training.predict import Batches

    read = partial(_read_films, arrays)
    members = [
        Batches(
            restore_network(state), len(arrays.index), read, batch_size,
            views=state.card["views"], precision=machine.precision, accelerator=machine.accelerator,
        )
        for state in states
    ]  # fmt: skip
    return {
        str(row["image_id"]): partial(_mask, members, position, row, threshold)
        for position, row in enumerate(arrays.index.to_dict("records"))
    }


def _read_films(arrays: ArrayCache, start: int, stop: int) -> Bytes:
    return np.asarray(arrays.films[start:stop])


def _mask(
    members: list[Batches],
    position: int,
    facts: Mapping[Any, Any],
    threshold: Callable[[NDArray[np.float32]], float],
) -> Bytes:
    middle = np.median([batches(position) for batches in members], axis=0).astype(np.float32)
    shape = int(facts["width_px"]), int(facts["height_px"])
    large = cv2.resize(middle, shape, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large >= threshold(middle), np.uint8)


def read_mask_on_grid(load: LoadFilm, size_px: int) -> Bytes:
    """Return a saved mask (S, S) of 0 and 1 on the network's grid."""
    mask = np.asarray(load() > _HALF, np.float32)
    small = cv2.resize(mask, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small >= _HALF, np.uint8)


def read_new_films(
    arrays: ArrayCache, masks: Mapping[str, LoadFilm]
) -> Iterator[tuple[dict[str, Any], LoadFilm]]:
    """Give for each film what a table says of any film that was read, and its predicted mask."""
    for image_id, scaled_by in arrays.index[["image_id", "scaled_by"]].itertuples(index=False):
        yield {"image_id": image_id, "scaled_by": scaled_by}, masks[image_id]


def _spread(table: pd.DataFrame, n: int) -> list[dict[Any, Any]]:
    """Return up to n rows at equal steps."""
    places = np.linspace(0, len(table) - 1, min(n, len(table))).round().astype(int)
    return table.iloc[np.unique(places)].to_dict("records")


def plot_predicted_films(
    arrays: ArrayCache,
    table: pd.DataFrame,
    by: str,
    describe: Callable[[Mapping[Any, Any]], str],
    title: str,
) -> plots.Figure:
    """Draw up to twelve films with what was predicted, from the smallest to the largest.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    table : DataFrame
        Predictions, ``image_id`` among its columns.
    by : str
        Column that ranks the films.
    describe : callable
        Takes a row and returns the line below the name of its film.
    title : str
        Title of the figure.
    """
    ranked = table.sort_values([by, "image_id"], ignore_index=True).drop_duplicates("image_id")
    if ranked.empty:
        return plots.plot_message("There was no film to read: name a folder with --params films=…")
    panels = [
        (
            f"{PurePosixPath(row['image_id']).name}{describe(row)}",
            np.asarray(arrays.films[arrays.row_of(row["image_id"])]),
        )
        for row in _spread(ranked, _SHOWN)
    ]
    return plots.plot_film_grid(panels, title)


def plot_predicted_masks(
    arrays: ArrayCache,
    masks: Mapping[str, LoadFilm],
    table: pd.DataFrame,
    describe: Callable[[Mapping[Any, Any]], str],
    title: str,
) -> plots.Figure:
    """Draw predicted masks over up to twelve films, in the order of the table, those of doubtful rows first.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    masks : mapping of str to callable
        Predicted masks by image id.
    table : DataFrame
        Predictions in the order in which they are drawn; where ``plausible`` is false a film is shown before others.
    describe : callable
        Takes a row and returns the line below the name of its film.
    title : str
        Title of the figure.
    """
    plausible = table["plausible"] if "plausible" in table else pd.Series(True, table.index)
    doubtful: list[dict[Any, Any]] = table[~plausible].head(_SHOWN // 2).to_dict("records")
    panels = []
    for row in [*doubtful, *_spread(table[plausible], _SHOWN - len(doubtful))]:
        image_id = row["image_id"]
        film = np.asarray(arrays.films[arrays.row_of(image_id)])
        mask = read_mask_on_grid(masks[image_id], arrays.size_px)
        panels.append((f"{image_id}\n{describe(row)}", film, None, mask))
    return plots.plot_mask_overlays({"": panels}, f"{title}. {NOTICE}")
