"""A film that is read when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.files import read_bytes
from xraylab.imaging.readers import MAX_PIXELS, max_bytes, read_radiograph, read_spacing

__all__ = ["FilmFile"]


@dataclass(frozen=True, slots=True)
class FilmFile:
    """The file of one film: calling it reads the film. Small and picklable, so that a hundred thousand weigh little.

    Attributes
    ----------
    path : str
        A local path or an fsspec address.
    options : dict
        Arguments of `xraylab.imaging.read_radiograph` that differ from its defaults.
    """

    path: str
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self) -> NDArray[np.float32]:
        """Return the film (H, W) in [0, 1], as `xraylab.imaging.read_radiograph` does."""
        return read_radiograph(self.path, **self.options)

    def digest(self) -> str:
        """Return the 128-bit xxHash of the file's bytes.

        Raises
        ------
        UnreadableRadiograph
            If the file cannot be read, or is larger than any film.
        """
        from xxhash import xxh3_128_hexdigest

        limit = max_bytes(self.options.get("max_pixels", MAX_PIXELS))
        return str(xxh3_128_hexdigest(read_bytes(self.path, limit, self._storage)))

    def spacing_mm(self) -> tuple[float, float] | None:
        """Return the pixel spacing (row, column) in mm where the file knows it, as `read_spacing` does."""
        if self.path.lower().endswith((".png", ".jpg", ".jpeg")):
            return None  # by its content it may be DICOM, but a second look at every PNG is dear
        return read_spacing(self.path, storage_options=self._storage)

    @property
    def _storage(self) -> dict[str, Any] | None:
        storage: dict[str, Any] | None = self.options.get("storage_options")
        return storage
