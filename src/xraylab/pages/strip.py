"""Places on a strip: one line of a forest plot, drawn as SVG."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Interval", "Scale"]


@dataclass(frozen=True)
class Interval:
    """A dot with its interval.

    Attributes
    ----------
    x, low, high : float
        Where they stand; low and high are the ends of the line that is drawn.
    y : float
        Height of the line.
    beyond : str
        ``left`` or ``right`` where the dot lies beyond the scale, else empty.
    """

    x: float
    low: float
    high: float
    y: float
    beyond: str


@dataclass(frozen=True)
class Scale:
    """The scale that the strips of a plot share.

    Attributes
    ----------
    left, right : float
        Values at its ends.
    width : float
        Width of a strip, in units of its own.
    margin : float
        What is left free at each side.
    """

    left: float
    right: float
    width: float
    margin: float

    def __contains__(self, value: float) -> bool:
        return self.left <= value <= self.right

    def place(self, value: float) -> float:
        """Return where a value stands, kept on the strip.

        Examples
        --------
        >>> scale = Scale(0.0, 1.0, 220.0, 10.0)
        >>> scale.place(0.5), scale.place(1.0), scale.place(-3.0)
        (110.0, 210.0, 10.0)
        """
        share = (min(max(value, self.left), self.right) - self.left) / (self.right - self.left)
        return round(self.margin + share * (self.width - 2 * self.margin), 1)

    def interval(self, value: float, low: float, high: float, y: float) -> Interval:
        """Return where a value and the ends of its interval stand.

        Examples
        --------
        >>> Scale(0.0, 1.0, 220.0, 10.0).interval(1.5, 0.5, 2.0, 8.0)
        Interval(x=210.0, low=110.0, high=210.0, y=8.0, beyond='right')
        """
        beyond = "left" if value < self.left else "right" if value > self.right else ""
        return Interval(self.place(value), self.place(low), self.place(high), y, beyond)
