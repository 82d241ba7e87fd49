"""The released model: which it is, what it says of films, and its masks on the network's grid."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from xraylab.flow.release import call_films, find_released, read_mask_on_grid
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.state import ModelState

PREPARED = {"size_px": 4, "equalise": "none"}


@pytest.fixture
def arrays() -> ArrayCache:
    index = pd.DataFrame({"image_id": ["a", "b"], "scaled_by": ["bits", "window"]})
    return ArrayCache("", index, pd.DataFrame(), PREPARED)


def state(name: str, arm: str, threshold: float = 0.5) -> ModelState:
    return ModelState({"name": name, "arm": arm, "threshold": threshold, "preprocess": PREPARED})


def test_the_single_training_is_released_before_its_folds(arrays: ArrayCache) -> None:
    folds = {f"m_fold_{fold}": state("m", f"fold_{fold}") for fold in range(2)}
    assert list(find_released({**folds, "m": state("m", "single")}, "m", arrays)) == ["m"]
    assert list(find_released({**folds, "n": state("n", "single")}, "m", arrays)) == list(folds)
    with pytest.raises(ValueError, match=r"release\.model 'x' is none of the trained m"):
        find_released(folds, "x", arrays)


def test_a_model_of_films_prepared_in_another_way_is_refused(arrays: ArrayCache) -> None:
    other = ModelState({**state("m", "single").card, "preprocess": {"size_px": 8}})
    with pytest.raises(ValueError, match="'m' was trained on films prepared with"):
        find_released({"m": other}, "m", arrays)


def test_films_are_called_by_the_mean_of_trainings(arrays: ArrayCache) -> None:
    found = np.array([[0.2, 0.9], [0.4, np.nan]])
    states = [state("m", "fold_0", 0.2), state("m", "fold_1", 0.6)]
    table = call_films(arrays, pd.Series(["a", "b"]), found, states, "ill")
    assert table["probability"].tolist() == pytest.approx([0.3, 0.9])
    assert table["spread"].tolist() == pytest.approx([0.1, 0])
    assert table["n_models"].tolist() == [2, 1]
    assert table["threshold"].tolist() == pytest.approx([0.4, 0.4])
    assert table["ill"].tolist() == [False, True]
    assert table["scaled_by"].tolist() == ["bits", "window"]
    none = call_films(arrays, pd.Series([], dtype=str), found[:, :0], states, "ill")
    assert none.empty
    assert list(none) == list(table)


def test_a_saved_mask_is_read_on_the_grid() -> None:
    mask = np.zeros((8, 8), np.float32)
    mask[:4, :6] = 1
    found = read_mask_on_grid(partial(np.copy, mask), 4)
    expected = np.zeros((4, 4), np.uint8)
    expected[:2, :3] = 1
    np.testing.assert_array_equal(found, expected)
