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
    SeveralFramesError,
    is_plain_grey,
    jpeg_end,
    read_jpeg_header,
    read_png_header,
)
from xraylab.imaging.dicom import decode_dicom, looks_like_dicom
from xraylab.imaging.errors import SeveralFrames, UnreadableRadiograph
from xraylab.imaging.files import read_bytes
from xraylab.imaging.film import Film
from xraylab.imaging.pillow import (
    PILLOW_MAGICS,
    check_size,
    decode_with_pillow,
    exif_orientation,
    turn,
)
from xraylab.imaging.scaling import ApplyVoi, effective_bits, fill_range, is_sliver

__all__ = [
    "MAX_PIXELS",
    "RADIOGRAPH_SUFFIXES",
    "decode_film",
    "max_bytes",
    "read_film",
    "read_radiograph",
]

RADIOGRAPH_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif"),
    *(".tif", ".tiff", ".bmp", ".webp"),
    *(".dcm", ".dicom"),
)
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
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"<": "an HTML or XML text",
}


def read_film(
    path: str | os.PathLike[str],
    *,
    storage_options: dict[str, Any] | None = None,
    apply_voi: ApplyVoi = "auto",
    max_pixels: int = MAX_PIXELS,
) -> Film:
    """Read one film from a PNG, JPEG, TIFF, BMP, WebP or DICOM file, as a viewer shows it.

    What a file is, is decided by its content. DICOM goes through its modality, VOI and presentation transformations,
    see `xraylab.imaging.display.show_grey`. Samples of other files are divided by the largest value of their bit
    depth (255, 65535). Colour becomes grey by ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B, rounded to the file's
    depth). A transparent pixel is seen on black: it counts by its opacity. An EXIF orientation is applied. A gamma or
    a colour profile is not.

    Values that fill only a small part of what the file could hold would give a film that is black or white all over:
    those of a 16-bit file below an eighth of its range are divided by the largest value of the smallest depth (8, 10,
    12 or 14 bits) that holds them, and where less than a twentieth of the range is in use, the percentiles 0.1 and
    99.9 become 0 and 1. `Film.scaled_by` says so. A DICOM file with a window or table of its own is shown by that,
    and a PNG whose sBIT chunk says that the samples fill their depth is left as it is.

    Parameters
    ----------
    path : str or os.PathLike
        A local path or an fsspec address (``s3://…``, ``memory://…``).
    storage_options : dict, optional
        Arguments of the fsspec file system.
    apply_voi : {"auto", "always", "never"}
        ``auto`` applies the VOI LUT or the first window that a DICOM file carries, ``always`` refuses a DICOM file
        without either, ``never`` leaves them out and scales by the depth that the file states and nothing else.
    max_pixels : int
        A larger film is refused by its header, before anything is allocated.

    Returns
    -------
    Film
        Pixels (H, W) of float32 in [0, 1], MONOCHROME2 (bone bright), spacing in mm, and how it was scaled.

    Raises
    ------
    UnreadableRadiograph
        For every file that does not give one whole film: missing, empty, truncated, of another kind, too large, more
        than one frame, or of a kind of pixel that is not handled.

    Examples
    --------
    >>> from xraylab.imaging import write_radiograph
    >>> write_radiograph("memory://films/scout.png", [[0, 1], [0.25, 0.5]])
    >>> film = read_film("memory://films/scout.png")
    >>> film.pixels.round(2).tolist(), film.scaled_by
    ([[0.0, 1.0], [0.25, 0.5]], 'depth')
    """
    name = os.fspath(path)
    data = read_bytes(name, max_bytes(max_pixels), storage_options)
    return decode_film(data, name, apply_voi=apply_voi, max_pixels=max_pixels)


def decode_film(data: bytes, name: str, *, apply_voi: ApplyVoi, max_pixels: int) -> Film:
    """Decode the bytes of a film's file, as `read_film` does; `name` is what an error calls it.

    Examples
    --------
    >>> from xraylab.imaging import encode_film
    >>> data = encode_film([[0, 1]], bits=8)
    >>> decode_film(data, "scout.png", apply_voi="auto", max_pixels=100).pixels.tolist()
    [[0.0, 1.0]]
    """
    rescue = apply_voi != "never"
    try:
        if data.startswith(PNG_MAGIC):
            return _decode_png(data, max_pixels, rescue)
        if data.startswith(JPEG_MAGIC):
            return _decode_jpeg(data, max_pixels, rescue)
        # before TIFF: the preamble of a DICOM file may be the head of one (PS3.10 7.1)
        if looks_like_dicom(data):
            return decode_dicom(data, apply_voi=apply_voi, max_pixels=max_pixels)
        if data.startswith(PILLOW_MAGICS) and (data[8:12] == b"WEBP" or data[:4] != b"RIFF"):
            image, bits = decode_with_pillow(data, max_pixels)
            return _scale(image, bits, rescue)
    except SeveralFramesError as error:
        raise SeveralFrames(name, str(error)) from error
    except (BrokenFileError, cv2.error) as error:
        raise UnreadableRadiograph(name, str(error)) from error
    raise UnreadableRadiograph(name, _not_a_film(data))


def read_radiograph(path: str | os.PathLike[str], **options: Any) -> FloatImage:
    """Return the pixels of a film: (H, W) float32 in [0, 1], as `read_film` reads them with the same options.

    Examples
    --------
    >>> from xraylab.imaging import write_radiograph
    >>> write_radiograph("memory://films/hand.png", [[0, 1]])
    >>> read_radiograph("memory://films/hand.png").tolist()
    [[0.0, 1.0]]
    """
    return read_film(path, **options).pixels


def max_bytes(max_pixels: int) -> int:
    """Return the most bytes that the file of a film of so many pixels can have.

    Examples
    --------
    >>> max_bytes(1_000_000)
    75108864
    """
    return _BYTES_PER_PIXEL * max_pixels + _BYTES_BESIDE


def _not_a_film(data: bytes) -> str:
    for magic, kind in _KNOWN_OTHERS.items():
        if data.startswith(magic):
            return f"is {kind}, not a PNG, JPEG, TIFF, BMP, WebP or DICOM file"
    return f"is not a PNG, JPEG, TIFF, BMP, WebP or DICOM file (it begins with {data[:12]!r})"


def _decode_png(data: bytes, max_pixels: int, rescue: bool) -> Film:
    header = read_png_header(data)
    check_size(header.width, header.height, max_pixels)
    if header.frames > 1:
        raise SeveralFramesError(f"has {header.frames} frames (animated PNG); a film has one")
    rescue = rescue and not header.scaled
    orientation = exif_orientation(data) if header.exif else 1
    if is_plain_grey(data, header):
        from xraylab.imaging.grey_png import decode_grey_png

        grey = decode_grey_png(data, header)
        if rescue and is_sliver(float(grey.min()), float(grey.max()), 0, 1):
            return Film(turn(fill_range(grey, grey), orientation), None, "percentiles")
        return Film(turn(grey, orientation))
    image = cv2.imdecode(
        np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    )
    if image is None:
        raise BrokenFileError("is a PNG that does not decode (broken or truncated data)")
    bits = 16 if image.dtype == np.uint16 else 8
    if image.ndim == _GREY:
        if header.transparent_grey is not None:
            # OpenCV reads the colour key of RGB and of a palette, but not that of grey (PNG 11.3.1.1, tRNS).
            factor = (2**bits - 1) // (2**header.bit_depth - 1)
            image = np.where(image == header.transparent_grey * factor, 0, image)
        return _scale(image, bits, rescue, orientation)
    film = _scale(cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2GRAY), bits, rescue)
    opacity = image[..., 3:]
    if opacity.size and opacity.min() < 2**bits - 1:
        film.pixels[:] *= np.divide(opacity[..., 0], np.float32(2**bits - 1), dtype=np.float32)
    return film._replace(pixels=turn(film.pixels, orientation))


def _decode_jpeg(data: bytes, max_pixels: int, rescue: bool) -> Film:
    header = read_jpeg_header(data)
    check_size(header.width, header.height, max_pixels)
    if header.components not in (1, 3):
        raise BrokenFileError(
            f"is a JPEG of {header.components} colour components; 1 and 3 are handled"
        )
    if header.process in _JPEG_ARITHMETIC:
        raise BrokenFileError("is an arithmetic-coded JPEG, which is not handled")
    end = jpeg_end(data, header.scan_start)
    has_exif = data.find(b"Exif\x00\x00", 0, header.scan_start) >= 0
    orientation = exif_orientation(data) if has_exif else 1
    if header.precision != _JPEG_BITS or header.process == _JPEG_LOSSLESS:
        return _scale(_decode_deep_jpeg(data, header), header.precision, rescue, orientation)
    image = _grey_jpeg(data)
    if image is None:
        raise BrokenFileError("is a JPEG that does not decode (broken or truncated data)")
    # Where entropy-coded data end too early the decoder sets all blocks to mid-grey, the last one too.
    if image[-1, -1] == _MID_GREY and _scan_is_cut(data, end, image):
        raise BrokenFileError("is a truncated JPEG (its scan ends before the last row)")
    return _scale(image, _JPEG_BITS, rescue, orientation)


def _grey_jpeg(data: bytes) -> NDArray[Any] | None:
    # The grey flag takes the luma of the file itself, which JFIF defines by BT.601.
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def _scan_is_cut(data: bytes, end: int, image: NDArray[Any]) -> bool:
    """Tell whether more entropy-coded bytes change the film: only a scan that lacks some takes them."""
    filler = bytes(1 + 73 * i % 251 for i in range(64))
    longer = _grey_jpeg(data[:end] + filler + data[end:])
    return longer is not None and not np.array_equal(longer, image)


def _decode_deep_jpeg(data: bytes, header: JpegHeader) -> NDArray[Any]:
    """Decode a JPEG of more than 8 bits, or a lossless one, which OpenCV does not."""
    import libjpeg.utils

    try:
        image = np.asarray(libjpeg.utils.decode(data))
    except Exception as error:
        raise BrokenFileError(
            f"is a {header.precision}-bit JPEG that does not decode ({error})"
        ) from error
    return image if image.ndim == _GREY else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _scale(image: NDArray[Any], bits: int, rescue: bool, orientation: int = 1) -> Film:
    """Scale whole numbers to [0, 1] by their depth, or by the part of it that they use where that is small."""
    scaled_by, top = "depth", 2**bits - 1
    if rescue:
        least, most = int(image.min()), int(image.max())
        used = effective_bits(0, most, bits)
        if used < bits:
            scaled_by, top = f"bits_{used}", 2**used - 1
        if is_sliver(least, most, 0, top):
            return Film(turn(fill_range(image, image), orientation), None, "percentiles")
    film = np.asarray(np.divide(image, np.float32(top), dtype=np.float32))
    return Film(turn(film, orientation), None, scaled_by)
