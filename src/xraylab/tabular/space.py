"""Where hyper-parameters are searched for."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from xraylab.parameters import Parameters

__all__ = ["Choice", "Real", "Space", "Whole"]


class Whole(Parameters):
    """Whole numbers from ``low`` to ``high``, both included, in steps.

    Attributes
    ----------
    low, high : int
        Ends of the range.
    step : int
        Distance between two neighbours.
    """

    low: int
    high: int
    step: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Whole:
        if self.low > self.high:
            raise ValueError(f"low must not be above high, got {self.low} and {self.high}")
        return self


class Real(Parameters):
    """Real numbers from ``low`` to ``high``.

    Attributes
    ----------
    low, high : float
        Ends of the range.
    log : bool
        Draw uniformly in the logarithm.
    """

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _check(self) -> Real:
        if self.low > self.high:
            raise ValueError(f"low must not be above high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"log needs low above 0, got {self.low}")
        return self


class Choice(Parameters):
    """One of a few values.

    Attributes
    ----------
    choices : tuple
        The values; null is one that may be listed.
    """

    choices: tuple[int | float | str | None, ...] = Field(min_length=1)


class Space(Parameters):
    """Where the hyper-parameters of one kind of model are looked for."""

    spec: ClassVar[type[Parameters]]

    def dimensions(self) -> dict[str, Whole | Real | Choice]:
        """Return what is looked for, by name, in the order of the fields."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    @model_validator(mode="after")
    def _check(self) -> Space:
        for name, dimension in self.dimensions().items():
            ends = (
                dimension.choices
                if isinstance(dimension, Choice)
                else (dimension.low, dimension.high)
            )
            for value in ends:
                try:
                    self.spec.model_validate({name: value})
                except ValueError as error:
                    detail = str(error).splitlines()[2].strip()
                    raise ValueError(f"{name}: {value!r} cannot be used. {detail}") from error
        return self
