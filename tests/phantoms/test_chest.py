import cv2
import numpy as np
import pytest

from xraylab.dose.detector import Detector, counts_to_film, expose, noise_gain
from xraylab.phantoms.canvas import Canvas, smooth_curve, smooth_outline
from xraylab.phantoms.chest import (
    MU_LUNG,
    MU_SOFT,
    ChestAnatomy,
    Placing,
    Signs,
    draw_chest_anatomy,
    project_chest,
)


def test_sphere_and_tube_have_the_path_lengths_of_geometry() -> None:
    canvas = Canvas(200, 20.0)
    sphere = canvas.sphere(0.0, 10.0, 3.0)
    assert sphere.max() == pytest.approx(6.0, abs=0.01)
    assert sphere.sum() / canvas.px_per_cm**2 == pytest.approx(4 / 3 * np.pi * 27, rel=0.01)
    tube = canvas.tube(np.array([[-20.0, 10.0], [20.0, 10.0]]), 2.0)
    assert tube[100, 50] == pytest.approx(4.0, abs=0.02)
    assert tube.sum() / canvas.px_per_cm**2 == pytest.approx(np.pi * 4 * 20, rel=0.01)
    box, wall, inner = canvas.shell(np.array([[-20.0, 10.0], [20.0, 10.0]]), 2.0, 0.5)
    assert np.allclose(wall + inner, tube[box], atol=1e-4)
    tube[box] = 0
    assert not tube.any()


def test_canvas_maps_there_and_back() -> None:
    canvas = Canvas(100, 20.0, shift_cm=(1.0, -0.5), angle_deg=10)
    column, row = canvas.to_px(np.array([canvas.x[30, 70], canvas.y[30, 70]], np.float64))
    assert (column, row) == pytest.approx((70, 30), abs=1e-3)


def test_curves_pass_through_their_points() -> None:
    curve = smooth_curve([(0.0, 0.0), (1.0, 2.0), (3.0, 2.0)], 101)
    assert np.allclose(curve[[0, -1]], [[0, 0], [3, 2]])
    outline = smooth_outline([(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)])
    assert np.hypot(*(outline[0] - outline[-1])) < 0.1


def test_rounded_body_is_thick_in_the_middle_and_thin_at_its_edge() -> None:
    canvas = Canvas(200, 20.0)
    mask = canvas.fill(np.array([[-8.0, 2.0], [8.0, 2.0], [8.0, 18.0], [-8.0, 18.0]]))
    body = canvas.rounded(mask, 3.0)
    assert body[100, 100] == pytest.approx(6.0)
    assert 0 < body[100, 22] < 3
    assert body[100, 10] == 0


def test_lungs_lie_on_their_sides_and_are_dark() -> None:
    phantom = project_chest(draw_chest_anatomy(np.random.default_rng(1)), 256)
    columns = np.arange(256)[None, :]
    right, left = phantom.lung_mask == 1, phantom.lung_mask == 2
    assert (columns * right).sum() / right.sum() < 128 < (columns * left).sum() / left.sum()
    assert 0.08 < right.mean() < 0.25
    assert 0.06 < left.mean() < 0.25
    abdomen = phantom.optical_depth[-20:, 110:140].mean()
    assert phantom.optical_depth[right].mean() < 0.7 * abdomen
    assert phantom.optical_depth.min() == 0  # there is open beam


def test_nodule_is_where_the_truth_says_and_as_deep() -> None:
    """Two projections that differ in their findings alone differ inside of the boxes alone."""
    anatomy = ChestAnatomy()
    for seed in range(30):
        without = project_chest(anatomy, 256, np.random.default_rng(seed))
        phantom = project_chest(anatomy, 256, np.random.default_rng(seed), Signs(nodule=1.0))
        assert phantom.findings
        difference = phantom.optical_depth - without.optical_depth
        outside = np.ones_like(difference, bool)
        for finding in phantom.findings:
            x, y, w, h = finding.box_px
            outside[int(y) - 1 : int(np.ceil(y + h)) + 2, int(x) - 1 : int(np.ceil(x + w)) + 2] = (
                False
            )
            assert phantom.lung_mask[round(finding.y_px), round(finding.x_px)] > 0
            assert w * phantom.spacing_mm == pytest.approx(finding.diameter_mm, rel=1e-6)
        assert np.abs(difference[outside]).max() < 1e-3
        (largest,) = sorted(phantom.findings, key=lambda f: f.diameter_mm)[-1:]
        if len(phantom.findings) == 1:
            expected = (MU_SOFT - MU_LUNG) * largest.diameter_mm / 10
            assert difference.max() == pytest.approx(expected, rel=0.05)
            return
    pytest.fail("no film with a single nodule among 30")


def test_open_beam_has_the_noise_of_the_detector() -> None:
    detector = Detector()
    phantom = project_chest(draw_chest_anatomy(np.random.default_rng(3)), 256)
    counts = expose(phantom.optical_depth, 1.0, np.random.default_rng(0), detector)
    # the blur reaches three pixels in from the skin
    beam = cv2.erode((phantom.optical_depth == 0).astype(np.uint8), np.ones((9, 9))).astype(bool)
    assert beam.sum() > 2000
    open_beam = counts[beam]
    expected = noise_gain(detector) * detector.photons_per_pixel + detector.electronic_noise**2
    assert open_beam.var() == pytest.approx(expected, rel=0.1)


def test_films_are_reproducible_and_patients_differ() -> None:
    films = []
    for seed in (5, 5, 6):
        anatomy = draw_chest_anatomy(np.random.default_rng(seed))
        films.append(project_chest(anatomy, 96, np.random.default_rng([seed, 1])).optical_depth)
    assert np.array_equal(films[0], films[1])
    assert np.abs(films[0] - films[2]).max() > 0.1


def test_film_fills_the_range_of_a_film() -> None:
    detector = Detector()
    phantom = project_chest(draw_chest_anatomy(np.random.default_rng(4)), 192)
    film = counts_to_film(
        expose(phantom.optical_depth, 1.0, np.random.default_rng(0), detector), 1.0, detector
    )
    low, middle, high = np.percentile(film, [1, 50, 99])
    assert low < 0.05
    assert 0.3 < middle < 0.75
    assert high > 0.75


def test_a_wider_field_shows_smaller_lungs_and_a_shift_moves_them() -> None:
    anatomy = ChestAnatomy()
    usual, wide = (
        project_chest(anatomy, 128, placing=Placing(field_cm)).lung_mask > 0
        for field_cm in (34.0, 44.0)
    )
    assert wide.mean() == pytest.approx(usual.mean() * (34 / 44) ** 2, rel=0.03)
    spreads = []
    for shift_sd_cm in (0.5, 3.0):
        middles = []
        for seed in range(12):
            rng = np.random.default_rng(seed)
            mask = project_chest(anatomy, 64, rng, placing=Placing(40.0, shift_sd_cm)).lung_mask
            middles.append(np.nonzero(mask)[1].mean())
        spreads.append(np.std(middles))
    assert spreads[1] > 3 * spreads[0]
