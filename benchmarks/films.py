"""Films for a benchmark: public ones when they lie beside the checkout, synthetic ones otherwise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

PUBLIC_FILMS = (
    Path(__file__).resolve().parents[2] / "shared" / "data" / "nih_chest_xray14" / "images"
)
SIDE = 1024


def find_films(count: int, folder: Path) -> tuple[list[Path], str]:
    """Return paths of grey 8-bit PNGs of 1024 by 1024 pixels, and in words what they are.

    Without public films, synthetic ones are written to the folder.
    """
    public = []
    for path in sorted(PUBLIC_FILMS.glob("*.png")):
        if len(public) == count:
            break
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is not None and image.shape == (SIDE, SIDE) and image.dtype == np.uint8:
            public.append(path)
    if len(public) == count:
        return public, "public chest films (NIH ChestX-ray14)"
    return [_write_film(folder, number) for number in range(count)], "synthetic films"


def _write_film(folder: Path, number: int) -> Path:
    """Write a film of smooth anatomy, with edges and the noise of a full dose."""
    rng = np.random.default_rng(number)
    depth = cv2.resize(rng.random((9, 9), np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    for x, y, radius in rng.integers(SIDE // 8, SIDE // 2, (12, 3)):
        cv2.circle(
            depth, (int(2 * x), int(2 * y)), int(radius) // 2, float(rng.random()), thickness=12
        )
    film = (
        0.1 + 0.7 * cv2.GaussianBlur(depth, (0, 0), 1.5) + 0.004 * rng.standard_normal(depth.shape)
    )
    path = folder / f"film_{number:04d}.png"
    if not cv2.imwrite(str(path), np.clip(np.rint(255 * film), 0, 255).astype(np.uint8)):
        raise OSError(f"cannot write {path}")
    return path
