"""The soft anatomy of a synthetic chest: body, lungs, airways and vessels, as path lengths on a canvas."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xraylab.parameters import Parameters
from xraylab.phantoms.canvas import Canvas, Points, smooth_curve, smooth_outline

__all__ = [
    "LEFT",
    "RIGHT",
    "ChestAnatomy",
    "aeration",
    "airways",
    "body_depth",
    "draw_chest_anatomy",
    "gastric_bubble",
    "lung_behind_heart",
    "lung_depth",
    "lung_outline",
    "vessel_depth",
]

FloatImage = NDArray[np.float32]

RIGHT, LEFT = -1, 1  # side of the patient: right is the image's left, where x < 0
_BUNDLE = 2.2  # an artery, its bronchus and a vein run side by side: each drawn vessel stands for the bundle


class ChestAnatomy(Parameters):
    """A patient, as the radiograph sees one. Lengths in cm.

    Attributes
    ----------
    size : float
        Size relative to an average adult.
    thickness : float
        Antero-posterior thickness of the trunk.
    width : float
        Half width of the rib cage.
    lung_height : float
        From apex to the right dome at full inspiration.
    heart : float
        Size of the heart relative to average.
    rib_slope : float
        How far a rib falls from back to front.
    breast : float
        Thickness of the breasts; 0 for none.
    seed : int
        Seed of the small anatomy: ribs, vessels, spine.
    """

    size: float = Field(1.0, gt=0.5, lt=1.5)
    thickness: float = Field(18.5, ge=12, le=30)
    width: float = Field(14.0, ge=9, le=19)
    lung_height: float = Field(21.5, ge=14, le=28)
    heart: float = Field(1.0, ge=0.6, le=1.6)
    rib_slope: float = Field(9.0, ge=5, le=14)
    breast: float = Field(0.0, ge=0, le=10)
    seed: int = Field(0, ge=0)


def draw_chest_anatomy(rng: np.random.Generator, female: bool | None = None) -> ChestAnatomy:
    """Draw a patient; ``female`` None draws the sex as well."""
    if female is None:
        female = bool(rng.random() < 0.5)  # noqa: PLR2004 - a fair coin
    size = float(np.clip(rng.normal(0.94 if female else 1.02, 0.04), 0.82, 1.14))

    def draw(mean: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(rng.normal(mean, spread), low, high))

    return ChestAnatomy(
        size=size,
        thickness=draw(17.6 if female else 18.8, 1.3, 15.0, 21.5),
        width=draw(13.6, 0.7, 12.0, 15.3),
        lung_height=draw(21.0, 1.5, 17.5, 24.5),
        heart=draw(1.0, 0.1, 0.8, 1.35),
        rib_slope=draw(9.0, 1.0, 6.5, 11.5),
        breast=draw(2.6, 0.9, 0.8, 4.5) if female else 0.0,
        seed=int(rng.integers(2**31)),
    )


def body_depth(canvas: Canvas, anatomy: ChestAnatomy) -> FloatImage:
    """Trunk, shoulders and neck, arms, breasts: path length in cm."""
    w = anatomy.width
    half = smooth_curve(
        [(5.6, -6.0), (5.7, -1.0), (6.6, 2.2), (11.0, 4.6), (w + 3.4, 7.4), (w + 4.0, 11.0), (w + 2.6, 15.0),
         (w + 1.9, 20.0), (w + 1.5, 27.0), (w + 1.5, 34.0), (w + 2.2, 48.0)],
        200,
    )  # fmt: skip
    outline = np.concatenate([half * [1, 1], half[::-1] * [-1, 1]])
    y = np.array([-8.0, 0.0, 3.0, 7.0, 12.0, 20.0, 30.0, 48.0])
    thick = anatomy.thickness * np.array([0.55, 0.58, 0.66, 0.80, 0.95, 1.0, 1.0, 1.05])
    from scipy.interpolate import PchipInterpolator

    half_depth = (PchipInterpolator(y, thick)(np.clip(canvas.y, -8, 48)) / 2).astype(np.float32)
    edge = canvas.depth_inside(canvas.fill(outline))
    reach = np.float32(9.0)  # how far in from the skin the trunk reaches its full thickness
    missing = 1.0 - np.minimum(edge / reach, 1.0)
    body = 2 * half_depth * np.sqrt(np.maximum(1.0 - missing**2.2, 0))
    for side in (RIGHT, LEFT):
        arm = smooth_curve(
            [(side * (w + 0.5), 8.0), (side * (w + 5.5), 14.0), (side * (w + 9.5), 26.0)]
        )
        body = np.maximum(body, 1.15 * canvas.tube(arm, 5.0))
        if anatomy.breast > 0:
            # the upper half of a breast fades into the chest wall, its lower fold shows
            fold = 1 / (1 + np.exp(-(canvas.y - 20.5) / 1.6))
            body = body + anatomy.breast / 12.4 * fold * canvas.sphere(side * 8.8, 21.5, 6.2, 1.05)
    return np.asarray(body, np.float32)


def lung_outline(anatomy: ChestAnatomy, side: int, breath: float) -> Points:
    """Outline of a lung as the film shows it: the left one makes room for the heart."""
    w, top = anatomy.width, 4.0
    dome = top + anatomy.lung_height - breath + (0.0 if side == RIGHT else 1.2)
    angle = dome + 3.0
    heart = anatomy.heart
    lateral = [
        (side * 5.8, top), (side * 8.6, top + 1.9), (side * (w - 2.6), top + 5.6), (side * (w - 0.9), top + 10.5),
        (side * (w - 0.3), top + 15.5), (side * (w - 0.1), angle - 2.6), (side * (w - 0.35), angle),
    ]  # fmt: skip
    diaphragm = [
        (side * (w - 1.8), angle - 1.7), (side * (w - 4.2), dome + 0.25), (side * (w - 6.8), dome - 0.2),
        (side * 5.8, dome + 0.05),
    ]  # fmt: skip
    if side == RIGHT:
        medial = [
            (side * 4.5 * heart, dome - 1.5), (side * 4.2 * heart, dome - 4.0), (side * 3.4, dome - 7.0),
            (side * 2.5, top + 9.5), (side * 2.3, top + 5.0), (side * 3.2, top + 1.5),
        ]  # fmt: skip
    else:
        diaphragm[-1] = (side * 9.4 * min(heart, 1.15), dome - 0.1)
        medial = [
            (side * 8.4 * heart, dome - 1.8), (side * 6.9 * heart, dome - 5.2), (side * 4.2, dome - 9.2),
            (side * 3.3, top + 8.7), (side * 3.8, top + 6.6), (side * 2.6, top + 4.3), (side * 3.3, top + 1.5),
        ]  # fmt: skip
    return smooth_outline([*lateral, *diaphragm, *medial])


def lung_depth(canvas: Canvas, anatomy: ChestAnatomy, fill: NDArray[np.uint8]) -> FloatImage:
    """Path length through a lung: round at its edge, and reaching down behind the dome."""
    depth = canvas.rounded(fill, 0.36 * anatomy.thickness)
    # the posterior recess lies behind the liver: a thin wedge of lung below the dome
    below = np.roll(depth, round(1.6 * canvas.px_per_cm), axis=0)
    below[: round(1.6 * canvas.px_per_cm)] = 0
    lower = (canvas.y > 4.0 + 0.6 * anatomy.lung_height).astype(np.float32)
    return np.asarray(np.maximum(depth, 0.22 * below * lower), np.float32)


def lung_behind_heart(canvas: Canvas, anatomy: ChestAnatomy, breath: float) -> FloatImage:
    """Lung that the heart overlies: it keeps the heart from being as white as the liver."""
    dome = 4.0 + anatomy.lung_height - breath
    squared = ((canvas.x - 2.6) / (5.6 * anatomy.heart)) ** 2 + (
        (canvas.y - (dome - 4.2)) / 6.0
    ) ** 2
    spine = np.exp(-0.5 * (canvas.x / 2.4) ** 2)
    return np.asarray(
        0.17 * anatomy.thickness * np.sqrt(np.maximum(1 - squared, 0)) * (1 - 0.8 * spine),
        np.float32,
    )


def aeration(canvas: Canvas, seed: int) -> FloatImage:
    """Uneven aeration of the lung: a smooth random factor about 1."""
    rng = np.random.default_rng([seed, 1])
    factor = np.ones((canvas.size_px, canvas.size_px), np.float32)
    for scale_cm, strength in ((3.0, 0.08), (0.9, 0.06), (0.3, 0.06)):
        n = max(2, math.ceil(canvas.size_px / (scale_cm * canvas.px_per_cm)))
        coarse = rng.standard_normal((n, n)).astype(np.float32)
        factor += strength * cv2.resize(
            coarse, (canvas.size_px, canvas.size_px), interpolation=cv2.INTER_CUBIC
        )
    return np.asarray(np.clip(factor, 0.4, 1.8), np.float32)


def airways(canvas: Canvas, anatomy: ChestAnatomy) -> FloatImage:
    """Trachea and main bronchi."""
    bend = 0.25 * math.sin(anatomy.seed)
    trachea = smooth_curve([(0.0, -4.0), (-0.1 + bend, 2.0), (-0.3, 7.0), (-0.2, 11.6)])
    right = smooth_curve([(-0.2, 11.4), (-1.7, 13.2), (-3.4, 15.4)])
    left = smooth_curve([(-0.2, 11.4), (2.0, 13.0), (4.4, 14.2)])
    bronchi = np.maximum(canvas.tube(right, 0.6), canvas.tube(left, 0.52))
    return np.asarray(canvas.tube(trachea, 0.85) + 0.8 * bronchi, np.float32)


def gastric_bubble(canvas: Canvas, anatomy: ChestAnatomy, breath: float) -> FloatImage:
    """Path length through the air in the stomach, below the left dome."""
    rng = np.random.default_rng([anatomy.seed, 2])
    y = 4.0 + anatomy.lung_height - breath + 3.4
    size = float(rng.uniform(1.2, 2.4))
    return canvas.sphere(float(rng.uniform(6.4, 9.0)), y, size, 0.6)


def vessel_depth(canvas: Canvas, anatomy: ChestAnatomy, outlines: dict[int, Points]) -> FloatImage:
    """Path length through pulmonary vessels: trees that branch from the hila and taper towards the pleura."""
    return np.asarray(_BUNDLE * canvas.twigs(_vessels(anatomy, outlines)), np.float32)


def _vessels(anatomy: ChestAnatomy, outlines: dict[int, Points]) -> list[tuple[Points, float]]:
    """Grow the vessels: centre lines in cm with their radii."""
    rng = np.random.default_rng([anatomy.seed, 4])
    found: list[tuple[Points, float]] = []
    for side, outline in outlines.items():
        hilum = np.array([side * (3.6 if side == RIGHT else 4.6), 14.6 if side == RIGHT else 13.6])
        shape = outline.astype(np.float32)[:, None, :]
        for direction in np.linspace(-1.25, 1.75, 11):
            angle = direction + float(rng.normal(0, 0.1))
            start = hilum + rng.normal(0, 0.5, 2)
            radius = float(rng.uniform(0.30, 0.46)) * (1.2 if direction > 0.4 else 0.85)  # noqa: PLR2004 - lower lobes
            _grow(found, start, angle, radius, side, shape, rng)
        trunk = hilum + np.array([[-side * 1.2, -1.6], [0.0, 0.0], [side * 0.5, 2.8]])
        found.append((smooth_curve([(float(x), float(y)) for x, y in trunk]), 0.62))
    return found


def _grow(
    found: list[tuple[Points, float]],
    start: Points,
    angle: float,
    radius: float,
    side: int,
    outline: NDArray[np.float32],
    rng: np.random.Generator,
) -> None:
    """Add one vessel and what branches from it, as long as it stays in the lung."""
    stack = [(float(start[0]), float(start[1]), angle, radius)]
    while stack:
        x, y, heading, thick = stack.pop()
        if thick < 0.04 or len(found) > 4000:  # noqa: PLR2004 - thinner is not seen; no runaway
            continue
        half = 0.5 * (float(rng.uniform(0.9, 1.8)) * (0.6 + 1.4 * thick))
        middle = x + half * (side * math.cos(heading)), y + half * math.sin(heading)
        bent = heading + float(rng.normal(0, 0.16))
        end = middle[0] + half * (side * math.cos(bent)), middle[1] + half * math.sin(bent)
        if cv2.pointPolygonTest(outline, end, True) < -1.2:  # noqa: PLR2004 - cm
            continue
        found.append((np.array([(x, y), middle, end]), thick))
        stack.append(
            (*end, bent + float(rng.normal(0, 0.10)), thick * float(rng.uniform(0.80, 0.93)))
        )
        if rng.random() < 0.42:  # noqa: PLR2004 - share of nodes that branch
            turn = float(rng.choice([-1, 1]) * rng.uniform(0.35, 0.85))
            stack.append((*end, bent + turn, thick * float(rng.uniform(0.45, 0.75))))
