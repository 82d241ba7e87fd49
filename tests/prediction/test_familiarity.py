"""Films of the training's own kind are taken; others, blanks and films that lie otherwise are noticed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from xraylab.imaging import read_radiograph
from xraylab.imaging.preprocess import PreprocessParams, prepare_film
from xraylab.models.state import ModelState
from xraylab.phantoms.chest import draw_chest_anatomy, project_chest
from xraylab.phantoms.hand import draw_hand_anatomy, project_hand
from xraylab.prediction.familiarity import (
    Familiarity,
    FamiliarityParams,
    fit_familiarity,
    restore_familiarity,
)

Bytes = NDArray[np.uint8]

SIZE = 64
PARAMS = FamiliarityParams(size_px=64, n_folds=3)


def _film(depth: NDArray[np.float32], rng: np.random.Generator) -> Bytes:
    film = np.clip(depth / depth.max() + 0.01 * rng.standard_normal(depth.shape), 0, 1)
    prepared = PreprocessParams(size_px=SIZE, equalise="none")
    return prepare_film(film.astype(np.float32), prepared)


def chests(count: int, seed: int = 0) -> Bytes:
    rng = np.random.default_rng(seed)
    depths = (
        project_chest(draw_chest_anatomy(rng), 96, rng=rng).optical_depth for _ in range(count)
    )
    return np.stack([_film(depth, rng) for depth in depths])


def hands(count: int, seed: int = 0) -> Bytes:
    rng = np.random.default_rng(seed)
    months = rng.uniform(24, 216, count)
    drawn = (draw_hand_anatomy(rng, each, bool(each > 100)) for each in months)
    return np.stack([_film(project_hand(each, 96, rng).optical_depth, rng) for each in drawn])


@pytest.fixture(scope="module")
def state() -> ModelState:
    films = chests(32)
    groups = pd.Series([f"p{number // 2}" for number in range(len(films))])
    return fit_familiarity(films, groups, PARAMS)


@pytest.fixture(scope="module")
def familiarity(state: ModelState) -> Familiarity:
    return restore_familiarity(state)


def test_new_films_of_the_kind_are_taken_and_others_refused(familiarity: Familiarity) -> None:
    own = familiarity.assess(chests(12, seed=1))
    assert sum(bool(each.refused) for each in own) <= 1
    assert not any("looks" in doubt for each in own for doubt in each.doubts)
    others = familiarity.assess(hands(8))
    noise = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE), np.uint8)
    others += familiarity.assess(noise)
    assert all("is unlike the films" in each.refused for each in others)
    assert max(each.score for each in own) < min(each.score for each in others)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_film_is_refused_as_blank(familiarity: Familiarity, level: int) -> None:
    (found,) = familiarity.assess(np.full((1, SIZE, SIZE), level, np.uint8))
    assert found.refused == "is blank or nearly so"
    assert found.score > 1
    assert found.doubts == ()


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (lambda films: 255 - films, "looks inverted"),
        (lambda films: np.rot90(films, 1, (1, 2)), "looks turned by 90° to the left"),
        (lambda films: np.rot90(films, 2, (1, 2)), "looks turned by 180°"),
        (lambda films: np.rot90(films, -1, (1, 2)), "looks turned by 90° to the right"),
    ],
)
def test_an_inverted_or_turned_film_is_noticed(familiarity, turn, said) -> None:  # type: ignore[no-untyped-def]
    found = familiarity.assess(turn(chests(6, seed=2)))
    assert sum(said in each.doubts for each in found) >= 5
    assert all(said in each.refused for each in found if each.refused and each.doubts)


def test_an_orientation_that_training_films_do_not_have_is_not_asked_for() -> None:
    films = chests(16)
    turned = np.stack([np.rot90(film, number % 4) for number, film in enumerate(films)])
    card = fit_familiarity(turned, pd.Series(range(16)), PARAMS).card
    asked = {name: pose["asked"] for name, pose in card["poses"].items()}
    assert not any(asked[name] for name in asked if "turned" in name)


def test_what_is_stored_gives_the_same_scores(state: ModelState, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    save_file(state.tensors, tmp_path / "a.safetensors")
    stored = ModelState(state.card, load_file(tmp_path / "a.safetensors"))
    films = chests(3, seed=3)
    assert restore_familiarity(stored).assess(films) == restore_familiarity(state).assess(films)


def test_a_batch_gives_what_single_films_give(familiarity: Familiarity) -> None:
    films = np.concatenate([chests(2, seed=4), hands(1), np.zeros((1, SIZE, SIZE), np.uint8)])
    together = familiarity.assess(films)
    alone = [familiarity.assess(film[None])[0] for film in films]
    assert [each.refused for each in together] == [each.refused for each in alone]
    np.testing.assert_allclose(
        [each.score for each in together], [each.score for each in alone], rtol=1e-4
    )
    assert familiarity.assess(films[:0]) == []


def test_the_limit_is_the_quantile_of_held_out_films(state: ModelState) -> None:
    """The score is 1 / margin where one film in a hundred is beyond: with 32 films, between the last two."""
    assert state.card["n_films"] == 32
    assert state.card["n_groups"] == 16
    held_out = state.card["held_out"]
    assert held_out["0.99"] == pytest.approx(1 / PARAMS.margin)
    assert held_out["0.95"] < held_out["0.99"] < held_out["1"]


def test_films_are_drawn_so_that_every_patient_is_in() -> None:
    films = np.random.default_rng(0).integers(0, 256, (20, 16, 16), np.uint8)
    groups = pd.Series(["many"] * 12 + list("abcdefgh"))
    card = fit_familiarity(films, groups, PARAMS.model_copy(update={"max_films": 9})).card
    assert card["n_films"] == card["n_groups"] == 9


def test_what_cannot_be_is_refused(state: ModelState) -> None:
    films = np.zeros((3, 16, 16), np.uint8)
    with pytest.raises(ValueError, match="one group per film, got 3 films and 2 groups"):
        fit_familiarity(films, pd.Series(["a", "b"]), PARAMS)
    with pytest.raises(ValueError, match="at least two patients, got 1"):
        fit_familiarity(films, pd.Series(["a"] * 3), PARAMS)
    with pytest.raises(ValueError, match="expected a model of kind 'familiarity', got 'unet'"):
        restore_familiarity(ModelState({"kind": "unet"}))
    with pytest.raises(ValidationError, match="unknown encoder"):
        FamiliarityParams(encoder="no_such_encoder")
    other = ModelState({**state.card, "encoder_digest": "0"}, state.tensors)
    with pytest.raises(ValueError, match="has other weights"):
        restore_familiarity(other).assess(films)


@pytest.mark.real_films
def test_real_chests_are_taken_and_real_hands_refused(real_data: Path) -> None:
    params = PreprocessParams(size_px=128, equalise="none")

    def read(folder: str, pattern: str, count: int) -> Bytes:
        paths = sorted((real_data / folder).rglob(pattern))[:count]
        return np.stack([prepare_film(read_radiograph(path), params) for path in paths])

    chest = read("montgomery_shenzhen/CXR_png", "CHNCXR*.png", 80)
    state = fit_familiarity(chest[:60], pd.Series(range(60)), FamiliarityParams())
    familiarity = restore_familiarity(state)
    assert not any(each.refused for each in familiarity.assess(chest[60:]))
    assert all(each.refused for each in familiarity.assess(read("rsna_bone_age", "*.png", 20)))
    inverted = familiarity.assess(255 - chest[60:])
    assert sum("looks inverted" in each.doubts for each in inverted) >= 19
