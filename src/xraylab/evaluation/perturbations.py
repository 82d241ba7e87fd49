"""Changes of a film that should not change what is read from it.

They act on prepared films, (S, S) of uint8, so that what moves a prediction is the change alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["PERTURBATIONS", "perturb"]

Film = NDArray[np.uint8]

_TOP = 255


def _turn(film: Film, angle_deg: float) -> Film:
    """Turn about the middle, against the clock; what comes in from outside is black."""
    height, width = film.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    return np.asarray(
        cv2.warpAffine(film, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8
    )


def _stretch(film: Film, factor: float) -> Film:
    """Stretch the contrast about the film's own mean, saturating."""
    mean = float(film.mean())
    return np.asarray(np.clip(np.rint((film - mean) * factor + mean), 0, _TOP), np.uint8)


PERTURBATIONS: dict[str, Callable[[Film], Film]] = {
    "rotate_-20": partial(_turn, angle_deg=-20.0),
    "rotate_-10": partial(_turn, angle_deg=-10.0),
    "rotate_10": partial(_turn, angle_deg=10.0),
    "rotate_20": partial(_turn, angle_deg=20.0),
    "flip": lambda film: np.ascontiguousarray(film[:, ::-1]),
    "invert": lambda film: np.asarray(_TOP - film, np.uint8),
    "contrast_0.7": partial(_stretch, factor=0.7),
    "contrast_1.3": partial(_stretch, factor=1.3),
}
"""By name: turns in degrees, a mirror image, black and white exchanged, less and more contrast."""


def perturb(name: str, films: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return films (N, S, S) changed in one way.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> films = np.array([[[0, 10], [20, 255]]], np.uint8)
    >>> perturb("flip", films).tolist(), perturb("invert", films).tolist()
    ([[[10, 0], [255, 20]]], [[[255, 245], [235, 0]]])
    """
    if name not in PERTURBATIONS:
        raise ValueError(f"perturbation must be one of {', '.join(PERTURBATIONS)}, got {name!r}")
    change = PERTURBATIONS[name]
    return np.stack([change(np.asarray(film)) for film in films]) if len(films) else films
