"""Three ways from a PNG to the published features of its exposures, each as good as its tools allow.

All do the same: read the film, then for each level scale it, add normal noise, clip, truncate to 8 bits, and measure
noise variance, sharpness, entropy, mean and standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import scipy.ndimage
import skimage.io
import skimage.measure

from xraylab.dose.noise import noise_key
from xraylab.dose.simulate import simulate_additive
from xraylab.features.texture import measure_texture
from xraylab.imaging import read_radiograph

__all__ = ["LEVELS", "WAYS", "Way", "check_agreement"]

LEVELS = ((1.0, 0.005), (0.8, 0.02), (0.6, 0.04))
"""Scale and noise standard deviation of the public demo."""

Features = list[dict[str, float]]


@dataclass(frozen=True)
class Way:
    """How a film is read, and how its exposures are simulated and measured."""

    read: Callable[[Path], Any]
    measure: Callable[[Any], Features]

    def __call__(self, path: Path) -> Features:
        """Read, simulate and measure one film."""
        return self.measure(self.read(path))


def _notebook_read(path: Path) -> Any:
    return skimage.io.imread(path) / 255.0


def _notebook_measure(film: Any) -> Features:
    """Simulate and measure as the public demo does: float64 arrays, NumPy and scikit-image."""
    rows = []
    for scale, noise_std in LEVELS:
        noise = np.random.normal(0.0, noise_std, film.shape)  # noqa: NPY002 - what notebooks use
        simulated = np.clip(film * scale + noise, 0.0, 1.0)
        grey = (simulated * 255).astype(np.uint8)
        laplacian = scipy.ndimage.laplace(grey.astype(np.float64), mode="mirror")
        rows.append(
            {
                "noise_var": float(laplacian.var()),
                "sharpness": float(np.abs(laplacian).mean()),
                "entropy": float(skimage.measure.shannon_entropy(grey)),
                "mean_intensity": float(simulated.mean()),
                "std_intensity": float(simulated.std()),
            }
        )
    return rows


def _opencv_read(path: Path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def _opencv_measure(grey: Any) -> Features:
    """Use OpenCV throughout: float32, buffers used again, one Laplacian in whole numbers, its own threads."""
    film = grey.astype(np.float32)
    noise, simulated, truncated = np.empty_like(film), np.empty_like(film), np.empty_like(grey)
    rows = []
    for scale, noise_std in LEVELS:
        cv2.randn(noise, 0.0, noise_std)
        cv2.scaleAdd(film, scale / 255.0, noise, dst=simulated)
        cv2.threshold(simulated, 1.0, 0.0, cv2.THRESH_TRUNC, dst=simulated)
        cv2.threshold(simulated, 0.0, 0.0, cv2.THRESH_TOZERO, dst=simulated)
        np.multiply(simulated, np.float32(255), out=truncated, casting="unsafe")
        laplacian = cv2.Laplacian(truncated, cv2.CV_16S)
        counts = cv2.calcHist([truncated], [0], None, [256], [0, 256]).ravel()
        share = counts[counts > 0] / truncated.size
        mean, std = cv2.meanStdDev(simulated)
        rows.append(
            {
                "noise_var": float(cv2.meanStdDev(laplacian)[1][0, 0] ** 2),
                "sharpness": cv2.norm(laplacian, cv2.NORM_L1) / laplacian.size,
                "entropy": float(-(share * np.log2(share)).sum()),
                "mean_intensity": float(mean[0, 0]),
                "std_intensity": float(std[0, 0]),
            }
        )
    return rows


def _xraylab_measure(film: Any, which: Literal["published", "all"]) -> Features:
    """Use this project: one pass to simulate into a buffer, one to measure."""
    buffer = np.empty_like(film)
    rows = []
    for scale, noise_std in LEVELS:
        key = noise_key(0, "film", f"{scale} {noise_std}")
        simulated = simulate_additive(film, scale, noise_std, key, out=buffer)
        rows.append(measure_texture(simulated, which))
    return rows


WAYS: dict[str, Way] = {
    "notebook": Way(_notebook_read, _notebook_measure),
    "OpenCV": Way(_opencv_read, _opencv_measure),
    "xraylab published": Way(read_radiograph, partial(_xraylab_measure, which="published")),
    "xraylab all": Way(read_radiograph, partial(_xraylab_measure, which="all")),
}


def check_agreement(path: Path, tolerance: float = 0.02) -> float:
    """Return the largest relative difference of a feature from the notebook's.

    Raises
    ------
    RuntimeError
        If one exceeds the tolerance, which noise alone does not explain: then the ways do not do the same work,
        and their times may not be compared.
    """
    reference = WAYS["notebook"](path)
    largest = 0.0
    for name, way in WAYS.items():
        for expected, row in zip(reference, way(path), strict=True):
            for feature, value in expected.items():
                difference = abs(row[feature] / value - 1)
                if difference > tolerance:
                    raise RuntimeError(
                        f"{name}: {feature} of {path.name} is {row[feature]}, the notebook has {value}"
                    )
                largest = max(largest, difference)
    return largest
