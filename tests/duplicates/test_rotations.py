"""Copies turned by any angle: known turns are found, with their angle; films that only resemble each other are not."""

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from xraylab.duplicates.matching import match_films
from xraylab.duplicates.mellin import ZOOMS
from xraylab.duplicates.portrait import Portrait
from xraylab.duplicates.registration import compare_films
from xraylab.duplicates.rotations import TurnedCopyParams, find_turned_copies

PARAMS = TurnedCopyParams(workers=1)


def draw_film(seed, side_px=224):
    """Bones at random: bright lines and discs on a soft ground, so that lines run every way."""
    rng = np.random.default_rng(seed)
    film = cv2.resize(rng.random((5, 5), np.float32), (side_px, side_px)) * 40 + 20
    unit = side_px / 224
    for _ in range(14):
        (x1, y1, x2, y2), width = rng.uniform(0, side_px, 4), rng.uniform(3, 9) * unit
        bone = np.zeros_like(film)
        ends = (int(x1), int(y1)), (int(x2), int(y2))
        cv2.line(bone, *ends, float(rng.uniform(40, 110)), max(1, int(width)), cv2.LINE_AA)
        cv2.circle(bone, ends[0], int(1.3 * width), float(rng.uniform(40, 110)), -1, cv2.LINE_AA)
        film += cv2.GaussianBlur(bone, (0, 0), 1.5 * unit)
    return np.clip(film, 0, 255).astype(np.uint8)


def turn(film, angle_deg, scale=1.0):
    """Turn counter-clockwise about the middle, black where nothing was."""
    middle = ((film.shape[1] - 1) / 2, (film.shape[0] - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, angle_deg, scale)
    return cv2.warpAffine(film, matrix, film.shape[::-1])


def recompress(film, quality=70):
    return cv2.imdecode(
        cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE
    )


def angle_between(first, second):
    return abs((first - second + 180) % 360 - 180)


FILM = draw_film(0)
DISTINCT = np.stack([draw_film(seed) for seed in range(12)])


@settings(max_examples=25)
@given(st.floats(0, 359.99), st.booleans())
@example(0.0, False)
@example(90.0, True)
@example(359.9, False)
def test_a_turned_film_is_found_at_its_angle(angle_deg, mirrored):
    copy = recompress(turn(FILM[:, ::-1].copy() if mirrored else FILM, angle_deg))
    found = find_turned_copies(np.stack([FILM, copy]), PARAMS)
    assert found[["first", "second", "mirrored"]].to_numpy().tolist() == [[0, 1, mirrored]]
    assert angle_between(found["angle_deg"][0], angle_deg) < 0.5
    assert 0.9 < found["similarity"][0] <= 1


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_quarter_turns_lose_nothing(quarters, mirrored):
    copy = np.rot90(FILM[:, ::-1] if mirrored else FILM, quarters)  # counter-clockwise
    found = find_turned_copies(np.stack([FILM, copy]), PARAMS)
    assert found["mirrored"].tolist() == [mirrored]
    assert angle_between(found["angle_deg"][0], 90 * quarters) < 0.1
    assert found["similarity"][0] > 0.98


@pytest.mark.parametrize(
    "change",
    [
        lambda film: turn(turn(turn(film, 31), 47), -110),  # corners cut to a circle
        lambda film: np.rint(255 * (turn(film, 77) / 255) ** 1.4).astype(np.uint8),
        lambda film: turn(film, 200) // 2 + 60,
        lambda film: cv2.resize(cv2.resize(turn(film, 12), (112, 112)), (224, 224)),
        lambda film: turn(cv2.resize(film[6:217, 3:214], (224, 224)), 140),  # 6 % cropped
        lambda film: turn(film, 20, 1.1),
    ],
    ids=["three turns", "gamma", "exposure", "half size", "crop", "scale"],
)
def test_what_else_was_done_to_a_turned_film_does_not_hide_it(change):
    found = find_turned_copies(np.concatenate([DISTINCT, change(DISTINCT[4])[None]]), PARAMS)
    assert found[["first", "second"]].to_numpy().tolist() == [[4, 12]]


def test_distinct_films_are_no_copies_nor_are_films_that_show_nothing():
    flat = np.stack([np.full((224, 224), level, np.uint8) for level in (0, 0, 128)])
    found = find_turned_copies(np.concatenate([DISTINCT, flat]), PARAMS)
    assert found.empty
    columns = ["first", "second", "angle_deg", "mirrored", "inverted", "similarity"]
    assert found.columns.tolist() == columns


def straight_bone(end, seed):
    """A shaft that ends in a wider head; everything below is as in any other, but for the noise."""
    film = np.full((224, 224), 30, np.uint8)
    cv2.line(film, (112, -50), (112, 270), 90, 70)
    cv2.line(film, (112, end), (112, 270), 180, 34)
    cv2.circle(film, (112, end), 26, 180, -1)
    noise = np.random.default_rng(seed).normal(0, 4, film.shape)
    noisy = cv2.GaussianBlur(film, (0, 0), 2) + cv2.GaussianBlur(noise, (0, 0), 1.5) * 2.5
    return np.clip(noisy, 0, 255).astype(np.uint8)


def test_two_straight_bones_are_two_though_one_slides_over_the_other():
    bones = np.stack([straight_bone(-50, 0), straight_bone(-70, 1)])
    alike = compare_films(*(Portrait(film) for film in bones), np.eye(2))
    assert alike.crossing < 0.15
    assert alike.along < 0.3
    assert alike.similarity > 0.7
    lenient = {"min_similarity": 0.7, "min_straight_similarity": 0.7}
    careless = TurnedCopyParams(workers=1, **{**lenient, "min_along_similarity": 0})
    assert len(find_turned_copies(bones, careless)) == 1
    # as they differ along the bone
    assert find_turned_copies(bones, TurnedCopyParams(workers=1, **lenient)).empty
    assert find_turned_copies(bones, PARAMS).empty
    assert len(find_turned_copies(np.stack([bones[0], turn(bones[0], 33)]), PARAMS)) == 1


@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
def test_a_film_cropped_on_one_side_is_found_though_its_middle_is_another(edge):
    cut = 11  # 5 % of the edge
    part = {
        "left": FILM[:, cut:],
        "right": FILM[:, :-cut],
        "top": FILM[cut:],
        "bottom": FILM[:-cut],
    }[edge]
    copy = np.zeros_like(FILM)  # put in the middle of a square of the same edge
    top, left = ((224 - size) // 2 for size in part.shape)
    copy[top : top + part.shape[0], left : left + part.shape[1]] = part
    films = np.concatenate([DISTINCT, turn(copy, 65)[None]])
    found = find_turned_copies(films, PARAMS)
    assert found[["first", "second", "mirrored", "inverted"]].to_numpy().tolist() == [[0, 12, 0, 0]]
    assert angle_between(found["angle_deg"][0], 65) < 1


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_a_film_cropped_on_all_sides_is_found_at_its_scale(share):
    cut = round(share * 224)
    copy = cv2.resize(FILM[cut:-cut, cut:-cut], (224, 224))
    scale = 224 / (224 - 2 * cut)
    matches = [
        match_films(Portrait(FILM), Portrait(copy), zoom, PARAMS) for zoom in range(len(ZOOMS))
    ]
    best = max((match for match in matches if match), key=lambda match: match.similarity)
    assert np.sqrt(np.linalg.det(best.matrix[:, :2])) == pytest.approx(scale, rel=0.01)
    assert len(find_turned_copies(np.concatenate([DISTINCT, copy[None]]), PARAMS)) == 1


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_inverted_film_is_found_and_said_to_be_inverted(mirrored):
    copy = 255 - turn(FILM[:, ::-1].copy() if mirrored else FILM, 140)
    found = find_turned_copies(np.stack([FILM, copy]), PARAMS)
    assert found[["mirrored", "inverted"]].to_numpy().tolist() == [[mirrored, True]]
    assert angle_between(found["angle_deg"][0], 140) < 0.5


def test_another_exposure_of_the_same_bones_is_no_copy():
    """What a follow-up is: most lies where it lay, some of it elsewhere, and the noise is another."""
    rng = np.random.default_rng(1)
    x, y = (cv2.resize(rng.normal(0, 5, (5, 5)).astype(np.float32), (224, 224)) for _ in range(2))
    rows, columns = np.mgrid[:224, :224].astype(np.float32)
    later = cv2.remap(FILM, columns + x, rows + y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    later = np.clip(later + rng.normal(0, 4, later.shape), 0, 255).astype(np.uint8)
    assert find_turned_copies(np.stack([FILM, later]), PARAMS).empty
    # not because nothing of it is found again
    lenient = TurnedCopyParams(workers=1, min_similarity=0.5, min_along_similarity=0.3)
    assert len(find_turned_copies(np.stack([FILM, later]), lenient)) == 1


def test_the_result_does_not_depend_on_the_workers():
    films = np.concatenate([DISTINCT, np.stack([turn(film, 40) for film in DISTINCT])])
    one, two = (find_turned_copies(films, TurnedCopyParams(workers=n)) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("size", [0, 1])
def test_none_or_one_film_has_no_copy(size):
    assert find_turned_copies(DISTINCT[:size], PARAMS).empty


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"\(N, S, S\) of uint8, got \(2, 8, 9\) of uint8"):
        find_turned_copies(np.zeros((2, 8, 9), np.uint8), PARAMS)
    with pytest.raises(ValueError, match="12 films need as many digests, got 3"):
        find_turned_copies(DISTINCT, PARAMS, pd.Series(list("abc")))
    with pytest.raises(ValidationError, match="min_similarity"):
        TurnedCopyParams(min_similarity=1.2)
