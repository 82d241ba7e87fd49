"""Thumbnails: their size, and that what is drawn can be seen on bone and on air."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from xraylab.prediction.overlays import draw_thumbnail

MAX_BYTES = 8_000


def decode(data: bytes) -> NDArray[np.float64]:
    """A picture (H, W, RGB)."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(float)


def luminance(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the formula of WCAG 2."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def box(height: int, width: int) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : -height // 4, width // 4 : -width // 4] = 1
    return mask


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1000, 500), (256, 128)),
        ((500, 1000), (128, 256)),
        ((100, 80), (100, 80)),
        ((5000, 3), (256, 1)),
    ],
)
def test_proportions_are_kept_and_nothing_is_enlarged(
    shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert decode(draw_thumbnail(np.zeros(shape, np.float32))).shape[:2] == expected


def test_grey_values_are_those_of_the_film() -> None:
    film = np.repeat(np.float32([[0, 0.5, 1]]), 60, axis=1).repeat(60, axis=0)
    for each in (film, np.rint(film * 255).astype(np.uint8)):
        assert np.allclose(
            decode(draw_thumbnail(each))[30, [30, 90, 150], 1], [0, 128, 255], atol=4
        )


@pytest.mark.parametrize("grey", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_an_outline_is_seen_on_every_grey_even_without_colours(grey: float) -> None:
    """3 : 1 is what WCAG 2 asks of graphics (1.4.11)."""
    film = np.full((256, 256), grey, np.float32)
    seen = luminance(decode(draw_thumbnail(film, box(256, 256)))[128, 50:80])
    behind = luminance(decode(draw_thumbnail(film))[128, 128])
    ratio = (np.maximum(seen, behind) + 0.05) / (np.minimum(seen, behind) + 0.05)
    assert ratio.max() >= 3


def test_an_outline_lies_at_the_edge_of_its_mask() -> None:
    film = np.zeros((1024, 512), np.float32)
    picture = decode(draw_thumbnail(film, box(1024, 512)))
    columns = np.flatnonzero(picture[128, :, 2] > 100)
    assert {31, 32, 95, 96} & set(columns.tolist())
    assert columns.min() >= 29
    assert columns.max() <= 98
    assert picture[128, 64].max() < 10


def test_each_side_of_a_mask_of_two_has_its_outline() -> None:
    mask = np.ones((256, 256), np.uint8)
    mask[:, 128:] = 2
    picture = decode(draw_thumbnail(np.zeros((256, 256), np.float32), mask))
    assert picture[128, 124:132, 2].max() > 100


def test_an_empty_mask_and_a_map_of_nothing_change_nothing() -> None:
    film = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    plain = draw_thumbnail(film)
    assert draw_thumbnail(film, np.zeros((64, 64), np.uint8)) == plain
    assert draw_thumbnail(film, heat=np.zeros((8, 8), np.float32)) == plain
    assert draw_thumbnail(film, heat=np.full((8, 8), np.nan, np.float32)) == plain


def test_a_heat_map_covers_the_film_and_grows_lighter_where_it_is_higher() -> None:
    heat = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))
    row = luminance(decode(draw_thumbnail(np.zeros((256, 128), np.float32), heat=heat))[128])
    assert row[0] < 0.01
    assert row[-1] > 0.3
    assert np.all(np.diff(row[8::16]) > 0)


def test_a_thumbnail_is_small_and_carries_no_metadata() -> None:
    texture = np.random.default_rng(0).random((64, 52), dtype=np.float32)
    film = np.clip(cv2.resize(texture, (1600, 2000), interpolation=cv2.INTER_CUBIC), 0, 1)
    data = draw_thumbnail(film, box(2000, 1600), np.eye(64, dtype=np.float32))
    assert len(data) < MAX_BYTES
    assert data[:4] + data[8:12] == b"RIFFWEBP"
    assert not any(chunk in data for chunk in (b"EXIF", b"XMP ", b"ICCP"))


def test_numbers_out_of_range_do_no_harm() -> None:
    film = np.float32([[np.nan, -3, np.inf, 0.5]]).repeat(4, axis=0)
    picture = decode(draw_thumbnail(np.kron(film, np.ones((32, 32), np.float32))))
    assert np.allclose(picture[64, [16, 48, 80, 112], 1], [0, 0, 255, 128], atol=6)


def test_what_is_no_film_is_refused() -> None:
    with pytest.raises(ValueError, match="two-dimensional"):
        draw_thumbnail(np.zeros((4, 4, 3), np.float32))
    with pytest.raises(ValueError, match="edge_px"):
        draw_thumbnail(np.zeros((4, 4), np.float32), edge_px=0)
