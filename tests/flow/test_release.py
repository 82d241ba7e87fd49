"""The released model: which it is, what its bundle holds, what it says of films, and its masks at a film's size."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests.pipelines.released import FEW

from xraylab.flow import release
from xraylab.flow.params import ReleaseParams
from xraylab.flow.release import (
    FILM,
    MaskNetworks,
    Release,
    TrainedFilms,
    call_films,
    draw_mask,
    find_released,
    pack_release,
    trained_films,
)
from xraylab.imaging.array_cache import ArrayCache, hold_arrays
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.bundle import bundle_of
from xraylab.models.networks import NetworkParams, build_network, describe_network
from xraylab.models.state import ModelState

PREPARED = PreprocessParams(size_px=16, equalise="none").model_dump(mode="json")
N = 6


def films() -> NDArray[np.uint8]:
    """Films of which each is a number of its own all over."""
    return np.full((N, 16, 16), 1, np.uint8) * np.arange(N, dtype=np.uint8)[:, None, None]


@pytest.fixture
def arrays() -> ArrayCache:
    ids = pd.Series(list("abcdef"))
    return hold_arrays(films(), np.zeros((N, 16, 16), np.uint8), ids, PREPARED)


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


def test_films_are_called_by_the_mean_of_trainings() -> None:
    found = np.array([[0.2, 0.9, 0.3], [0.4, np.nan, 0.5]])
    states = [state("m", "fold_0", 0.2), state("m", "fold_1", 0.6)]
    called = call_films(found, states, ("well", "ill"))
    assert [each["probability"] for each in called] == pytest.approx([0.3, 0.9, 0.4])
    assert [each["spread"] for each in called] == pytest.approx([0.1, 0, 0.1])
    assert [each["threshold"] for each in called] == pytest.approx([0.4, 0.4, 0.4])
    assert [each["finding"] for each in called] == ["well", "ill", "ill"]  # from the threshold on
    assert call_films(found[:, :0], states, ("well", "ill")) == []


def test_what_is_familiar_are_the_films_of_the_training_and_no_other(
    arrays: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = ["train", "test", "val", "", "train", "train"]
    single = pd.DataFrame({"image_id": list("abcdef"), "group_id": list("uvwxyz"), "split": splits})
    cohort = pd.concat([single, single.assign(split="val")])  # of a fold, all are trained on
    for table, expected in ((single, [0, 2, 4, 5]), (cohort, list(range(N)))):
        trained = trained_films(arrays, table)
        assert sorted(trained.films[:, 0, 0]) == expected
        assert [list("uvwxyz")[value] for value in trained.films[:, 0, 0]] == list(trained.groups)
    assert trained.preprocess == PREPARED
    monkeypatch.setattr(release, "_MOST_FILMS", 3)
    few = trained_films(arrays, single)
    assert few.films[:, 0, 0].tolist() == [0, 4]
    assert few.groups.tolist() == ["u", "y"]


def test_a_bundle_says_how_films_are_prepared_and_what_cut_the_training_short() -> None:
    short = {"fit": {"stopped_by": "minutes"}}
    members = {"a": state("m", "fold_0"), "b": ModelState({**state("m", "fold_1").card, **short})}
    described = Release("task", "Title", "Limits.", ("HAND",), lambda *_: None)  # type: ignore[arg-type,return-value]
    rng = np.random.default_rng(0)
    trained = TrainedFilms(
        rng.integers(0, 255, (8, 16, 16), np.uint8), pd.Series(list("abcdefgh")), PREPARED
    )
    other = {**PREPARED, "size_px": 32}
    card = {"model": "m", "preparations": {"lungs": other}}
    states = pack_release(described, members, trained, ReleaseParams(familiarity=FEW), card)
    bundle = bundle_of(states, "here", None)
    assert bundle.task == "task"
    assert list(bundle.members) == ["a", "b"]
    assert bundle.familiarity is not None
    assert {name: each.size_px for name, each in bundle.preparations.items()} == {
        FILM: 16,
        "lungs": 32,
    }
    assert bundle.card["model"] == "m"
    assert bundle.card["body_parts"] == ["HAND"]
    assert bundle.card["notice"] == "Research software. Not a medical device."
    assert bundle.card["cut_short"] == "stopped by the clock"


def test_several_networks_draw_their_median(arrays: ArrayCache) -> None:
    params = NetworkParams(widths=(4, 8))
    card = {"network": params.model_dump(mode="json"), "views": 1}
    states = [describe_network(build_network(params, seed), card) for seed in range(3)]
    each = np.stack([MaskNetworks([one], "cpu").maps(arrays.films) for one in states])
    both = MaskNetworks(states, "cpu").maps(arrays.films)
    np.testing.assert_allclose(both, np.sort(each, axis=0)[1], atol=1e-6)
    assert not np.allclose(both, each.mean(axis=0), atol=1e-4)


def test_a_mask_is_drawn_at_the_size_of_the_film() -> None:
    seen = np.zeros((4, 4), np.float32)
    seen[:2, :3] = 1
    mask = draw_mask(seen, (8, 12), 0.45)
    expected = np.zeros((8, 12), np.uint8)
    expected[:4, :9] = 1
    np.testing.assert_array_equal(mask, expected)
    assert not draw_mask(0.4 * seen, (8, 12), 0.45).any()
