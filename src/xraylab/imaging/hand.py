"""Films of a hand at full size: grey window, crop to the hand, square.

The published way to crop is the bounding box of all pixels between 0.1 and 1. A border, a lead letter or the noise of
the background is such a pixel too, so that it keeps nearly the whole of most films. Here the hand is looked for as the
largest component that is shaped like one.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Box",
    "Crop",
    "find_crop",
    "find_hand",
    "find_published_box",
    "find_window",
    "resize_square",
    "scale_window",
]

FloatImage = NDArray[np.float32]
ByteImage = NDArray[np.uint8]

Crop = Literal["none", "component", "published"]

_TOP = 255
_LEVELS = 65535
_PUBLISHED_LOW = 0.1

# The search, on a copy whose longer edge has _SEARCH_PX pixels.
_SEARCH_PX = 160
_SAMPLES = 2  # pixels of the film, a side, that one of the copy is the mean of
_OPENING_PX = 5  # thinner things, such as the rim of a collimator, are cut off
_THRESHOLDS = range(10, 205, 20)
_FINER = (10, 5)
_WHITE = 250  # lead and the unexposed border of a film
_WHITE_REACH_PX = 3

# What a hand looks like, as fractions: of the film, of its own box, of its convex hull, of its outline.
_AREA = (0.07, 0.62)
_FILL = (0.3, 0.9)
_SOLIDITY = (0.4, 0.95)
_MAX_CONTACT = 0.3
_TOUCHES, _MAX_OF_SIDE = 0.02, 0.7  # of a side


class Box(NamedTuple):
    """Rows and columns that are kept, half-open."""

    top: int
    bottom: int
    left: int
    right: int

    def share_of(self, shape: tuple[int, int]) -> float:
        """Return the share of a film (H, W) that lies in the box."""
        return (self.bottom - self.top) * (self.right - self.left) / (shape[0] * shape[1])

    def cut(self, film: FloatImage) -> FloatImage:
        """Return the view of a film (H, W) that lies in the box."""
        return film[self.top : self.bottom, self.left : self.right]


def find_window(film: FloatImage, percentiles: tuple[float, float]) -> tuple[float, float]:
    """Return two percentiles of a film by its histogram of 65,536 levels.

    Exact, with linear interpolation as ``numpy.percentile``, for a film that was read from 8 or 16 bits; within
    1/131070 for any other.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        The film in [0, 1].
    percentiles : (float, float)
        Each in [0, 100].

    Examples
    --------
    >>> film = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    >>> [round(edge, 3) for edge in find_window(film, (10, 90))]
    [0.1, 0.9]
    """
    from xraylab.imaging.hand_kernels import count_levels

    counts = count_levels(film)
    below = np.cumsum(counts)
    place = np.asarray(percentiles) / 100 * (film.size - 1)
    first, second = (
        np.searchsorted(below, np.minimum(at, film.size - 1), side="right")
        for at in (np.floor(place), np.floor(place) + 1)
    )
    low, high = (first + (place % 1) * (second - first)) / _LEVELS
    return float(low), float(high)


def scale_window(film: FloatImage, window: tuple[float, float]) -> FloatImage:
    """Return a film (H, W) with a window (low, high) mapped to [0, 1], saturating; 0 where the window is empty.

    Examples
    --------
    >>> scale_window(np.array([[0, 0.25, 0.5, 1]], np.float32), (0.0, 0.5)).tolist()
    [[0.0, 0.5, 1.0, 1.0]]
    """
    low, high = window
    if high <= low:
        return np.zeros_like(film)
    gain = 1 / (high - low)
    scaled = cv2.addWeighted(film, gain, film, 0, -low * gain)
    cv2.threshold(scaled, 1, 1, cv2.THRESH_TRUNC, dst=scaled)
    cv2.threshold(scaled, 0, 1, cv2.THRESH_TOZERO, dst=scaled)
    return np.asarray(scaled, np.float32)


def find_crop(film: FloatImage, crop: Crop, window: tuple[float, float] = (0.0, 1.0)) -> Box:
    """Return the box to which a film is cropped.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        The film in [0, 1], before it is scaled.
    crop : {"none", "component", "published"}
        The whole film, `find_hand` or `find_published_box`.
    window : (float, float)
        What becomes 0 and 1 afterwards; only the published crop uses it.

    Examples
    --------
    >>> film = np.zeros((6, 8), np.float32)
    >>> film[2:4, 3:7] = 0.5
    >>> find_crop(film, "published")
    Box(top=2, bottom=4, left=3, right=7)
    >>> find_crop(film, "none")
    Box(top=0, bottom=6, left=0, right=8)
    """
    if crop == "component":
        return find_hand(film)
    if crop == "published":
        return find_published_box(film, window)
    return Box(0, film.shape[0], 0, film.shape[1])


def find_published_box(film: FloatImage, window: tuple[float, float] = (0.0, 1.0)) -> Box:
    """Return the bounding box of all pixels that a window maps to values above 0.1 and under 1.

    The whole film where there is no such pixel.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        The film in [0, 1], before it is scaled.
    window : (float, float)
        What becomes 0 and 1.

    Examples
    --------
    >>> film = np.zeros((6, 8), np.float32)
    >>> film[2:4, 3:7] = 0.5
    >>> find_published_box(film)
    Box(top=2, bottom=4, left=3, right=7)
    """
    low, high = window
    edge = low + _PUBLISHED_LOW * (high - low)
    # inRange is closed at both ends, the rule is open
    least = float(np.nextafter(np.float32(edge), np.float32(np.inf)))
    most = float(np.nextafter(np.float32(high), np.float32(-np.inf)))
    inside = cv2.inRange(film, least, most)
    left, top, width, height = cv2.boundingRect(inside)
    if not width:
        return Box(0, film.shape[0], 0, film.shape[1])
    return Box(top, top + height, left, left + width)


def find_hand(film: FloatImage, margin: float = 0.03) -> Box:
    """Find the hand: the largest component, over many thresholds, that is shaped like one.

    A component is what hangs together above a threshold after a small opening. It is hand-like if it covers 7 to 62 %
    of the film, fills 30 to 90 % of its box and 40 to 95 % of its convex hull, runs along the film's edge with less
    than 30 % of its outline, and comes in over a part of one side, as a forearm does, or over a corner. Its size is
    its area, times the share of the box that it fills, times the share of its outline that is free of the film's edge:
    where a trace of the background hangs on to the hand, box and contact grow and the area hardly does. For the same
    reason one that comes in over a corner must be twice as large as any other. Unexposed white at the film's edge is
    taken away before.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        The film in [0, 1].
    margin : float
        What is added on each side, as a share of the box.

    Returns
    -------
    Box
        In pixels of the film; the whole film where nothing is hand-like.

    Examples
    --------
    Where nothing is shaped like a hand, the box is the whole film:

    >>> find_hand(np.zeros((60, 40), np.float32))
    Box(top=0, bottom=60, left=0, right=40)
    """
    small = _search_copy(film)
    best = _Hand((0, 0, 0, 0), 0.0, 0)
    for threshold in _THRESHOLDS:
        found, largest_area = _largest_hand(small, threshold)
        best = max(best, found, key=lambda hand: hand.size)
        # no component is larger above a higher threshold
        if _FILL[1] * largest_area <= best.size:
            break
    if not best.size:
        return Box(0, film.shape[0], 0, film.shape[1])
    for step in _FINER:
        for threshold in (best.threshold - step, best.threshold + step):
            found, _ = _largest_hand(small, threshold)
            best = max(best, found, key=lambda hand: hand.size)
    return _widen(best.box, margin, small.shape, film.shape)


class _Hand(NamedTuple):
    """The largest hand-like component above a threshold: left, top, width and height of its box; no size if none."""

    box: tuple[int, int, int, int]
    size: float
    threshold: int


def _largest_hand(small: ByteImage, threshold: int) -> tuple[_Hand, float]:
    """Return the largest hand-like component above a threshold, and the area of the largest of all."""
    above = cv2.threshold(small, threshold, 1, cv2.THRESH_BINARY)[1]
    opened = cv2.morphologyEx(above, cv2.MORPH_OPEN, _disc(_OPENING_PX))
    lines, links = cv2.findContours(opened, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    best, largest = _Hand((0, 0, 0, 0), 0.0, threshold), 0.0
    for line, link in zip(lines, [] if links is None else links[0], strict=True):
        if link[3] >= 0:  # the edge of a hole
            continue
        # of whole pixels, not of the polygon through their centres (Pick)
        area = float(cv2.contourArea(line)) + len(line) / 2 + 1
        largest = max(largest, area)
        if _AREA[0] * small.size <= area <= _AREA[1] * small.size:
            box, size = _hand_size(np.asarray(line[:, 0], np.int32), area, small.shape)
            best = max(best, _Hand(box, size, threshold), key=lambda hand: hand.size)
    return best, largest


def _search_copy(film: FloatImage) -> ByteImage:
    """Return a small, smooth copy in 8 bits without unexposed white at the edges."""
    height, width = film.shape
    scale = _SEARCH_PX / max(height, width)
    step = max(1, int(1 / (scale * _SAMPLES)))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    sampled = np.ascontiguousarray(film[::step, ::step])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(sampled, size, interpolation=method), np.float32)
    low, high = np.percentile(small, [0.5, 99.5])
    copy = np.rint(scale_window(small, (float(low), float(high))) * _TOP).astype(np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(copy, (0, 0), 0.8), np.uint8)
    edges = (copy[0], copy[-1], copy[:, 0], copy[:, -1])
    if max(int(edge.max()) for edge in edges) >= _WHITE:
        blurred[_white_at_edges(copy)] = 0
    return blurred


def _white_at_edges(copy: ByteImage) -> NDArray[np.bool_]:
    """Return the mask of white that hangs on to an edge of the film, and a little around it."""
    _, labels = cv2.connectedComponents((copy >= _WHITE).astype(np.uint8), ltype=cv2.CV_16U)
    hangs = np.zeros(int(labels.max()) + 1, np.uint8)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        hangs[edge] = 1
    hangs[0] = 0
    return np.asarray(cv2.dilate(hangs[labels], _disc(2 * _WHITE_REACH_PX + 1)), np.bool_)


def _disc(size_px: int) -> ByteImage:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size_px, size_px)), np.uint8)


def _hand_size(
    outline: NDArray[np.int32], area: float, shape: tuple[int, ...]
) -> tuple[tuple[int, int, int, int], float]:
    """Return the box of a component and the size by which hand-like ones are compared; 0 if it is not hand-like.

    Parameters
    ----------
    outline : (N, 2) ndarray of int32
        Column and row of each pixel along its edge.
    area : float
        Its pixels, with those of its holes.
    shape : (int, int)
        Height and width of the search copy.
    """
    left, top, width, height = (int(value) for value in cv2.boundingRect(outline))
    box, fill = (left, top, width, height), area / (width * height)
    on_edges = [
        np.count_nonzero(outline[:, axis] == at)
        for axis, at in ((1, 0), (0, shape[1] - 1), (1, shape[0] - 1), (0, 0))
    ]
    covered = [count / shape[1 - row % 2] for row, count in enumerate(on_edges)]
    at_top, at_right, at_bottom, at_left = (share > _TOUCHES for share in covered)
    contact = sum(on_edges) / len(outline)
    hull = max(float(cv2.contourArea(cv2.convexHull(outline))), 1.0)
    solid = _SOLIDITY[0] <= cv2.contourArea(outline) / hull <= _SOLIDITY[1]
    if (
        not (solid and _FILL[0] <= fill <= _FILL[1])
        or (at_top and at_bottom)
        or (at_left and at_right)
        or max(covered) > _MAX_OF_SIDE
        or contact > _MAX_CONTACT
    ):
        return box, 0.0
    at_corner = (at_top or at_bottom) and (at_left or at_right)
    return box, area * fill * (1 - contact) / (2 if at_corner else 1)


def _widen(
    box: tuple[int, int, int, int], margin: float, small: tuple[int, ...], shape: tuple[int, ...]
) -> Box:
    """Return a box of the small copy in pixels of the film, with a margin."""
    left, top, width, height = box
    rows, columns = shape[0] / small[0], shape[1] / small[1]
    return Box(
        max(0, round((top - margin * height) * rows)),
        min(shape[0], round((top + height * (1 + margin)) * rows)),
        max(0, round((left - margin * width) * columns)),
        min(shape[1], round((left + width * (1 + margin)) * columns)),
    )


def resize_square(
    film: FloatImage,
    size_px: int,
    window: tuple[float, float] = (0.0, 1.0),
    box: Box | None = None,
) -> FloatImage:
    """Window a film, put it in the middle of the smallest square of zeros that holds it, and resize that.

    Bilinear with antialiasing: each target pixel is the mean of the film under a triangle that reaches as far as its
    neighbours' centres, which are ``scale`` pixels of the film away. That is what torchvision's
    ``Resize(antialias=True)`` and Pillow's ``BILINEAR`` compute, and OpenCV does not (``INTER_AREA`` weighs by a box,
    ``INTER_LINEAR`` looks at four pixels only). scikit-image's ``resize(order=1, anti_aliasing=True)`` blurs with a
    Gaussian of standard deviation ``(scale - 1) / 2`` instead.

    Parameters
    ----------
    film : (H, W) ndarray of float32
        The film in [0, 1].
    size_px : int
        Edge of the square returned.
    window : (float, float)
        What becomes 0 and 1, as `scale_window` does it.
    box : Box, optional
        The part of the film that is used.

    Returns
    -------
    (S, S) ndarray of float32
        The film in [0, 1]; one that is S × S already is not resized.

    Examples
    --------
    >>> film = np.ones((2, 4), np.float32)
    >>> resize_square(film, 4).tolist()
    [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    """
    box = Box(0, film.shape[0], 0, film.shape[1]) if box is None else box
    height, width = box.bottom - box.top, box.right - box.left
    edge = max(height, width)
    if edge > size_px and window[1] > window[0]:
        from xraylab.imaging.hand_kernels import window_and_shrink

        gain = 1 / (window[1] - window[0])
        whole = np.ascontiguousarray(film)
        part = (box.top, box.bottom, box.left, box.right)
        shrunk = window_and_shrink(whole, part, window[0], gain, size_px)
        return np.asarray(shrunk, np.float32)
    square = np.zeros((edge, edge), np.float32)
    top, left = (edge - height) // 2, (edge - width) // 2
    square[top : top + height, left : left + width] = scale_window(box.cut(film), window)
    enlarged = cv2.resize(square, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, np.float32)
