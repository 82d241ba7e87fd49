"""Burned-in lead markers: the L or R of the side with a radiographer's initials or digits, as they lie on films."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "burn_in_marker"]

ByteImage = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels; a pixel's centre is a whole number."""

_FINE = 4  # letters are drawn this much larger, so that their edges are smooth
_SEEN = 16  # of 255: below it a pixel of the letters is none


def burn_in_marker(film: ByteImage, rng: np.random.Generator) -> tuple[ByteImage, Box]:
    """Burn a marker into a random corner of a film, turned at random.

    Parameters
    ----------
    film : (H, W) ndarray of uint8
        The film, at least 48 pixels wide and high; it is not changed.
    rng : numpy.random.Generator
        Draws text, size, brightness, corner and turn, and whether the letters are on a grey plate.

    Returns
    -------
    (H, W) ndarray of uint8
        The film with the marker.
    (float, float, float, float)
        Box around its letters and plate, in pixels.
    """
    height, width = film.shape
    lines = [str(rng.choice(["L", "R"]))]
    digits = "".join(str(rng.integers(10)) for _ in range(2))
    layout = str(rng.choice(["letter", "beside", "below"]))
    if layout == "beside":
        lines[0] += digits
    elif layout == "below":
        lines.append(digits)
    letter_px = float(rng.uniform(0.075, 0.115)) * min(height, width)
    letters, plate = _draw_lines(lines, letter_px, with_plate=bool(rng.random() < 0.3))  # noqa: PLR2004
    angle = float(rng.choice([0.0, 90.0, 180.0, 270.0]) + rng.uniform(-30, 30))
    letters, plate = (_turned(image, angle) for image in (letters, plate))
    rows, columns = np.nonzero(np.maximum(letters, plate) >= _SEEN)
    box_height, box_width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    cut = np.s_[rows.min() : rows.min() + box_height, columns.min() : columns.min() + box_width]
    margin = 0.02 * min(height, width) + float(rng.uniform(0, 0.06)) * min(height, width)
    # on a film too small for it the marker reaches from edge to edge
    top, left = (
        int(np.clip(margin if rng.random() < 0.5 else edge - margin - box, 0, max(edge - box, 0)))  # noqa: PLR2004
        for edge, box in ((height, box_height), (width, box_width))
    )
    burned = film.astype(np.float32)
    window = burned[top : top + box_height, left : left + box_width]
    over = np.s_[: window.shape[0], : window.shape[1]]
    for image, grey in ((plate[cut], rng.uniform(0, 25)), (letters[cut], rng.uniform(225, 255))):
        weight = image[over].astype(np.float32) / 255
        window += weight * (np.float32(grey) - window)
    box = (left - 0.5, top - 0.5, float(window.shape[1]), float(window.shape[0]))
    return np.rint(burned).astype(np.uint8), box


def _draw_lines(
    lines: list[str], letter_px: float, *, with_plate: bool
) -> tuple[ByteImage, ByteImage]:
    """Draw lines of text, the second at half the size, in the middle of a square: coverages 0 to 255."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    side = int(_FINE * letter_px * 6)
    letters, plate = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    y = side / 2
    left, right = side, 0
    for number, text in enumerate(lines):
        tall = _FINE * letter_px * (1.0 if number == 0 else 0.6)
        thick = max(1, round(0.17 * tall))
        scale = cv2.getFontScaleFromHeight(font, round(tall), thick)
        (wide, _), _ = cv2.getTextSize(text, font, scale, thick)
        x = round(side / 2 - wide / 2)
        cv2.putText(letters, text, (x, round(y)), font, scale, 255, thick, cv2.LINE_AA)
        left, right = min(left, x), max(right, x + wide)
        y += 0.9 * _FINE * letter_px
    if with_plate:
        rim = round(0.3 * _FINE * letter_px)
        top = round(side / 2 - _FINE * letter_px) - rim
        low = round(y - 0.9 * _FINE * letter_px) + rim
        cv2.rectangle(plate, (left - rim, top), (right + rim, low), 255, -1)
    return letters, plate


def _turned(image: ByteImage, angle_deg: float) -> ByteImage:
    """Turn a square about its middle, and bring it to the film's pixels."""
    middle = (image.shape[0] - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), angle_deg, 1.0)
    turned = cv2.warpAffine(image, turn, image.shape)
    side = round(image.shape[0] / _FINE)
    return np.asarray(cv2.resize(turned, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
