"""Features of a film that show no disease: its border, its grey values, what lies outside of the lungs.

A classifier that does no better than a probe of these (`xraylab.evaluation.shortcuts`) may have learnt them.

References
----------
Maguolo G., Nanni L. (2021), A critic evaluation of methods for COVID-19 automatic detection from X-ray images,
*Information Fusion* 76, 1-7: films without their lungs still tell the data set, and so the class.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.evaluation.saliency import border_width

__all__ = ["PERCENTILES", "border_pixels", "intensity_features", "outside_pixels"]

Features = NDArray[np.float32]
Films = NDArray[np.uint8]

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
"""Percentiles of the grey values that `intensity_features` takes."""

_TOP = 255
_STRIP = (32, 2)  # pixels along and across that a side of the border is shrunk to
_AXES = 3


def border_pixels(films: Films, width_fraction: float = 0.08) -> Features:
    """Return the border of each film, shrunk.

    Parameters
    ----------
    films : (N, H, W) ndarray of uint8
        Films in [0, 255]; a memory map is read film by film.
    width_fraction : float
        Width of the border as a fraction of the shorter side, in (0, 0.5).

    Returns
    -------
    (N, K) ndarray of float32
        The four sides (top, bottom, left, right), each as the area means of at most 2 × 32 cells, in [0, 1]. No pixel
        inside of the border has a part in them.

    Raises
    ------
    ValueError
        For films of another shape or type, and as `border_width` raises.

    Examples
    --------
    >>> films = np.zeros((2, 50, 50), np.uint8)
    >>> films[1, :4] = 255  # the upper border, whose 64 values come first
    >>> border_pixels(films)[:, :64].mean(axis=1).tolist()
    [0.0, 1.0]
    """
    _check_films(films)
    width = border_width((films.shape[1], films.shape[2]), width_fraction)

    def strips(film: Films) -> NDArray[np.float32]:
        inner = film[width:-width]
        sides = (film[:width], film[-width:], inner[:, :width].T, inner[:, -width:].T)
        return np.concatenate([_shrink(side.astype(np.float32), *_STRIP).ravel() for side in sides])

    return np.stack([strips(film) for film in films]) / np.float32(_TOP)


def intensity_features(films: Films) -> Features:
    """Return mean, standard deviation and `PERCENTILES` of the grey values of each film.

    Parameters
    ----------
    films : (N, H, W) ndarray of uint8
        Films in [0, 255]; a memory map is read film by film.

    Returns
    -------
    (N, 9) ndarray of float32
        In [0, 1].

    Raises
    ------
    ValueError
        For films of another shape or type.

    Examples
    --------
    >>> film = np.repeat(np.array([0, 255], np.uint8), 50).reshape(1, 10, 10)
    >>> intensity_features(film)[0, :2].tolist()
    [0.5, 0.5]
    """
    _check_films(films)
    table = [[film.mean(), film.std(), *np.percentile(film, PERCENTILES)] for film in films]
    return np.asarray(table, np.float32) / np.float32(_TOP)


def outside_pixels(films: Films, masks: Films, size_px: int = 16) -> Features:
    """Return each film without what a mask covers, shrunk.

    Parameters
    ----------
    films, masks : (N, H, W) ndarray of uint8
        Films in [0, 255], and masks that are above 0 inside the lungs.
    size_px : int
        Edge of the square of cells, >= 1.

    Returns
    -------
    (N, size_px²) ndarray of float32
        The mean of the pixels outside of the mask in each cell, in [0, 1]. A cell without any holds the mean of the
        film's outside (0 if the mask covers the film), so that the outline of the lungs leaves as little as it can.

    Raises
    ------
    ValueError
        For films or masks of another shape or type.

    Examples
    --------
    >>> film = np.full((1, 8, 8), 255, np.uint8)
    >>> film[0, :, :4] = 0  # the lungs, which the mask covers
    >>> outside_pixels(film, (film == 0).astype(np.uint8), size_px=2).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """
    _check_films(films)
    if masks.shape != films.shape:
        raise ValueError(f"films have shape {films.shape}, masks {masks.shape}")

    def outside(film: Films, mask: Films) -> NDArray[np.float32]:
        visible = (mask == 0).astype(np.float32)
        shares = _shrink(visible, size_px, size_px)
        sums = _shrink(film * visible, size_px, size_px)
        mean = float(film[mask == 0].mean()) if visible.any() else 0.0
        seen = shares > 1e-6  # noqa: PLR2004 - rounding of the area mean
        return np.divide(sums, shares, out=np.full_like(sums, mean), where=seen).ravel()

    return np.stack([outside(*pair) for pair in zip(films, masks, strict=True)]) / np.float32(_TOP)


def _check_films(films: Films) -> None:
    if films.ndim != _AXES or films.dtype != np.uint8 or not len(films):
        raise ValueError(
            f"films must be uint8 of (films, rows, columns), got {films.dtype} of {films.shape}"
        )


def _shrink(image: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    size = min(width, image.shape[1]), min(height, image.shape[0])
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
