from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from skimage.measure import shannon_entropy

from xraylab.dose.detector import Detector, counts_to_film, expose
from xraylab.features.kernels import GRADIENT_BINS, TILE
from xraylab.features.texture import EXTENDED_FEATURES, PUBLISHED_FEATURES, measure_texture

FILMS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nih_chest_xray14"
IMMERKAER_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], float)
ROUNDING_16_BIT = 1 / (65535 * np.sqrt(12))


def random_film(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Half of the films use few grey levels, half all of them; 0 and 1 themselves occur."""
    rng = np.random.default_rng(seed)
    film = rng.random(shape, np.float32)
    if seed % 2:
        film = np.round(film * 4) / np.float32(4)
    return film


def reference_published(film: np.ndarray) -> dict[str, float]:
    grey = (film * 255).astype(np.uint8)
    laplacian = cv2.Laplacian(grey, cv2.CV_64F)
    wide = film.astype(np.float64)
    return {
        "noise_var": laplacian.var(),
        "sharpness": np.abs(laplacian).mean(),
        "entropy": shannon_entropy(grey, base=2),
        "mean_intensity": wide.mean(),
        "std_intensity": wide.std(),
    }


def reference_tiles(film: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and Immerkaer sigma of each tile, by slicing."""
    inner = film.astype(np.float64)[1:-1, 1:-1]
    response = np.abs(cv2.filter2D(film.astype(np.float64), cv2.CV_64F, IMMERKAER_MASK)[1:-1, 1:-1])

    def cuts(length: int) -> list[slice]:
        count = max(1, length // TILE)
        return [slice(i * TILE, length if i == count - 1 else (i + 1) * TILE) for i in range(count)]

    level, sigma = [], []
    for rows in cuts(inner.shape[0]):
        for columns in cuts(inner.shape[1]):
            level.append(inner[rows, columns].mean())
            sigma.append(np.sqrt(np.pi / 2) / 6 * response[rows, columns].mean())
    return np.array(level), np.array(sigma)


def noisy(
    level: float, sigma: float, shape: tuple[int, int] = (256, 256), seed: int = 3
) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return np.clip(np.float32(level) + np.float32(sigma) * noise, 0, 1).astype(np.float32)


def quantum_film(dose: float, seed: int, detector: Detector, ramp: float = 3.0) -> np.ndarray:
    """A ramp of optical depth with a disc in it, exposed at a dose fraction."""
    y, x = np.mgrid[:512, :512].astype(np.float32) / 512
    depth = (
        np.float32(0.8)
        + np.float32(ramp) * x
        + np.float32(0.6) * (np.hypot(x - 0.5, y - 0.5) < 0.3)
    )
    counts = expose(depth.astype(np.float32), dose, np.random.default_rng(seed), detector)
    return counts_to_film(counts, dose, detector)


@settings(max_examples=120, deadline=None)
@given(st.tuples(st.integers(3, 40), st.integers(3, 40)), st.integers(0, 2**32))
def test_published_features_agree_with_opencv_and_skimage(
    shape: tuple[int, int], seed: int
) -> None:
    film = random_film(shape, seed)
    measured = measure_texture(film, "published")
    assert tuple(measured) == PUBLISHED_FEATURES
    for name, value in reference_published(film).items():
        assert measured[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("shape", [(3, 1025), (5, 2500), (70, 67), (131, 1100)])
def test_wide_films_and_extremes_do_not_overflow(shape: tuple[int, int]) -> None:
    """A checkerboard of black and white has the largest Laplacian there is, 1020, at every inner pixel."""
    film = (np.indices(shape).sum(axis=0) % 2).astype(np.float32)
    measured = measure_texture(film, "published")
    assert measured["sharpness"] == 1020  # mirrored borders continue the board
    for name, value in reference_published(film).items():
        assert measured[name] == pytest.approx(value, rel=1e-12), name


@settings(max_examples=60, deadline=None)
@given(st.tuples(st.integers(3, 110), st.integers(3, 110)), st.integers(0, 2**32))
def test_extended_features_agree_with_slow_references(shape: tuple[int, int], seed: int) -> None:
    film = random_film(shape, seed)
    measured = measure_texture(film)
    assert tuple(measured) == PUBLISHED_FEATURES + EXTENDED_FEATURES
    grey = (film * 255).astype(np.uint8)
    sobel = np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))
    assert measured["gradient_entropy"] == pytest.approx(
        shannon_entropy(np.floor(sobel / 2), base=2), abs=1e-9
    )
    response = np.abs(cv2.filter2D(film.astype(np.float64), cv2.CV_64F, IMMERKAER_MASK)[1:-1, 1:-1])
    immerkaer = np.sqrt(np.pi / 2) * response.sum() / (6 * (shape[0] - 2) * (shape[1] - 2))
    assert measured["noise_sigma"] == pytest.approx(immerkaer, rel=1e-5)
    level, sigma = reference_tiles(film)
    keep = (level > 2 / 255) & (level < 1 - 2 / 255)
    level, sigma = (level[keep], sigma[keep]) if keep.any() else (level, sigma)
    assert measured["local_snr"] == pytest.approx(
        np.median(level / np.maximum(sigma, ROUNDING_16_BIT)), rel=1e-5
    )
    # fewer than 16 tiles: the noise-level function has no slope, and the median is left
    assert measured["noise_sigma_local"] == pytest.approx(np.median(sigma), rel=1e-5)


def test_a_white_spot_in_three_by_three_by_hand() -> None:
    """Mirrored without the edge, the corner sees the spot in no neighbour and the side sees it twice:

    L = [[0, 2, 0], [2, -4, 2], [0, 2, 0]] * 255, of sum 4 * 255, absolute sum 12 * 255 and squared sum 32 * 255**2.
    """
    film = np.zeros((3, 3), np.float32)
    film[1, 1] = 1
    measured = measure_texture(film)
    assert measured["noise_var"] == pytest.approx(255**2 * (32 / 9 - (4 / 9) ** 2), rel=1e-12)
    assert measured["sharpness"] == pytest.approx(12 * 255 / 9, rel=1e-12)
    assert measured["entropy"] == pytest.approx(
        -(8 / 9 * np.log2(8 / 9) + 1 / 9 * np.log2(1 / 9)), rel=1e-12
    )
    assert measured["mean_intensity"] == pytest.approx(1 / 9, rel=1e-12)
    assert measured["std_intensity"] == pytest.approx(np.sqrt(8) / 9, rel=1e-12)
    # Immerkaer's mask meets the spot once, with its weight 4, over one pixel
    assert measured["noise_sigma"] == pytest.approx(np.sqrt(np.pi / 2) * 4 / 6, rel=1e-6)
    # the one tile is the white pixel, and there is no other: 1 / sigma
    assert measured["local_snr"] == pytest.approx(6 / (4 * np.sqrt(np.pi / 2)), rel=1e-6)
    # mirrored, the film is even in x and in y about every pixel: all gradients are 0, in one bin
    assert measured["gradient_entropy"] == 0


def test_a_step_edge_in_five_by_five_by_hand() -> None:
    """Columns 0, 0, 0, 1, 1: L is +255 left of the edge and -255 right of it, elsewhere 0; Sobel is 4 * 255 there."""
    film = np.zeros((5, 5), np.float32)
    film[:, 3:] = 1
    measured = measure_texture(film)
    assert measured["noise_var"] == pytest.approx(2 / 5 * 255**2, rel=1e-12)
    assert measured["sharpness"] == pytest.approx(2 / 5 * 255, rel=1e-12)
    two_fifths = -(0.4 * np.log2(0.4) + 0.6 * np.log2(0.6))
    assert measured["entropy"] == pytest.approx(two_fifths, rel=1e-12)
    assert measured["gradient_entropy"] == pytest.approx(two_fifths, rel=1e-12)
    assert measured["mean_intensity"] == pytest.approx(0.4, rel=1e-12)
    assert measured["std_intensity"] == pytest.approx(np.sqrt(0.24), rel=1e-12)
    assert (
        measured["noise_sigma"] == 0
    )  # a straight edge is constant along itself: no second difference
    assert measured["noise_sigma_local"] == 0


def test_the_steepest_gradient_has_a_bin() -> None:
    """A white quadrant makes Sobel (3, 3) * 255 at its corner; no film reaches 4 * 255 * sqrt(2)."""
    film = np.zeros((8, 8), np.float32)
    film[4:, 4:] = 1
    assert np.isfinite(measure_texture(film)["gradient_entropy"])
    assert np.floor(4 * 255 * np.sqrt(2) / 2) == GRADIENT_BINS - 1


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_film_has_no_texture(value: float) -> None:
    measured = measure_texture(np.full((70, 41), value, np.float32))
    assert measured["mean_intensity"] == pytest.approx(float(np.float32(value)), rel=1e-15)
    snr = measured.pop("local_snr")
    assert snr == pytest.approx(np.float32(value) / ROUNDING_16_BIT, rel=1e-6)
    del measured["mean_intensity"]
    assert measured == dict.fromkeys(measured, 0.0)


def test_a_plane_is_not_noise() -> None:
    y, x = np.mgrid[:200, :200].astype(np.float32)
    measured = measure_texture(np.float32(0.1) + x / 400 + y / 800)
    assert measured["noise_sigma"] < 1e-6
    assert measured["noise_sigma_local"] < 1e-5


@pytest.mark.parametrize("sigma", [0.005, 0.02, 0.08])
def test_known_white_noise_is_recovered(sigma: float) -> None:
    measured = measure_texture(noisy(0.5, sigma))
    assert measured["noise_sigma"] == pytest.approx(sigma, rel=0.02)
    assert measured["noise_sigma_local"] == pytest.approx(sigma, rel=0.02)
    assert measured["local_snr"] == pytest.approx(0.5 / sigma, rel=0.03)


def test_the_local_estimate_reads_the_film_law_at_mid_grey() -> None:
    """Noise of variance s0**2 * exp(A p): at p = 1/2 its standard deviation is s0 * exp(A / 4)."""
    s0, exponent = 0.002, 5.0
    level = np.broadcast_to(np.linspace(0.1, 0.9, 512, dtype=np.float32), (512, 512))
    noise = np.random.default_rng(4).standard_normal(level.shape)
    film = (level + s0 * np.exp(exponent * level / 2) * noise).astype(np.float32)
    at_mid = s0 * np.exp(exponent / 4)
    measured = measure_texture(np.clip(film, 0, 1))
    assert measured["noise_sigma_local"] == pytest.approx(at_mid, rel=0.03)
    dark = film[:, :200]  # ends at p = 0.41: the law is followed beyond it
    assert measure_texture(np.clip(dark, 0, 1))["noise_sigma_local"] == pytest.approx(
        at_mid, rel=0.08
    )


def test_the_local_estimate_does_not_follow_the_anatomy() -> None:
    """One dose, two anatomies: thin and flat, or thick and steep."""
    detector = Detector(blur_sigma_px=0)
    thin, thick = quantum_film(0.2, 0, detector, ramp=1.5), quantum_film(0.2, 0, detector, ramp=3.6)
    overall = [measure_texture(film)["noise_sigma"] for film in (thin, thick)]
    local = [measure_texture(film)["noise_sigma_local"] for film in (thin, thick)]
    assert overall[1] / overall[0] > 1.8
    assert local[1] / local[0] == pytest.approx(1, abs=0.07)


@pytest.mark.parametrize("blur_sigma_px", [0.0, 0.7])
def test_noise_follows_dose(blur_sigma_px: float) -> None:
    detector = Detector(blur_sigma_px=blur_sigma_px, electronic_noise=0)
    doses = [1.0, 0.7, 0.5, 0.35, 0.25, 0.12, 0.06]
    table = pd.DataFrame([measure_texture(quantum_film(dose, 1, detector)) for dose in doses])
    for name in ("noise_var", "sharpness", "noise_sigma", "noise_sigma_local", "gradient_entropy"):
        assert table[name].is_monotonic_increasing, name
    assert table["local_snr"].is_monotonic_decreasing
    # quantum noise: sigma goes with 1 / sqrt(dose)
    slope = np.polyfit(np.log(doses), np.log(table["noise_sigma_local"]), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.03)


def test_the_local_estimate_has_the_value_of_the_physics() -> None:
    """At p = 1/2, d N0 exp(-A / 2) quanta: the logarithm's standard deviation is 1 / sqrt of them, over A."""
    detector = Detector(photons_per_pixel=10_000, blur_sigma_px=0, electronic_noise=0, log_range=5)
    film = quantum_film(0.25, 5, detector)
    expected = 1 / (5 * np.sqrt(0.25 * 10_000 * np.exp(-2.5)))
    assert measure_texture(film)["noise_sigma_local"] == pytest.approx(expected, rel=0.04)


def test_local_features_rank_doses_over_anatomies_better_than_the_global_one() -> None:
    detector = Detector()
    rows = [
        {"dose": dose, **measure_texture(quantum_film(dose, seed, detector, ramp))}
        for seed, ramp in enumerate((1.0, 1.8, 2.6, 3.4))
        for dose in (1.0, 0.5, 0.25, 0.125)
    ]
    table = pd.DataFrame(rows)
    rank = {name: abs(spearmanr(table["dose"], table[name])[0]) for name in EXTENDED_FEATURES}
    assert rank["noise_sigma_local"] > 0.95
    assert rank["noise_sigma_local"] > rank["noise_sigma"]


@pytest.mark.parametrize(
    ("film", "message"),
    [
        ([[0.0]], "float32 array, got list"),
        (np.zeros((4, 4)), "float32 array, got float64"),
        (np.zeros((4, 4), np.uint8), "float32 array, got uint8"),
        (np.zeros((4, 4, 3), np.float32), r"2 axes \(H, W\), got shape \(4, 4, 3\)"),
        (np.zeros((2, 9), np.float32), r"at least 3 x 3 pixels, got shape \(2, 9\)"),
        (np.zeros((9, 2), np.float32), r"at least 3 x 3 pixels, got shape \(9, 2\)"),
    ],
)
def test_what_is_no_film_is_refused(film: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_texture(film)  # type: ignore[arg-type]


@pytest.mark.parametrize("which", ["published", "all"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.nan, "nan"),
        (np.inf, "inf"),
        (-np.inf, "-inf"),
        (-1e-6, "-1e-06"),
        (1.0000001, "1.0"),
        (255.0, "255.0"),
    ],
)
@pytest.mark.parametrize("place", [(0, 0), (3, 16), (6, 18)])
def test_a_pixel_out_of_range_is_named(
    which: str, value: float, shown: str, place: tuple[int, int]
) -> None:
    film = np.full((7, 19), 0.5, np.float32)
    film[place] = value
    with pytest.raises(
        ValueError, match=rf"\[0, 1\], got {shown}\S* at row {place[0]}, column {place[1]}"
    ):
        measure_texture(film, which)  # type: ignore[arg-type]


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="'published' or 'all', got 'some'"):
        measure_texture(np.zeros((3, 3), np.float32), "some")  # type: ignore[arg-type]


def test_views_and_read_only_films_are_measured_and_left_alone() -> None:
    film = random_film((41, 60), 2)
    expected = measure_texture(np.ascontiguousarray(film.T))
    before = film.copy()
    assert measure_texture(film.T) == expected
    film.flags.writeable = False
    assert measure_texture(film)["noise_var"] == pytest.approx(expected["noise_var"], rel=1e-12)
    np.testing.assert_array_equal(film, before)


@pytest.mark.real_films
@pytest.mark.skipif(not FILMS.is_dir(), reason=f"the real radiographs are not at {FILMS.parent}")
def test_published_rows_are_reproduced_on_the_published_films() -> None:
    """The public demo's own rows; its noise had no seed, so they agree up to the noise."""
    published = pd.read_csv(FILMS / "seed_dose_features.csv").iloc[:18]
    for row in published.itertuples():
        film = (
            cv2.imread(str(FILMS / "images" / row.image), cv2.IMREAD_GRAYSCALE).astype(np.float32)
            / 255
        )
        noise = np.random.default_rng(row.Index).standard_normal(film.shape, np.float32)
        simulated = np.clip(film * np.float32(row.scale) + np.float32(row.noise_std) * noise, 0, 1)
        measured = measure_texture(simulated, "published")
        for name in PUBLISHED_FEATURES:
            assert measured[name] == pytest.approx(getattr(row, name), rel=0.01), (row.image, name)
