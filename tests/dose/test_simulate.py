from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from xraylab.dose.detector import Detector, counts_to_film, expose, film_to_counts
from xraylab.dose.noise import noise_key, standard_normal
from xraylab.dose.simulate import (
    Exposure,
    reduce_dose,
    simulate,
    simulate_additive,
    simulate_quantum,
)
from xraylab.features.texture import PUBLISHED_FEATURES, measure_texture

NIH = Path(__file__).resolve().parents[3] / "shared" / "data" / "nih_chest_xray14"


def test_additive_without_noise_is_the_scaled_film() -> None:
    film = np.array([[0.0, 0.5], [1.0, 0.25]], np.float32)
    assert np.allclose(simulate_additive(film, 0.5, 0.0, key=1), [[0.0, 0.25], [0.5, 0.125]])


def test_additive_adds_the_keyed_noise_and_clips() -> None:
    film = np.full((20, 30), 0.95, np.float32)
    key = noise_key(0, "film", "additive/1")
    z = standard_normal(key, film.shape)
    assert np.allclose(
        simulate_additive(film, 1.0, 0.1, key), np.clip(0.95 + 0.1 * z, 0, 1), atol=1e-6
    )


def test_full_dose_is_unchanged() -> None:
    counts = np.full((4, 4), 100.0, np.float32)
    assert reduce_dose(counts, 1.0, 1, Detector()) is counts
    film = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    assert np.allclose(simulate_quantum(film, 1.0, 1, Detector()), film, atol=1e-5)


@pytest.mark.parametrize("dose", [0.0, -0.5, 1.5])
def test_dose_outside_of_its_range_is_refused(dose: float) -> None:
    with pytest.raises(ValueError, match=rf"dose_fraction must lie in \(0, 1\], got {dose}"):
        reduce_dose(np.ones((3, 3), np.float32), dose, 1, Detector())


@pytest.mark.parametrize("dose", [0.1, 0.25, 0.5, 0.75])
def test_reduced_dose_has_mean_and_variance_of_a_true_exposure(dose: float) -> None:
    detector = Detector(photons_per_pixel=3000, blur_sigma_px=0.7, electronic_noise=8)
    depth = np.full((800, 800), 1.0, np.float32)
    full = expose(depth, 1.0, np.random.default_rng(1), detector)
    true = expose(depth, dose, np.random.default_rng(2), detector).astype(np.float64)
    reduced = reduce_dose(full, dose, noise_key(0, "film", "q"), detector).astype(np.float64)
    assert reduced.mean() == pytest.approx(true.mean(), rel=2e-3)
    assert reduced.var() == pytest.approx(true.var(), rel=0.015)


def test_match_mean_hides_the_dose_and_its_absence_tells_it() -> None:
    detector = Detector()
    depth = np.linspace(0.5, 2.5, 256 * 256, dtype=np.float32).reshape(256, 256)
    film = counts_to_film(expose(depth, 1.0, np.random.default_rng(0), detector), 1.0, detector)
    matched = simulate_quantum(film, 0.2, 7, detector)
    assert matched.mean() == pytest.approx(film.mean(), abs=2e-5)
    unmatched = simulate_quantum(film, 0.2, 7, detector, match_mean=False)
    assert unmatched.mean() - film.mean() == pytest.approx(
        -np.log(0.2) / detector.log_range, rel=0.02
    )


def test_simulate_writes_to_the_buffer_and_depends_on_the_key_alone() -> None:
    film = np.random.default_rng(0).random((32, 40), np.float32)
    for exposure in (
        Exposure(
            recipe="additive",
            level="0.8",
            scale=0.8,
            noise_std=0.02,
            noise_key=noise_key(0, "a", "x"),
        ),
        Exposure(
            recipe="quantum", level="0.5", dose_fraction=0.5, noise_key=noise_key(0, "a", "y")
        ),
    ):
        buffer = np.empty_like(film)
        first = simulate(film, exposure, out=buffer)
        assert first is buffer
        assert np.array_equal(first, simulate(film, exposure))
        other = exposure.model_copy(update={"noise_key": exposure.noise_key + 1})
        assert not np.array_equal(first, simulate(film, other))
        assert first.dtype == np.float32
        assert first.min() >= 0
        assert first.max() <= 1


def test_counts_of_a_film_are_those_of_beer_lambert() -> None:
    detector = Detector(photons_per_pixel=1000, log_range=2.0)
    assert film_to_counts(np.float32([[0.5]]), detector)[0, 0] == pytest.approx(
        1000 * np.exp(-1.0), rel=1e-5
    )


@pytest.mark.real_films
@pytest.mark.skipif(not NIH.is_dir(), reason="no real films beside the checkout (shared/data)")
def test_published_features_of_real_films_are_reproduced() -> None:
    published = pd.read_csv(NIH / "seed_dose_features.csv")
    assert len(published) == 57
    errors = []
    for row in published.to_dict("records"):
        film = (
            cv2.imread(str(NIH / "images" / row["image"]), cv2.IMREAD_GRAYSCALE).astype(np.float32)
            / 255
        )
        key = noise_key(2018, Path(row["image"]).stem, f"additive/{row['scale']:g}")
        measured = measure_texture(
            simulate_additive(film, row["scale"], row["noise_std"], key), "published"
        )
        errors.append([abs(measured[name] / row[name] - 1) for name in PUBLISHED_FEATURES])
    table = pd.DataFrame(errors, columns=list(PUBLISHED_FEATURES))
    assert (table.max() < 0.01).all(), table.max()
    assert (table.median() < 0.003).all(), table.median()
