"""Write one film as a PNG."""

from __future__ import annotations

import os
import struct
import zlib
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike

from xraylab.imaging.files import write_bytes

__all__ = ["encode_film", "write_radiograph"]

_DEEP = 16
_HEADER_END = 33  # the magic and the chunk IHDR


def encode_film(film: ArrayLike, *, bits: Literal[8, 16] = 16) -> bytes:
    """Return the grey PNG of a film.

    Parameters
    ----------
    film : (H, W) array_like
        Real numbers in [0, 1], bone bright; a truth value is 0 or 1.
    bits : {8, 16}
        Depth of the file: a value v becomes the whole number next to v × (2^bits − 1).

    Returns
    -------
    bytes
        The file. `xraylab.imaging.read_radiograph` gives the film back within half a step of its depth.

    Raises
    ------
    ValueError
        If `film` is not two-dimensional, is empty, or holds a value out of [0, 1] (or no number); if
        `bits` is neither 8 nor 16.

    Examples
    --------
    >>> data = encode_film([[0, 1]], bits=8)
    >>> data[1:4], data[24]  # of the magic, and the bit depth
    (b'PNG', 8)
    """
    if bits not in (8, 16):
        raise ValueError(f"bits must be 8 or 16, not {bits!r}")
    pixels = np.asarray(film)
    if pixels.ndim != len("HW") or pixels.size == 0:
        raise ValueError(
            f"a film is a two-dimensional array (H, W), not one of shape {pixels.shape}"
        )
    if pixels.dtype.kind not in "buif":
        raise ValueError(f"a film holds real numbers, not {pixels.dtype}")
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 1):  # so that NaN is refused too
        raise ValueError(f"a film lies in [0, 1]; this one in [{low}, {high}]")
    levels = np.rint(pixels * np.float64(2**bits - 1))
    stored = levels.astype(np.uint16) if bits == _DEEP else levels.astype(np.uint8)
    done, encoded = cv2.imencode(".png", stored)
    if not done:
        raise ValueError(f"a film of shape {pixels.shape} cannot be encoded as PNG")
    # sBIT says that the samples fill their depth (PNG 11.3.2.5), however small a part of it a dark film uses
    chunk = b"sBIT" + bytes([bits])
    framed = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = encoded.tobytes()
    return data[:_HEADER_END] + framed + data[_HEADER_END:]


def write_radiograph(
    path: str | os.PathLike[str],
    film: ArrayLike,
    *,
    bits: Literal[8, 16] = 16,
    storage_options: dict[str, Any] | None = None,
) -> None:
    """Write a film as a grey PNG, whole or not at all.

    Parameters
    ----------
    path : str or os.PathLike
        Where to, ending in ``.png``: a local path (missing folders are made) or an fsspec address.
    film : (H, W) array_like
        Real numbers in [0, 1], bone bright.
    bits : {8, 16}
        Depth of the file.
    storage_options : dict, optional
        Arguments of the fsspec file system.

    Raises
    ------
    ValueError
        If the name does not end in ``.png`` or the film is none, see `encode_film`.
    OSError
        If the file system refuses.

    Examples
    --------
    >>> from xraylab.imaging import read_radiograph
    >>> write_radiograph("memory://films/wrist.png", [[0, 1]])
    >>> read_radiograph("memory://films/wrist.png").tolist()
    [[0.0, 1.0]]
    """
    name = os.fspath(path)
    if not name.lower().endswith(".png"):
        raise ValueError(f"{name}: films are written as PNG, so the name must end in .png")
    try:
        data = encode_film(film, bits=bits)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    write_bytes(name, data, storage_options)
