import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraylab.dose.kernels import add_noise, scaled_normal
from xraylab.dose.noise import noise_key, normal_quantiles, standard_normal, stream_key


def test_quantiles_have_mean_zero_and_variance_one() -> None:
    quantiles = normal_quantiles().astype(np.float64)
    assert abs(quantiles.mean()) < 1e-7
    assert quantiles.var() == pytest.approx(1.0, abs=1e-6)


def test_noise_is_standard_normal_and_white() -> None:
    noise = standard_normal(noise_key(1, "film", "0.5"), (1000, 1000)).astype(np.float64)
    assert noise.mean() == pytest.approx(0.0, abs=4e-3)
    assert noise.var() == pytest.approx(1.0, abs=6e-3)
    assert (noise**4).mean() == pytest.approx(3.0, abs=0.04)
    power = np.abs(np.fft.fft2(noise)) ** 2 / noise.size
    rings = power.reshape(10, 100, 10, 100).mean(axis=(1, 3))
    assert np.all(np.abs(rings - 1.0) < 0.06)


def test_key_depends_on_each_part() -> None:
    keys = {
        noise_key(seed, image, level) for seed in (1, 2) for image in "ab" for level in ("x", "y")
    }
    assert len(keys) == 8
    assert noise_key(1, "film", "0.5") == noise_key(1, "film", "0.5")
    # the parts are kept apart
    assert noise_key(1, "a", "bc") != noise_key(1, "ab", "c")


def test_streams_of_a_key_are_uncorrelated() -> None:
    key = noise_key(1, "film", "0.5")
    first, second = standard_normal(key, (400, 400)), standard_normal(key, (400, 400), stream=1)
    assert stream_key(key, 0) == key
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.01


@given(size=st.integers(0, 41))
def test_a_shorter_draw_is_the_start_of_a_longer_one(size: int) -> None:
    key = noise_key(3, "film", "1")
    assert np.array_equal(
        standard_normal(key, (size,))[: size - size % 4],
        standard_normal(key, (44,))[: size - size % 4],
    )


@given(size=st.integers(1, 41), scale=st.floats(0.1, 1.0), noise_std=st.floats(0.0, 0.5))
def test_kernels_use_the_same_noise(size: int, scale: float, noise_std: float) -> None:
    key = np.uint64(noise_key(3, "film", "1"))
    z = standard_normal(int(key), (size,))
    film = np.linspace(0, 1, size, dtype=np.float32)
    out = np.empty_like(film)
    add_noise(film, np.float32(scale), np.float32(noise_std), key, normal_quantiles(), out)
    expected = np.clip(film * np.float32(scale) + np.float32(noise_std) * z, 0, 1)
    assert np.allclose(out, expected, atol=1e-6)
    scaled_normal(film, key, normal_quantiles(), out)
    assert np.allclose(out, np.sqrt(film) * z, atol=1e-6)
