"""In which order an epoch takes the training films."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

if TYPE_CHECKING:
    from xraylab.training.task import Task

__all__ = ["EpochOrder"]


class EpochOrder(Sampler[int]):
    """A random order of its own for each epoch, and the start of the epoch's stream of random numbers.

    Lightning asks for the first batch of an epoch before its hooks run, and after a restart before all of them.

    Parameters
    ----------
    length : int
        Films of the training part.
    task : Task
        Whose epoch it is.
    groups : (length,) ndarray, optional
        The group of each film: of each group an epoch draws as many films, however many copies it holds.
    draws_per_group : int
        How many.
    """

    def __init__(
        self,
        length: int,
        task: Task,
        groups: NDArray[Any] | None = None,
        draws_per_group: int = 1,
    ) -> None:
        self.length, self.task = length, task
        self.members: list[torch.Tensor] = []
        if groups is not None:
            _, codes = np.unique(np.asarray(groups), return_inverse=True)
            order = np.argsort(codes, kind="stable")
            parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
            self.members = [torch.as_tensor(part) for part in parts] * draws_per_group

    def __len__(self) -> int:
        return len(self.members) or self.length

    def __iter__(self) -> Iterator[int]:
        self.task.seed_epoch()
        if not self.members:
            return iter(torch.randperm(self.length).tolist())
        drawn = [int(part[torch.randint(len(part), ())]) for part in self.members]
        return iter([drawn[i] for i in torch.randperm(len(drawn)).tolist()])
