"""A Kedro dataset of films at a network's size, decoded once and mapped into memory."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io.core import AbstractDataset, DatasetError
from numpy.typing import NDArray

from xraylab.datasets.radiograph_preview import ImagePreview, contact_sheet, png_preview
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm, read_cache, write_cache

__all__ = ["ArrayCacheDataset"]


class ArrayCacheDataset(AbstractDataset[CachePlan, ArrayCache]):
    """Decode what a plan names, once, into a folder of uint8 arrays; load them mapped.

    ``save`` takes a `xraylab.imaging.array_cache.CachePlan` and decodes only films that the folder does not hold
    already in this preprocessing, known by the content of their files. ``load`` reads the table alone: arrays are
    mapped when they are used. The folder is on a local disk.

    Examples
    --------
    .. code-block:: yaml

        lung_segmentation.arrays:
          type: xraylab.datasets.ArrayCacheDataset
          path: data/05_model_input/lung_segmentation/arrays
    """

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe a folder.

        Parameters
        ----------
        path : str
            The folder, on a local disk.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        if "://" in path and not path.startswith("file://"):
            raise DatasetError(
                f"arrays are mapped into memory, so their folder must be local, not {path!r}"
            )
        self._path = Path(path.removeprefix("file://"))
        self.metadata = metadata

    def load(self) -> ArrayCache:
        """Open the cache.

        Raises
        ------
        kedro.io.DatasetError
            If the folder holds none.
        """
        try:
            return read_cache(str(self._path))
        except (OSError, KeyError, json.JSONDecodeError) as error:
            raise DatasetError(f"'{self._path}' holds no arrays: {error}") from error

    def save(self, data: CachePlan) -> None:
        """Write what the plan names, as `xraylab.imaging.array_cache.write_cache` does."""
        write_cache(data, str(self._path))

    def preview(self) -> ImagePreview:
        """Return a contact sheet of up to six prepared films."""
        cache = self.load()
        ids = cache.index["image_id"].astype(str)
        films: dict[str, LoadFilm] = {
            image_id: partial(_read, cache, row) for row, image_id in enumerate(ids)
        }
        return png_preview(contact_sheet(films))

    def _exists(self) -> bool:
        return (self._path / "card.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}


def _read(cache: ArrayCache, row: int) -> NDArray[np.float32]:
    return np.asarray(cache.films[row] / np.float32(255), np.float32)
