"""Read one radiograph, by what the file is and not by what it is called."""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.codestreams import (
    JPEG_MAGIC,
    PNG_MAGIC,
    BrokenFileError,
    JpegHeader,
    PngHeader,
    is_plain_grey,
    jpeg_end,
    read_jpeg_header,
    read_png_header,
)
from xraylab.imaging.dicom import decode_dicom, dicom_spacing, looks_like_dicom
from xraylab.imaging.errors import UnreadableRadiograph
from xraylab.imaging.files import read_bytes

__all__ = ["MAX_PIXELS", "RADIOGRAPH_SUFFIXES", "max_bytes", "read_radiograph", "read_spacing"]

RADIOGRAPH_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
MAX_PIXELS = 100_000_000
"""A film of 43 cm at 0.05 mm has 74 million pixels; what is far above is not a film."""

FloatImage = NDArray[np.float32]

# The widest pixel that is read (RGBA at 16 bits) and room for what a file holds beside its pixels.
_BYTES_PER_PIXEL, _BYTES_BESIDE = 8, 64 * 2**20
_GREY = 2  # the number of axes of an image without colour
_JPEG_BITS, _MID_GREY = 8, 128
_JPEG_LOSSLESS = 0xC3
_JPEG_ARITHMETIC = frozenset(range(0xC9, 0xD0))
_KNOWN_OTHERS = {
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"RIFF": "a WebP image or another RIFF file",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"<": "an HTML or XML text",
}


def read_radiograph(
    path: str | os.PathLike[str],
    *,
    storage_options: dict[str, Any] | None = None,
    apply_voi: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> FloatImage:
    """Read one film from a PNG, JPEG or DICOM file.

    Samples are divided by the largest value that the file's bit depth can hold (never by the largest
    that it does hold): 255 at 8 bits, 65535 at 16, for DICOM the range of BitsStored, see
    `xraylab.imaging.dicom.decode_dicom`. Colour becomes grey by ITU-R BT.601
    (0.299 R + 0.587 G + 0.114 B, rounded to the file's depth). A transparent pixel is seen on black: it
    counts by its opacity. Pixels are as stored: an EXIF orientation is not applied, nor a gamma or a
    colour profile.

    Parameters
    ----------
    path : str or os.PathLike
        A local path or an fsspec address (``s3://…``, ``memory://…``).
    storage_options : dict, optional
        Arguments of the fsspec file system.
    apply_voi : bool
        Apply the VOI LUT or window that a DICOM file carries. PNG and JPEG have none.
    max_pixels : int
        A larger film is refused by its header, before anything is allocated.

    Returns
    -------
    (H, W) ndarray of float32
        The film in [0, 1], MONOCHROME2: bone bright.

    Raises
    ------
    UnreadableRadiograph
        For every file that does not give one whole film: missing, empty, truncated, of another kind,
        too large, more than one frame, or of a kind of pixel that is not handled.
    """
    name = os.fspath(path)
    data = read_bytes(name, max_bytes(max_pixels), storage_options)
    try:
        if data.startswith(PNG_MAGIC):
            return _decode_png(data, max_pixels)
        if data.startswith(JPEG_MAGIC):
            return _decode_jpeg(data, max_pixels)
        if looks_like_dicom(data):
            return decode_dicom(data, apply_voi=apply_voi, max_pixels=max_pixels)
    except (BrokenFileError, cv2.error) as error:
        raise UnreadableRadiograph(name, str(error)) from error
    raise UnreadableRadiograph(name, _not_a_film(data))


def read_spacing(
    path: str | os.PathLike[str],
    *,
    storage_options: dict[str, Any] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> tuple[float, float] | None:
    """Return the pixel spacing (row, column) of a film in mm, where its file knows it.

    Only DICOM knows it. The density that a PNG or JPEG may carry is not read: the usual 72 or 96 dots an
    inch of a screen are 0.35 and 0.26 mm, which look like a detector's and are not.

    Raises
    ------
    UnreadableRadiograph
        If the file cannot be read, is of another kind, or holds a spacing that is none.
    """
    name = os.fspath(path)
    data = read_bytes(name, max_bytes(max_pixels), storage_options)
    if data.startswith((PNG_MAGIC, JPEG_MAGIC)):
        return None
    if not looks_like_dicom(data):
        raise UnreadableRadiograph(name, _not_a_film(data))
    try:
        return dicom_spacing(data)
    except BrokenFileError as error:
        raise UnreadableRadiograph(name, str(error)) from error


def max_bytes(max_pixels: int) -> int:
    """Return the most bytes that the file of a film of so many pixels can have."""
    return _BYTES_PER_PIXEL * max_pixels + _BYTES_BESIDE


def _not_a_film(data: bytes) -> str:
    for magic, kind in _KNOWN_OTHERS.items():
        if data.startswith(magic):
            return f"is {kind}, not a PNG, JPEG or DICOM file"
    return f"is not a PNG, JPEG or DICOM file (it begins with {data[:12]!r})"


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise BrokenFileError(f"has no size ({width} x {height} pixels)")
    if width * height > max_pixels:
        raise BrokenFileError(
            f"has {width} x {height} pixels, more than max_pixels ({max_pixels:,})"
        )


def _decode_png(data: bytes, max_pixels: int) -> FloatImage:
    header = read_png_header(data)
    _check_size(header.width, header.height, max_pixels)
    if header.frames > 1:
        raise BrokenFileError(f"has {header.frames} frames (animated PNG); a film has one")
    if is_plain_grey(data, header):
        from xraylab.imaging.grey_png import decode_grey_png

        return decode_grey_png(data, header)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise BrokenFileError("is a PNG that does not decode (broken or truncated data)")
    top = 65535 if image.dtype == np.uint16 else 255
    if image.ndim == _GREY:
        film = _unit(image, top)
        return film if header.transparent_grey is None else _clear_key(film, header)
    film = _unit(cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2GRAY), top)
    opacity = image[..., 3:]
    if opacity.size and opacity.min() < top:
        film *= _unit(opacity[..., 0], top)
    return film


def _clear_key(film: FloatImage, header: PngHeader) -> FloatImage:
    # OpenCV reads the colour key of RGB and of a palette, but not that of grey (PNG 11.3.1.1, tRNS).
    key = np.float32(header.transparent_grey) / np.float32(2**header.bit_depth - 1)
    film[film == key] = 0.0
    return film


def _decode_jpeg(data: bytes, max_pixels: int) -> FloatImage:
    header = read_jpeg_header(data)
    _check_size(header.width, header.height, max_pixels)
    if header.components not in (1, 3):
        raise BrokenFileError(
            f"is a JPEG of {header.components} colour components; 1 and 3 are handled"
        )
    if header.process in _JPEG_ARITHMETIC:
        raise BrokenFileError("is an arithmetic-coded JPEG, which is not handled")
    end = jpeg_end(data, header.scan_start)
    if header.precision != _JPEG_BITS or header.process == _JPEG_LOSSLESS:
        return _decode_deep_jpeg(data, header)
    image = _grey_jpeg(data)
    if image is None:
        raise BrokenFileError("is a JPEG that does not decode (broken or truncated data)")
    # Where entropy-coded data end too early the decoder sets all blocks to mid-grey, the last one too.
    if image[-1, -1] == _MID_GREY and _scan_is_cut(data, end, image):
        raise BrokenFileError("is a truncated JPEG (its scan ends before the last row)")
    return _unit(image, 255)


def _grey_jpeg(data: bytes) -> NDArray[Any] | None:
    # The grey flag takes the luma of the file itself, which JFIF defines by BT.601.
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def _scan_is_cut(data: bytes, end: int, image: NDArray[Any]) -> bool:
    """Tell whether more entropy-coded bytes change the film: only a scan that lacks some takes them."""
    filler = bytes(1 + 73 * i % 251 for i in range(64))
    longer = _grey_jpeg(data[:end] + filler + data[end:])
    return longer is not None and not np.array_equal(longer, image)


def _decode_deep_jpeg(data: bytes, header: JpegHeader) -> FloatImage:
    """Decode a JPEG of more than 8 bits, or a lossless one, which OpenCV does not."""
    import libjpeg.utils

    try:
        image = np.asarray(libjpeg.utils.decode(data))
    except Exception as error:
        raise BrokenFileError(
            f"is a {header.precision}-bit JPEG that does not decode ({error})"
        ) from error
    if image.ndim != _GREY:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return _unit(image, 2**header.precision - 1)


def _unit(image: NDArray[Any], top: int) -> FloatImage:
    """Scale whole numbers in [0, top] to [0, 1] in one pass."""
    return np.asarray(np.divide(image, np.float32(top), dtype=np.float32))
