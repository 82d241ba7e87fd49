"""A bundle without a network, what reads it, and films: enough for all but the networks themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from xraylab.models.bundle import Bundle, bundle_of, pack_bundle
from xraylab.models.state import ModelState
from xraylab.prediction.engine import Finding, PredictParams, Sex
from xraylab.prediction.intake import LoadedFilm
from xraylab.prediction.result import Column

FACTS: dict[str, Any] = {
    "title": "Mean grey value",
    "model": "mean",
    "limits": "It says nothing.",
    "preparations": {"film": {"size_px": 16, "equalise": "none"}},
    "familiarity_of": "film",
    "modalities": ["DX", "CR"],
    "body_parts": ["CHEST"],
}


def states(task: str = "fracture", weight: float = 1.0, **facts: Any) -> dict[str, ModelState]:
    member = ModelState({"name": "mean"}, {"weight": np.full(3, weight, np.float32)})
    return pack_bundle(task, {**FACTS, **facts}, {"mean": member}, None)


def bundle(**facts: Any) -> Bundle:
    return bundle_of(states(**facts), "here", {"run": "v1", "data_sets": {"my_set": "1"}})


@dataclass
class MeanReader:
    """Says how bright a film is; draws the bright part; doubts the bright ones."""

    bundle: Bundle
    params: PredictParams
    columns = (
        Column("mask", "Mask"),
        Column("brightness", "Brightness", "of white", 2),
        Column("sex", "Sex"),
    )
    segments = ("Lesion",)

    def read(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> list[Finding]:
        found = []
        for film, (sex, origin) in zip(films, sexes, strict=True):
            small = film.films["film"]
            height, width = film.shape
            mask = cv2.resize((small > 127).astype(np.uint8), (width, height))
            value = float(small.mean() / 255)
            doubts = ("very bright",) if value > 0.9 else ()
            values = {"mask": "", "brightness": value, "sex": f"{sex} {origin}".strip()}
            found.append(Finding(values, doubts, mask))
        return found

    def heat(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> np.ndarray:
        return np.stack([film.films["film"].astype(np.float32) / 255 for film in films])


def write_film(path: Path, grey: int, shape: tuple[int, int] = (24, 20)) -> None:
    """Write a film whose upper left corner is black and the rest of one grey value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full(shape, grey, np.uint8)
    pixels[:4, :4] = 0
    assert cv2.imwrite(str(path), pixels)
