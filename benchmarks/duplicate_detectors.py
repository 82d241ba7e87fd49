"""Ways to find copies of films side by side: what each finds, joins wrongly, and costs.

``python -m benchmarks.duplicate_detectors [--films 200] [--copied 60] [--sample 16] [--out FOLDER]``
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.duplicate_films import COPIES, Films, phantom_films, public_films
from benchmarks.report import Table, machine, publish
from xraylab.duplicates.clusters import join_copies
from xraylab.duplicates.details import read_details
from xraylab.duplicates.hash_distance import find_near_duplicates
from xraylab.duplicates.polar import correlate_turns, describe_film
from xraylab.duplicates.rotations import TurnedCopyParams, find_turned_copies
from xraylab.imaging.fingerprint import perceptual_hashes

__all__ = ["main"]

Pairs = NDArray[np.bool_]
_HASH_BITS = (32, 48, 64)
_POLAR = 0.85
_MATCHES = 20  # inliers of a similarity that two films of one motif do not reach by chance
_RATIO = 0.8
_ALL_PAIRS = 600  # films of which a way that correlates all pairs takes minutes


def _by_hash(films: NDArray[np.uint8], max_distance: int) -> pd.DataFrame:
    hashes = np.stack([perceptual_hashes(film) for film in films])
    return find_near_duplicates(hashes, max_distance)


def _by_polar_correlation(films: NDArray[np.uint8]) -> pd.DataFrame:
    """Correlate every pair in polar coordinates; nothing is laid upon anything."""
    spectra = [describe_film(read_details(film)[0]) for film in films]
    first, second = np.triu_indices(len(films), 1)
    similar = [
        correlate_turns(spectra[i], spectra[j]).similarity
        for i, j in zip(first, second, strict=True)
    ]
    alike = np.array(similar) >= _POLAR
    return pd.DataFrame({"first": first[alike], "second": second[alike]})


def _by_key_points(films: NDArray[np.uint8]) -> pd.DataFrame:
    """Match SIFT key points of every pair, mirrored too, and count those that one similarity explains."""
    detector, matcher = cv2.SIFT_create(500, contrastThreshold=0.01), cv2.BFMatcher(cv2.NORM_L2)
    plain = [detector.detectAndCompute(film, None) for film in films]
    mirrored = [detector.detectAndCompute(np.ascontiguousarray(f[:, ::-1]), None) for f in films]
    found = [
        (i, j)
        for i in range(len(films))
        for j in range(i + 1, len(films))
        if any(_inliers(matcher, plain[i], other) >= _MATCHES for other in (plain[j], mirrored[j]))
    ]
    return pd.DataFrame(found, columns=["first", "second"])


def _inliers(matcher: cv2.BFMatcher, first: tuple, second: tuple) -> int:
    (points, features), (others, other_features) = first, second
    if min(len(points), len(others)) < _MATCHES:
        return 0
    near = matcher.knnMatch(features, other_features, k=2)
    good = [a for a, b in near if a.distance < _RATIO * b.distance]
    if len(good) < _MATCHES:
        return 0
    start = np.float32([points[match.queryIdx].pt for match in good])
    end = np.float32([others[match.trainIdx].pt for match in good])
    cv2.setRNGSeed(0)
    _, inside = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=3)
    return 0 if inside is None else int(inside.sum())


DETECTORS: dict[str, Callable[[NDArray[np.uint8]], pd.DataFrame]] = {
    **{f"hash, {bits} bits": (lambda f, b=bits: _by_hash(f, b)) for bits in _HASH_BITS},
    f"polar correlation {_POLAR}": _by_polar_correlation,
    "xraylab": lambda films: find_turned_copies(films, TurnedCopyParams()),
}
ON_A_SAMPLE = {"SIFT + RANSAC": _by_key_points, "xraylab": DETECTORS["xraylab"]}


def _families(films: NDArray[np.uint8], find: Callable[..., pd.DataFrame]) -> tuple[Pairs, float]:
    """Return which films are of one family by a detector, and the seconds that it computed, on all cores."""
    start = time.process_time()
    pairs = find(films)
    seconds = time.process_time() - start
    names = join_copies(pd.Series([f"{k:06}" for k in range(len(films))]), pairs).to_numpy(object)
    return names[:, None] == names[None, :], seconds


def _score(found: Pairs, truth: Pairs) -> tuple[float | str, float | str, int, int]:
    """Return precision, recall, false pairs and missed pairs, over all pairs of files."""
    upper = np.triu(np.ones(truth.shape, bool), 1)
    right = int((found & truth & upper).sum())
    listed, true = int((found & upper).sum()), int((truth & upper).sum())
    precision = right / listed if listed else "none listed"
    recall = right / true if true else "none to find"
    return precision, recall, listed - right, true - right


def _table_of_sets(sets: Sequence[Films]) -> Table:
    table = Table(
        "duplicate_sets",
        "Copies in whole sets",
        [
            "films",
            "files",
            "way",
            "precision",
            "recall",
            "false pairs",
            "missed pairs",
            "s a 1,000",
        ],
    )
    for films in sets:
        truth = films.family[:, None] == films.family[None, :]
        for name, find in DETECTORS.items():
            if name.startswith("polar") and len(films.arrays) > _ALL_PAIRS:
                continue
            found, seconds = _families(films.arrays, find)
            scores = _score(found, truth)
            size = len(films.arrays)
            table.rows.append([films.name, size, name, *scores, 1000 * seconds / size])
    table.note = (
        "All pairs of files, families joined by chains; precision and recall against the truth of the phantoms, "
        "the folder and number in the name of the public set (a hint, with known errors), "
        "and no copy where each film is of another patient. "
        f"Seconds of processor time, both cores together. {machine()}"
    )
    return table


def _table_of_kinds(films: Films, detectors: dict[str, Callable[..., pd.DataFrame]]) -> Table:
    """Copy every film once in each way, and count the copies that are in the family of their film."""
    size = len(films.arrays)
    table = Table(
        f"duplicate_kinds_{'sample' if detectors is ON_A_SAMPLE else 'all'}_{films.name.split()[0]}",
        f"Share of copies found: {size} {films.name}, a copy of each",
        ["what was done to the copy", *detectors],
    )
    wrong, seconds = dict.fromkeys(detectors, 0), dict.fromkeys(detectors, 0.0)
    for kind, copy in COPIES.items():
        rng = np.random.default_rng(len(table.rows))
        both = np.concatenate([films.arrays, np.stack([copy(film, rng) for film in films.arrays])])
        origin = np.tile(np.arange(size), 2)
        row: list[object] = [kind]
        for name, find in detectors.items():
            found, taken = _families(both, find)
            row.append(float(found[np.arange(size), size + np.arange(size)].mean()))
            wrong[name] += int(np.triu(found & (origin[:, None] != origin[None, :])).sum())
            seconds[name] += taken
        table.rows.append(row)
    table.rows.append(["*false pairs in all rows*", *wrong.values()])
    per = 1000 / (2 * size * len(COPIES))
    table.rows.append(["*s a 1,000 files*", *(value * per for value in seconds.values())])
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description="Ways to find copies of films, side by side.")
    parser.add_argument("--films", type=int, default=200, help="distinct phantoms (default 200)")
    parser.add_argument("--copied", type=int, default=60, help="films copied (default 60)")
    parser.add_argument("--sample", type=int, default=16, help="films for SIFT (default 16)")
    parser.add_argument("--out", type=Path, help="folder for the tables as Markdown and CSV")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        phantoms = phantom_films(Path(folder), options.films)
    for find in DETECTORS.values():  # what is compiled or loaded at the first use is not timed
        find(phantoms.arrays[:2])
    sets = [phantoms, *public_films()]
    distinct = [films.distinct(options.copied) for films in sets[:2]]
    publish([_table_of_sets(sets)], options.out)
    for films in distinct:
        publish([_table_of_kinds(films, DETECTORS)], options.out)
        publish([_table_of_kinds(films.distinct(options.sample), ON_A_SAMPLE)], options.out)


if __name__ == "__main__":
    main()
