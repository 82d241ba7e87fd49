"""How the hand grows with age: the law of the hand phantom.

Everything that tells age hangs on the developmental age, in months of a boy's bone age: that of a boy is his bone age,
that of a girl is `GIRLS_AHEAD` times hers. At the developmental age d

- bones and the hand have the length of `bone_scale` (d), relative to the adult;
- what bone attenuates beyond soft tissue is `mineral_share` (d) of the adult's, and soft tissue is `flesh_share` (d)
  times as thick about bones of one length: a young hand is plump and its bones are pale;
- a centre of ossification (a carpal bone, an epiphysis) appears at its age A and grows to full size over its span S:
  its size is ((d - A) / S) ** 0.6, from 0 to 1;
- a growth plate, the dark gap between shaft and epiphysis, has its full width until two years before it closes at its
  age F, and narrows linearly to nothing at F.

A and F are about those of boys in Greulich and Pyle (1959), rounded; `OSSIFICATION` and `CARPALS` list them. Each child
has a size of its own and each centre is a few months early or late, so that age is not read off one length.

References
----------
Greulich W. W., Pyle S. I. (1959), *Radiographic Atlas of Skeletal Development of the Hand and Wrist*, 2nd ed.,
Stanford University Press.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "CARPALS",
    "GIRLS_AHEAD",
    "OSSIFICATION",
    "bone_scale",
    "developmental_months",
    "flesh_share",
    "mineral_share",
    "plate_width",
    "share_ossified",
]

GIRLS_AHEAD = 1.15
"""Developmental months of a girl in one month of her bone age."""

OSSIFICATION: dict[str, tuple[float, float, float]] = {
    "metacarpal": (18.0, 110.0, 192.0),
    "proximal": (16.0, 110.0, 189.0),
    "middle": (24.0, 115.0, 192.0),
    "distal": (26.0, 115.0, 183.0),
    "radius": (12.0, 120.0, 208.0),
    "ulna": (74.0, 80.0, 204.0),
}
"""Age at which an epiphysis appears, span over which it grows, and age at which its plate closes: boys, months."""

# x towards the thumb and y towards the fingers from the wrist's middle in cm, half-axes in cm, appearance, span
CARPALS: dict[str, tuple[float, float, float, float, float, float]] = {
    "capitate": (0.05, 1.60, 0.78, 0.95, 3.0, 140.0),
    "hamate": (-1.25, 1.60, 0.78, 0.80, 4.0, 145.0),
    "triquetrum": (-1.85, 0.65, 0.62, 0.55, 28.0, 125.0),
    "lunate": (-0.50, 0.45, 0.68, 0.60, 40.0, 115.0),
    "scaphoid": (1.00, 0.80, 0.68, 0.80, 64.0, 95.0),
    "trapezium": (2.10, 1.60, 0.66, 0.60, 56.0, 100.0),
    "trapezoid": (1.25, 2.05, 0.52, 0.48, 60.0, 95.0),
    "pisiform": (-2.10, 0.80, 0.36, 0.38, 118.0, 50.0),
}
"""The carpal bones of an adult, with the age at which each appears and the span over which it grows: boys, months."""

_ADULT_MONTHS = 216.0
_CLOSES_OVER_MONTHS = 24.0


def developmental_months(months: float, male: bool) -> float:
    """Return the developmental age, in months of a boy's bone age."""
    return months if male else GIRLS_AHEAD * months


def bone_scale(developmental: float) -> float:
    """Return the length of bones relative to the adult's: 0.38 at birth, 1 at 18 years, fast at first."""
    share = min(max(developmental, 0.0) / _ADULT_MONTHS, 1.0)
    return float(0.38 + 0.62 * share**0.8)


def mineral_share(developmental: float) -> float:
    """Return the mineral of bone relative to the adult's: 0.3 at birth, 1 at 18 years."""
    return float(0.3 + 0.7 * min(max(developmental, 0.0) / _ADULT_MONTHS, 1.0))


def flesh_share(developmental: float) -> float:
    """Return the thickness of soft tissue relative to the adult's at one length: 1.5 at birth, 1 at 18 years."""
    return float(1.5 - 0.5 * min(max(developmental, 0.0) / _ADULT_MONTHS, 1.0))


def share_ossified(developmental: float, appears: float, span: float) -> float:
    """Return the size of a centre of ossification relative to its final one, in [0, 1]."""
    return float(np.clip((developmental - appears) / span, 0, 1) ** 0.6)


def plate_width(developmental: float, closes: float) -> float:
    """Return the width of a growth plate relative to an open one, in [0, 1]."""
    return float(np.clip((closes - developmental) / _CLOSES_OVER_MONTHS, 0, 1))
