import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xraylab.imaging.codestreams import BrokenFileError, is_plain_grey, read_png_header
from xraylab.imaging.grey_png import decode_grey_png


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(rows: bytes, width: int, height: int, pieces: int = 1, interlace: int = 0) -> bytes:
    packed = zlib.compress(rows)
    step = -(-len(packed) // pieces)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlace))
        + b"".join(chunk(b"IDAT", packed[i : i + step]) for i in range(0, len(packed), step))
        + chunk(b"IEND", b"")
    )


def decode(data: bytes) -> np.ndarray:
    return decode_grey_png(data, read_png_header(data))


@given(
    image=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24)),
    kinds=st.lists(st.integers(0, 4), min_size=24, max_size=24),
    pieces=st.integers(1, 4),
)
def test_any_mixture_of_filters_decodes_as_opencv_does(
    image: np.ndarray, kinds: list[int], pieces: int
) -> None:
    # any bytes are a valid filtered image: both decoders must read the same film from them
    height, width = image.shape
    rows = b"".join(bytes([kinds[y]]) + image[y].tobytes() for y in range(height))
    data = png(rows, width, height, pieces)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(decode(data), expected / np.float32(255))


@given(
    image=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))
)
def test_what_opencv_writes_is_read_exactly(image: np.ndarray) -> None:
    data = cv2.imencode(".png", image)[1].tobytes()
    assert is_plain_grey(data, read_png_header(data))
    assert np.array_equal(np.rint(decode(data) * 255).astype(np.uint8), image)


def test_paeth_by_hand() -> None:
    # row 0 plain [10, 20]; row 1 Paeth [1, 1]: first predicts above (10); then p = 11 + 20 - 10 = 21, nearest is 20
    data = png(bytes([0, 10, 20, 4, 1, 1]), 2, 2)
    assert np.array_equal(np.rint(decode(data) * 255), [[10, 20], [11, 21]])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (png(bytes([0, 1, 2, 0, 1]), 2, 2), "data end after 5 of 6 bytes"),
        (png(bytes([7, 1, 2]), 2, 1), "unknown filter in row 0"),
        (
            png(bytes([0, 1, 2]), 2, 1)[:41] + b"\xff" + png(bytes([0, 1, 2]), 2, 1)[42:],
            "wrong checksum",
        ),
    ],
)
def test_broken_data_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BrokenFileError, match=reason):
        decode(data)


def test_more_data_than_the_header_promises_are_not_inflated() -> None:
    data = png(bytes([0, 1, 2]) + bytes(50_000_000), 2, 1)
    assert decode(data).shape == (1, 2)


def test_interlaced_and_transparent_films_are_left_to_opencv() -> None:
    interlaced = png(bytes([0, 1, 2]), 2, 1, interlace=1)
    assert not is_plain_grey(interlaced, read_png_header(interlaced))
    colour = cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))[1].tobytes()
    assert not is_plain_grey(colour, read_png_header(colour))
