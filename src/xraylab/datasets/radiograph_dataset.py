"""One radiograph as a catalog entry."""

from __future__ import annotations

import os
from copy import deepcopy
from pathlib import PurePosixPath
from typing import Any, Literal

import fsspec
import numpy as np
from kedro.io.core import (
    AbstractVersionedDataset,
    DatasetError,
    Version,
    get_filepath_str,
    get_protocol_and_path,
)
from numpy.typing import NDArray
from pydantic import Field

from xraylab.datasets.radiograph_preview import ImagePreview, fit, png_preview
from xraylab.imaging import MAX_PIXELS, read_radiograph, write_radiograph
from xraylab.imaging.masks import MASK_THRESHOLD
from xraylab.imaging.scaling import ApplyVoi
from xraylab.parameters import Parameters

__all__ = ["LoadArgs", "MaskLoadArgs", "RadiographDataset", "SaveArgs"]

FloatImage = NDArray[np.float32]

PREVIEW_PX = 512


class LoadArgs(Parameters):
    """How films are read, see `xraylab.imaging.read_film`.

    Attributes
    ----------
    apply_voi : {"auto", "always", "never"}
        Whether the VOI LUT or window of a DICOM file is applied: if there is one, else the file is refused, or not.
    max_pixels : int
        A film of more pixels is refused.
    """

    apply_voi: ApplyVoi = "auto"
    max_pixels: int = Field(MAX_PIXELS, gt=0)


class MaskLoadArgs(Parameters):
    """How masks are read, see `xraylab.imaging.masks.read_mask`.

    Attributes
    ----------
    threshold : int
        Grey value of 255 above which a pixel of a mask with a grey rim belongs to it.
    max_pixels : int
        A mask of more pixels is refused.
    """

    threshold: int = Field(MASK_THRESHOLD, ge=0, le=254)
    max_pixels: int = Field(MAX_PIXELS, gt=0)


class SaveArgs(Parameters):
    """How films are written, see `xraylab.imaging.write_radiograph`.

    Attributes
    ----------
    bits : {8, 16}
        Depth of the PNG.
    """

    bits: Literal[8, 16] = 16


class RadiographDataset(AbstractVersionedDataset[FloatImage, FloatImage]):
    """Load one film from a PNG, JPEG or DICOM file, and save one as PNG.

    A film is a ``float32`` array (H, W) in [0, 1], bone bright.

    Examples
    --------
    In a catalog:

    .. code-block:: yaml

        film:
          type: xraylab.datasets.RadiographDataset
          filepath: data/01_raw/film.dcm
          load_args:
            apply_voi: always
    """

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Make the dataset; nothing is read yet.

        Parameters
        ----------
        filepath : str or os.PathLike
            The file, on any fsspec file system. To save, its name must end in ``.png``.
        load_args : dict, optional
            ``apply_voi`` and ``max_pixels``, see `LoadArgs`.
        save_args : dict, optional
            ``bits``, see `SaveArgs`.
        version : kedro.io.core.Version, optional
            Versions to load and save.
        credentials, fs_args : dict, optional
            Arguments of the file system.
        metadata : dict, optional
            Anything; Kedro-Viz reads its own key from it.

        Raises
        ------
        pydantic.ValidationError
            For an unknown or invalid argument in `load_args` or `save_args`.
        """
        protocol, path = get_protocol_and_path(filepath, version)
        self._protocol = protocol
        self._storage_options = {**deepcopy(credentials or {}), **deepcopy(fs_args or {})}
        self._fs = fsspec.filesystem(protocol, **self._storage_options)
        self._load_args = LoadArgs.model_validate(load_args or {})
        self._save_args = SaveArgs.model_validate(save_args or {})
        self.metadata = metadata
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._fs.exists,
            glob_function=self._fs.glob,
        )

    def load(self) -> FloatImage:
        """Read the film."""
        return read_radiograph(
            self._address(self._get_load_path()),
            storage_options=self._storage_options,
            **self._load_args.model_dump(),
        )

    def save(self, data: FloatImage) -> None:
        """Write the film as PNG, whole or not at all."""
        write_radiograph(
            self._address(self._get_save_path()),
            data,
            storage_options=self._storage_options,
            **self._save_args.model_dump(),
        )
        self._invalidate_cache()

    def preview(self) -> ImagePreview:
        """Return the film for Kedro-Viz: a PNG of at most 512 pixels a side, in base 64."""
        return png_preview(fit(self.load(), PREVIEW_PX))

    def _address(self, path: PurePosixPath) -> str:
        name = str(get_filepath_str(path, self._protocol))
        plain = self._protocol in ("file", "local") or "://" in name
        return name if plain else f"{self._protocol}://{name}"

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": self._filepath,
            "protocol": self._protocol,
            "load_args": self._load_args.model_dump(),
            "save_args": self._save_args.model_dump(),
            "version": self._version,
        }

    def _exists(self) -> bool:
        try:
            load_path = get_filepath_str(self._get_load_path(), self._protocol)
        except DatasetError:
            return False
        return bool(self._fs.exists(load_path))

    def _release(self) -> None:
        super()._release()
        self._invalidate_cache()

    def _invalidate_cache(self) -> None:
        self._fs.invalidate_cache(get_filepath_str(self._filepath, self._protocol))
