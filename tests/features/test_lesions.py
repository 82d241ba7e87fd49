import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xraylab.features.lesions import LESION_FEATURES, measure_lesions


def mask_of(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (8, 10)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    for top, left, high, wide in boxes:
        mask[top : top + high, left : left + wide] = 1
    return mask


def test_two_boxes_by_hand() -> None:
    # 2 x 2 with its centroid at (0.5, 0.5) and 1 x 4 at (7, 7.5); the middle is (4, 5)
    found = measure_lesions(mask_of((0, 0, 2, 2), (7, 6, 1, 4)))
    away = (math.hypot(3.5, 4.5) + math.hypot(3, 2.5)) / 2
    assert found == pytest.approx(
        {
            "lesion_ratio": 8 / 80,
            "num_lesions": 2,
            "mean_area": 4,
            "mean_centroid_distance": away,
            "mean_centroid_distance_fraction": away / math.hypot(8, 10),
            "largest_ratio": 4 / 80,
            "left_share": 0.5,
            "eccentricity": 0,  # the first of two equal ones: a square
            "lung_ratio": math.nan,
        },
        nan_ok=True,
    )
    assert tuple(found) == LESION_FEATURES


def test_pixels_that_touch_at_a_corner_are_one_lesion() -> None:
    assert measure_lesions(mask_of((0, 0, 2, 2), (2, 2, 2, 2)))["num_lesions"] == 1


def test_a_bar_of_one_by_four_pixels() -> None:
    # second moments 1/12 across and 16/12 along: an axis ratio of 4
    found = measure_lesions(mask_of((3, 2, 1, 4)))
    assert found["eccentricity"] == pytest.approx(math.sqrt(1 - 1 / 16))
    assert found["left_share"] == pytest.approx(0.25)


def test_only_what_lies_in_the_lungs_counts() -> None:
    lungs = mask_of((1, 1, 6, 2), (1, 5, 6, 2))
    found = measure_lesions(mask_of((0, 0, 8, 3)), lungs)
    assert found["lesion_ratio"] == 12 / 80
    assert found["lung_ratio"] == 0.5
    assert found["left_share"] == 0
    # the middle of the lungs is column 4, not that of the film
    assert measure_lesions(mask_of((2, 4, 1, 1)), mask_of((0, 1, 8, 6)))["left_share"] == 1


def test_no_lesion() -> None:
    found = measure_lesions(np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8))
    missing = {name for name, value in found.items() if math.isnan(value)}
    assert missing == {"left_share", "eccentricity"}
    assert {value for name, value in found.items() if name not in missing} == {0}


@pytest.mark.parametrize(
    ("mask", "lungs", "rule"),
    [
        (np.full((2, 2), 255, np.uint8), None, "of 0 and 1, got shape .* up to 255"),
        (np.zeros((0, 2), np.uint8), None, "must be"),
        (np.zeros((2, 2), np.uint8), np.ones((3, 2), np.uint8), "lungs have shape"),
    ],
)
def test_bad_masks_are_refused(mask: np.ndarray, lungs: np.ndarray | None, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        measure_lesions(mask, lungs)


MASKS = arrays(
    np.uint8, st.tuples(st.integers(2, 12), st.integers(2, 12)), elements=st.integers(0, 1)
)


@given(MASKS)
def test_the_ratio_is_number_times_mean_area(mask: np.ndarray) -> None:
    found = measure_lesions(mask)
    assert found["lesion_ratio"] == pytest.approx(
        found["num_lesions"] * found["mean_area"] / mask.size, abs=1e-12
    )
    assert found["lesion_ratio"] == pytest.approx(mask.mean())


@given(MASKS)
def test_a_mirror_image_swaps_the_sides_alone(mask: np.ndarray) -> None:
    here, there = measure_lesions(mask), measure_lesions(mask[:, ::-1].copy())
    assert there["num_lesions"] == here["num_lesions"]
    assert there["lesion_ratio"] == here["lesion_ratio"]
    if mask.any():
        assert there["left_share"] == pytest.approx(1 - here["left_share"])


@given(MASKS)
def test_as_scikit_image_measures(mask: np.ndarray) -> None:
    from skimage.measure import label, regionprops

    lesions = regionprops(label(mask))
    found = measure_lesions(mask)
    assert found["num_lesions"] == len(lesions)
    middle = np.array(mask.shape) / 2
    distances = [np.linalg.norm(np.array(each.centroid) - middle) for each in lesions]
    assert found["mean_centroid_distance"] == pytest.approx(np.mean(distances) if lesions else 0)
    if lesions:
        assert found["mean_area"] == pytest.approx(np.mean([each.area for each in lesions]))
        assert found["largest_ratio"] == max(each.area for each in lesions) / mask.size


@pytest.mark.parametrize("angle_deg", [0, 30, 90])
def test_an_ellipse_of_two_to_one(angle_deg: float) -> None:
    y, x = np.mgrid[:200, :200] - 100
    turn = math.radians(angle_deg)
    along, across = math.cos(turn) * x + math.sin(turn) * y, math.cos(turn) * y - math.sin(turn) * x
    mask = ((along / 80) ** 2 + (across / 40) ** 2 <= 1).astype(np.uint8)
    assert measure_lesions(mask)["eccentricity"] == pytest.approx(math.sqrt(0.75), abs=1e-3)
