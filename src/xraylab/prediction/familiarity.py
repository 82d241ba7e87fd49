"""Whether a film is of the kind that a model was trained on.

A film is known by the features of a frozen encoder. Its unfamiliarity is its Mahalanobis distance from the training
films, whose covariance is shrunk (Ledoit and Wolf), so that a few dozen films are enough. The limit is set on films of
patients that the distance was not fitted to. The same features tell an inverted or a turned film from an upright one,
where training films show that they can: of bones that lie in any direction, they cannot.

References
----------
Lee K. et al. (2018), A simple unified framework for detecting out-of-distribution samples and adversarial attacks,
*NeurIPS*. Ledoit O., Wolf M. (2004), A well-conditioned estimator for large-dimensional covariance matrices, *Journal
of Multivariate Analysis* 88(2), 365-411.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from xraylab.evaluation.splits import fold_groups_evenly
from xraylab.imaging.preprocess import resize_image
from xraylab.models.frozen import FrozenEncoderParams
from xraylab.models.state import ModelState
from xraylab.parameters import Parameters

if TYPE_CHECKING:
    from xraylab.training.embed import KnownEncoder

__all__ = [
    "Assessment",
    "Familiarity",
    "FamiliarityParams",
    "fit_familiarity",
    "restore_familiarity",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

_KIND = "familiarity"
_TOP = 255
_BATCH = 32
_BLUR = 1 / 32  # of the edge: what a Gaussian of this deviation takes away is detail
_LEAST_DETAIL = 0.01  # grey levels
_LEAST_SCALE = 0.05  # of the mean deviation: a feature that never changes does not decide alone
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)

UPRIGHT = "upright"
_POSES: dict[str, Callable[[Bytes], Bytes]] = {
    UPRIGHT: lambda films: films,
    "looks inverted": lambda films: _TOP - films,
    "looks turned by 90° to the left": lambda films: np.rot90(films, 1, (1, 2)),
    "looks turned by 180°": lambda films: np.rot90(films, 2, (1, 2)),
    "looks turned by 90° to the right": lambda films: np.rot90(films, 3, (1, 2)),
}
"""How a batch of films (B, S, S) may lie, by what is said of it."""

_UNDONE_BY = [0, 1, 4, 3, 2]
"""The pose that takes each pose back."""

UNLIKE = "is unlike the films that the model was trained on"
UNLIKE_MOST = "is unlike most films that the model was trained on"
BLANK = "shows less detail than any film that the model was trained on, as a blank film does"
NOISY = "shows more detail than any film that the model was trained on, as noise does"


class FamiliarityParams(Parameters):
    """What an unfamiliar film is.

    Attributes
    ----------
    encoder, encoder_weights : str
        Encoder whose features a film is known by, and its weights (`xraylab.models.frozen.FrozenEncoderParams`).
    depth : int
        Halvings of the film after which the features are taken. Late ones tell objects apart, early ones detectors;
        those in between tell parts of the body apart.
    grid : int
        The features are the means over so many by so many cells.
    size_px : int
        Edge that a film is resized to for the encoder.
    max_films : int
        Training films that the distance is fitted to; drawn so that every patient is in, as far as they reach.
    n_folds : int
        Folds of patients: the limit is set on films of patients that the distance was not fitted to.
    doubtful_fraction : float
        Share of the films of new patients of the training's own kind that may be beyond the first limit.
    margin : float
        A film is refused beyond so many times that limit. Between the two it is doubtful, as films of another hospital
        may be. 1 where the training films come from many hospitals: all beyond the limit are refused then.
    detail_factor : float
        A film is refused with so many times less or more detail than all training films but one in a hundred at
        either end.
    least_found : float
        An inverted or turned film is looked for where at least this share of the training films is found out when
        they are inverted or turned so; at `doubtful_fraction` false alarms.
    seed : int
        Of the choice of films.
    """

    encoder: str = Field("timm-tf_efficientnet_lite0", min_length=1)
    encoder_weights: str = Field("imagenet", min_length=1)
    depth: int = Field(4, ge=3, le=5)
    grid: int = Field(2, ge=1, le=8)
    size_px: int = Field(96, ge=32, le=512)
    max_films: int = Field(400, ge=8, le=100_000)
    n_folds: int = Field(5, ge=2, le=20)
    doubtful_fraction: float = Field(0.01, gt=0, lt=0.5)
    margin: float = Field(1.25, ge=1, le=10)
    detail_factor: float = Field(2.0, ge=1, le=100)
    least_found: float = Field(0.9, ge=0.5, le=1)
    seed: int = Field(2018, ge=0)

    @model_validator(mode="after")
    def _check(self) -> FamiliarityParams:
        self.frozen_encoder()
        return self

    def frozen_encoder(self) -> FrozenEncoderParams:
        """Return the encoder as `xraylab.training.embed.KnownEncoder` takes it."""
        return FrozenEncoderParams(
            encoder=self.encoder, weights=self.encoder_weights, depth=self.depth, grid=self.grid
        )


@dataclass(frozen=True)
class Assessment:
    """How familiar a film is.

    Attributes
    ----------
    score : float
        Unfamiliarity: a film above 1 is refused.
    refused : str
        Why, in words; empty where the film is taken.
    doubts : tuple of str
        What else there is to say, such as ``looks inverted``.
    """

    score: float
    refused: str
    doubts: tuple[str, ...]


def fit_familiarity(films: Bytes, groups: pd.Series, params: FamiliarityParams) -> ModelState:
    """Learn what the films of a task look like.

    Parameters
    ----------
    films : (N, S, S) ndarray of uint8
        Prepared training films, usually memory-mapped; only those that are chosen are read.
    groups : (N,) Series
        Patient of each film.
    params : FamiliarityParams
        How.

    Returns
    -------
    ModelState
        What `restore_familiarity` takes. The card has ``params, encoder_digest, n_films, n_groups, limit`` (distance
        that is refused), ``detail`` (least and most, in grey levels), ``poses`` (those that are looked for, with their
        limits, and the share of training films found so), and ``held_out``, quantiles of the scores of training films
        by distances that were fitted to other patients.

    Raises
    ------
    ValueError
        If there are fewer than two patients, or not one group per film.
    """
    if len(films) != len(groups):
        raise ValueError(
            f"need one group per film, got {len(films)} films and {len(groups)} groups"
        )
    if groups.nunique() < 2:  # noqa: PLR2004 - one to fit, one to calibrate
        raise ValueError(f"need films of at least two patients, got {groups.nunique()}")
    rows = _choose_rows(groups, params)
    chosen = groups.iloc[rows].reset_index(drop=True)
    encoder = _load_encoder(params)
    views, details = _encode_rows(encoder, films, rows, params.size_px)
    distances = _held_out_distances(views, chosen, params)
    space = _fit_space(views)
    kept = 1 - params.doubtful_fraction
    limit = params.margin * float(np.quantile(distances[0, :, 0], kept))
    low, high = np.quantile(details, [0.01, 0.99])
    detail = [float(low) / params.detail_factor, float(high) * params.detail_factor]
    scores = _worst_ratio(distances[0, :, 0], details, limit, detail)
    card = {
        "kind": _KIND,
        "params": params.model_dump(mode="json"),
        "encoder_digest": encoder.digest,
        "n_films": len(rows),
        "n_groups": int(chosen.nunique()),
        "limit": limit,
        "detail": detail,
        "poses": _calibrate_poses(distances, kept, params.least_found),
        "held_out": {f"{q:g}": float(np.quantile(scores, q)) for q in _QUANTILES},
    }
    return ModelState(card, {name: value.astype(np.float32) for name, value in space.items()})


class Familiarity:
    """Tells familiar films from others.

    Parameters
    ----------
    state : ModelState
        As `fit_familiarity` gives it.
    """

    def __init__(self, state: ModelState) -> None:
        self.card = state.card
        self.params = FamiliarityParams.model_validate(state.card["params"])
        self._space = {name: value.astype(np.float64) for name, value in state.tensors.items()}

    @cached_property
    def _encoder(self) -> KnownEncoder:
        encoder = _load_encoder(self.params)
        if encoder.digest != self.card["encoder_digest"]:
            raise ValueError(
                f"the encoder '{self.params.encoder}' has other weights ({encoder.digest}) than the one that "
                f"the model was made with ({self.card['encoder_digest']}): install the same package of weights"
            )
        return encoder

    def assess(self, films: Bytes) -> list[Assessment]:
        """Return how familiar each film of a batch is; the first call loads the encoder.

        Parameters
        ----------
        films : (B, S, S) ndarray of uint8
            Films, prepared as the training films were; any S.

        Raises
        ------
        ValueError
            If the encoder that is installed has other weights than the one of the training.
        """
        if not len(films):
            return []
        small = _resize(films, self.params.size_px)
        scores, details, pose = self._score(small)
        for i in np.flatnonzero(pose):
            undo = list(_POSES.values())[_UNDONE_BY[pose[i]]]
            if self._score(np.ascontiguousarray(undo(small[i : i + 1])))[0][0] > 1:
                pose[i] = 0  # unfamiliar either way
        names = list(_POSES)
        return [
            self._judge(float(score), float(detail), names[i] if i else "")
            for score, detail, i in zip(scores, details, pose, strict=True)
        ]

    def _score(self, small: Bytes) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Return the score (B,), the detail (B,) and the number of the pose (B,) of films at the encoder's size."""
        distances, details = _distances(self._space, _encode(self._encoder, small)), _detail(small)
        scores = _worst_ratio(distances[:, 0], details, self.card["limit"], self.card["detail"])
        asked = [self.card["poses"].get(name, {}) for name in _POSES]
        least = [pose["gain"] if pose.get("asked") else np.inf for pose in asked]
        gains = distances[:, :1] ** 2 - distances**2 - least
        return scores, details, np.where(gains.max(1) > 0, gains.argmax(1), 0)

    def _judge(self, score: float, detail: float, pose: str) -> Assessment:
        poses = (pose,) if pose else ()
        least, most = self.card["detail"]
        if score <= 1:
            unlike = (UNLIKE_MOST,) if score * self.params.margin > 1 else ()
            return Assessment(score, "", (*poses, *unlike))
        if detail < least or detail > most:
            return Assessment(score, BLANK if detail < least else NOISY, ())
        return Assessment(score, ", ".join((UNLIKE, *poses)), poses)


def restore_familiarity(state: ModelState) -> Familiarity:
    """Return what `fit_familiarity` learnt, ready to assess films; torch is loaded with the first of them.

    Raises
    ------
    ValueError
        If the state is that of another kind of model.
    """
    if state.card.get("kind") != _KIND:
        raise ValueError(f"expected a model of kind '{_KIND}', got '{state.card.get('kind')}'")
    return Familiarity(state)


def _choose_rows(groups: pd.Series, params: FamiliarityParams) -> NDArray[np.int64]:
    """Return rows, rising: a random film of each group, then a second one, as far as `max_films` goes."""
    order = np.random.default_rng(params.seed).permutation(len(groups))
    rank = groups.iloc[order].groupby(groups.iloc[order].to_numpy()).cumcount().to_numpy()
    return np.sort(order[np.argsort(rank, kind="stable")][: params.max_films])


def _load_encoder(params: FamiliarityParams) -> KnownEncoder:
    from xraylab.training.embed import KnownEncoder

    return KnownEncoder(params.frozen_encoder(), params.seed, {})


def _encode(encoder: KnownEncoder, films: Bytes) -> Floats:
    """Return the features (B, F) of films at the encoder's size, on the processor and in full precision."""
    import torch

    # in [0, 1]: hospitals were more alike than in the [-2, 2] of `scale_films` (docs/results/unfamiliar_films.md)
    batch = torch.from_numpy(films.astype(np.float32) / _TOP)[:, None]
    with torch.inference_mode():
        found = encoder.network(batch.contiguous(memory_format=torch.channels_last))
    return np.asarray(found.numpy(), np.float64)


def _encode_rows(
    encoder: KnownEncoder, films: Bytes, rows: NDArray[np.int64], size_px: int
) -> tuple[Floats, Floats]:
    """Return the features (P, M, F) of some films in every pose, and the detail (M,) of each."""
    features, details = [], []
    for start in range(0, len(rows), _BATCH):
        small = _resize(np.asarray(films[rows[start : start + _BATCH]]), size_px)
        features.append([_encode(encoder, pose(small)) for pose in _POSES.values()])
        details.append(_detail(small))
    return np.concatenate(features, axis=1), np.concatenate(details)


def _resize(films: Bytes, size_px: int) -> Bytes:
    return np.stack([np.rint(resize_image(film, size_px)).astype(np.uint8) for film in films])


def _detail(films: Bytes) -> Floats:
    """Return the standard deviation (B,) of what a blur takes away, in grey levels."""
    import cv2

    def left(film: NDArray[np.float32]) -> float:
        return float(np.std(film - cv2.GaussianBlur(film, (0, 0), _BLUR * film.shape[0])))

    return np.array([left(film) for film in films.astype(np.float32)])


def _fit_space(views: Floats) -> dict[str, Floats]:
    """Return the shift and scale of features, the precision of upright films, and the mean of each pose."""
    from sklearn.covariance import LedoitWolf

    upright = views[0]
    shift, deviation = upright.mean(0), upright.std(0)
    scale = deviation + _LEAST_SCALE * max(float(deviation.mean()), 1e-6)
    scaled = (views - shift) / scale
    covariance = LedoitWolf(assume_centered=True).fit(scaled[0]).covariance_
    floor = 1e-6 * np.eye(len(covariance))
    return {
        "shift": shift,
        "scale": scale,
        "precision": np.linalg.inv(covariance + floor),
        "means": scaled.mean(1),
    }


def _distances(space: dict[str, Floats], features: Floats) -> Floats:
    """Return the distance (B, P) of features (B, F) from the mean of each pose."""
    apart = ((features - space["shift"]) / space["scale"])[:, None] - space["means"]
    squares = (apart @ space["precision"] * apart).sum(-1)
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _held_out_distances(views: Floats, groups: pd.Series, params: FamiliarityParams) -> Floats:
    """Return the distances (P, M, P) of every view from every pose, by fits to the films of other groups."""
    folds = fold_groups_evenly(groups, min(params.n_folds, groups.nunique()))
    distances = np.empty((len(_POSES), len(groups), len(_POSES)))
    for fold in np.unique(folds):
        held = folds == fold
        space = _fit_space(views[:, ~held])
        distances[:, held] = np.stack([_distances(space, view) for view in views[:, held]])
    return distances


def _worst_ratio(distances: Floats, details: Floats, limit: float, detail: list[float]) -> Floats:
    """Return by how much each film exceeds the limit that it exceeds most; at most 1 for a film that is taken."""
    least, most = detail
    blank = least / np.maximum(details, _LEAST_DETAIL)
    return np.asarray(np.max([distances / limit, blank, details / most], axis=0))


def _calibrate_poses(distances: Floats, kept: float, least_found: float) -> dict[str, Any]:
    """Return for each pose how much nearer to it a film must be than to upright ones, and whether that finds them."""
    poses = {}
    for i, name in enumerate(_POSES):
        if name == UPRIGHT:
            continue
        gains = distances[:, :, 0] ** 2 - distances[:, :, i] ** 2
        gain = max(float(np.quantile(gains[0], kept)), 0.0)
        found = float((gains[i] > gain).mean())
        poses[name] = {"asked": found >= least_found, "found": found, "gain": gain}
    return poses
