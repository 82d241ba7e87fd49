"""Masks of films, estimated where there is none, and films with everything outside of them blacked out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["FilledMasks", "FilmsInsideMasks"]

Bytes = NDArray[np.uint8]


class _OneByOne:
    """Images of films, indexed as an array (N, S, S) is, and made one at a time."""

    def __init__(self, films: Bytes) -> None:
        self.films = films
        self.shape = films.shape

    def __len__(self) -> int:
        return len(self.films)

    def __iter__(self) -> Iterator[Bytes]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, rows: Any) -> Bytes:
        """Return one image (S, S), or several (M, S, S)."""
        wanted = np.arange(len(self.films))[rows]
        if wanted.ndim == 0:
            return self._make(int(wanted))
        made = [self._make(int(row)) for row in wanted]
        return np.stack(made) if made else np.zeros((0, *self.shape[1:]), np.uint8)

    def _make(self, row: int) -> Bytes:
        raise NotImplementedError


class FilledMasks(_OneByOne):
    """The mask of each film, or an estimate where it is empty.

    Parameters
    ----------
    films, masks : (N, S, S) ndarray of uint8
        Usually memory-mapped; masks of 0 and 1.
    guess : callable, optional
        Film (S, S) to a mask (S, S); None leaves empty masks empty.
    """

    def __init__(
        self, films: Bytes, masks: Bytes, guess: Callable[[Bytes], Bytes] | None = None
    ) -> None:
        super().__init__(films)
        self.masks, self.guess = masks, guess

    def _make(self, row: int) -> Bytes:
        mask = np.asarray(self.masks[row])
        if mask.any() or self.guess is None:
            return mask
        return self.guess(np.asarray(self.films[row]))


class FilmsInsideMasks(_OneByOne):
    """What is inside of each film's mask, all else black.

    Parameters
    ----------
    films : (N, S, S) ndarray of uint8
        Usually memory-mapped.
    masks : (N, S, S) ndarray of uint8, or FilledMasks
        Of 0 and 1.
    margin : float
        By which a mask is grown first, as a fraction of the edge: what borders on a lung belongs to the picture.
    """

    def __init__(self, films: Bytes, masks: Bytes | FilledMasks, margin: float = 0.0) -> None:
        super().__init__(films)
        self.masks = masks
        width = 2 * round(margin * films.shape[-1]) + 1
        self._kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))

    def _make(self, row: int) -> Bytes:
        grown = cv2.dilate(np.ascontiguousarray(self.masks[row]), self._kernel)
        return np.asarray(np.asarray(self.films[row]) * (grown > 0), np.uint8)
