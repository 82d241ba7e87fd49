"""The bones of a synthetic chest: ribs, clavicles, scapulae, humeri and spine."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.phantoms.anatomy import LEFT, RIGHT, ChestAnatomy
from xraylab.phantoms.canvas import Canvas, Points, smooth_curve, smooth_outline

__all__ = ["bones"]

FloatImage = NDArray[np.float32]


def bones(canvas: Canvas, anatomy: ChestAnatomy) -> tuple[FloatImage, FloatImage]:
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
        box, hard, inner = canvas.shell(line, radius, wall)
        cortical[box] += weight * hard
        spongy[box] += 0.8 * weight * inner
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
