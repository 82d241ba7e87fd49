"""The forest plot of the headline: one strip per claim, all on one scale from the baseline to the claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xraylab.pages import Interval, Scale

from .numbers import Estimate

__all__ = ["AXIS", "HEIGHT", "WIDTH", "Strip", "draw_strip"]

WIDTH, HEIGHT = 220, 46
"""Size of a strip, in units of its own."""

_SCALE = Scale(left=-0.6, right=1.6, width=WIDTH, margin=8)  # 0 is the baseline, 1 what was claimed
_THEIRS_Y, _HONEST_Y = 15.0, 32.0


@dataclass(frozen=True)
class Strip:
    """One line of the forest plot: places from left, worse, to right, better.

    Attributes
    ----------
    theirs, honest : Interval or None
        By the two protocols.
    claimed : float or None
        Place of the published number; None where there is none, or it lies beyond the scale.
    """

    theirs: Interval | None
    honest: Interval | None
    claimed: float | None


def draw_strip(
    theirs: Estimate | None,
    honest: Estimate | None,
    baseline: Estimate | None,
    claimed: float | None,
    better: str,
) -> Strip | None:
    """Return the places of what was measured; None where there is no baseline to measure from, or nothing else.

    The scale is that of the metric, stretched so that the baseline is at 0 and the published number at 1. Where none
    was published, or it is no better than the baseline, the best value that was measured is at 1. Where it is better
    by less than half of the interval of their protocol, that half is the unit.
    """
    if baseline is None or (theirs is None and honest is None):
        return None
    sign = 1.0 if better == "higher" else -1.0
    values = [each.value for each in (theirs, honest) if each is not None]
    gains = [sign * (value - baseline.value) for value in values]
    span = sign * (claimed - baseline.value) if claimed is not None else 0.0
    if span <= 0:
        span = max(*gains, 0.0) or max(map(abs, gains)) or 1.0
    if theirs is not None and theirs.known:
        span = max(span, (theirs.high - theirs.low) / 2)

    def scale(value: float) -> float:
        return sign * (value - baseline.value) / span

    place = None if claimed is None else scale(claimed)
    return Strip(
        _interval(theirs, scale, _THEIRS_Y),
        _interval(honest, scale, _HONEST_Y),
        _SCALE.place(place) if place is not None and place in _SCALE else None,
    )


def _interval(
    estimate: Estimate | None, scale: Callable[[float], float], y: float
) -> Interval | None:
    if estimate is None:
        return None
    at = scale(estimate.value)
    ends = sorted((scale(estimate.low), scale(estimate.high))) if estimate.known else (at, at)
    return _SCALE.interval(at, ends[0], ends[1], y)


AXIS = {"baseline": _SCALE.place(0.0), "claimed": _SCALE.place(1.0)}
"""Places of the two lines that all strips share."""
