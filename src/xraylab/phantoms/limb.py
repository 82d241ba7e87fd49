"""The anatomy of a synthetic limb: its long bones and what lies about them, and how a bone breaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bone", "Fracture", "LimbAnatomy", "draw_fracture", "draw_limb_anatomy"]

FloatImage = NDArray[np.float32]


@dataclass(frozen=True)
class Bone:
    """A tubular bone along y, in cm.

    Attributes
    ----------
    x, slope, bow : float
        Its axis at its middle, the tangent of its tilt, and how far it bows at the middle.
    top, bottom : float
        Where it begins and ends; 0 is the upper edge of an unshifted film.
    radius, wall : float
        Outer radius and cortical thickness at the middle of the shaft.
    flare_top, flare_bottom : float
        Radius of each end over that of the shaft.
    growth_plate : float
        Distance of a lucent growth plate from the lower end; 0 for none.
    """

    x: float
    top: float
    bottom: float
    radius: float
    wall: float
    slope: float = 0.0
    bow: float = 0.0
    flare_top: float = 1.7
    flare_bottom: float = 1.7
    growth_plate: float = 0.0

    def axis(self, y: FloatImage | float) -> FloatImage:
        """Return x of the axis at y."""
        middle, half = (self.top + self.bottom) / 2, (self.bottom - self.top) / 2
        along = np.asarray(y, np.float32) - np.float32(middle)
        bowed = self.bow * (1 - np.minimum((along / half) ** 2, 1))
        return np.asarray(self.x + self.slope * along + bowed, np.float32)


@dataclass(frozen=True)
class LimbAnatomy:
    """A limb and how it lies on the film.

    Attributes
    ----------
    bones : tuple of Bone
        The one or two long bones that may break come first: `n_shafts` of them. The others are their neighbours.
    n_shafts : int
        How many of the bones are the limb's own.
    half_width, half_depth : float
        Half axes of the soft tissue's elliptical section, in cm.
    muscle : (float, float)
        Relative swelling of the soft tissue and the y of its greatest width in cm.
    field_cm, shift_cm, angle_deg
        What the film's edge spans, and the shift and turn of the limb on it, as in `Canvas`.
    texture_seed : int
        Seed of the unevenness of soft tissue and spongy bone.
    uneven : float
        How unevenly muscle and fat lie, 1 is usual.
    """

    bones: tuple[Bone, ...]
    n_shafts: int
    half_width: float
    half_depth: float
    muscle: tuple[float, float]
    field_cm: float
    shift_cm: tuple[float, float]
    angle_deg: float
    texture_seed: int
    uneven: float = 0.0


@dataclass(frozen=True)
class Fracture:
    """A break across the shaft of a bone.

    Attributes
    ----------
    bone : int
        Which of the limb's bones.
    y : float
        Where it crosses the axis, in cm.
    tilt_deg : float
        Angle between the break and the bone's cross-section: 0 for transverse, larger for oblique.
    gap_cm : float
        Width of the lucent gap along the bone.
    step_cm : float
        Sideways displacement of the distal part.
    bend_deg : float
        Angulation of the distal part.
    seed : int
        Seed of the raggedness of the break.
    """

    bone: int
    y: float
    tilt_deg: float = 0.0
    gap_cm: float = 0.25
    step_cm: float = 0.0
    bend_deg: float = 0.0
    seed: int = 0


def draw_limb_anatomy(rng: np.random.Generator) -> LimbAnatomy:
    """Draw a limb: an upper arm or thigh (one bone), a forearm or a lower leg (two), nearly upright."""
    kind = str(rng.choice(["single", "forearm", "leg"]))
    side = float(rng.choice([-1.0, 1.0]))
    size = float(rng.uniform(0.85, 1.15))
    field_cm = float(rng.uniform(10.0, 14.0))
    length = float(rng.uniform(1.2, 2.0)) * field_cm
    middle = field_cm / 2 + float(rng.uniform(-0.25, 0.25)) * field_cm
    if kind == "single":
        shafts = [(0.0, float(rng.uniform(1.0, 1.35)))]
    elif kind == "forearm":
        apart = float(rng.uniform(1.0, 1.35))
        shafts = [(-side * apart, float(rng.uniform(0.62, 0.8))), (side * apart, 0.68)]
    else:
        shafts = [(-side * 0.7, float(rng.uniform(1.0, 1.25))), (side * 1.9, 0.52)]
    bones = []
    for x, radius in shafts:
        bow = float(rng.normal(0, 0.25)) + (
            0.35 * side * np.sign(x * side) if len(shafts) > 1 else 0.0
        )
        bones.append(
            Bone(
                x=size * x,
                top=middle - length / 2 + float(rng.normal(0, 0.25)),
                bottom=middle + length / 2 + float(rng.normal(0, 0.25)),
                radius=size * radius,
                wall=size * radius * float(rng.uniform(0.26, 0.38)),
                slope=float(rng.normal(0, 0.012)),
                bow=size * bow,
                flare_top=float(rng.uniform(1.35, 1.9)),
                flare_bottom=float(rng.uniform(1.35, 1.9)),
                growth_plate=float(rng.uniform(1.0, 1.8)) * float(rng.random() < 0.1),  # noqa: PLR2004
            )
        )
    reach = max(abs(bone.x) + bone.radius for bone in bones)
    half_width = reach + size * float(rng.uniform(1.2, 2.6))
    return LimbAnatomy(
        bones=(*bones, *_neighbours(bones, rng)),
        n_shafts=len(bones),
        half_width=half_width,
        half_depth=half_width * float(rng.uniform(0.72, 0.95)),
        muscle=(float(rng.uniform(0.1, 0.35)), middle + float(rng.uniform(-0.4, 0.4)) * length),
        field_cm=field_cm,
        shift_cm=(float(rng.normal(0, 0.06 * field_cm)), float(rng.normal(0, 0.04 * field_cm))),
        angle_deg=float(rng.normal(0, 7)),
        texture_seed=int(rng.integers(2**31)),
        uneven=1.0,
    )


def _neighbours(bones: list[Bone], rng: np.random.Generator) -> list[Bone]:
    """Draw the bone beyond each joint, as wide as the ends that it meets."""
    made = []
    for beyond in (-1, 1):
        ends = [bone.top if beyond < 0 else bone.bottom for bone in bones]
        level = (min(ends) if beyond < 0 else max(ends)) + beyond * float(rng.uniform(0.25, 0.45))
        x = float(np.mean([float(bone.axis(level)) for bone in bones]))
        wide = max(abs(float(bone.axis(level)) - x) + bone.radius * 1.5 for bone in bones)
        radius = wide / 1.6
        far = level + beyond * 20.0
        made.append(
            Bone(x + float(rng.normal(0, 0.15)), min(level, far), max(level, far), radius, 0.3 * radius,
                 flare_top=1.6, flare_bottom=1.6)
        )  # fmt: skip
    return made


def draw_fracture(anatomy: LimbAnatomy, rng: np.random.Generator) -> Fracture:
    """Draw a fracture of one of the limb's own bones, within the middle of the film and clear of the ends."""
    # a thick bone breaks on more films than a thin one beside it
    weight = np.array([each.radius**2 for each in anatomy.bones[: anatomy.n_shafts]])
    bone = int(rng.choice(anatomy.n_shafts, p=weight / weight.sum()))
    shaft = anatomy.bones[bone]
    margin = 2.2 * shaft.radius
    low = max(shaft.top + margin, 0.2 * anatomy.field_cm)
    high = min(shaft.bottom - margin, 0.8 * anatomy.field_cm)
    displaced = rng.random() < 0.85  # noqa: PLR2004 - most are
    return Fracture(
        bone=bone,
        y=float(rng.uniform(low, high)) if low < high else (shaft.top + shaft.bottom) / 2,
        tilt_deg=float(rng.choice([-1, 1]) * rng.uniform(0, 50)),
        gap_cm=float(rng.uniform(0.6, 1.2)),
        step_cm=float(rng.choice([-1, 1]) * rng.uniform(0.6, 1.3) * shaft.radius) * displaced,
        bend_deg=float(rng.normal(0, 8)) * displaced,
        seed=int(rng.integers(2**31)),
    )
