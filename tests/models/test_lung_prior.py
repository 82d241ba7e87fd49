from pathlib import Path

import numpy as np
import pytest

from xraylab.models.lung_prior import fit_lung_prior, lung_prior_of


def draw(shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Two dark lungs that lie higher or lower, and their mask."""
    rng = np.random.default_rng(shift)
    mask = np.zeros((96, 96), np.uint8)
    mask[20 + shift : 70 + shift, 12:40] = mask[20 + shift : 70 + shift, 56:84] = 1
    film = np.where(mask > 0, 60, 180) + rng.integers(-20, 20, (96, 96))
    return film.astype(np.uint8), mask


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_lungs_are_guessed_where_they_are():
    films, masks = zip(*(draw(shift) for shift in range(0, 20, 2)), strict=True)
    state = fit_lung_prior(films, masks)
    assert state.card["n_films"] == 10
    assert state.card["dice"] > 0.9
    guess = lung_prior_of(state)
    assert guess is not None
    film, mask = draw(7)
    found = guess(film)
    assert found.shape == film.shape
    assert found.dtype == np.uint8
    assert dice(found, mask) > 0.92
    assert dice(found, masks[0]) < dice(found, mask)


def test_films_without_a_mask_teach_nothing():
    films, masks = zip(*(draw(shift) for shift in range(6)), strict=True)
    blank = np.zeros((96, 96), np.uint8)
    with_blank = fit_lung_prior([*films, films[0]], [*masks, blank])
    assert with_blank == fit_lung_prior(films, masks)
    state = fit_lung_prior(films, [blank] * 6)
    assert state.card["n_films"] == 0
    assert lung_prior_of(state) is None


@pytest.mark.real_films
def test_lungs_of_real_films_are_guessed(real_data: Path) -> None:
    import cv2

    films, masks = [], []
    root = real_data / "montgomery_shenzhen"
    for path in sorted((root / "masks").glob("*.png")):
        film = root / "CXR_png" / f"{path.stem.removesuffix('_mask')}.png"
        films.append(cv2.resize(cv2.imread(str(film), 0), (128, 128), interpolation=cv2.INTER_AREA))
        masks.append((cv2.resize(cv2.imread(str(path), 0), (128, 128)) > 127).astype(np.uint8))
    state = fit_lung_prior(films, masks)
    assert state.card["n_films"] == 196
    assert state.card["dice"] > 0.88
