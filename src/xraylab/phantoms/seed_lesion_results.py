"""The public lesion demo's table in phantom form: images whose rows repeat, and a target that is a product of features.

``features_and_target.csv`` with the demo's columns: each image stands in a row for every age of its patient, and
``LesionRatio`` is exactly ``NumLesions`` · ``MeanArea`` / 1024².
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from pydantic import Field

from xraylab.parameters import Parameters

__all__ = ["SeedLesionResultsPhantomParams", "write_seed_lesion_results_phantom"]

_HEADER = ("PatientAge", "SexEncoded", "NumLesions", "MeanArea", "MeanCentroidDist", "LesionRatio")
_FILM_PX = 1024**2


class SeedLesionResultsPhantomParams(Parameters):
    """Size of the phantom table.

    Attributes
    ----------
    n_images : int
        Images.
    rows_per_image : (int, int)
        Least and most rows of an image.
    seed : int
        Seed of everything.
    """

    n_images: int = Field(24, ge=5, le=100_000)
    rows_per_image: tuple[int, int] = (1, 6)
    seed: int = Field(2018, ge=0)


def write_seed_lesion_results_phantom(folder: Path, params: SeedLesionResultsPhantomParams) -> None:
    """Write the table into an existing folder."""
    rng = np.random.default_rng([params.seed, 8])
    least, most = params.rows_per_image
    with (folder / "features_and_target.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEADER)
        for _ in range(params.n_images):
            number = int(rng.integers(5, 140))
            pixels = int(number * rng.lognormal(2.5, 0.8)) + number
            distance = float(rng.normal(510, 40))
            age, sex = int(rng.integers(15, 75)), int(rng.integers(2))
            for later in range(int(rng.integers(least, most + 1))):
                area = pixels / number
                writer.writerow(
                    [age + later, sex, number, area, distance, number * area / _FILM_PX]
                )
