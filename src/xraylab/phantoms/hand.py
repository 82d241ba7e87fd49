"""A film of a synthetic hand, by Beer-Lambert through bones that grow, ossify and fuse with age.

Linear attenuation coefficients are those at 40 keV, about the effective energy of 55 kV: NIST XCOM mass attenuation
(Hubbell and Seltzer 1995) times the density of ICRU Report 44 (1989), in 1/cm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.phantoms.canvas import Canvas, smooth_outline
from xraylab.phantoms.hand_growth import (
    CARPALS,
    OSSIFICATION,
    bone_scale,
    developmental_months,
    flesh_share,
    mineral_share,
    plate_width,
    share_ossified,
)

__all__ = ["HandAnatomy", "HandPhantom", "draw_hand_anatomy", "project_hand"]

FloatImage = NDArray[np.float32]
Vector = NDArray[np.float64]

MU_SOFT = 0.269 * 1.06  # soft tissue, 1.06 g/cm³
MU_CORTICAL = 0.666 * 1.92  # cortical bone, 1.92 g/cm³
MU_SPONGY = 0.359 * 1.18  # spongy bone: of soft tissue and cortical bone as at 60 keV, 1.18 g/cm³

# Rays from the thumb to the little finger: direction in degrees from the hand's axis, base, and lengths of metacarpal
# and phalanges in cm, half-width of the metacarpal's head; adult.
_RAYS: tuple[tuple[float, tuple[float, float], tuple[float, ...], float], ...] = (
    (40.0, (2.45, 1.95), (4.6, 3.2, 2.4), 0.80),
    (11.0, (1.55, 2.60), (6.6, 4.0, 2.4, 1.8), 0.80),
    (2.0, (0.20, 2.65), (6.4, 4.4, 2.8, 1.9), 0.80),
    (-8.0, (-1.00, 2.50), (5.7, 4.1, 2.6, 1.9), 0.72),
    (-19.0, (-1.95, 2.20), (5.3, 3.2, 1.9, 1.7), 0.68),
)
_KINDS = {
    3: ("metacarpal", "proximal", "distal"),
    4: ("metacarpal", "proximal", "middle", "distal"),
}
_FOREARM = {
    "radius": (0.85, 1.50, 0.80),
    "ulna": (-1.60, 0.85, 0.60),
}  # x, half-width at the end, of the shaft
_ARM = ((2.7, 1.2), (2.7, -4.0), (3.4, -40.0))  # the outline of the forearm: half-width at a height
_PLATE_CM = 0.13
_JOINT = 0.05  # of a bone's length
_EPIPHYSIS = 0.15  # of a bone's length
_LENGTH_CM = 26.0  # of an adult hand with wrist, as laid out here


@dataclass(frozen=True)
class HandAnatomy:
    """A child's hand; what varies between children of one age has sizes of its own.

    Attributes
    ----------
    months : float
        Bone age.
    male : bool
        Sex.
    size : float
        Size relative to the mean of the age.
    stoutness : float
        Width of bones relative to their length.
    flesh : float
        Thickness of soft tissue.
    spread : float
        How far the fingers are spread, 1 is usual.
    early_months : dict of str to float
        By how much a centre of ossification is early (late where negative).
    bend_deg : tuple of float
        Turn of each of the five rays.
    """

    months: float
    male: bool
    size: float = 1.0
    stoutness: float = 1.0
    flesh: float = 1.0
    spread: float = 1.0
    early_months: dict[str, float] | None = None
    bend_deg: tuple[float, ...] = (0.0,) * 5

    def developmental(self, centre: str | None = None) -> float:
        """Return the developmental age in months, that of one centre of ossification where it is named."""
        early = 0.0 if centre is None else (self.early_months or {}).get(centre, 0.0)
        return developmental_months(self.months, self.male) + early

    @property
    def scale(self) -> float:
        """Length of the bones relative to an adult of mean size."""
        return self.size * bone_scale(self.developmental())


@dataclass(frozen=True)
class HandPhantom:
    """The projection of a hand.

    Attributes
    ----------
    optical_depth : (H, W) ndarray of float32
        Line integral of the attenuation, 0 in the open beam.
    hand_mask : (H, W) ndarray of bool
        Where the beam crosses the hand.
    spacing_mm : float
        Pixel spacing in the patient.
    """

    optical_depth: FloatImage
    hand_mask: NDArray[np.bool_]
    spacing_mm: float


def draw_hand_anatomy(rng: np.random.Generator, months: float, male: bool) -> HandAnatomy:
    """Draw a child of a bone age and sex."""
    return HandAnatomy(
        months,
        male,
        size=float(rng.normal(1.0 if male else 0.96, 0.06)),
        stoutness=float(rng.normal(1.0, 0.06)),
        flesh=float(rng.normal(1.0, 0.10)),
        spread=float(rng.uniform(0.5, 1.4)),
        early_months={name: float(rng.normal(0, 3.0)) for name in (*OSSIFICATION, *CARPALS)},
        bend_deg=tuple(float(value) for value in rng.normal(0, 2.0, 5)),
    )


def project_hand(
    anatomy: HandAnatomy, size_px: int, rng: np.random.Generator | None = None
) -> HandPhantom:
    """Project a hand onto a film, palm down, fingers up, the thumb on the right.

    Parameters
    ----------
    anatomy : HandAnatomy
        The hand.
    size_px : int
        Edge of the square film.
    rng : numpy.random.Generator, optional
        What differs between two films of a hand: how much of the film it takes, its place and turn, its side. None
        gives an upright left hand in the middle.

    Returns
    -------
    HandPhantom
        Optical depth, with where the hand is.
    """
    zoom, shift, angle, mirrored = 0.86, (0.0, 0.0), 0.0, False
    if rng is not None:
        zoom = float(rng.uniform(0.62, 0.92))
        angle = float(np.clip(rng.normal(0, 9), -25, 25))
        mirrored = bool(rng.random() < 0.1)  # noqa: PLR2004 - one hand in ten is a right one
    field_cm = _LENGTH_CM * anatomy.scale / zoom
    if rng is not None:
        free = (1 - zoom) * field_cm / 2
        shift = (float(rng.uniform(-free, free)) / 2, float(rng.uniform(-free, 0.4 * free)))
    canvas = Canvas(size_px, field_cm, shift, angle)
    builder = _Builder(canvas, anatomy, field_cm)
    builder.add_forearm()
    builder.add_carpals()
    for ray in range(len(_RAYS)):
        builder.add_ray(ray)
    soft, cortical, spongy = builder.finish()
    # what bone attenuates beyond the soft tissue that it displaces is its mineral
    mineral = mineral_share(anatomy.developmental())
    bone = (MU_CORTICAL - MU_SOFT) * cortical + (MU_SPONGY - MU_SOFT) * spongy
    depth = MU_SOFT * np.maximum(soft, cortical + spongy) + mineral * bone
    depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), 0.35)  # focal spot
    mask = soft > 0
    if mirrored:
        depth, mask = np.ascontiguousarray(depth[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
    return HandPhantom(np.asarray(depth, np.float32), mask, 10.0 / canvas.px_per_cm)


class _Builder:
    """Adds one bone after another to path lengths of soft tissue, cortical and spongy bone (H, W), in cm."""

    def __init__(self, canvas: Canvas, anatomy: HandAnatomy, field_cm: float) -> None:
        self.canvas, self.anatomy, self.scale = canvas, anatomy, anatomy.scale
        # a point (x, y) of the hand, y towards the fingers, lies at (x, wrist - y) on the canvas
        self.wrist = field_cm / 2 + 0.27 * _LENGTH_CM * self.scale
        self.soft, self.cortical, self.spongy = (np.zeros_like(canvas.x) for _ in range(3))
        self.wide = anatomy.stoutness * self.scale
        self.flesh = anatomy.flesh * flesh_share(anatomy.developmental())

    def _place(self, x: float, y: float) -> Vector:
        return np.array([x * self.scale, self.wrist - y * self.scale])

    def _flesh(self, start: Vector, end: Vector, radius: float) -> None:
        np.maximum(self.soft, self.canvas.tube(np.stack([start, end]), radius), out=self.soft)

    def _near(self, points: Vector, reach_cm: float) -> tuple[slice, slice]:
        """Return the rows and columns within reach of points (N, 2)."""
        low = np.floor(self.canvas.to_px(points).min(axis=0) - reach_cm * self.canvas.px_per_cm)
        high = np.ceil(self.canvas.to_px(points).max(axis=0) + reach_cm * self.canvas.px_per_cm)
        columns, rows = (
            slice(max(0, int(first)), max(0, int(last) + 1))
            for first, last in zip(low, high, strict=True)
        )
        return rows, columns

    def _axes(self, near: tuple[slice, slice], start: Vector, along: Vector) -> list[FloatImage]:
        """Return the distances from a point along a direction and across it."""
        x, y = self.canvas.x[near] - start[0], self.canvas.y[near] - start[1]
        return [
            np.asarray(x * along[0] + y * along[1], np.float32),
            np.asarray(x * along[1] - y * along[0], np.float32),
        ]

    def _ellipsoid(self, centre: Vector, along: Vector, half: tuple[float, float]) -> None:
        """Add a bone without a shaft: half-axes along a direction and across it; nearly as deep as it is wide."""
        near = self._near(centre[None], max(half))
        u, v = self._axes(near, centre, along)
        squared = (u / half[0]) ** 2 + (v / half[1]) ** 2
        depth = 1.6 * half[1] * np.sqrt(np.maximum(1 - squared, 0))
        rim = np.exp(-0.5 * ((squared - 0.85) / 0.2) ** 2) * (squared < 1)
        hard = np.minimum(0.16 * depth + 0.12 * self.wide * rim, depth)
        self.cortical[near] += hard
        self.spongy[near] += depth - hard

    def _shaft(self, start: Vector, end: Vector, ends: tuple[float, float], waist: float) -> None:
        """Add a hollow shaft whose ends widen to half-widths in cm, where its wall is thin and spongy bone fills it."""
        length = float(np.hypot(*(end - start)))
        near = self._near(np.stack([start, end]), max(*ends, waist))
        u, v = self._axes(near, start, (end - start) / length)
        first, last = (
            np.exp(-((distance / (1.1 * half)) ** 2))
            for distance, half in zip((u, length - u), ends, strict=True)
        )
        half = waist + first * (ends[0] - waist) + last * (ends[1] - waist)
        flared = np.minimum(first + last, 1)
        # corners are round: near an end the half-width falls as that of an ellipse does
        corner = 0.25 * np.minimum(ends[0], ends[1])
        inset = np.clip(1 - np.minimum(u, length - u) / corner, 0, 1)
        inside = np.minimum(u, length - u) >= 0
        half = half * (0.75 + 0.25 * np.sqrt(1 - inset**2)) * inside
        wall = (0.38 - 0.26 * flared) * waist
        outer = (2.0 - 0.4 * flared) * np.sqrt(np.maximum(half**2 - v**2, 0))
        inner = (2.0 - 0.4 * flared) * np.sqrt(
            np.maximum(np.maximum(half - wall, 0) ** 2 - v**2, 0)
        )
        plate = 0.25 * inset * outer  # the ends are capped
        self.cortical[near] += outer - inner + np.minimum(plate, inner)
        self.spongy[near] += (0.5 + 0.35 * flared) * np.maximum(inner - plate, 0)

    def _long_bone(self, kind: str, start: Vector, end: Vector, half: float, far: bool) -> None:
        """Add a bone with its epiphysis at the start or, ``far``, at the end, and the plate between them."""
        appears, span, closes = OSSIFICATION[kind]
        age = self.anatomy.developmental(kind)
        length = float(np.hypot(*(end - start)))
        along = (end - start) / length
        if far:
            start, end, along = end, start, -along
        thick = _EPIPHYSIS * length
        share = share_ossified(age, appears, span)
        plate = plate_width(age, closes)
        if share > 0:
            centre = start + along * (_JOINT * length + thick / 2)
            self._ellipsoid(centre, along, (thick / 2 * share, 1.04 * half * share))
        begin = start + along * (_JOINT * length + self._reach(thick, plate))
        self._shaft(begin, end, (half, 0.82 * half), 0.6 * half)

    def _reach(self, thick: float, plate: float) -> float:
        """Return where the shaft begins: behind epiphysis and plate; where the plate is closed, in the epiphysis."""
        return thick * (0.6 + 0.4 * plate) + _PLATE_CM * self.scale * plate

    def add_ray(self, number: int) -> None:
        """Add the metacarpal and the phalanges of one ray, with the flesh of its finger."""
        degrees, base, lengths, half = _RAYS[number]
        spread = 1.0 if number == 0 else self.anatomy.spread
        turn = math.radians(degrees * spread + self.anatomy.bend_deg[number])
        along = np.array([math.sin(turn), -math.cos(turn)])
        place = self._place(*base)
        kinds = _KINDS[len(lengths)]
        for order, (kind, length) in enumerate(zip(kinds, lengths, strict=True)):
            end = place + along * length * self.scale
            width = half * self.wide * (1.0 - 0.14 * order)
            self._long_bone(kind, place, end, width, far=kind == "metacarpal" and number > 0)
            if order or number == 0:
                tip = end + along * (0.35 * self.scale if kind == "distal" else 0.0)
                self._flesh(place, tip, width * (1.55 - 0.03 * order) * self.flesh)
            place = end

    def add_carpals(self) -> None:
        """Add the carpal bones that have appeared, and the flesh of the palm."""
        upright = np.array([0.0, -1.0])
        for name, (x, y, across, along, appears, span) in CARPALS.items():
            share = share_ossified(self.anatomy.developmental(name), appears, span)
            if share > 0:
                half = (along * share * self.scale, across * share * self.wide)
                self._ellipsoid(self._place(x, y), upright, half)
        tips = [self._knuckle(number) for number in range(1, len(_RAYS))]
        beside = (0.8, 0.2, -0.2, -0.8)
        top = [(x + dx, y) for (x, y), dx in zip(tips, beside, strict=True)]
        outline = [(2.7, 0.2), (3.9, 4.2), *top, (-3.3, 3.6), (-2.8, 0.2)]
        palm = self.canvas.fill(smooth_outline([tuple(self._place(*point)) for point in outline]))
        thick = 1.15 * self.scale * self.flesh
        np.maximum(self.soft, self.canvas.rounded(palm, thick), out=self.soft)

    def _knuckle(self, number: int) -> tuple[float, float]:
        degrees, (x, y), lengths, _ = _RAYS[number]
        turn = math.radians(degrees * self.anatomy.spread + self.anatomy.bend_deg[number])
        reach = 1.12 * lengths[0]
        return x + reach * math.sin(turn), y + reach * math.cos(turn)

    def add_forearm(self) -> None:
        """Add radius and ulna with the flesh about them, down to the film's edge."""
        far = _ARM[-1][1]
        for name, (x, half, shaft) in _FOREARM.items():
            top, bottom = self._place(x, -0.25), self._place(0.75 * x, far)
            appears, span, closes = OSSIFICATION[name]
            age = self.anatomy.developmental(name)
            down = np.array([0.0, 1.0])
            share = share_ossified(age, appears, span)
            thick, width = 0.8 * self.scale, half * self.wide
            if share > 0:
                self._ellipsoid(top + down * thick / 2, down, (thick / 2 * share, width * share))
            begin = top + down * self._reach(thick, plate_width(age, closes))
            self._shaft(begin, bottom, (0.95 * width, shaft * self.wide), shaft * self.wide)
        arm = smooth_outline(
            [
                tuple(self._place(side * x, y))
                for side, corners in ((1, _ARM), (-1, _ARM[::-1]))
                for x, y in corners
            ]
        )
        thick = 1.75 * self.scale * self.flesh
        np.maximum(self.soft, self.canvas.rounded(self.canvas.fill(arm), thick), out=self.soft)

    def finish(self) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Return the path lengths of soft tissue with what it holds, of cortical and of spongy bone."""
        blurred = cv2.GaussianBlur(self.soft, (0, 0), 0.12 * self.scale * self.canvas.px_per_cm)
        soft = np.where(blurred > 0.02 * self.scale, np.maximum(blurred, self.cortical + self.spongy), 0)  # fmt: skip
        inside = soft > 0
        return (
            np.asarray(soft, np.float32),
            np.asarray(self.cortical * inside, np.float32),
            np.asarray(self.spongy * inside, np.float32),
        )
