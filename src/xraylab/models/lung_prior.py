"""A first estimate of where the lungs are, from films whose lungs are known: quick, small, and no network.

A film, equalised and brought to 32 by 32 pixels, is held against all known ones by a radial kernel; a ridge
regression on the kernel gives the mask at 56 by 56 pixels. On 196 public films it has a Dice of 0.90 with films that
it was not fitted to, where the mean of all masks has 0.78 and a trained network 0.96.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.models.card import NOTICE
from xraylab.models.state import ModelState

__all__ = ["Prior", "fit_lung_prior", "lung_prior_of"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Prior = Callable[[Bytes], Bytes]
"""Film (S, S) in [0, 255] to a mask (S, S) of 0 and 1."""

_FILM_PX, _MASK_PX = 32, 56
_WIDTH, _RIDGE = 2.0, 0.1
_MOST_FILMS = 2000
_FOLDS = 5
_HALF = 0.5


def fit_lung_prior(films: Iterable[Bytes], masks: Iterable[Bytes]) -> ModelState:
    """Fit the estimate to the films that have a mask, at most 2,000 of them.

    Parameters
    ----------
    films, masks : iterable of (S, S) ndarray of uint8
        Prepared films, and masks above 0 in the lungs; an empty one is not known.

    Returns
    -------
    ModelState
        For `lung_prior_of`. Its card has ``n_films``, and the mean Dice over five folds where there are as many
        films; with fewer than two there are no tensors, and no estimate.
    """
    known = [
        (_describe(film), _shrink(mask > 0))
        for film, mask in zip(films, masks, strict=True)
        if mask.any()
    ]
    known = known[:: max(1, -(-len(known) // _MOST_FILMS))]
    card: dict[str, Any] = {"kind": "lung_prior", "n_films": len(known), "notice": NOTICE}
    if len(known) < 2:  # noqa: PLR2004
        return ModelState(card)
    described, wanted = (np.stack(each) for each in zip(*known, strict=True))
    if len(known) >= _FOLDS:
        card["dice"] = _cross_validate(described, wanted)
    return ModelState(card, _fit(described, wanted))


def lung_prior_of(state: ModelState) -> Prior | None:
    """Return the estimate of a stored model, or None where too few lungs were known."""
    return partial(_estimate, state.tensors) if state.tensors else None


def _estimate(tensors: dict[str, NDArray[Any]], film: Bytes) -> Bytes:
    (small,) = _predict(tensors, _describe(film)[None])
    size = (film.shape[1], film.shape[0])
    grown = cv2.resize(small.reshape(_MASK_PX, _MASK_PX), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown >= _HALF, np.uint8)


def _describe(film: Bytes) -> Floats:
    """Return what a film is described by: (1024,), of zero mean and unit length."""
    equal = cv2.equalizeHist(np.ascontiguousarray(film))
    small = _resize(equal, _FILM_PX).astype(np.float64).ravel()
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length else small


def _shrink(mask: NDArray[np.bool_]) -> Floats:
    return _resize(mask.astype(np.float32), _MASK_PX).astype(np.float64).ravel()


def _resize(image: NDArray[Any], size_px: int) -> NDArray[Any]:
    method = cv2.INTER_AREA if min(image.shape) >= size_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=method))


def _fit(described: Floats, wanted: Floats) -> dict[str, NDArray[Any]]:
    mean = wanted.mean(axis=0)
    kernel = _kernel(described, described) + _RIDGE * np.eye(len(described))
    weights = np.linalg.solve(kernel, wanted - mean)
    return {
        "films": described.astype(np.float32),
        "weights": weights.astype(np.float32),
        "mean": mean.astype(np.float32),
    }


def _predict(tensors: dict[str, NDArray[Any]], described: Floats) -> Floats:
    return np.asarray(_kernel(described, tensors["films"]) @ tensors["weights"] + tensors["mean"])


def _kernel(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    return np.asarray(np.exp(_WIDTH * (2 * (a @ b.T) - 2)), np.float64)


def _cross_validate(described: Floats, wanted: Floats) -> float:
    fold, scores = np.arange(len(described)) % _FOLDS, []
    for held_out in range(_FOLDS):
        here = fold == held_out
        found = _predict(_fit(described[~here], wanted[~here]), described[here]) >= _HALF
        true = wanted[here] >= _HALF
        both = (found & true).sum(axis=1)
        scores += (2 * both / np.maximum(found.sum(axis=1) + true.sum(axis=1), 1)).tolist()
    return float(np.mean(scores))
