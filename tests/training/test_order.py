from collections import Counter

import numpy as np
import torch

from xraylab.training.order import EpochOrder


class Task:
    """Begins each epoch's stream of random numbers, as a training does."""

    epoch = 0

    def seed_epoch(self) -> None:
        torch.manual_seed(self.epoch)


def test_without_groups_an_epoch_takes_every_film_once():
    order = EpochOrder(7, Task())
    assert len(order) == 7
    assert sorted(order) == list(range(7))
    assert list(order) == list(order)


def test_each_group_is_drawn_alike_however_many_copies_it_holds():
    task = Task()
    groups = np.array(["a"] * 30 + ["b", "c", "b"])
    order = EpochOrder(len(groups), task, groups, 2)
    assert len(order) == 6
    seen = set()
    for task.epoch in range(40):
        drawn = list(order)
        assert Counter(groups[drawn]) == {"a": 2, "b": 2, "c": 2}
        seen.update(drawn)
    assert len(seen) > 25  # other copies at another epoch
    task.epoch = 3
    assert list(order) == list(EpochOrder(len(groups), task, groups, 2))
