"""The penalty chosen by inner folds."""

import numpy as np
import pytest

from xraylab.evaluation.penalties import choose_penalty, count_inner_folds


@pytest.mark.parametrize(
    ("targets", "groups", "expected"),
    [
        ([0] * 9 + [1] * 7, range(16), 5),
        ([0] * 9 + [1] * 3, range(12), 3),
        ([0, 0, 0, 1, 1], ["a", "b", "c", "d", "d"], 1),
    ],
)
def test_there_are_as_many_folds_as_the_rarer_class_has_groups(targets, groups, expected) -> None:
    assert count_inner_folds(targets, list(groups)) == expected


def test_the_least_weighted_loss_wins_and_of_equals_the_strongest() -> None:
    targets = np.array([0.0, 1.0, 0.0, 1.0])
    folds = np.array([0, 0, 1, 1])
    # held-out probabilities of two penalties: the first is right about class 0, the second about class 1
    chance = {0.01: np.array([0.1, 0.5]), 1.0: np.array([0.5, 0.9])}

    def predict(train: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        assert (train != held_out).all()
        return np.stack(list(chance.values()))

    penalties = tuple(chance)
    assert choose_penalty(targets, folds, penalties, predict, np.ones(4)) == 0.01
    heavy = np.array([1.0, 2.0, 1.0, 2.0])
    assert choose_penalty(targets, folds, penalties, predict, heavy) == 1.0


def test_a_fold_that_leaves_one_class_is_left_out() -> None:
    targets = np.array([0.0, 0.0, 1.0])
    folds = np.array([0, 1, 1])
    asked = []

    def predict(train: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        asked.append(held_out.tolist())
        return np.full((1, held_out.sum()), 0.5)

    assert choose_penalty(targets, folds, (0.1,), predict, np.ones(3)) == 0.1
    assert asked == [[True, False, False]]
