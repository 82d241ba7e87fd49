import numpy as np
import pytest
from pydantic import ValidationError

from xraylab.dose.detector import (
    Detector,
    blur,
    counts_to_film,
    expose,
    film_to_counts,
    noise_gain,
    point_spread,
)


def test_point_spread_sums_to_one_and_is_symmetric() -> None:
    kernel = point_spread(Detector(blur_sigma_px=1.0))
    assert kernel.shape == (9,)
    assert kernel.sum() == pytest.approx(1.0, abs=1e-6)
    assert np.array_equal(kernel, kernel[::-1])
    assert np.array_equal(point_spread(Detector(blur_sigma_px=0)), [1.0])


def test_noise_gain_of_a_gaussian_is_that_of_theory() -> None:
    # the sum of squares of a sampled unit-area Gaussian is 1 / (4 pi sigma^2)
    assert noise_gain(Detector(blur_sigma_px=2.0)) == pytest.approx(1 / (16 * np.pi), rel=1e-3)
    assert noise_gain(Detector(blur_sigma_px=0)) == 1.0


def test_blur_keeps_the_mean_and_leaves_a_constant_alone() -> None:
    image = np.full((9, 9), 3.0, np.float32)
    assert np.allclose(blur(image, Detector(blur_sigma_px=1.5)), 3.0, atol=1e-5)


def test_film_of_known_counts() -> None:
    detector = Detector(photons_per_pixel=1000, log_range=2.0)
    counts = np.array([[1000.0, 1000 * np.exp(-1.0)], [1000 * np.exp(-2.0), 1e-9]], np.float32)
    # open beam black, two optical depths white, darker than white clipped
    assert np.allclose(counts_to_film(counts, 1.0, detector), [[0.0, 0.5], [1.0, 1.0]], atol=1e-6)
    # the same counts at half dose are half an open beam brighter
    assert counts_to_film(0.5 * counts, 0.5, detector)[0, 1] == pytest.approx(0.5, abs=1e-6)


def test_film_to_counts_inverts() -> None:
    detector = Detector()
    film = np.linspace(0, 1, 50, dtype=np.float32).reshape(5, 10)
    assert np.allclose(
        counts_to_film(film_to_counts(film, detector), 1.0, detector), film, atol=1e-5
    )


@pytest.mark.parametrize("dose", [1.0, 0.3])
def test_exposure_has_the_variance_of_theory(dose: float) -> None:
    detector = Detector(photons_per_pixel=2000, blur_sigma_px=0.8, electronic_noise=6)
    depth = np.full((700, 700), 0.5, np.float32)
    counts = expose(depth, dose, np.random.default_rng(0), detector).astype(np.float64)
    mean = dose * 2000 * np.exp(-0.5)
    assert counts.mean() == pytest.approx(mean, rel=1e-3)
    assert counts.var() == pytest.approx(noise_gain(detector) * mean + 36, rel=0.015)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("photons_per_pixel", 0, "greater than 1"),
        ("blur_sigma_px", -1, "greater than or equal to 0"),
        ("gain", 2, "valid keys"),
    ],
)
def test_bad_detector_names_key_and_rule(key: str, value: float, rule: str) -> None:
    with pytest.raises(ValidationError, match=rule) as error:
        Detector.model_validate({key: value})
    assert key in str(error.value)
