import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from xraylab.imaging.markers import MarkerParams, find_markers

REAL = "fracture_multi_region/Bone_Fracture_Binary_Classification"


def limb(size_px: int = 224) -> np.ndarray:
    """A blurred limb, upright in the middle: soft tissue about a bone with a bright wall, on a dark grey film."""
    x = np.abs(np.arange(size_px) - size_px / 2) / size_px
    profile = 25 + 70 * (x < 0.2) + 60 * (x < 0.08) + 40 * ((x < 0.08) & (x > 0.05))
    film = np.tile(profile.astype(np.float32), (size_px, 1))
    return np.rint(cv2.GaussianBlur(film, (0, 0), size_px / 112)).astype(np.uint8)


def with_letter(film: np.ndarray, corner: tuple[int, int], text: str = "R") -> np.ndarray:
    """The film with white letters, 14 pixels high, whose lower left end is at a corner (column, row)."""
    return cv2.putText(
        film.copy(), text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.65, 240, 2, cv2.LINE_AA
    )


def test_a_limb_is_no_marker() -> None:
    assert not find_markers(limb()).any()


@pytest.mark.parametrize("corner", [(8, 24), (195, 24), (8, 215), (195, 215)])
def test_a_letter_is_found_whole_and_alone(corner: tuple[int, int]) -> None:
    film = limb()
    burned = with_letter(film, corner)
    mask = find_markers(burned)
    letter = np.abs(burned.astype(int) - film) > 100
    assert mask.dtype == np.bool_
    assert mask[letter].all()
    reach = cv2.dilate(letter.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert not mask[~reach].any()


def test_small_digits_join_the_letter_beside_them() -> None:
    burned = with_letter(limb(), (8, 30))
    cv2.putText(burned, "07", (8, 42), cv2.FONT_HERSHEY_SIMPLEX, 0.27, 200, 1, cv2.LINE_AA)
    mask = find_markers(burned)
    assert mask[34:43, 8:18].any()
    no_reach = find_markers(burned, MarkerParams(companion_reach=0.0, min_size=0.05))
    assert not no_reach[36:43, 8:18].any()


def test_a_light_plate_is_found_and_a_frame_or_a_soft_spot_is_not() -> None:
    plate = limb()
    cv2.rectangle(plate, (6, 60), (26, 74), 200, -1)
    assert find_markers(plate)[62:72, 8:24].all()
    frame = limb()
    frame[:, :4] = 255  # the edge of a collimator
    frame[:3, :30] = 255
    assert not find_markers(frame).any()
    spot = limb().astype(np.float32)
    y, x = np.mgrid[:224, :224]
    spot += 200 * np.exp(-0.5 * ((x - 22) ** 2 + (y - 100) ** 2) / 5.0**2)
    assert not find_markers(np.clip(spot, 0, 255).astype(np.uint8)).any()


@given(seed=st.integers(0, 2**32 - 1), turns=st.integers(0, 3))
def test_a_turned_film_has_its_markers_turned(seed: int, turns: int) -> None:
    rng = np.random.default_rng(seed)
    film = limb()
    film = with_letter(film, (int(rng.integers(5, 15)), int(rng.integers(20, 220))), "L")
    noisy = np.clip(film + rng.normal(0, 2, film.shape), 0, 255).astype(np.uint8)
    mask = find_markers(noisy)
    turned = find_markers(np.ascontiguousarray(np.rot90(noisy, turns)))
    assert mask.any()
    assert np.array_equal(np.rot90(mask, turns), turned)


@pytest.mark.parametrize("film", [np.zeros((64, 64), np.uint8), np.full((9, 300), 255, np.uint8)])
def test_a_flat_film_has_none(film: np.ndarray) -> None:
    mask = find_markers(film)
    assert mask.shape == film.shape
    assert not mask.any()


@pytest.mark.parametrize(
    "film",
    [np.zeros((64, 64), np.float32), np.zeros((64, 64, 3), np.uint8), np.zeros((7, 64), np.uint8)],
)
def test_other_arrays_are_refused(film: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 \\(H, W\\), at least 8 x 8, not"):
        find_markers(film)


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValidationError, match="did you mean 'max_size'"):
        MarkerParams.model_validate({"max_sizes": 0.1})


@pytest.mark.real_films
@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("fractured/124.jpg", (14, 175, 56, 205)),
        ("fractured/20.jpg", None),
        ("not fractured/IMG0003889.jpg", None),
    ],
)
def test_real_films(real_data, name: str, box: tuple[int, int, int, int] | None) -> None:
    """A lead R at the lower left of one film; two films without any."""
    (path, *_) = (real_data / REAL).glob(f"*/{name}")
    film = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    mask = find_markers(cv2.resize(film, (224, 224), interpolation=cv2.INTER_AREA))
    assert mask.any() == (box is not None)
    if box is not None:
        rows, columns = np.nonzero(mask)
        left, top, right, low = box
        assert left <= columns.min() <= columns.max() <= right
        assert top <= rows.min() <= rows.max() <= low
