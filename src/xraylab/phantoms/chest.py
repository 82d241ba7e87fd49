"""A postero-anterior chest film of a synthetic patient, by Beer-Lambert through simple anatomy.

A parallel beam crosses a body of soft tissue in which lungs, airways, bones and vessels replace what they displace.
The optical depth of a pixel is the sum over tissues of path length times attenuation. Lungs, nodules and opacities
are known exactly.

Linear attenuation coefficients are those at 60 keV, about the effective energy of 120 kV: NIST XCOM mass attenuation
(Hubbell and Seltzer 1995) times the density of ICRU Report 44 (1989), in 1/cm. Scatter is left out: a grid and the
scatter correction of a real system take most of it away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xraylab.parameters import Parameters
from xraylab.phantoms.canvas import Canvas, Points, smooth_curve, smooth_outline

__all__ = ["ChestAnatomy", "ChestPhantom", "Finding", "draw_chest_anatomy", "project_chest"]

FloatImage = NDArray[np.float32]

MU_SOFT = 0.205 * 1.06  # soft tissue, 1.06 g/cm³
MU_LUNG = 0.205 * 0.26  # inflated lung, 0.26 g/cm³
MU_CORTICAL = 0.315 * 1.92  # cortical bone, 1.92 g/cm³
MU_SPONGY = 0.230 * 1.18  # spongy bone with its marrow, 1.18 g/cm³

FIELD_CM = 34.0
BUNDLE = 2.2  # an artery, its bronchus and a vein run side by side: each drawn vessel stands for the bundle
RIGHT, LEFT = -1, 1  # side of the patient: right is the image's left, where x < 0


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


@dataclass(frozen=True)
class Finding:
    """A lesion whose truth is known.

    Attributes
    ----------
    kind : {"nodule", "opacity"}
        A solid sphere, or a hazy opacity.
    x_px, y_px : float
        Centre in pixels (column, row).
    diameter_mm : float
        Diameter in the patient.
    box_px : (float, float, float, float)
        Left, top, width and height of its bounding box in pixels.
    """

    kind: Literal["nodule", "opacity"]
    x_px: float
    y_px: float
    diameter_mm: float
    box_px: tuple[float, float, float, float]


@dataclass(frozen=True)
class ChestPhantom:
    """The projection of a patient.

    Attributes
    ----------
    optical_depth : (H, W) ndarray of float32
        Line integral of the attenuation, 0 in the open beam.
    lung_mask : (H, W) ndarray of uint8
        1 in the patient's right lung (on the image's left), 2 in the left one, 0 elsewhere.
    findings : tuple of Finding
        Every lesion on the film.
    spacing_mm : float
        Pixel spacing in the patient.
    """

    optical_depth: FloatImage
    lung_mask: NDArray[np.uint8]
    findings: tuple[Finding, ...]
    spacing_mm: float


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


def project_chest(
    anatomy: ChestAnatomy,
    size_px: int,
    rng: np.random.Generator | None = None,
    *,
    share_with_nodule: float = 0.0,
    share_with_opacity: float = 0.0,
) -> ChestPhantom:
    """Project a patient onto a film.

    Parameters
    ----------
    anatomy : ChestAnatomy
        The patient.
    size_px : int
        Edge of the square film, which spans 34 cm of an average patient.
    rng : numpy.random.Generator, optional
        What differs between two films of a patient: inspiration, position and findings. None gives the
        upright, fully inspired film without findings.
    share_with_nodule, share_with_opacity : float
        Probability of one to three nodules, and of one hazy opacity.

    Returns
    -------
    ChestPhantom
        Optical depth with the truth that belongs to it.
    """
    breath, shift, angle = 0.0, (0.0, 0.0), 0.0
    if rng is not None:
        breath = float(rng.uniform(0.0, 2.2))
        shift = (float(rng.normal(0, 0.5)), float(rng.normal(0, 0.5)))
        angle = float(rng.normal(0, 1.2))
    canvas = Canvas(size_px, FIELD_CM / anatomy.size, shift, angle)
    body = _body(canvas, anatomy)
    outlines = {side: _lung_outline(anatomy, side, breath) for side in (RIGHT, LEFT)}
    fills = {side: canvas.fill(outline) for side, outline in outlines.items()}
    lung = sum((_lung_depth(canvas, anatomy, fills[side]) for side in fills), np.zeros_like(body))
    lung = np.minimum(lung + _behind_heart(canvas, anatomy, breath), 0.86 * body)
    parenchyma = _parenchyma(canvas, anatomy.seed)
    vessels = BUNDLE * canvas.twigs(_vessels(anatomy, outlines, breath))
    air = _airways(canvas, anatomy) + _gastric_bubble(canvas, anatomy, breath)
    air = np.minimum(air, 0.9 * np.maximum(body - lung, 0))
    cortical, spongy = _bones(canvas, anatomy)
    # what lies within a lung displaces lung, the rest displaces soft tissue
    in_lung = np.minimum(vessels * (lung > 0), lung)
    soft = np.maximum(body - lung - air - cortical - spongy, 0) + in_lung
    lung = np.maximum(lung - in_lung, 0)
    depth = (
        MU_SOFT * soft + MU_LUNG * lung * parenchyma + MU_CORTICAL * cortical + MU_SPONGY * spongy
    )
    mask = np.zeros((size_px, size_px), np.uint8)
    for label, side in ((1, RIGHT), (2, LEFT)):
        mask[fills[side] > 127] = label  # noqa: PLR2004 - half of 255
    spacing_mm = 10.0 / canvas.px_per_cm
    findings: tuple[Finding, ...] = ()
    if rng is not None:
        depth, findings = _add_findings(
            canvas, depth, mask, rng, share_with_nodule, share_with_opacity
        )
    depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), 0.6 * size_px / 1024)  # focal spot
    return ChestPhantom(np.asarray(np.maximum(depth, 0), np.float32), mask, findings, spacing_mm)


def _body(canvas: Canvas, anatomy: ChestAnatomy) -> FloatImage:
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


def _lung_outline(anatomy: ChestAnatomy, side: int, breath: float) -> Points:
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


def _lung_depth(canvas: Canvas, anatomy: ChestAnatomy, fill: NDArray[np.uint8]) -> FloatImage:
    """Path length through a lung: round at its edge, and reaching down behind the dome."""
    depth = canvas.rounded(fill, 0.36 * anatomy.thickness)
    # the posterior recess lies behind the liver: a thin wedge of lung below the dome
    below = np.roll(depth, round(1.6 * canvas.px_per_cm), axis=0)
    below[: round(1.6 * canvas.px_per_cm)] = 0
    lower = (canvas.y > 4.0 + 0.6 * anatomy.lung_height).astype(np.float32)
    return np.asarray(np.maximum(depth, 0.22 * below * lower), np.float32)


def _behind_heart(canvas: Canvas, anatomy: ChestAnatomy, breath: float) -> FloatImage:
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


def _parenchyma(canvas: Canvas, seed: int) -> FloatImage:
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


def _airways(canvas: Canvas, anatomy: ChestAnatomy) -> FloatImage:
    """Trachea and main bronchi."""
    bend = 0.25 * math.sin(anatomy.seed)
    trachea = smooth_curve([(0.0, -4.0), (-0.1 + bend, 2.0), (-0.3, 7.0), (-0.2, 11.6)])
    right = smooth_curve([(-0.2, 11.4), (-1.7, 13.2), (-3.4, 15.4)])
    left = smooth_curve([(-0.2, 11.4), (2.0, 13.0), (4.4, 14.2)])
    bronchi = np.maximum(canvas.tube(right, 0.6), canvas.tube(left, 0.52))
    return np.asarray(canvas.tube(trachea, 0.85) + 0.8 * bronchi, np.float32)


def _gastric_bubble(canvas: Canvas, anatomy: ChestAnatomy, breath: float) -> FloatImage:
    rng = np.random.default_rng([anatomy.seed, 2])
    y = 4.0 + anatomy.lung_height - breath + 3.4
    size = float(rng.uniform(1.2, 2.4))
    return canvas.sphere(float(rng.uniform(6.4, 9.0)), y, size, 0.6)


def _bones(canvas: Canvas, anatomy: ChestAnatomy) -> tuple[FloatImage, FloatImage]:
    """Ribs, clavicles, scapulae, humeral heads and spine: path lengths of cortical and of spongy bone."""
    cortical, spongy = np.zeros_like(canvas.x), np.zeros_like(canvas.x)
    rng = np.random.default_rng([anatomy.seed, 3])
    tubes: list[tuple[Points, float, float, float]] = []
    for number in range(1, 12):
        for side in (RIGHT, LEFT):
            tubes += _rib(anatomy, number, side, rng)
    for side in (RIGHT, LEFT):
        collar = smooth_curve(
            [(side * 1.6, 7.3), (side * 5.2, 6.2), (side * 9.6, 5.9), (side * 14.4, 4.4)]
        )
        tubes.append((collar, 0.66, 0.24, 1.0))
        tubes.append(
            (
                smooth_curve([(side * 12.4, 8.6), (side * 13.1, 13.0), (side * 12.0, 18.6)]),
                0.42,
                0.16,
                0.9,
            )
        )
        tubes.append(
            (
                smooth_curve([(side * 12.2, 7.6), (side * 15.4, 6.0), (side * 17.6, 5.4)]),
                0.6,
                0.15,
                0.9,
            )
        )
        shaft = smooth_curve([(side * 17.9, 8.4), (side * 20.4, 14.5), (side * 26.0, 28.0)])
        tubes.append((shaft, 1.15, 0.32, 1.0))
        head = canvas.sphere(side * 17.6, 7.8, 2.3)
        spongy += 0.75 * head
        cortical += 0.05 * (head > 0)
        blade = smooth_outline(
            [(side * 13.0, 8.2), (side * 16.4, 9.2), (side * 13.6, 18.4), (side * 12.2, 16.0)]
        )
        cortical += 0.14 * cv2.GaussianBlur(canvas.fill(blade).astype(np.float32) / 255, (0, 0), 2)
    for line, radius, wall, weight in tubes:
        hard, inner = canvas.shell(line, radius, wall)
        cortical += weight * hard
        spongy += 0.8 * weight * inner
    hard, inner = _spine(canvas, rng)
    return np.asarray(cortical + hard, np.float32), np.asarray(spongy + inner, np.float32)


def _rib(
    anatomy: ChestAnatomy, number: int, side: int, rng: np.random.Generator
) -> list[tuple[Points, float, float, float]]:
    """Draw a rib as a tilted half ring: the posterior arc, then the fainter anterior one."""
    wide = anatomy.width + 0.15
    # rings widen from the apex down to the eighth rib
    reach = wide * (1 - 0.62 * math.exp(-0.52 * number)) - 0.12 * max(0, number - 8) ** 2
    level = 2.6 + (anatomy.lung_height + 3.4) / 10.6 * (number - 1) + float(rng.normal(0, 0.08))
    drop = anatomy.rib_slope * (0.55 + 0.05 * number)
    theta = np.linspace(math.radians(3.5), math.radians(158 - 4 * max(0, number - 7)), 90)
    x = side * reach * np.sin(theta) ** 0.85
    y = (
        level
        - 1.15 * np.sin(2 * theta).clip(min=0) ** 1.2 * (1 if number > 1 else 0.6)
        + drop * (1 - np.cos(theta)) / 2
    )
    line = np.stack([x, y], axis=1)
    turn = int(np.argmax(np.abs(x)))
    radius = 0.56 + float(rng.normal(0, 0.02))
    back = (line[: turn + 6], radius, 0.19, 1.0)
    front = (line[turn - 5 :], radius * 1.08, 0.12, 0.62)
    # the eleventh rib floats, the first front end is under the clavicle
    return [back, front] if number <= 9 else [back]  # noqa: PLR2004 - ribs that reach the front


def _spine(canvas: Canvas, rng: np.random.Generator) -> tuple[FloatImage, FloatImage]:
    """Vertebral bodies with end plates, discs between them, pedicles and spinous processes."""
    pitch = 2.55
    phase = float(rng.uniform(0, pitch))
    curve = 0.35 * np.sin(canvas.y / 9.0 + float(rng.uniform(0, 6)))
    x = canvas.x - curve
    half_width = 1.35 + 0.022 * canvas.y
    across = np.sqrt(np.maximum(1 - (x / half_width) ** 2, 0))
    place = np.mod(canvas.y - phase, pitch) / pitch
    body = 1 / (1 + np.exp(-(0.40 - np.abs(place - 0.5)) / 0.02))
    plates = np.exp(-0.5 * ((np.abs(place - 0.5) - 0.40) / 0.03) ** 2)
    spongy = 3.4 * across * (0.15 + 0.85 * body)
    walls = np.exp(-0.5 * ((np.abs(x) - half_width + 0.12) / 0.10) ** 2)
    cortical = 0.20 * plates * (across > 0) + 0.22 * walls * body
    for offset in (-0.85, 0.85):
        squared = ((x - offset) / 0.42) ** 2 + ((place - 0.42) * pitch / 0.5) ** 2
        cortical = cortical + 0.22 * np.exp(-0.5 * ((np.sqrt(squared) - 0.85) / 0.22) ** 2)
    process = np.exp(-0.5 * (x / 0.28) ** 2 - 0.5 * ((place - 0.75) * pitch / 0.7) ** 2)
    return np.asarray(cortical + 0.28 * process, np.float32), np.asarray(spongy, np.float32)


def _vessels(
    anatomy: ChestAnatomy, outlines: dict[int, Points], breath: float
) -> list[tuple[Points, float]]:
    """Pulmonary arteries and veins: trees that branch from the hila and taper towards the pleura."""
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
    stack = [(start, angle, radius)]
    while stack:
        at, heading, thick = stack.pop()
        if thick < 0.04 or len(found) > 4000:  # noqa: PLR2004 - thinner is not seen; no runaway
            continue
        length = float(rng.uniform(0.9, 1.8)) * (0.6 + 1.4 * thick)
        middle = at + 0.5 * length * np.array([side * math.cos(heading), math.sin(heading)])
        bent = heading + float(rng.normal(0, 0.16))
        end = middle + 0.5 * length * np.array([side * math.cos(bent), math.sin(bent)])
        if cv2.pointPolygonTest(outline, (float(end[0]), float(end[1])), True) < -1.2:  # noqa: PLR2004 - cm
            continue
        found.append((np.stack([at, middle, end]), thick))
        stack.append(
            (end, bent + float(rng.normal(0, 0.10)), thick * float(rng.uniform(0.80, 0.93)))
        )
        if rng.random() < 0.42:  # noqa: PLR2004 - share of nodes that branch
            turn = float(rng.choice([-1, 1]) * rng.uniform(0.35, 0.85))
            stack.append((end, bent + turn, thick * float(rng.uniform(0.45, 0.75))))


def _add_findings(
    canvas: Canvas,
    depth: FloatImage,
    mask: NDArray[np.uint8],
    rng: np.random.Generator,
    share_with_nodule: float,
    share_with_opacity: float,
) -> tuple[FloatImage, tuple[Finding, ...]]:
    findings = []
    wants_nodule, wants_opacity = rng.random(2) < (share_with_nodule, share_with_opacity)
    radii = list(rng.uniform(0.45, 2.0, int(rng.integers(1, 4)))) if wants_nodule else []
    for radius in radii:
        place = _place_in_lung(canvas, mask, float(radius), rng)
        if place is not None:
            depth = depth + (MU_SOFT - MU_LUNG) * canvas.sphere(*place, float(radius))
            findings.append(_finding(canvas, "nodule", place, float(radius), float(radius)))
    if wants_opacity:
        radius = float(rng.uniform(2.0, 4.2))
        place = _place_in_lung(canvas, mask, 0.6 * radius, rng)
        if place is not None:
            high = radius * float(rng.uniform(0.8, 1.3))
            squared = ((canvas.x - place[0]) / radius) ** 2 + ((canvas.y - place[1]) / high) ** 2
            patchy = _parenchyma(canvas, int(rng.integers(2**31))) ** 2
            lung = cv2.GaussianBlur((mask > 0).astype(np.float32), (0, 0), 0.3 * canvas.px_per_cm)
            haze = np.maximum(1 - squared, 0) * patchy * lung
            depth = depth + MU_SOFT * float(rng.uniform(2.0, 4.0)) * haze
            findings.append(_finding(canvas, "opacity", place, radius, high))
    return np.asarray(depth, np.float32), tuple(findings)


def _place_in_lung(
    canvas: Canvas, mask: NDArray[np.uint8], margin_cm: float, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Choose a pixel at least a margin inside of either lung; None where there is none."""
    inside = canvas.depth_inside(np.where(mask > 0, 255, 0).astype(np.uint8)) > margin_cm
    rows, columns = np.nonzero(inside)
    if len(rows) == 0:
        return None
    pick = int(rng.integers(len(rows)))
    row, column = rows[pick], columns[pick]
    return float(canvas.x[row, column]), float(canvas.y[row, column])


def _finding(
    canvas: Canvas,
    kind: Literal["nodule", "opacity"],
    place: tuple[float, float],
    half_x: float,
    half_y: float,
) -> Finding:
    column, row = (float(value) for value in canvas.to_px(np.array(place)))
    wide, high = half_x * canvas.px_per_cm, half_y * canvas.px_per_cm
    box = (column - wide, row - high, 2 * wide, 2 * high)
    return Finding(kind, column, row, 20 * max(half_x, half_y), box)
