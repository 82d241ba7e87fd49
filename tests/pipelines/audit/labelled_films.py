"""Records and arrays of films with planted truths, for the checks of parts, shortcuts and labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xraylab.imaging.array_cache import ArrayCache, hold_arrays

TEXTS = ("reason", "split", "label", "patient", "study", "series", "site", "sex")
MORE_TEXTS = ("manufacturer", "view", "modality", "body_part", "photometric", "source", "digest")


def make_records(n: int, **columns: object) -> pd.DataFrame:
    """Return records of n films that differ in nothing but what is given."""
    ids = [f"{i:05d}.png" for i in range(n)]
    table = pd.DataFrame({"image_id": pd.Series(ids, dtype=object), "status": "ok"})
    table["row"] = np.arange(n)
    for name in (*TEXTS, *MORE_TEXTS):
        table[name] = ""
    table = table.assign(
        target=np.nan, age_years=np.nan, format="png", file_bytes=1000.0, width_px=32.0
    )
    table = table.assign(height_px=32.0, bits=8.0, channels=1.0, jpeg_quality=np.nan, colour=0.0)
    table = table.assign(camera=False, kvp=np.nan, duplicate_cluster=ids, group_id=ids)
    return table.assign(**columns)


def make_arrays(records: pd.DataFrame, noise: int = 0) -> ArrayCache:
    """Return grey films of 32 pixels, with so many levels of noise; without any, no probe of pixels has an answer."""
    rng = np.random.default_rng(0)
    films = rng.integers(100, 101 + noise, (len(records), 32, 32)).astype(np.uint8)
    return hold_films(records, films)


def hold_films(records: pd.DataFrame, films: np.ndarray) -> ArrayCache:
    """Return a cache of these films, which were padded to a square."""
    preprocess = {"size_px": films.shape[1], "aspect": "pad"}
    return hold_arrays(films, films, records["image_id"], preprocess)
