"""A postero-anterior chest film of a synthetic patient, by Beer-Lambert through simple anatomy.

A parallel beam crosses a body of soft tissue in which lungs, airways, bones and vessels replace what they displace.
The optical depth of a pixel is the sum over tissues of path length times attenuation. Lungs, nodules and opacities
are known exactly.

Linear attenuation coefficients are those at 60 keV, about the effective energy of 120 kV: NIST XCOM mass attenuation
(Hubbell and Seltzer 1995) times the density of ICRU Report 44 (1989), in 1/cm. Scatter is left out: a grid and the
scatter correction of a real system take most of it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.phantoms.anatomy import (
    LEFT,
    RIGHT,
    ChestAnatomy,
    aeration,
    airways,
    body_depth,
    draw_chest_anatomy,
    gastric_bubble,
    lung_behind_heart,
    lung_depth,
    lung_outline,
    vessel_depth,
)
from xraylab.phantoms.canvas import Canvas
from xraylab.phantoms.skeleton import bones

__all__ = [
    "ChestAnatomy",
    "ChestPhantom",
    "Finding",
    "Placing",
    "Signs",
    "draw_chest_anatomy",
    "project_chest",
]

FloatImage = NDArray[np.float32]

MU_SOFT = 0.205 * 1.06  # soft tissue, 1.06 g/cm³
MU_LUNG = 0.205 * 0.26  # inflated lung, 0.26 g/cm³
MU_CORTICAL = 0.315 * 1.92  # cortical bone, 1.92 g/cm³
MU_SPONGY = 0.230 * 1.18  # spongy bone with its marrow, 1.18 g/cm³


@dataclass(frozen=True)
class Signs:
    """What may be found on a film, and how plain it is.

    Attributes
    ----------
    nodule, opacity, cavity : float
        Probabilities of one to three nodules, of one hazy opacity, and of a cavity in the upper half of a lung.
    opacity_cm : (float, float)
        Range of the soft tissue in the middle of an opacity.
    opacity_radius_cm : (float, float)
        Range of half its width.
    """

    nodule: float = 0.0
    opacity: float = 0.0
    cavity: float = 0.0
    opacity_cm: tuple[float, float] = (2.0, 4.0)
    opacity_radius_cm: tuple[float, float] = (2.0, 4.2)


@dataclass(frozen=True)
class Placing:
    """How a patient lies on the film.

    Attributes
    ----------
    field_cm : float
        What the edge of the film spans in a patient of average size.
    shift_sd_cm : float
        Standard deviation of the shift along either axis.
    """

    field_cm: float = 34.0
    shift_sd_cm: float = 0.5


@dataclass(frozen=True)
class Finding:
    """A lesion whose truth is known.

    Attributes
    ----------
    kind : {"nodule", "opacity", "cavity"}
        A solid sphere, a hazy opacity, or a sphere of air with a wall of soft tissue.
    x_px, y_px : float
        Centre in pixels (column, row).
    diameter_mm : float
        Diameter in the patient.
    box_px : (float, float, float, float)
        Left, top, width and height of its bounding box in pixels.
    """

    kind: Literal["nodule", "opacity", "cavity"]
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


def project_chest(
    anatomy: ChestAnatomy,
    size_px: int,
    rng: np.random.Generator | None = None,
    signs: Signs = Signs(),
    placing: Placing = Placing(),
) -> ChestPhantom:
    """Project a patient onto a film.

    Parameters
    ----------
    anatomy : ChestAnatomy
        The patient.
    size_px : int
        Edge of the square film.
    rng : numpy.random.Generator, optional
        What differs between two films of a patient: inspiration, position and findings. None gives the
        upright, fully inspired film without findings.
    signs : Signs
        What is found on it.
    placing : Placing
        How the patient lies on it.

    Returns
    -------
    ChestPhantom
        Optical depth with the truth that belongs to it.
    """
    breath, shift, angle = 0.0, (0.0, 0.0), 0.0
    if rng is not None:
        breath = float(rng.uniform(0.0, 2.2))
        shift = (
            float(rng.normal(0, placing.shift_sd_cm)),
            float(rng.normal(0, placing.shift_sd_cm)),
        )
        angle = float(rng.normal(0, 1.2))
    canvas = Canvas(size_px, placing.field_cm / anatomy.size, shift, angle)
    body = body_depth(canvas, anatomy)
    outlines = {side: lung_outline(anatomy, side, breath) for side in (RIGHT, LEFT)}
    fills = {side: canvas.fill(outline) for side, outline in outlines.items()}
    lung = sum((lung_depth(canvas, anatomy, fills[side]) for side in fills), np.zeros_like(body))
    lung = np.minimum(lung + lung_behind_heart(canvas, anatomy, breath), 0.86 * body)
    parenchyma = aeration(canvas, anatomy.seed)
    air = airways(canvas, anatomy) + gastric_bubble(canvas, anatomy, breath)
    air = np.minimum(air, 0.9 * np.maximum(body - lung, 0))
    cortical, spongy = bones(canvas, anatomy)
    # what lies within a lung displaces lung, the rest displaces soft tissue
    in_lung = np.minimum(vessel_depth(canvas, anatomy, outlines) * (lung > 0), lung)
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
        depth, findings = _add_findings(canvas, depth, mask, rng, signs)
        if signs.cavity and rng.random() < signs.cavity:
            depth, cavity = _add_cavity(canvas, depth, mask, rng)
            findings += cavity
    depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), 0.6 * size_px / 1024)  # focal spot
    return ChestPhantom(np.asarray(np.maximum(depth, 0), np.float32), mask, findings, spacing_mm)


def _add_findings(
    canvas: Canvas,
    depth: FloatImage,
    mask: NDArray[np.uint8],
    rng: np.random.Generator,
    signs: Signs,
) -> tuple[FloatImage, tuple[Finding, ...]]:
    """Add nodules and an opacity, each with its probability."""
    findings = []
    wants_nodule, wants_opacity = rng.random(2) < (signs.nodule, signs.opacity)
    radii = list(rng.uniform(0.45, 2.0, int(rng.integers(1, 4)))) if wants_nodule else []
    for radius in radii:
        place = _place_in_lung(canvas, mask, float(radius), rng)
        if place is not None:
            depth = depth + (MU_SOFT - MU_LUNG) * canvas.sphere(*place, float(radius))
            findings.append(_finding(canvas, "nodule", place, float(radius), float(radius)))
    if wants_opacity:
        radius = float(rng.uniform(*signs.opacity_radius_cm))
        place = _place_in_lung(canvas, mask, 0.6 * radius, rng)
        if place is not None:
            high = radius * float(rng.uniform(0.8, 1.3))
            squared = ((canvas.x - place[0]) / radius) ** 2 + ((canvas.y - place[1]) / high) ** 2
            patchy = aeration(canvas, int(rng.integers(2**31))) ** 2
            lung = cv2.GaussianBlur((mask > 0).astype(np.float32), (0, 0), 0.3 * canvas.px_per_cm)
            haze = np.maximum(1 - squared, 0) * patchy * lung
            depth = depth + MU_SOFT * float(rng.uniform(*signs.opacity_cm)) * haze
            findings.append(_finding(canvas, "opacity", place, radius, high))
    return np.asarray(depth, np.float32), tuple(findings)


def _add_cavity(
    canvas: Canvas, depth: FloatImage, mask: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[FloatImage, tuple[Finding, ...]]:
    """Put a thick-walled cavity into the upper half of a lung, as reactivated tuberculosis leaves it."""
    radius = float(rng.uniform(1.2, 2.2))
    rows = np.flatnonzero(mask.any(axis=1))
    upper = mask.copy()
    upper[(int(rows[0]) + int(rows[-1])) // 2 :] = 0
    place = _place_in_lung(canvas, upper, 0.7 * radius, rng)
    if place is None:
        return depth, ()
    hollow = radius * float(rng.uniform(0.55, 0.75))
    wall = canvas.sphere(*place, radius) - canvas.sphere(*place, hollow)
    changed = depth + (MU_SOFT - MU_LUNG) * wall - MU_LUNG * canvas.sphere(*place, hollow)
    return np.asarray(changed, np.float32), (_finding(canvas, "cavity", place, radius, radius),)


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
    kind: Literal["nodule", "opacity", "cavity"],
    place: tuple[float, float],
    half_x: float,
    half_y: float,
) -> Finding:
    column, row = (float(value) for value in canvas.to_px(np.array(place)))
    wide, high = half_x * canvas.px_per_cm, half_y * canvas.px_per_cm
    box = (column - wide, row - high, 2 * wide, 2 * high)
    return Finding(kind, column, row, 20 * max(half_x, half_y), box)
