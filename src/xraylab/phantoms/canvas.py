"""Rasterising simple solids to path lengths: what a parallel beam crosses, in cm, at every pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Canvas", "smooth_curve", "smooth_outline"]

FloatImage = NDArray[np.float32]
Points = NDArray[np.float64]
Box = tuple[slice, slice]

_SHIFT = 4  # cv2 draws at 1/16 pixel
_ONE = 1 << _SHIFT


def smooth_curve(points: Sequence[tuple[float, float]], n: int = 60) -> Points:
    """Return n points of the interpolating cubic spline through points (x, y) in cm, chord-length parametrised."""
    from scipy.interpolate import CubicSpline

    knots = np.asarray(points, np.float64)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    return np.asarray(CubicSpline(length, knots)(np.linspace(0, length[-1], n)), np.float64)


def smooth_outline(points: Sequence[tuple[float, float]], n: int = 240) -> Points:
    """Return n points of the closed periodic spline through points (x, y) in cm."""
    from scipy.interpolate import CubicSpline

    knots = np.asarray([*points, points[0]], np.float64)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    spline = CubicSpline(length, knots, bc_type="periodic")
    return np.asarray(spline(np.linspace(0, length[-1], n, endpoint=False)), np.float64)


class Canvas:
    """A square film of anatomy in cm, with the patient shifted, turned and magnified on it.

    Parameters
    ----------
    size_px : int
        Edge of the film.
    field_cm : float
        What the edge spans in the patient.
    shift_cm : (float, float)
        Shift of the patient to the right and down.
    angle_deg : float
        Turn of the patient about the middle of the film.

    Attributes
    ----------
    x, y : (H, W) ndarray of float32
        Coordinates in the patient at each pixel's centre, in cm: x from the midline to the image's right (the patient's
        left), y from the top of the film downwards.
    """

    def __init__(
        self,
        size_px: int,
        field_cm: float,
        shift_cm: tuple[float, float] = (0.0, 0.0),
        angle_deg: float = 0.0,
    ) -> None:
        self.size_px = size_px
        self.px_per_cm = size_px / field_cm
        angle = math.radians(angle_deg)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        middle = np.array([0.0, field_cm / 2])
        # pixel = scale (turn (p - middle) + middle + shift + (field / 2, 0)) - 1/2
        offset = middle + np.asarray(shift_cm) + np.array([field_cm / 2, 0.0])
        self._linear = turn * self.px_per_cm
        self._offset = offset * self.px_per_cm - 0.5 - self._linear @ middle
        inverse = np.linalg.inv(self._linear)
        columns, rows = np.meshgrid(np.arange(size_px), np.arange(size_px))
        u, v = columns - self._offset[0], rows - self._offset[1]
        self.x = (inverse[0, 0] * u + inverse[0, 1] * v).astype(np.float32)
        self.y = (inverse[1, 0] * u + inverse[1, 1] * v).astype(np.float32)

    def to_px(self, points: Points) -> Points:
        """Return pixel coordinates (column, row) of points (..., 2) in cm."""
        return np.asarray(points @ self._linear.T + self._offset, np.float64)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        return np.rint(self.to_px(points) * _ONE).astype(np.int32)

    def fill(self, outline: Points) -> NDArray[np.uint8]:
        """Return the (H, W) mask, 0 or 255 with smooth edges, of a closed outline (N, 2) in cm."""
        mask = np.zeros((self.size_px, self.size_px), np.uint8)
        cv2.fillPoly(mask, [self._fixed(outline)], 255, lineType=cv2.LINE_AA, shift=_SHIFT)
        return mask

    def depth_inside(self, mask: NDArray[np.uint8]) -> FloatImage:
        """Return the distance of each pixel of a mask to its edge, in cm; 0 outside."""
        inside = (mask > 127).astype(np.uint8)  # noqa: PLR2004 - half of 255
        distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # its last digit depends on the memory's alignment; the square of a distance in pixels is whole
        distance = np.sqrt(np.rint(distance.astype(np.float64) ** 2))
        return np.asarray(np.maximum(distance - 0.5, 0) / self.px_per_cm, np.float32)

    def rounded(self, mask: NDArray[np.uint8], half_depth_cm: float) -> FloatImage:
        """Return the path length through a body of this outline whose edge is round: (H, W) in cm.

        The middle is ``2 * half_depth_cm`` thick; towards the edge the thickness falls as that of a cylinder does.
        """
        missing = half_depth_cm - np.minimum(self.depth_inside(mask), half_depth_cm)
        return np.asarray(2 * np.sqrt(np.maximum(half_depth_cm**2 - missing**2, 0)), np.float32)

    def sphere(self, x: float, y: float, radius: float, squeeze: float = 1.0) -> FloatImage:
        """Return the path length through a sphere, its height scaled by ``squeeze``: (H, W) in cm."""
        squared = (self.x - x) ** 2 + ((self.y - y) / squeeze) ** 2
        return np.asarray(2 * np.sqrt(np.maximum(radius**2 - squared, 0)), np.float32)

    def tube(self, line: Points, radius: float) -> FloatImage:
        """Return the path length through a round tube about a polyline (N, 2) in cm: (H, W) in cm."""
        path = np.zeros((self.size_px, self.size_px), np.float32)
        box, distance = self._distance_to(line, radius)
        path[box] = 2 * np.sqrt(np.maximum(radius**2 - distance**2, 0))
        return path

    def shell(self, line: Points, radius: float, wall: float) -> tuple[Box, FloatImage, FloatImage]:
        """Return where a tube lies, and there the path lengths through its wall and through what it holds."""
        box, distance = self._distance_to(line, radius)
        outer = 2 * np.sqrt(np.maximum(radius**2 - distance**2, 0))
        inner = 2 * np.sqrt(np.maximum((radius - wall) ** 2 - distance**2, 0))
        return box, np.asarray(outer - inner, np.float32), np.asarray(inner, np.float32)

    def _distance_to(self, line: Points, radius: float) -> tuple[Box, FloatImage]:
        """Return where a polyline lies, and there the distance to it in cm: exact near it, large elsewhere."""
        pixels = self.to_px(line)
        margin = radius * self.px_per_cm + 2
        low = np.clip(np.floor(pixels.min(axis=0) - margin), 0, self.size_px).astype(int)
        high = np.clip(np.ceil(pixels.max(axis=0) + margin), low, self.size_px).astype(int)
        best = np.full((high[1] - low[1], high[0] - low[0]), np.float32(1e12), np.float32)
        if best.size:
            _squared_distances(pixels - low, margin, best)
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        return box, np.asarray(np.sqrt(best) / np.float32(self.px_per_cm), np.float32)

    def twigs(self, segments: Sequence[tuple[Points, float]]) -> FloatImage:
        """Return the path length through many thin tubes, given as (polyline, radius in cm): (H, W) in cm.

        Tubes of like radius are drawn together and softened; where two cross, the thicker counts.
        """
        total = np.zeros((self.size_px, self.size_px), np.float32)
        if not segments:
            return total
        radii = np.array([radius for _, radius in segments])
        edges = np.geomspace(float(radii.min()) * 0.999, float(radii.max()) * 1.001, 9)
        for low, high in pairwise(edges):
            lines = [line for line, radius in segments if low <= radius < high]
            if not lines:
                continue
            radius = math.sqrt(low * high)
            width_px = 2 * radius * self.px_per_cm
            drawn = np.zeros((self.size_px, self.size_px), np.uint8)
            cv2.polylines(
                drawn,
                [self._fixed(line) for line in lines],
                False,
                255,
                max(1, round(width_px)),
                cv2.LINE_AA,
                _SHIFT,
            )
            # a line is at least a pixel wide: a thinner tube keeps its cross-section
            path = np.float32(math.pi / 2 * radius * min(1.0, width_px) / 255)
            soft = cv2.GaussianBlur(
                drawn.astype(np.float32) * path, (0, 0), max(0.2 * width_px, 0.45)
            )
            total += soft
        return total


@njit(cache=True, fastmath=True)
def _squared_distances(line: Points, reach: float, best: FloatImage) -> None:
    """Lower ``best`` (H, W) to the squared distance to a polyline (N, 2) of (column, row), within reach of it."""
    height, width = best.shape
    for k in range(line.shape[0] - 1):
        x0, y0 = line[k]
        dx, dy = line[k + 1, 0] - x0, line[k + 1, 1] - y0
        scale = 1.0 / max(dx * dx + dy * dy, 1e-9)
        top, bottom = (
            max(0, int(min(y0, y0 + dy) - reach)),
            min(height, int(max(y0, y0 + dy) + reach) + 2),
        )
        left, right = (
            max(0, int(min(x0, x0 + dx) - reach)),
            min(width, int(max(x0, x0 + dx) + reach) + 2),
        )
        for row in range(top, bottom):
            v = row - y0
            for column in range(left, right):
                u = column - x0
                along = min(max((u * dx + v * dy) * scale, 0.0), 1.0)
                squared = (u - along * dx) ** 2 + (v - along * dy) ** 2
                best[row, column] = min(best[row, column], np.float32(squared))
