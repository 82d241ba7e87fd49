import numpy as np
import pandas as pd
import pytest

from xraylab.evaluation.segmentation import (
    EMPTY_TRUTH,
    clean_mask,
    measure_mask,
    segmentation_metrics,
    split_lungs,
)


def mask(*rows: str) -> np.ndarray:
    return np.array([[int(c == "#") for c in row] for row in rows], np.uint8)


def test_the_largest_components_are_kept_and_holes_filled():
    given = mask("###..##.", "#.#..##.", "###....#", "........", ".#......")
    expected = mask("###..##.", "###..##.", "###....#", "........", "........")
    assert np.array_equal(clean_mask(given), expected)
    assert np.array_equal(
        clean_mask(given, 1), mask("###.....", "###.....", "###.....", "........", "........")
    )
    assert not clean_mask(np.zeros((3, 3), np.uint8)).any()


def test_lungs_are_told_apart_by_their_side():
    given = mask("##...##", "##...##", "......#", "#......")
    assert split_lungs(given).tolist() == [
        [1, 1, 0, 0, 0, 2, 2],
        [1, 1, 0, 0, 0, 2, 2],
        [0, 0, 0, 0, 0, 0, 2],
        [1, 0, 0, 0, 0, 0, 0],
    ]  # fmt: skip


def test_lungs_that_touch_are_cut_at_their_waist():
    given = mask("###.###", "#######", "###.###")
    split = split_lungs(given)
    assert set(split[:, :3].ravel()) == {1}
    assert set(split[:, 4:].ravel()) == {0, 2} - {0}
    assert np.array_equal(split > 0, given > 0)


def test_no_lung_is_no_lung():
    assert not split_lungs(np.zeros((4, 4), np.uint8)).any()


def test_a_shifted_square_by_hand():
    truth, predicted = np.zeros((2, 12, 12), np.uint8)
    truth[2:6, 2:6] = 1
    predicted[2:6, 3:7] = 1
    found = measure_mask(predicted, truth, per_lung=False)
    assert found["dice"] == pytest.approx(2 * 12 / 32)
    assert found["iou"] == pytest.approx(12 / 20)
    assert found["hd95"] == 1.0
    # each outline has 12 pixels; of the four columns only the far one (4 pixels) and the inner two of the near one
    # are not on the other outline: 6 of 12 lie 1 px away
    assert found["assd"] == pytest.approx(0.5)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy")
def test_distances_are_those_of_monai():
    import cv2
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    rng = np.random.default_rng(0)
    for _ in range(4):
        fields = cv2.resize(
            rng.random((6, 6, 2), np.float32), (64, 64), interpolation=cv2.INTER_CUBIC
        )
        truth, predicted = (fields > 0.55).astype(np.uint8).transpose(2, 0, 1)
        found = measure_mask(predicted, truth, per_lung=False)
        pair = predicted[None, None], truth[None, None]
        far = compute_hausdorff_distance(*pair, include_background=True, percentile=95)
        mean = compute_average_surface_distance(*pair, include_background=True, symmetric=True)
        assert found["hd95"] == pytest.approx(float(far), rel=1e-5)
        assert found["assd"] == pytest.approx(float(mean), rel=1e-5)


def test_each_lung_is_measured_for_itself():
    truth = np.zeros((10, 20), np.uint8)
    truth[2:8, 2:8] = truth[2:8, 12:18] = 1
    predicted = truth.copy()
    predicted[:, :10] = 0  # the image's left is the patient's right
    found = measure_mask(predicted, truth)
    assert found["dice_left"] == 1.0
    assert found["dice_right"] == 0.0
    assert np.isnan(found["hd95_right"])
    assert found["hd95_left"] == 0.0
    assert found["dice"] == pytest.approx(2 / 3)


def test_empty_masks():
    empty, full = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    # nothing where nothing is drawn is no overlap: it is told apart from a Dice
    nothing = measure_mask(empty, empty)
    assert np.isnan([nothing["dice"], nothing["iou"]]).all()
    assert (nothing["false_area"], nothing["empty_agreement"]) == (0.0, 1.0)
    false = measure_mask(full, empty)
    assert np.isnan(false["dice"])
    assert (false["false_area"], false["empty_agreement"]) == (1.0, 0.0)
    missed = measure_mask(empty, full)
    assert np.isnan([missed["false_area"], missed["empty_agreement"]]).all()
    assert missed["dice"] == missed["iou"] == 0.0
    assert np.isnan(missed["assd"])


def test_films_without_a_truth_are_counted_apart():
    empty, half = np.zeros((4, 4), np.uint8), np.tile([[0, 0, 1, 1]], (4, 1)).astype(np.uint8)
    pairs = [(half, half), (empty, empty), (half, empty), (empty, empty), (empty, half)]
    rows = pd.DataFrame([measure_mask(*pair, per_lung=False) for pair in pairs])
    rows["group_id"] = list("abcde")
    table = segmentation_metrics(rows, ["dice", *EMPTY_TRUTH], n_resamples=0).set_index("metric")
    assert table.loc["dice", ["value", "n"]].tolist() == [
        0.5,
        2,
    ]  # of 1 and 0, whatever the three others are
    assert table.loc["false_area", ["value", "n"]].tolist() == [0.5 / 3, 3]
    assert table.loc["false_area_worst", "value"] == 0.5
    assert table.loc["empty_agreement", "value"] == 2 / 3


def test_metrics_are_means_over_films_with_their_tails():
    rows = pd.DataFrame(
        {
            "group_id": list("abcde"),
            "dice": [0.9, 0.8, 1.0, 0.7, 0.6],
            "hd95": [1.0, 2.0, np.nan, 4.0, 9.0],
        }
    )
    table = segmentation_metrics(rows, ["dice", "hd95", "dice"][:2], n_resamples=200, seed=1)
    values = table.set_index("metric")
    assert values.loc["dice", "value"] == pytest.approx(0.8)
    assert values.loc["dice", "ci_low"] < 0.8 < values.loc["dice", "ci_high"]
    assert values.loc["dice_p5", "value"] == pytest.approx(0.62)
    assert values.loc["dice_worst", "value"] == 0.6
    assert values.loc["dice_median", "value"] == 0.8
    assert values.loc["hd95", "value"] == 4.0
    assert values.loc["hd95", "n"] == 4
    assert values.loc["hd95_worst", "value"] == 9.0
    assert "hd95_p95" in values.index


def test_a_metric_that_no_film_has_is_left_out():
    rows = pd.DataFrame({"group_id": ["a"], "hd95_mm": [np.nan]})
    assert segmentation_metrics(rows, ["hd95_mm"]).empty
