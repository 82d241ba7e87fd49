"""Films in TIFF, BMP and WebP, and the orientation of photographed films, by Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.codestreams import BrokenFileError, SeveralFramesError

__all__ = [
    "PILLOW_MAGICS",
    "check_size",
    "decode_colours",
    "decode_with_pillow",
    "exif_orientation",
    "turn",
]

PILLOW_MAGICS = (b"II*\x00", b"MM\x00*", b"BM", b"RIFF")
"""How TIFF (little and big endian), BMP and WebP begin."""

_FORMATS = ("TIFF", "BMP", "WEBP")
_ORIENTATION, _PHOTOMETRIC, _WHITE_IS_ZERO = 0x0112, 262, 0
_GREY = ("1", "L", "LA", "La")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "RGBa")
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise BrokenFileError for a film without pixels, or with more than `max_pixels`.

    Examples
    --------
    >>> check_size(300, 200, max_pixels=50_000)
    Traceback (most recent call last):
        ...
    xraylab.imaging.codestreams.BrokenFileError: has 300 x 200 pixels, more than max_pixels (50,000)
    """
    if width < 1 or height < 1:
        raise BrokenFileError(f"has no size ({width} x {height} pixels)")
    if width * height > max_pixels:
        raise BrokenFileError(
            f"has {width} x {height} pixels, more than max_pixels ({max_pixels:,})"
        )


def decode_with_pillow(data: bytes, max_pixels: int) -> tuple[NDArray[Any], int]:
    """Decode a TIFF, BMP or WebP file of one page to grey, upright.

    Parameters
    ----------
    data : bytes
        A whole file.
    max_pixels : int
        A larger film is refused by its header.

    Returns
    -------
    (H, W) ndarray of uint8 or uint16
        Grey by ITU-R BT.601; transparent pixels by their opacity on black.
    int
        Bits: 8 or 16.

    Raises
    ------
    BrokenFileError
        With the reason, for a file that does not decode, of several pages, or of another kind of pixel.

    Examples
    --------
    >>> import cv2
    >>> data = cv2.imencode(".bmp", np.array([[0, 100]], np.uint8))[1].tobytes()
    >>> pixels, bits = decode_with_pillow(data, max_pixels=100)
    >>> pixels.tolist(), bits
    ([[0, 100]], 8)
    """
    from PIL import Image

    values, opacity = decode_colours(data, max_pixels)
    if values.ndim == len("HW"):
        return values, 16 if values.dtype == np.uint16 else 8
    grey = np.asarray(Image.fromarray(values).convert("L"))
    if opacity is not None:
        grey = np.rint(grey * (opacity.astype(np.float32) / 255)).astype(np.uint8)
    return grey, 8


def decode_colours(data: bytes, max_pixels: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Decode a TIFF, BMP or WebP file of one page, upright, its colours as they are.

    Parameters
    ----------
    data : bytes
        A whole file.
    max_pixels : int
        A larger image is refused by its header.

    Returns
    -------
    (H, W) or (H, W, 3) ndarray of uint8 or uint16
        Grey, or red, green and blue.
    (H, W) ndarray of uint8 or None
        Opacity of a coloured image that has any.

    Raises
    ------
    BrokenFileError
        As `decode_with_pillow` does.

    Examples
    --------
    >>> import cv2
    >>> data = cv2.imencode(".bmp", np.array([[[30, 20, 10]]], np.uint8))[1].tobytes()  # BGR
    >>> values, opacity = decode_colours(data, max_pixels=100)
    >>> values.tolist(), opacity
    ([[[10, 20, 30]]], None)
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check(image, max_pixels)
            tags = getattr(image, "tag_v2", {})
            upright = ImageOps.exif_transpose(image)
            if image.mode in _DEEP:
                deep = np.asarray(upright).astype(np.uint16)
                # Pillow turns WhiteIsZero (TIFF 6.0, section 3) of 1 and 8 bits, not of 16
                return (65535 - deep if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else deep), None
            if image.mode in ("1", "L"):
                return np.asarray(upright.convert("L")), None
            if not upright.has_transparency_data:
                return np.asarray(upright.convert("RGB")), None
            coloured = np.asarray(upright.convert("RGBA"))
            return coloured[..., :3], coloured[..., 3]
    except BrokenFileError:
        raise
    except UnidentifiedImageError as error:
        raise BrokenFileError("begins as a TIFF, BMP or WebP image and is none") from error
    except Exception as error:  # Pillow's decoders raise of many kinds on a broken file
        words = f"{type(error).__name__}: {error}"[:200]
        raise BrokenFileError(f"is an image that does not decode ({words})") from error


def _check(image: Any, max_pixels: int) -> None:
    """Refuse, by its header, a file that is not one film of a supported kind."""
    width, height = image.size
    check_size(width, height, max_pixels)
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1:
        raise SeveralFramesError(f"has {frames} pages or frames; a film has one")
    if image.mode not in (*_GREY, *_COLOUR, *_DEEP):
        raise BrokenFileError(
            f"is a {image.format} of the pixel kind '{image.mode}'; grey of 1, 8 or 16 bits and colour of 8 are handled"
        )


def exif_orientation(data: bytes) -> int:
    """Return the orientation of a JPEG or PNG by its EXIF, 1 to 8; 1 (as stored) where it says nothing of use.

    Examples
    --------
    >>> from PIL import Image
    >>> file, exif = io.BytesIO(), Image.Exif()
    >>> exif[0x0112] = 6
    >>> Image.new("L", (4, 2)).save(file, "JPEG", exif=exif)
    >>> exif_orientation(file.getvalue())
    6
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            found = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return found if found in range(1, 9) else 1


def turn(film: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return an image (H, W) upright, as its EXIF orientation says (EXIF 2.32, 4.6.4.A; TIFF 6.0, section 8).

    Examples
    --------
    >>> turn(np.array([[1, 2], [3, 4]]), 6).tolist()
    [[3, 1], [4, 2]]
    """
    if orientation == 1:
        return film
    turned = {
        2: lambda: film[:, ::-1],
        3: lambda: film[::-1, ::-1],
        4: lambda: film[::-1],
        5: lambda: film.T,
        6: lambda: np.rot90(film, -1),
        7: lambda: film[::-1, ::-1].T,
        8: lambda: np.rot90(film),
    }[orientation]()
    return np.ascontiguousarray(turned)
