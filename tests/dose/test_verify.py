import numpy as np
import pytest

from xraylab.dose.detector import Detector, expose, noise_gain
from xraylab.dose.verify import (
    N_BINS,
    agreement_statistics,
    anscombe,
    measure_agreement,
    measure_noise_curve,
    measure_spectrum,
    radial_mean,
    reduce_agreement,
    verify_local_variance,
    verify_spectrum,
)

DETECTOR = Detector()


def test_anscombe_makes_the_variance_one() -> None:
    counts = expose(np.full((600, 600), 2.0, np.float32), 0.5, np.random.default_rng(0), DETECTOR)
    assert anscombe(counts, DETECTOR).var() == pytest.approx(1.0, abs=0.01)


def test_noise_curve_of_known_residuals() -> None:
    expected = np.array([[10.0, 10.0, 20.0, 20.0]], np.float32)
    counts = np.array([[8.0, 12.0, 17.0, 23.0]], np.float32)
    curve = measure_noise_curve(counts, expected, DETECTOR, np.array([5.0, 15.0, 25.0]))
    assert curve["n"].tolist() == [2, 2]
    assert curve["sum_mean"].tolist() == [20, 40]
    assert curve["sum_squares"].tolist() == [8, 18]


def test_radial_mean_of_a_flat_spectrum_is_flat() -> None:
    frequency, power = radial_mean(np.full((32, 32), 3.0), 8)
    assert np.allclose(power, 3.0)
    assert np.allclose(frequency, (np.arange(8) + 0.5) / 16)


def test_spectrum_of_white_noise_is_its_variance() -> None:
    rng = np.random.default_rng(0)
    counts = (100 + 5 * rng.standard_normal((512, 512))).astype(np.float32)
    _, nnps = measure_spectrum(counts, 100.0, roi_px=64, n_bins=8)
    assert np.allclose(nnps, 0.05**2, rtol=0.08)


def test_spectrum_of_an_exposure_falls_like_the_blur() -> None:
    detector = Detector(electronic_noise=0)
    field = np.full((512, 512), 2.0, np.float32)
    mean = detector.photons_per_pixel * np.exp(-2.0)
    counts = expose(field, 1.0, np.random.default_rng(0), detector)
    frequency, nnps = measure_spectrum(counts, mean, 64, 12)
    expected = np.exp(-4 * np.pi**2 * detector.blur_sigma_px**2 * frequency**2) / mean
    assert np.allclose(nnps[:8], expected[:8], rtol=0.1)


def _ramp(realisation: int, size_px: int = 192) -> np.ndarray:
    y, x = np.mgrid[:size_px, :size_px] / size_px
    return (0.5 + 3.5 * np.abs(np.sin(2 * x + realisation) * np.cos(2 * y))).astype(np.float32)


def test_quantum_recipe_agrees_with_true_exposures() -> None:
    doses = (0.25, 0.5, 0.75)
    curves = verify_local_variance([_ramp(i) for i in range(24)], doses, DETECTOR, seed=0)
    spectra = verify_spectrum(256, 24, 2.0, doses, DETECTOR, seed=0)
    for dose in doses:
        sums = agreement_statistics(curves, spectra, dose).sum(axis=0, keepdims=True)
        local, nnps, stabilised = reduce_agreement(sums, N_BINS)[0]
        assert local < 0.02
        assert nnps < 0.025
        assert stabilised == pytest.approx(1.0, abs=0.02)


def test_the_check_can_fail() -> None:
    """A simulation that forgets the missing noise is caught by all three numbers."""
    dose = 0.25
    curves = verify_local_variance([_ramp(i) for i in range(4)], (dose,), DETECTOR, seed=0)
    spectra = verify_spectrum(256, 4, 2.0, (dose,), DETECTOR, seed=0)
    # scaled counts alone keep dose² of the variance where dose is needed
    forgetful = curves["source"] == "simulated"
    curves.loc[forgetful, ["sum_squares", "anscombe_sum_squares"]] *= dose
    spectra.loc[spectra["source"] == "simulated", "nnps"] *= dose
    sums = agreement_statistics(curves, spectra, dose).sum(axis=0, keepdims=True)
    local, nnps, stabilised = reduce_agreement(sums, N_BINS)[0]
    assert local > 0.5
    assert nnps > 0.5
    assert stabilised < 0.5


def test_noise_gain_enters_the_transform() -> None:
    sharp = Detector(blur_sigma_px=0)
    assert noise_gain(sharp) == 1
    value = anscombe(np.float32([[100.0]]), Detector(blur_sigma_px=0, electronic_noise=0))[0, 0]
    assert value == pytest.approx(2 * np.sqrt(100 + 3 / 8))


def test_jackknife_interval_of_a_mean_is_that_of_theory() -> None:
    """With one bin the Anscombe variance is a ratio of sums, whose jackknife is known for equal counts."""
    rng = np.random.default_rng(0)
    second = rng.uniform(90, 110, 50)
    # per realisation: n, exposed, simulated, Anscombe sum, Anscombe sum of squares, one ring each
    statistics = np.stack(
        [np.full(50, 100.0), second, second, np.zeros(50), second, np.ones(50), np.ones(50)], axis=1
    )
    table = measure_agreement(statistics, 1).set_index("metric")
    row = table.loc["anscombe_variance"]
    assert row["value"] == pytest.approx(second.mean() / 100)
    assert row["ci_high"] - row["value"] == pytest.approx(
        1.96 * second.std(ddof=1) / 100 / np.sqrt(50)
    )
    assert table.loc["nnps_error", ["value", "ci_low", "ci_high"]].tolist() == [0, 0, 0]
    assert table["n"].tolist() == [50, 50, 50]
