"""The released model: packed as a bundle when it is trained, and read by the pipelines that predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.flow.params import ReleaseParams
from xraylab.flow.split import SINGLE
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bundle import pack_bundle
from xraylab.models.card import check_preparation, describe_cut_short
from xraylab.models.networks import restore_network
from xraylab.models.state import ModelState
from xraylab.prediction.engine import Restore
from xraylab.prediction.export import Graph, Output
from xraylab.prediction.familiarity import fit_familiarity
from xraylab.prediction.intake import RADIOGRAPHY, LoadedFilm
from xraylab.prediction.result import Column, Value
from xraylab.training.params import TrainingParams

if TYPE_CHECKING:
    from torch import nn

    from xraylab.training.predict import Batches

__all__ = [
    "CALLED",
    "CHEST",
    "FILM",
    "MaskNetworks",
    "Release",
    "TrainedFilms",
    "call_films",
    "called_graph",
    "draw_mask",
    "find_released",
    "mean_threshold",
    "pack_release",
    "predict_masks",
    "stack_films",
    "trained_films",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

FILM = "film"
"""The preparation that the score of unfamiliar films reads."""

CHEST = ("CHEST", "THORAX", "LUNG", "TORAX", "RIB")
"""Words in the body part of a chest film, as DICOM files write it."""

CALLED = (
    Column("probability", "Probability", "", 2),
    Column("spread", "Spread of the trainings", "", 2),
    Column("threshold", "Threshold", "", 2),
    Column("finding", "Finding"),
)
"""What a classifier says of a film."""

_MOST_FILMS = 4000  # that say what is familiar


@dataclass(frozen=True)
class Release:
    """What a pipeline says of its released model.

    Attributes
    ----------
    task : str
        Name of the pipeline.
    title : str
        What is predicted, as a reader calls it.
    limits : str
        In one sentence, what the predictions do not say.
    body_parts : tuple of str
        Words of which one stands in the body part of a DICOM file of such a film.
    restore : callable
        Takes a bundle and parameters and returns what reads films.
    """

    task: str
    title: str
    limits: str
    body_parts: tuple[str, ...]
    restore: Restore


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


@dataclass(frozen=True)
class TrainedFilms:
    """The films that a model was trained on, which say what is familiar to it.

    Attributes
    ----------
    films : (N, S, S) ndarray of uint8
        Prepared as those that the model will read.
    groups : (N,) Series of str
        Patient of each.
    preprocess : dict
        How they were prepared.
    """

    films: Bytes
    groups: pd.Series
    preprocess: Mapping[str, Any]


def trained_films(arrays: ArrayCache, cohort: pd.DataFrame) -> TrainedFilms:
    """Return the films of all parts of a split but the test part, at most some thousands, evenly chosen."""
    rows = cohort[cohort["split"].isin(["train", "val"])].drop_duplicates("image_id")
    rows = rows.iloc[:: max(1, -(-len(rows) // _MOST_FILMS))]
    films = np.asarray(arrays.films[arrays.rows_of(rows["image_id"])])
    return TrainedFilms(films, rows["group_id"].reset_index(drop=True), arrays.preprocess)


def pack_release(
    release: Release,
    members: Mapping[str, ModelState],
    trained: TrainedFilms,
    params: ReleaseParams,
    card: Mapping[str, Any],
) -> dict[str, ModelState]:
    """Put together the bundle of a released model.

    Parameters
    ----------
    release : Release
        What the pipeline says of it.
    members : mapping of str to ModelState
        The models.
    trained : TrainedFilms
        What is familiar to it.
    params : ReleaseParams
        How unfamiliar films are found.
    card : mapping
        What only this task needs; further ``preparations`` among it.

    Returns
    -------
    dict of str to ModelState
        As `xraylab.models.bundle.pack_bundle` gives it.
    """
    familiarity = fit_familiarity(trained.films, trained.groups, params.familiarity)
    lacks = {describe_cut_short(state.card) for state in members.values()} - {""}
    described = {
        "title": release.title,
        "limits": release.limits,
        "modalities": list(RADIOGRAPHY),
        "body_parts": list(release.body_parts),
        "familiarity_of": FILM,
        "cut_short": "; ".join(sorted(lacks)),
        **card,
        "preparations": {FILM: dict(trained.preprocess), **card.get("preparations", {})},
    }
    return pack_bundle(release.task, described, members, familiarity)


def call_films(
    found: Floats, states: Sequence[ModelState], classes: tuple[str, str]
) -> list[dict[str, Value]]:
    """Return what a classifier says of films: the mean of its trainings, and whether it is above the threshold.

    Parameters
    ----------
    found : (M, N) ndarray
        Probability by each training; nan where a training could not predict a film.
    states : sequence of ModelState
        The trainings; the mean of their thresholds is the threshold.
    classes : (str, str)
        What classes 0 and 1 are called.

    Returns
    -------
    list of dict
        The columns `CALLED` of each film.

    Examples
    --------
    >>> states = [ModelState({"threshold": 0.5})]
    >>> call_films(np.array([[0.25, 0.75]]), states, ("whole", "fractured"))[1]["finding"]
    'fractured'
    """
    threshold = mean_threshold(states)
    probability, spread = np.nanmean(found, axis=0), np.nanstd(found, axis=0)
    return [
        {
            "probability": float(one),
            "spread": float(other),
            "threshold": threshold,
            "finding": classes[int(one >= threshold)],
        }
        for one, other in zip(probability, spread, strict=True)
    ]


def mean_threshold(states: Sequence[ModelState]) -> float:
    """Return the threshold of several trainings together: the mean of theirs."""
    return float(np.mean([state.card["threshold"] for state in states]))


def called_graph(
    members: Sequence[nn.Module], states: Sequence[ModelState], classes: tuple[str, str]
) -> Graph:
    """Return what `call_films` says of films, for export.

    Parameters
    ----------
    members : sequence of torch.nn.Module
        Each maps films (B, S, S) of uint8 to probabilities (B,) of one training.
    states, classes
        As `call_films` takes them.
    """
    from xraylab.prediction.graphs import CalledGraph

    outputs = {
        "probability": Output("mean probability of the trainings"),
        "spread": Output("standard deviation of the trainings"),
    }
    card = {"kind": "called", "threshold": mean_threshold(states), "classes": list(classes)}
    return Graph(CalledGraph(members), outputs, card)


def stack_films(films: Sequence[LoadedFilm], name: str = FILM) -> Bytes:
    """Return the films (B, S, S) of a batch under one preparation."""
    return np.stack([film.films[name] for film in films])


@dataclass(frozen=True)
class MaskNetworks:
    """Networks that draw one mask together.

    Attributes
    ----------
    states : sequence of ModelState
        Stored networks; with several the median of their maps is taken. Not the mean: one badly trained network must
        not raise the background of all films.
    accelerator : str
        Where they run.
    """

    states: Sequence[ModelState]
    accelerator: str = "auto"

    @cached_property
    def _networks(self) -> list[nn.Module]:
        return [restore_network(state) for state in self.states]

    def graph(self, card: Mapping[str, Any], without: str) -> Graph:
        """Return the maps for export.

        Parameters
        ----------
        card : mapping
            ``threshold``; whether a mask is ``clean``; its ``share`` of the film by the name of its column, and whether
            that is measured ``on_grid``, the grid of the networks.
        without : str
            What stays behind.
        """
        from xraylab.prediction.graphs import MaskGraph, NetworkGraph

        members = [
            NetworkGraph(network, state.card["views"])
            for network, state in zip(self._networks, self.states, strict=True)
        ]
        outputs = {"map": Output("probability of each pixel")}
        return Graph(MaskGraph(members), outputs, {"kind": "mask", **card}, without=without)

    def maps(self, films: Bytes) -> NDArray[np.float32]:
        """Return the probability (B, S, S) of each pixel."""
        from xraylab.training.predict import predict_probabilities

        found = [
            predict_probabilities(
                network, films, views=state.card["views"], accelerator=self.accelerator
            )
            for network, state in zip(self._networks, self.states, strict=True)
        ]
        return np.asarray(np.median(found, axis=0), np.float32)


def draw_mask(seen: NDArray[np.float32], shape: tuple[int, int], threshold: float) -> Bytes:
    """Return a map (S, S) as a mask (H, W) of 0 and 1 at the film's own size."""
    height, width = shape
    large = cv2.resize(seen, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large >= threshold, np.uint8)


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
    shape = int(facts["height_px"]), int(facts["width_px"])
    return draw_mask(middle, shape, threshold(middle))
