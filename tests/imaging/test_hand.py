from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pydantic import ValidationError

from xraylab.imaging import read_radiograph
from xraylab.imaging.hand import (
    Box,
    find_crop,
    find_hand,
    find_published_box,
    find_window,
    resize_square,
    scale_window,
)
from xraylab.imaging.preprocess import PreprocessParams, prepare_film, prepare_mask
from xraylab.phantoms.hand import draw_hand_anatomy, project_hand


def unit(levels: list, top: int = 255) -> np.ndarray:
    return np.asarray(levels, np.float32) / np.float32(top)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    rows = min(a.bottom, b.bottom) - max(a.top, b.top)
    columns = min(a.right, b.right) - max(a.left, b.left)
    both = max(rows, 0) * max(columns, 0)
    areas = [(box.bottom - box.top) * (box.right - box.left) for box in (a, b)]
    return both / (sum(areas) - both)


@given(
    arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=9)),
    st.booleans(),
    st.tuples(st.floats(0, 49), st.floats(50, 100)),
)
def test_a_window_is_that_of_numpy(levels, deep, percentiles):
    film = unit(levels, 65535) if deep else unit(levels % 256)
    expected = np.percentile(film.astype(np.float64), percentiles)
    assert np.allclose(find_window(film, percentiles), expected, atol=2e-7)


def test_a_window_cuts_off_at_both_ends():
    film = np.array([[0.0, 0.2, 0.4, 0.6, 1.0]], np.float32)
    assert np.allclose(scale_window(film, (0.2, 0.6)), [[0, 0, 0.5, 1, 1]], atol=1e-6)
    assert not scale_window(film, (0.4, 0.4)).any()


def test_the_published_box_is_open_at_both_ends():
    film = np.zeros((6, 8), np.float32)
    film[0, 0], film[5, 7] = 0.1, 1.0  # neither counts
    film[2, 3] = film[4, 5] = 0.5
    assert find_published_box(film) == Box(2, 5, 3, 6)
    assert find_published_box(film, (0.4, 0.6)) == Box(2, 5, 3, 6)
    assert find_published_box(film, (0.5, 0.9)) == Box(0, 6, 0, 8)  # none is above 0.54


def test_no_crop_is_the_whole_film():
    assert find_crop(np.ones((3, 5), np.float32), "none") == Box(0, 3, 0, 5)


def test_a_box_knows_its_share():
    box = Box(1, 3, 0, 5)
    assert box.share_of((4, 10)) == 0.25
    assert box.cut(np.zeros((4, 10), np.float32)).shape == (2, 5)


@pytest.mark.parametrize("shape", [(40, 40), (300, 200), (64, 400)])
def test_where_there_is_no_hand_the_film_is_whole(shape):
    film = np.full(shape, 0.3, np.float32)
    assert find_hand(film) == Box(0, shape[0], 0, shape[1])
    film[10:18, 4:8] = 1.0  # a letter alone
    assert find_hand(film) == Box(0, shape[0], 0, shape[1])
    film[:, :3] = film[:, -3:] = film[:3] = film[-3:] = 1.0  # and a frame
    assert find_hand(film) == Box(0, shape[0], 0, shape[1])


def hand_with_marks(seed: int) -> tuple[np.ndarray, Box]:
    """A phantom hand on a grey background, with a lead letter and a white border, and its own box."""
    rng = np.random.default_rng(seed)
    phantom = project_hand(draw_hand_anatomy(rng, float(rng.uniform(20, 216)), True), 320, rng)
    background = np.linspace(0.08, 0.17, 320)[:, None]  # scatter, uneven
    film = background + phantom.optical_depth / 2.2
    film += 0.01 * rng.standard_normal(film.shape)
    film[~phantom.hand_mask & (np.arange(320) < 8)] = 1.0
    free = ~phantom.hand_mask[20:50, 290:305]
    film[20:50, 290:305][free] = 1.0
    rows, columns = (
        np.flatnonzero(phantom.hand_mask.any(1)),
        np.flatnonzero(phantom.hand_mask.any(0)),
    )
    box = Box(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
    return np.clip(film, 0, 1).astype(np.float32), box


def test_the_hand_is_found_beside_a_letter_and_a_border():
    found, published = [], []
    for seed in range(12):
        film, box = hand_with_marks(seed)
        found.append(overlap(find_hand(film), box))
        window = find_window(film, (0.5, 99.5))
        published.append(overlap(find_published_box(film, window), box))
    assert np.median(found) > 0.85
    assert min(found) > 0.55
    assert np.median(published) < np.median(found) - 0.2


def test_a_triangle_worked_out_by_hand():
    """From 4 to 2 pixels the triangle reaches over 2 pixels: weights 3/4, 3/4, 1/4, which sum to 7/4."""
    row = np.array([1, 0, 0, 0], np.float32)
    film = np.repeat(row[None], 4, axis=0)
    assert np.allclose(resize_square(film, 2), [[3 / 7, 0], [3 / 7, 0]], atol=1e-6)
    film = np.repeat(np.array([[0, 0, 1, 0]], np.float32), 4, axis=0)
    assert np.allclose(resize_square(film, 2), [[1 / 7, 3 / 7]] * 2, atol=1e-6)


@pytest.mark.parametrize("shape", [(50, 50), (61, 40), (33, 90)])
@pytest.mark.parametrize("size", [16, 31])
def test_resizing_is_bilinear_with_antialiasing_as_torch_knows_it(shape, size):
    film = np.random.default_rng(1).random(shape, np.float32)
    edge = max(shape)
    square = np.zeros((edge, edge), np.float32)
    top, left = (edge - shape[0]) // 2, (edge - shape[1]) // 2
    square[top : top + shape[0], left : left + shape[1]] = np.clip((film - 0.2) / 0.5, 0, 1)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(square)[None, None], (size, size), mode="bilinear", antialias=True
    )
    assert np.allclose(resize_square(film, size, (0.2, 0.7)), expected[0, 0], atol=2e-6)


def test_a_film_lies_in_the_middle_of_its_square():
    film = np.full((2, 4), 0.5, np.float32)
    square = resize_square(film, 4)
    assert np.array_equal(square, np.array([[0], [0.5], [0.5], [0]], np.float32).repeat(4, axis=1))
    assert resize_square(film, 8).shape == (8, 8)
    assert resize_square(film, 8)[3:5].min() == 0.5


@pytest.mark.parametrize("aspect", ["stretch", "pad"])
def test_a_small_square_film_passes_unharmed(aspect):
    levels = np.random.default_rng(2).integers(0, 256, (100, 100))
    params = PreprocessParams(size_px=100, equalise="none", aspect=aspect)
    assert np.array_equal(prepare_film(unit(levels), params), levels)


def test_a_film_is_windowed_whole_before_it_is_cropped():
    film = np.zeros((40, 40), np.float32)
    film[10:30, 10:30] = 0.6
    film[0, 0] = 1.0
    params = PreprocessParams(
        size_px=16,
        equalise="none",
        crop="published",
        aspect="pad",
        window_percentiles=(0, 100),
    )
    assert np.all(prepare_film(film, params) == 153)  # the letter made 1.0 white, not the hand


def test_a_card_names_only_what_was_chosen():
    plain = {
        "size_px": 256,
        "apply_voi": "auto",
        "equalise": "histogram",
    }
    assert PreprocessParams().model_dump(mode="json") == plain
    chosen = PreprocessParams(crop="component", aspect="pad", window_percentiles=(0.5, 99.5))
    card = chosen.model_dump(mode="json")
    assert card == {
        **plain,
        "crop": "component",
        "aspect": "pad",
        "window_percentiles": [0.5, 99.5],
    }
    assert PreprocessParams.model_validate(card) == chosen


def test_bad_choices_are_refused():
    with pytest.raises(ValidationError, match=r"window_percentiles must rise, got \(99.0, 1.0\)"):
        PreprocessParams(window_percentiles=(99, 1))
    with pytest.raises(ValidationError, match="less than or equal to 100"):
        PreprocessParams(window_percentiles=(0, 101))
    with pytest.raises(ValidationError, match="'none', 'component' or 'published'"):
        PreprocessParams(crop="hand")
    with pytest.raises(
        ValueError, match="masks need crop 'none' and aspect 'stretch', got 'none' and 'pad'"
    ):
        prepare_mask([np.ones((4, 4), np.float32)], (4, 4), PreprocessParams(aspect="pad"))


@pytest.mark.real_films
def test_real_films_are_cropped_where_the_published_way_keeps_them(real_data: Path):
    paths = sorted((real_data / "rsna_bone_age_fullres/boneage-training-dataset").glob("*.png"))
    if not paths:
        pytest.skip("no full-size hand films beside the checkout")
    kept, published = [], []
    for path in paths:
        film = read_radiograph(path)
        window = find_window(film, (0.5, 99.5))
        kept.append(find_hand(film).share_of(film.shape))
        published.append(find_published_box(film, window).share_of(film.shape))
    assert np.mean(published) > 0.95
    assert 0.5 < np.mean(kept) < 0.85
    assert min(kept) > 0.4
    assert max(kept) < 0.95
