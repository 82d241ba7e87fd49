"""Small sets of films for the tests of audit."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from xraylab.imaging.array_cache import ArrayCache, read_cache, write_cache
from xraylab.imaging.film_file import FilmFile, FilmFolder
from xraylab.pipelines.audit.params import AuditParams
from xraylab.pipelines.audit.scan import plan_scan

PARAMS = AuditParams(salt="a salt", workers=1, n_resamples=50)


def draw(seed: int, size: int = 160) -> np.ndarray:
    """Return a film (H, W) of uint8 with details of its own."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((12, 12)), (size, size), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.random((40, 40)), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(60 + 110 * coarse + 60 * fine, 0, 255), np.uint8)


def write(folder: Path, films: Mapping[str, np.ndarray | bytes]) -> None:
    """Write films, or bytes, by their path."""
    for name, film in films.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = film if isinstance(film, bytes) else cv2.imencode(path.suffix, film)[1].tobytes()
        path.write_bytes(data)


def scan(folder: Path, ignored: Mapping[str, str] | None = None) -> ArrayCache:
    """Return the arrays of the films in a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".csv")
    films = {str(path.relative_to(folder)): FilmFile(str(path)) for path in paths}
    place = str(folder.parent / f"{folder.name}_arrays")
    write_cache(plan_scan(FilmFolder(films, ignored or {}), PARAMS), place)
    return read_cache(place)


def record(n: int, **columns: object) -> pd.DataFrame:
    """Return the records of films that could be read, with columns of one's own."""
    names = [f"{k:03}.png" for k in range(n)]
    texts = dict.fromkeys(
        ("reason", "split", "label", "patient", "study", "series", "site", "sex", "age_note", "instance"), ""
    )  # fmt: skip
    table = pd.DataFrame({"image_id": names, "status": "ok", "row": range(n), **texts})
    facts: dict[str, object] = {"format": "png", "bits": 8.0, "channels": 1.0, "colour": 0.0}
    facts |= {
        "camera": False,
        "named": False,
        "grey_range": 0.8,
        "height_px": 100.0,
        "width_px": 80.0,
    }
    facts |= {"target": np.nan, "age_years": np.nan}
    facts |= dict.fromkeys(("source", "digest", "group_id", "duplicate_cluster"), names)
    return table.assign(**facts).assign(**columns)
