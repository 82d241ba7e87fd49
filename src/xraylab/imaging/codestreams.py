"""What a PNG or a JPEG says of itself before it is decoded, and whether it is whole.

Decoders fill what is missing of a cut file with grey or leave it black, some without a word. The structure
is read here, so that no half of a film passes as a film.

References
----------
PNG (Third Edition), W3C Recommendation; ITU-T T.81 (JPEG); ITU-T T.800 (JPEG 2000); ITU-T T.87 (JPEG-LS).
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

__all__ = [
    "JPEG_MAGIC",
    "PNG_MAGIC",
    "BrokenFileError",
    "JpegHeader",
    "PngHeader",
    "SeveralFramesError",
    "codestream_size",
    "has_end",
    "is_plain_grey",
    "jpeg_end",
    "read_jpeg_header",
    "read_png_header",
]

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC = b"\xff\xd8\xff"
JPEG_2000_MAGIC = b"\xff\x4f\xff\x51"
JP2_BOX = b"\x00\x00\x00\x0cjP  "

SOI, EOI, SOS, TEM, FILL = 0xD8, 0xD9, 0xDA, 0x01, 0xFF
RESTARTS = range(0xD0, 0xD8)
# T.81 table B.1: start of frame, without DHT (C4), JPG (C8) and DAC (CC); F7 is JPEG-LS (T.87 C.1.1).
FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_PNG_HEADER_END = 33
_INTERLACE, _PLAIN_BITS = 28, 8
_FRAME_HEADER, _LENGTH_FIELD = 6, 2
_GREY_KEY, _ANIMATION = 2, 8  # bytes in tRNS of a grey PNG and in acTL
# Inside a scan FF is followed by 00 (a stuffed byte), a restart, or FF (fill): all else is a marker.
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class BrokenFileError(ValueError):
    """A stream that breaks its own format; the message is the reason."""


class SeveralFramesError(BrokenFileError):
    """A file of several frames, none of which is the film."""


class PngHeader(NamedTuple):
    """What the chunks of a PNG say.

    `transparent_grey` is the sample that is see-through (tRNS), `scaled` whether the samples are known to fill their
    depth (sBIT), `exif` whether there is an eXIf chunk.
    """

    width: int
    height: int
    bit_depth: int
    colour_type: int
    frames: int
    transparent_grey: int | None
    scaled: bool
    exif: bool


class JpegHeader(NamedTuple):
    """What the frame header of a JPEG says; `process` is its marker: 0xC0 is baseline, 0xC3 lossless."""

    width: int
    height: int
    precision: int
    components: int
    process: int
    scan_start: int


def read_png_header(data: bytes) -> PngHeader:
    """Walk over the chunks of a PNG to its end; bytes after IEND do not matter.

    Raises
    ------
    BrokenFileError
        If the header is not one, or the file ends before IEND.

    Examples
    --------
    >>> from xraylab.imaging import encode_film
    >>> header = read_png_header(encode_film([[0, 0.5, 1]]))
    >>> header.width, header.height, header.bit_depth
    (3, 1, 16)
    """
    if len(data) < _PNG_HEADER_END or data[12:16] != b"IHDR":
        raise BrokenFileError(f"is a truncated PNG (no header in {len(data)} bytes)")
    width, height, bit_depth, colour_type = struct.unpack_from(">IIBB", data, 16)
    frames, transparent, kind, position = 1, None, b"", 8
    seen = set()
    while kind != b"IEND":
        if position + 12 > len(data):
            raise BrokenFileError(f"is a truncated PNG (ends after {len(data)} bytes without IEND)")
        length, kind = struct.unpack_from(">I4s", data, position)
        seen.add(kind)
        body, position = position + 8, position + 12 + length
        if position > len(data):
            raise BrokenFileError(
                f"is a truncated PNG (a chunk of {length:,} bytes passes its end)"
            )
        if kind == b"acTL" and length == _ANIMATION:
            (frames,) = struct.unpack_from(">I", data, body)
        elif kind == b"tRNS" and colour_type == 0 and length == _GREY_KEY:
            (transparent,) = struct.unpack_from(">H", data, body)
    return PngHeader(
        width, height, bit_depth, colour_type, frames, transparent, b"sBIT" in seen, b"eXIf" in seen
    )


def is_plain_grey(data: bytes, header: PngHeader) -> bool:
    """Tell whether a PNG is 8-bit grey, not interlaced, and opaque.

    Examples
    --------
    >>> from xraylab.imaging import encode_film
    >>> files = [encode_film([[0, 1]], bits=bits) for bits in (8, 16)]
    >>> [is_plain_grey(data, read_png_header(data)) for data in files]
    [True, False]
    """
    opaque = header.transparent_grey is None
    grey = header.bit_depth == _PLAIN_BITS and header.colour_type == 0
    return grey and opaque and data[_INTERLACE] == 0


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Read a JPEG (or JPEG-LS) up to its first scan.

    Raises
    ------
    BrokenFileError
        If the stream ends before its first scan, or has no frame header before it.

    Examples
    --------
    >>> import cv2
    >>> import numpy as np
    >>> data = cv2.imencode(".jpg", np.zeros((4, 6), np.uint8))[1].tobytes()
    >>> read_jpeg_header(data)[:4]
    (6, 4, 8, 1)
    """
    frame: tuple[int, int, int, int, int] | None = None
    position = 2
    while True:
        marker, position = _next_marker(data, position)
        if marker in RESTARTS or marker in (SOI, TEM):
            continue
        if marker == EOI:
            raise BrokenFileError("is a JPEG without an image")
        body, position = _segment(data, position)
        if marker in FRAMES:
            if position - body < _FRAME_HEADER:
                raise BrokenFileError("is a JPEG with a broken frame header")
            precision, height, width, components = struct.unpack_from(">BHHB", data, body)
            frame = (width, height, precision, components, marker)
        elif marker == SOS:
            if frame is None:
                raise BrokenFileError("is a JPEG without a frame header")
            return JpegHeader(*frame, position)


def jpeg_end(data: bytes, scan_start: int) -> int:
    """Return where the end-of-image marker of a JPEG is; bytes after it do not matter.

    Raises
    ------
    BrokenFileError
        If the stream ends without it.

    Examples
    --------
    >>> import cv2
    >>> import numpy as np
    >>> data = cv2.imencode(".jpg", np.zeros((4, 6), np.uint8))[1].tobytes()
    >>> jpeg_end(data + b"more", read_jpeg_header(data).scan_start) == len(data) - 2
    True
    """
    position = scan_start
    while True:
        found = _MARKER_AFTER_SCAN.search(data, position)
        if found is None:
            raise BrokenFileError(f"is a truncated JPEG (ends after {len(data)} bytes without EOI)")
        if data[found.start() + 1] == EOI:
            return found.start()
        _, position = _segment(data, found.end())


def codestream_size(frame: bytes) -> tuple[int, int] | None:
    """Return (width, height) of a JPEG, JPEG-LS or JPEG 2000 stream; None if it is none of them.

    Examples
    --------
    >>> import cv2
    >>> import numpy as np
    >>> codestream_size(cv2.imencode(".jpg", np.zeros((4, 6), np.uint8))[1].tobytes())
    (6, 4)
    """
    # PS3.5 A.4.4 wants a bare JPEG 2000 codestream, but some writers leave it in its JP2 box.
    start = frame.find(JPEG_2000_MAGIC) if frame.startswith((JPEG_2000_MAGIC, JP2_BOX)) else -1
    if start >= 0:
        siz = frame[start + 8 : start + 24].ljust(16, b"\x00")
        x1, y1, x0, y0 = struct.unpack(">IIII", siz)  # T.800 A.5.1, SIZ
        return x1 - x0, y1 - y0
    if frame.startswith(JPEG_MAGIC):
        header = read_jpeg_header(frame)
        return header.width, header.height
    return None


def has_end(frame: bytes) -> bool:
    """Tell whether a JPEG, JPEG-LS or JPEG 2000 stream has its end marker, whatever comes after it.

    Writers pad after the marker, and a JP2 file may hold further boxes.

    Examples
    --------
    >>> import cv2
    >>> import numpy as np
    >>> data = cv2.imencode(".jpg", np.zeros((4, 6), np.uint8))[1].tobytes()
    >>> has_end(data), has_end(data[:-2])
    (True, False)
    """
    if frame.startswith(JPEG_MAGIC):
        try:
            jpeg_end(frame, read_jpeg_header(frame).scan_start)
        except BrokenFileError:
            return False
        return True
    # T.800 B.10.1: no marker above FF8F stands inside of a packet, so that EOC is found by its bytes
    return frame.find(b"\xff\xd9", max(0, frame.find(JPEG_2000_MAGIC))) >= 0


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    position = data.find(b"\xff", position)
    while 0 <= position < len(data) and data[position] == FILL:  # T.81 B.1.1.2: fill bytes
        position += 1
    if not 0 <= position < len(data):
        raise BrokenFileError(
            f"is a truncated JPEG (ends after {len(data)} bytes, before its image)"
        )
    return data[position], position + 1


def _segment(data: bytes, position: int) -> tuple[int, int]:
    if position + 2 > len(data):
        raise BrokenFileError(
            f"is a truncated JPEG (ends after {len(data)} bytes, inside a segment)"
        )
    (length,) = struct.unpack_from(">H", data, position)
    if length < _LENGTH_FIELD or position + length > len(data):
        raise BrokenFileError(f"is a truncated JPEG (a segment of {length} bytes passes its end)")
    return position + 2, position + length
