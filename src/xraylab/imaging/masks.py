"""Masks: which pixels belong to what was drawn, decided by what the file holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.codestreams import (
    PNG_MAGIC,
    BrokenFileError,
    read_png_header,
)
from xraylab.imaging.dicom import looks_like_dicom
from xraylab.imaging.errors import UnreadableRadiograph
from xraylab.imaging.files import read_bytes
from xraylab.imaging.film_file import FilmFile
from xraylab.imaging.pillow import PILLOW_MAGICS, check_size, decode_colours, exif_orientation, turn
from xraylab.imaging.readers import MAX_PIXELS, decode_film, max_bytes
from xraylab.imaging.scaling import effective_bits

__all__ = ["MASK_THRESHOLD", "MaskFile", "find_foreground", "read_mask"]

FloatImage = NDArray[np.float32]

MASK_THRESHOLD = 127
"""Grey value of 255 above which a pixel belongs to a mask that is grey at its rim, as the public lung masks are."""

_BYTE, _OPAQUE = 255, 255
_LARGEST_LABEL = 31  # label maps number a few structures
_FEW, _COMMON = (
    8,
    0.02,
)  # so many grey values, each of at least this share of what is drawn, are labels too
_NEARLY_ALL = 0.9
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class MaskFile(FilmFile):
    """The file of one mask: calling it gives its foreground. Small and picklable.

    Its options are those of `read_mask`.
    """

    def __call__(self) -> FloatImage:
        """Return the foreground (H, W), 0 or 1, as `read_mask` does."""
        return read_mask(self.path, **self.options)


def read_mask(
    path: str | os.PathLike[str],
    *,
    threshold: int = MASK_THRESHOLD,
    storage_options: dict[str, Any] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> FloatImage:
    """Read a mask and decide which pixels are drawn, see `find_foreground`.

    Parameters
    ----------
    path : str or os.PathLike
        A PNG, TIFF, BMP, WebP, JPEG or DICOM file; a local path or an fsspec address.
    threshold : int
        Grey value of 255 above which a pixel of a mask with a grey rim belongs to it.
    storage_options : dict, optional
        Arguments of the fsspec file system.
    max_pixels : int
        A larger mask is refused by its header.

    Returns
    -------
    (H, W) ndarray of float32
        1 where something is drawn, else 0.

    Raises
    ------
    UnreadableRadiograph
        For a file that does not give one whole image, that is nearly all foreground, or whose grey values all lie below
        the threshold.

    Examples
    --------
    >>> from xraylab.imaging import write_radiograph
    >>> write_radiograph("memory://masks/a.png", [[0, 1], [0, 0]])
    >>> read_mask("memory://masks/a.png").tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    name = os.fspath(path)
    data = read_bytes(name, max_bytes(max_pixels), storage_options)
    try:
        if data.startswith(PNG_MAGIC):
            values, opacity = _decode_png(data, max_pixels)
        elif data.startswith(PILLOW_MAGICS) and not looks_like_dicom(data):
            values, opacity = decode_colours(data, max_pixels)
        else:  # JPEG and DICOM are grey here, and checked to be whole
            film = decode_film(data, name, apply_voi="never", max_pixels=max_pixels)
            # as whole numbers again: labels of 16 bits are distinguished too
            values, opacity = np.rint(film.pixels * np.float32(65535)).astype(np.uint16), None
            if (values % 257 == 0).all():
                values = (values // 257).astype(np.uint8)
        return find_foreground(values, opacity, threshold).astype(np.float32)
    except (BrokenFileError, cv2.error) as error:
        raise UnreadableRadiograph(name, str(error)) from error


def find_foreground(
    values: NDArray[Any], opacity: NDArray[Any] | None = None, threshold: int = MASK_THRESHOLD
) -> NDArray[np.bool_]:
    """Decide which pixels of a mask are drawn.

    Two values (0 and 1, 0 and 255), labels (1 left, 2 right, …) and colours on black or on transparent: all that is
    not 0 is drawn. Black on transparent: what is opaque is drawn. Many grey values: those above the threshold are
    drawn, the rest is the rim.

    Parameters
    ----------
    values : (H, W) or (H, W, 3) ndarray of uint8 or uint16
        Samples as they are stored; of colours the brightest counts.
    opacity : (H, W) ndarray, optional
        Of the same kind; 0 is see-through.
    threshold : int
        Grey value of 255; for other depths it is scaled.

    Returns
    -------
    (H, W) ndarray of bool
        True where something is drawn; nowhere for an empty mask.

    Raises
    ------
    BrokenFileError
        If nearly everything is drawn (more than 90 %, or the whole border and more than half), as in an inverted mask,
        or if there are many grey values and none above the threshold.

    Examples
    --------
    >>> find_foreground(np.array([[0, 1], [0, 2]], np.uint8)).tolist()
    [[False, True], [False, True]]
    """
    grey = values if values.ndim == 2 else values.max(axis=2)  # noqa: PLR2004 - (H, W)
    if opacity is not None and not (opacity == opacity.max()).all():
        seen = opacity > opacity.max() // 2
        grey = np.where(seen, grey, 0) if (grey[seen] > 0).any() else seen.astype(np.uint8)
    drawn = _above(grey, threshold)
    share = float(drawn.mean())
    border = np.concatenate([drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]])
    if share > _NEARLY_ALL or (share > _MOST and border.all()):
        raise BrokenFileError(
            f"is a mask of which {100 * share:.0f} % is foreground; an inverted mask has to be turned first"
        )
    return drawn


def _above(grey: NDArray[Any], threshold: int) -> NDArray[np.bool_]:
    counts = np.bincount(grey.ravel())
    found = np.flatnonzero(counts)
    levels = found[found > 0]
    if len(levels) < 2 or levels[-1] <= _LARGEST_LABEL:  # noqa: PLR2004 - one value beside 0
        return np.asarray(grey > 0)
    shares = counts[levels] / counts[levels].sum()
    if len(levels) <= _FEW and shares.min() >= _COMMON and counts[0]:
        return np.asarray(grey > 0)
    bits = 8 if grey.dtype == np.uint8 else effective_bits(0, int(levels[-1]), 16)
    limit = threshold / _BYTE * (2**bits - 1)
    if levels[-1] <= limit:
        raise BrokenFileError(
            f"is a mask of {len(levels)} grey values, none above the threshold {limit:g} (the largest is {levels[-1]})"
        )
    return np.asarray(grey > limit)


def _decode_png(data: bytes, max_pixels: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
    header = read_png_header(data)
    check_size(header.width, header.height, max_pixels)
    if header.frames > 1:
        raise BrokenFileError(f"has {header.frames} frames (animated PNG); a mask has one")
    image = cv2.imdecode(
        np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    )
    if image is None:
        raise BrokenFileError("is a PNG that does not decode (broken or truncated data)")
    if header.exif:
        orientation = exif_orientation(data)
        planes = image if image.ndim == 3 else image[..., None]  # noqa: PLR2004 - (H, W, C)
        image = np.dstack([turn(planes[..., i], orientation) for i in range(planes.shape[2])])
    if image.ndim == 3 and image.shape[2] == 4:  # noqa: PLR2004 - (H, W, RGBA)
        return image[..., :3], image[..., 3]
    return np.squeeze(image), None
