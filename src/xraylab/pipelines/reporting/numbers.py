"""Numbers as the page writes them, and the interval of a difference."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from xraylab.evaluation.bootstrap import FEW_GROUPS

__all__ = ["FEW", "Estimate", "subtract", "write_number"]

FEW = "†"
"""Mark of an interval from fewer than `FEW_GROUPS` groups."""

_MANY, _SMALL, _TEN = 1e5, 1e-4, 10.0
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
        The value and the ends of its interval; nan where no interval was estimated.
    n_groups : float
        Groups that were resampled; nan where that is not known.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    n_groups: float = math.nan

    @classmethod
    def of(cls, row: Mapping[Hashable, Any]) -> Estimate:
        """Read a row of ``metrics.csv``."""
        facts = (row["value"], row["ci_low"], row["ci_high"], row.get("n_groups", math.nan))
        return cls(*(float(fact) for fact in facts))

    @property
    def known(self) -> bool:
        """Whether it has a value and an interval."""
        return all(map(math.isfinite, (self.value, self.low, self.high)))

    def write(self, unit: str = "") -> str:
        """Write value, unit and interval.

        Examples
        --------
        >>> Estimate(13.12, 11.9, 14.46).write("months")
        '13.1 months (11.9 to 14.5)'
        """
        value, interval = self.parts(unit)
        return f"{value} ({interval})" if interval else value

    def parts(self, unit: str = "", sign: bool = False) -> tuple[str, str]:
        """Write the value with its unit, with a plus where asked for, and its interval.

        Examples
        --------
        >>> Estimate(0.25, 0.0, 0.5, n_groups=4).parts(sign=True)
        ('+0.250', '0 to 0.500 †')
        """
        plus = "+" if sign and self.value > 0 else ""
        return f"{plus}{write_number(self.value)} {unit}".strip(), self.interval

    @property
    def interval(self) -> str:
        """The interval in words; empty where there is none."""
        if not self.known:
            return ""
        mark = f" {FEW}" if self.n_groups < FEW_GROUPS else ""
        return f"{write_number(self.low)} to {write_number(self.high)}{mark}"


def subtract(first: Estimate, second: Estimate) -> Estimate:
    """Return the difference of two estimates with its interval.

    The interval is made from the two intervals by the method of variance estimates recovery [1]_, as if both were
    independent. Estimates on the same films rise and fall together, so that for them it is too wide.

    References
    ----------
    .. [1] Zou G. Y., Donner A. (2008), *Statistics in Medicine* 27(10), 1693-1702.

    Examples
    --------
    >>> subtract(Estimate(5.0, 2.0, 8.0), Estimate(1.0, -3.0, 5.0))
    Estimate(value=4.0, low=-1.0, high=9.0, n_groups=nan)
    """
    value = first.value - second.value
    low = value - math.hypot(first.value - first.low, second.high - second.value)
    high = value + math.hypot(first.high - first.value, second.value - second.low)
    known = [each for each in (first.n_groups, second.n_groups) if math.isfinite(each)]
    return Estimate(value, low, high, min(known, default=math.nan))


def write_number(value: float) -> str:
    """Write a number with three or four significant digits, and a power of ten where it is very small or large.

    Examples
    --------
    >>> write_number(0.0357), write_number(-12.345), write_number(2.0923e-8), write_number(1658)
    ('0.0357', '−12.3', '2.09 × 10⁻⁸', '1,658')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size and not _SMALL <= size < _MANY:
        digits, _, exponent = f"{value:.2e}".partition("e")
        return f"{digits.replace('-', '−')} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    places = 2 - math.floor(math.log10(size)) if size else 0
    places = min(4, max(3, places)) if 0 < size < _TEN else max(0, places)
    return f"{value:,.{places}f}".replace("-", "−")
