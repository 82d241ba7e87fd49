"""A film of a limb with one or two long bones, by Beer-Lambert, with or without a fracture.

A parallel beam crosses soft tissue in which tubular bones replace what they displace: a cortical wall, thick at the
shaft and thin at the flared ends, about fatty marrow that gives way to spongy bone towards the joints. A fracture is a
lucent gap across a shaft; what lies beyond it may be shifted and bent. Everything else is drawn before the fracture and
without regard to it, so that nothing but the fracture tells a broken limb from a whole one.

Linear attenuation coefficients are those at 40 keV, about the effective energy of 60 kV: NIST XCOM mass attenuation
(Hubbell and Seltzer 1995) times the density of ICRU Report 44 (1989), in 1/cm. Spongy bone is cortical bone and soft
tissue, 23 : 77 by mass, which gives the value of the chest phantom at 60 keV.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.phantoms.canvas import Canvas
from xraylab.phantoms.limb import (
    Bone,
    Fracture,
    LimbAnatomy,
    draw_fracture,
    draw_limb_anatomy,
)

__all__ = [
    "Bone",
    "Fracture",
    "FracturePlace",
    "LimbAnatomy",
    "LimbPhantom",
    "draw_fracture",
    "draw_limb_anatomy",
    "project_limb",
]

FloatImage = NDArray[np.float32]

MU_SOFT = 0.269 * 1.06  # soft tissue, 1.06 g/cm³
MU_CORTICAL = 0.666 * 1.92  # cortical bone, 1.92 g/cm³
MU_SPONGY = (0.23 * 0.666 + 0.77 * 0.269) * 1.18  # spongy bone with its marrow, 1.18 g/cm³
MU_MARROW = 0.240 * 0.98  # fatty marrow of a shaft, 0.98 g/cm³

_FLESH = (
    (5, 0.25),
    (11, 0.12),
    (23, 0.06),
)  # unevenness of the soft tissue, as `_texture` takes it
_FINE = 2  # pixels are the mean of 2 × 2 finer ones: edges are smooth, thin gaps keep their weight


@dataclass(frozen=True)
class FracturePlace:
    """Where a fracture lies on the film, in pixels.

    Attributes
    ----------
    x_px, y_px : float
        Where the break crosses the bone's axis: column and row.
    box_px : (float, float, float, float)
        Left, top, width and height of the box around the lucent gap within the bone.
    """

    x_px: float
    y_px: float
    box_px: tuple[float, float, float, float]


@dataclass(frozen=True)
class LimbPhantom:
    """The projection of a limb.

    Attributes
    ----------
    optical_depth : (H, W) ndarray of float32
        Line integral of the attenuation, 0 in the open beam.
    bone_mask : (H, W) ndarray of bool
        Where there is bone.
    fracture : FracturePlace or None
        The truth about the fracture; None for a whole limb.
    spacing_mm : float
        Pixel spacing in the patient.
    """

    optical_depth: FloatImage
    bone_mask: NDArray[np.bool_]
    fracture: FracturePlace | None
    spacing_mm: float


def project_limb(
    anatomy: LimbAnatomy, size_px: int, fracture: Fracture | None = None
) -> LimbPhantom:
    """Project a limb onto a film.

    Parameters
    ----------
    anatomy : LimbAnatomy
        The limb, and how it lies on the film.
    size_px : int
        Edge of the square film.
    fracture : Fracture, optional
        What is broken; None for a whole limb.

    Returns
    -------
    LimbPhantom
        Optical depth with the truth that belongs to it.
    """
    canvas = Canvas(_FINE * size_px, anatomy.field_cm, anatomy.shift_cm, anatomy.angle_deg)
    texture = _texture(canvas, anatomy.texture_seed, ((7, 0.6), (28, 0.3)))
    # muscle and fat are thicker here than there, so that a coarse look at a film is one at its flesh
    flesh = anatomy.uneven * _texture(canvas, anatomy.texture_seed + 1, _FLESH)
    body = _soft_tissue(canvas, anatomy) * (1 + 0.05 * texture + flesh)
    bone_depth = np.zeros_like(body)
    bone_path = np.zeros_like(body)
    place = None
    for number, bone in enumerate(anatomy.bones):
        if fracture is not None and fracture.bone == number:
            depth, path, gap = _broken(canvas, bone, fracture, texture)
            place = _place(canvas, bone, fracture, gap)
        else:
            depth, path = _whole(canvas.x, canvas.y, bone, texture)
        bone_depth += depth
        bone_path += path
    depth = bone_depth + MU_SOFT * np.maximum(body - bone_path, 0)
    small = cv2.resize(depth, (size_px, size_px), interpolation=cv2.INTER_AREA)
    share = cv2.resize(
        (bone_path > 0).astype(np.float32), (size_px, size_px), interpolation=cv2.INTER_AREA
    )
    return LimbPhantom(
        optical_depth=np.asarray(small, np.float32),
        bone_mask=np.asarray(share >= 0.5, np.bool_),  # noqa: PLR2004 - half of a pixel
        fracture=place,
        spacing_mm=10.0 * _FINE / canvas.px_per_cm,
    )


def _texture(canvas: Canvas, seed: int, scales: Sequence[tuple[int, float]]) -> FloatImage:
    """Return smooth unevenness as the sum of scales: cells along an edge, and how far each goes to either side of 0."""
    rng = np.random.default_rng(seed)
    total = np.zeros_like(canvas.x)
    for cells, weight in scales:
        coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        total += weight * cv2.resize(coarse, total.shape, interpolation=cv2.INTER_CUBIC)
    return np.asarray(total, np.float32)


def _soft_tissue(canvas: Canvas, anatomy: LimbAnatomy) -> FloatImage:
    """Return the path length through the limb's elliptical section, in cm."""
    swelling, level = anatomy.muscle
    wide = 1 + swelling * (np.exp(-0.5 * ((canvas.y - level) / 6.0) ** 2) - 0.5)
    across = canvas.x / (anatomy.half_width * wide)
    path = 2 * anatomy.half_depth * wide * np.sqrt(np.maximum(1 - across**2, 0))
    return np.asarray(path, np.float32)


def _whole(
    x: FloatImage, y: FloatImage, bone: Bone, texture: FloatImage
) -> tuple[FloatImage, FloatImage]:
    """Return the optical depth of a bone and the path length through it, in cm, at points (x, y) in cm."""
    depth, path = np.zeros_like(x), np.zeros_like(x)
    widest = bone.radius * (bone.flare_top + bone.flare_bottom)
    near = (y > bone.top) & (y < bone.bottom) & (np.abs(x - bone.axis(y)) < widest)
    x, y = x[near], y[near]
    from_top, from_bottom = y - bone.top, bone.bottom - y
    reach = 1.3 * bone.radius
    top, bottom = np.exp(-from_top / reach), np.exp(-from_bottom / reach)
    radius = bone.radius * (1 + (bone.flare_top - 1) * top + (bone.flare_bottom - 1) * bottom)
    cap = 0.7 * bone.radius  # the ends are rounded
    short = 1 - np.minimum(np.minimum(from_top, from_bottom) / cap, 1)
    radius = radius * np.sqrt(1 - short**2)
    end = np.minimum(top + bottom, 1)
    wall = bone.wall * (1 - 0.85 * end)
    off = (x - bone.axis(y)) ** 2
    outer = 2 * np.sqrt(np.maximum(radius**2 - off, 0))
    inner = 2 * np.sqrt(np.maximum(np.maximum(radius - wall, 0) ** 2 - off, 0))
    filling = MU_MARROW + (MU_SPONGY * (1 + 0.12 * texture[near]) - MU_MARROW) * np.sqrt(end)
    crossed = MU_CORTICAL * (outer - inner) + filling * inner
    if bone.growth_plate > 0:
        plate = 0.6 * np.exp(-0.5 * ((from_bottom - bone.growth_plate) / 0.09) ** 2)
        crossed = crossed + plate * (MU_SOFT * outer - crossed)
    depth[near], path[near] = crossed, outer
    return depth, path


def _broken(
    canvas: Canvas, bone: Bone, fracture: Fracture, texture: FloatImage
) -> tuple[FloatImage, FloatImage, NDArray[np.bool_]]:
    """Return optical depth and path length of a broken bone, and where its gap is."""
    x0, y0 = float(bone.axis(fracture.y)), fracture.y
    u, v = canvas.x - np.float32(x0), canvas.y - np.float32(y0)
    beyond = v - math.tan(math.radians(fracture.tilt_deg)) * u - _ragged(u, bone, fracture.seed)
    # the distal part is looked up where it was before it was shifted and bent about the break
    bend = math.radians(fracture.bend_deg)
    w = u - np.float32(fracture.step_cm)
    moved_x = x0 + math.cos(bend) * w + math.sin(bend) * v
    moved_y = y0 - math.sin(bend) * w + math.cos(bend) * v
    proximal, distal = (
        _whole(canvas.x, canvas.y, bone, texture),
        _whole(np.asarray(moved_x, np.float32), np.asarray(moved_y, np.float32), bone, texture),
    )
    half = fracture.gap_cm / 2
    parts = [
        np.where(beyond < -half, first, np.where(beyond > half, second, np.float32(0)))
        for first, second in zip(proximal, distal, strict=True)
    ]
    gap = (np.abs(beyond) <= half) & ((proximal[1] > 0) | (distal[1] > 0))
    return np.asarray(parts[0], np.float32), np.asarray(parts[1], np.float32), gap


def _ragged(u: FloatImage, bone: Bone, seed: int) -> FloatImage:
    """Return how far a break strays from its plane across the bone, in cm."""
    rng = np.random.default_rng(seed)
    knots = np.linspace(-2 * bone.radius, 2 * bone.radius, 11)
    return np.asarray(np.interp(u, knots, rng.normal(0, 0.08, len(knots))), np.float32)


def _place(
    canvas: Canvas, bone: Bone, fracture: Fracture, gap: NDArray[np.bool_]
) -> FracturePlace | None:
    """Return the truth in pixels; None where no part of the gap lies on the film."""
    rows, columns = np.flatnonzero(gap.any(axis=1)), np.flatnonzero(gap.any(axis=0))
    if len(rows) == 0:
        return None
    left, top = columns[0] / _FINE - 0.5, rows[0] / _FINE - 0.5
    right, low = (columns[-1] + 1) / _FINE - 0.5, (rows[-1] + 1) / _FINE - 0.5
    fine = canvas.to_px(np.array([float(bone.axis(fracture.y)), fracture.y]))
    column, row = (float(value) for value in (fine + 0.5) / _FINE - 0.5)
    return FracturePlace(column, row, (left, top, right - left, low - top))
