"""The one rule by which the minutes of a run are divided among its trainings."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import PrivateAttr

from xraylab.parameters import Parameters

__all__ = ["Budget", "BudgetedParams", "ModelsParams", "check_minutes", "plan_budgets"]

Params = TypeVar("Params", bound="BudgetedParams")

_LEAST_MINUTES = 1 / 600  # a tenth of a second: a training that comes too late makes one step


@dataclass(frozen=True)
class Budget:
    """Wall-clock of the trainings and searches of one protocol.

    Attributes
    ----------
    minutes : float or None
        Of all trainings of the pipeline in this run; None sets no limit.
    share : float
        What the protocol has of them, from 0 to 1.
    """

    minutes: float | None = None
    share: float = 1.0

    def divide(self, shares: Sequence[float], of: float | None = None) -> Iterator[float | None]:
        """Give the minutes of each training, when it begins: its share of what is left then.

        What a training does not use is left to those after it.

        Parameters
        ----------
        shares : sequence of float
            Shares of the trainings, in their order.
        of : float, optional
            What the shares of the protocol sum to; without it they sum to those that are given.

        Yields
        ------
        float or None
            Minutes; None without a limit, and for a training without a share.

        Examples
        --------
        Of ten minutes the first has three quarters; as it takes no time here, the second has all ten.

        >>> [round(each, 1) for each in Budget(20).divide([3, 1], of=8)]
        [7.5, 10.0]
        """
        begin, given = time.monotonic(), sum(shares)
        part = 1.0 if of is None or not of else given / of
        for place, share in enumerate(shares):
            if self.minutes is None or not share:
                yield None
                continue
            left = self.minutes * self.share * part - (time.monotonic() - begin) / 60
            yield max(_LEAST_MINUTES, left * share / sum(shares[place:]))


class BudgetedParams(Parameters):
    """Parameters of a protocol whose trainings take minutes.

    The budget is no setting: a run sets it, from ``--params minutes=…`` (`plan_budgets`).
    """

    _budget: Budget = PrivateAttr(default_factory=Budget)

    @property
    def budget(self) -> Budget:
        """Wall-clock of the trainings; without a limit unless the run has one."""
        return self._budget

    @property
    def total_share(self) -> float:
        """Sum of the shares of all trainings and searches."""
        raise NotImplementedError

    def within(self: Params, budget: Budget) -> Params:
        """Return the same parameters with another budget."""
        bounded = self.model_copy()
        bounded._budget = budget
        return bounded


class ModelsParams(BudgetedParams):
    """Parameters of a protocol that trains models by name, each with its ``share`` if it is trained in steps.

    Attributes
    ----------
    models : dict of str to parameters
        What to train, by name.
    """

    models: Mapping[str, Any]

    @property
    def total_share(self) -> float:
        """Sum of the shares of the models."""
        return sum(getattr(model, "share", 0.0) for model in self.models.values())


def plan_budgets(minutes: float, protocols: Mapping[str, BudgetedParams]) -> dict[str, Budget]:
    """Divide the minutes of a pipeline among the protocols that a run trains, by the shares that their models declare.

    Parameters
    ----------
    minutes : float
        Wall-clock of all trainings of the pipeline together.
    protocols : mapping of str to BudgetedParams
        The protocols, by any name.

    Returns
    -------
    dict of str to Budget
        By the same names.
    """
    total = sum(each.total_share for each in protocols.values()) or 1.0
    return {name: Budget(minutes, params.total_share / total) for name, params in protocols.items()}


def check_minutes(value: Any) -> float | None:
    """Return the minutes that a run was given, or None without any.

    Raises
    ------
    ValueError
        If they are no number above 0.

    Examples
    --------
    >>> check_minutes(20)
    20.0
    """
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value < float("inf")
    ):
        raise ValueError(f"minutes must be a number above 0, got {value!r}")
    return float(value)
