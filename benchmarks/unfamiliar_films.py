"""Which films are refused as unlike those of a training: each set as outsider to every other task, and no films at all.

``python -m benchmarks.unfamiliar_films [--raw FOLDER] [--phantoms] [--most 420] [--tasks NAME …] [--out FOLDER]``

The films of each task are in three folds of patients: a film is assessed by a fit to the other two thirds, and
outsiders by all three fits. AUROC is the mean of the three.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pandas as pd
import skimage.data
from numpy.typing import NDArray
from omegaconf import OmegaConf
from pydicom.data import get_testdata_files
from sklearn.metrics import roc_auc_score

from benchmarks.report import Table, machine, publish
from xraylab.evaluation.splits import assign_folds
from xraylab.imaging import UnreadableRadiograph, read_radiograph
from xraylab.imaging.fingerprint import digest_pixels
from xraylab.imaging.preprocess import PreprocessParams, prepare_film
from xraylab.phantoms.registry import write_phantom
from xraylab.prediction.familiarity import (
    Familiarity,
    FamiliarityParams,
    fit_familiarity,
    restore_familiarity,
)

__all__ = ["main"]

Film = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PROJECT = Path(__file__).resolve().parents[1]
PUBLIC = PROJECT.parent / "shared" / "data"
FOLDS, SEED, BATCH, PER_FAMILY, ROUNDS = 3, 2018, 32, 4, 7
CHESTS = ("montgomery", "shenzhen", "nih", "covid")
BONES = ("hands", "hands_full", "fracture")
PATTERNS = {
    "montgomery": "montgomery_shenzhen/CXR_png/MCUCXR*.png",
    "shenzhen": "montgomery_shenzhen/CXR_png/CHNCXR*.png",
    "nih": "nih_chest_xray14/images/*.png",
    "covid": "covid_lesions/images/*",
    "hands": "rsna_bone_age/boneage-training-dataset/*.png",
    "hands_full": "rsna_bone_age_fullres/boneage-training-dataset/*.png",
    "fracture": "fracture_multi_region/**/*.[jp][pn]*g",
}
TASKS = {
    "lung_segmentation": ("montgomery", "shenzhen"),
    "tb_classification": ("montgomery", "shenzhen"),
    "lesion_regression": ("covid", "nih"),
    "dose_estimation": ("nih",),
    "bone_age": ("hands",),
    "fracture": ("fracture",),
}
WITHOUT_COHORT = {"size_px": 256, "equalise": "none"}
"""Preparation for the task whose training reads features and not films."""

DEFAULT = FamiliarityParams()
PARAMS = {"fracture": FamiliarityParams(margin=1.0)}
"""Where not the defaults: the fracture films come from many sources, so that new ones are no reason for a margin."""

POSES: dict[str, Callable[[Film], Film]] = {
    "looks inverted": lambda film: 1 - film,
    "looks turned by 90° to the left": lambda film: np.rot90(film, 1),
    "looks turned by 180°": lambda film: np.rot90(film, 2),
    "looks turned by 90° to the right": lambda film: np.rot90(film, 3),
}


@dataclass
class FilmSet:
    """Films of one source: how each is read, and its patient."""

    read: list[Callable[[], Film]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def _groups(name: str, paths: list[Path]) -> list[str]:
    if name == "nih":
        return [path.stem.split("_")[0] for path in paths]
    if name == "fracture":  # copies have the number of their original in front
        found = [re.match(r"\d+", path.stem) for path in paths]
        return [
            f"{number[0]} {path.parent.name}" if number else path.stem
            for number, path in zip(found, paths, strict=True)
        ]
    return [path.stem for path in paths]


def _read_set(name: str, paths: list[Path], most: int) -> FilmSet:
    """Return the readable, distinct films, at most so many, of each family of copies a few."""
    order = np.random.default_rng(SEED).permutation(len(paths))
    paths = [paths[i] for i in order]
    kept, seen, per_group = FilmSet(), set(), dict[str, int]()
    for path, group in zip(paths, _groups(name, paths), strict=True):
        if len(kept.read) == most or per_group.get(group, 0) == PER_FAMILY:
            continue
        try:
            digest = digest_pixels(read_radiograph(path))
        except UnreadableRadiograph:
            continue
        if digest not in seen:
            seen.add(digest)
            per_group[group] = per_group.get(group, 0) + 1
            kept.read.append(partial(read_radiograph, path))
            kept.groups.append(group)
    return kept


def _outsiders() -> dict[str, FilmSet]:
    """Return what is no radiograph: pydicom's test files, photographs of scikit-image, noise and films of little."""
    photographs = [
        path
        for path in sorted(Path(skimage.data.__file__).parent.iterdir())
        if path.suffix in (".png", ".jpg")
    ]
    dicom = sorted(Path(each) for each in get_testdata_files() if Path(each).is_file())
    rng = np.random.default_rng(SEED)
    drawn = {
        "noise": [_noise(rng, 2.0 ** (i % 8 - 1)) for i in range(40)],
        "blank": [np.full((256, 256), i / 19, np.float32) for i in range(20)],
        "blank, grain of 1 %": [
            np.clip(i / 19 + 0.01 * rng.standard_normal((256, 256)), 0, 1).astype(np.float32)
            for i in range(20)
        ],
        "smooth ramp": [_ramp(i) for i in range(20)],
    }
    return {
        "pydicom's test files": _read_set("", dicom, len(dicom)),
        "scikit-image's images": _read_set("", photographs, len(photographs)),
        **{
            name: FilmSet([partial(np.copy, film) for film in films], [name] * len(films))
            for name, films in drawn.items()
        },
    }


def _noise(rng: np.random.Generator, blur_px: float) -> Film:
    noise = rng.standard_normal((256, 256)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), blur_px) if blur_px >= 1 else noise
    return np.asarray((blurred - blurred.min()) / np.ptp(blurred), np.float32)


def _ramp(number: int) -> Film:
    y, x = np.mgrid[:256, :256].astype(np.float32) / 255
    ramp = x if number % 2 else np.hypot(x - 0.5, y - 0.5)
    return np.asarray(np.clip(number / 38 + 0.4 * ramp, 0, 1), np.float32)


def _preparation(task: str, environment: str) -> PreprocessParams:
    folders = ["base"] if environment == "base" else ["base", environment]
    files = [PROJECT / "conf" / folder / task / "parameters.yml" for folder in folders]
    settings = OmegaConf.merge(*(OmegaConf.load(file) for file in files if file.exists()))
    found = OmegaConf.select(settings, f"{task}.cohort.preprocess")
    return PreprocessParams.model_validate(
        WITHOUT_COHORT if found is None else OmegaConf.to_container(found)
    )


def _prepared(
    films: FilmSet, params: PreprocessParams, pose: Callable[[Film], Film] | None = None
) -> Bytes:
    read = ((film() if pose is None else pose(film())) for film in films.read)
    return np.stack([prepare_film(np.ascontiguousarray(film), params) for film in read])


def _assess(familiarity: Familiarity, films: Bytes) -> Iterator[dict[str, object]]:
    for start in range(0, len(films), BATCH):
        for found in familiarity.assess(films[start : start + BATCH]):
            said = (*found.doubts, found.refused)
            yield {
                "score": found.score,
                "refused": bool(found.refused),
                "doubtful": bool(found.doubts) and not found.refused,
                "pose": next((pose for pose in POSES if any(pose in each for each in said)), ""),
            }


def _measure(
    task: str, sets: dict[str, FilmSet], preparation: PreprocessParams
) -> list[dict[str, object]]:
    """Return one row per film and fold: task, fold, set, view and what `Assessment` says."""
    own = [name for name in TASKS[task] if name in sets]
    members = FilmSet(
        [read for name in own for read in sets[name].read],
        [f"{name} {group}" for name in own for group in sets[name].groups],
    )
    films, groups = _prepared(members, preparation), pd.Series(members.groups)
    folds = assign_folds(groups, FOLDS, SEED).to_numpy()
    others = {name: _prepared(each, preparation) for name, each in sets.items() if name not in own}
    rows: list[dict[str, object]] = []
    for fold in range(FOLDS):
        fitted, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        start = time.perf_counter()
        state = fit_familiarity(films[fitted], groups.iloc[fitted], PARAMS.get(task, DEFAULT))
        seconds = time.perf_counter() - start
        print(
            f"{task}, fold {fold}: fit to {state.card['n_films']} films in {seconds:.0f} s",
            file=sys.stderr,
        )
        familiarity = restore_familiarity(state)
        shown = {("held-out", ""): films[held]}
        left = FilmSet([members.read[i] for i in held], [])
        shown |= {
            ("held-out", name): _prepared(left, preparation, pose) for name, pose in POSES.items()
        }
        shown |= {(name, ""): each for name, each in others.items()}
        for (name, view), each in shown.items():
            rows += [
                {"task": task, "fold": fold, "set": name, "view": view, **found}
                for found in _assess(familiarity, each)
            ]
        rows += [
            {"task": task, "fold": fold, "set": "asked", "view": name, "refused": pose["asked"]}
            for name, pose in state.card["poses"].items()
        ]
    return rows


def _auroc(rows: pd.DataFrame, task: str, name: str) -> float:
    values = []
    for _, part in rows[rows["task"] == task].groupby("fold"):
        both = part[part["set"].isin(["held-out", name])]
        values.append(roc_auc_score(both["set"] == name, both["score"]))
    return float(np.mean(values))


def _near(task: str) -> tuple[str, ...]:
    """Return the sets that may hold films of the task's own kind."""
    return CHESTS if TASKS[task][0] in CHESTS else BONES


def _tabulate_own(plain: pd.DataFrame, kind: str) -> Table:
    table = Table(
        f"unfamiliar_films_own_{kind}",
        f"Films of the task's own kind ({kind})",
        ["task", "films", "n", "doubtful, %", "refused, %", "score, median", "99 %", "AUROC"],
    )
    for task in plain["task"].unique():
        for name in ("held-out", *_near(task)):
            part = plain[(plain["task"] == task) & (plain["set"] == name)]
            if not len(part):
                continue
            own = name == "held-out"
            shares = [100 * part[each].astype(float).mean() for each in ("doubtful", "refused")]
            scores = part["score"].quantile([0.5, 0.99]).tolist()
            auroc = "" if own else _auroc(plain, task, name)
            n = len(part) if own else len(part) // FOLDS
            table.rows.append([task, name, n, *shares, *scores, auroc])
    return table


def _tabulate_others(plain: pd.DataFrame, kind: str) -> Table:
    tasks = list(plain["task"].unique())
    columns = ["set", "n", *tasks]
    table = Table(
        f"unfamiliar_films_others_{kind}", f"Outsiders: AUROC, refused in % ({kind})", columns
    )
    for name in plain["set"].unique():
        cells, n = [], 0
        for task in tasks:
            part = plain[(plain["task"] == task) & (plain["set"] == name)]
            other = len(part) and name != "held-out" and name not in _near(task)
            n = len(part) // FOLDS if other else n
            refused = 100 * part["refused"].astype(float).mean() if other else 0.0
            cells.append(f"{_auroc(plain, task, name):.3f}, {refused:.1f} %" if other else "")
        if n:
            table.rows.append([name, n, *cells])
    return table


def _tabulate_poses(rows: pd.DataFrame, kind: str) -> Table:
    table = Table(
        f"unfamiliar_films_poses_{kind}",
        f"Held-out films, inverted and turned ({kind})",
        ["task", "what", "asked", "noticed, %", "refused, %", "doubtful, %", "false alarms, %"],
    )
    held = rows[rows["set"] == "held-out"]
    for task in held["task"].unique():
        upright = held[(held["task"] == task) & (held["view"] == "")]
        for pose in POSES:
            part = held[(held["task"] == task) & (held["view"] == pose)]
            asked = rows[(rows["task"] == task) & (rows["set"] == "asked") & (rows["view"] == pose)]
            table.rows.append(
                [
                    task, pose.removeprefix("looks "), f"{int(asked['refused'].sum())} of {FOLDS}",
                    100 * (part["pose"] == pose).mean(), 100 * part["refused"].mean(),
                    100 * part["doubtful"].mean(), 100 * (upright["pose"] == pose).mean(),
                ]
            )  # fmt: skip
    return table


def _time(sets: dict[str, FilmSet]) -> Table:
    """Time assessments of prepared films on the processor, and the fit; other work on the machine does not count."""
    params = PreprocessParams.model_validate(WITHOUT_COHORT)
    films = _prepared(FilmSet(sets["noise"].read[:BATCH]), params)
    groups = pd.Series(range(len(films)))
    fit_familiarity(films, groups, DEFAULT)  # the first one loads the encoder
    start = time.process_time()
    state = fit_familiarity(films, groups, DEFAULT)
    fit = (time.process_time() - start) / len(films)
    familiarity = restore_familiarity(state)
    familiarity.assess(films)
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        familiarity.assess(films)
        seconds.append((time.process_time() - start) / len(films))
    table = Table("unfamiliar_films_time", "Time", ["what", "processor, ms per film"])
    table.rows += [
        ["score and poses of a film", 1e3 * median(seconds)],
        ["fit, per training film", 1e3 * fit],
    ]
    table.note = f"Prepared films of {params.size_px} pixels, {BATCH} at once, median of {ROUNDS} rounds. {machine()}"
    return table


def _phantoms(folder: Path) -> None:
    sizes = OmegaConf.load(PROJECT / "conf" / "base" / "globals.yml").phantoms
    for name in {pattern.split("/")[0] for pattern in PATTERNS.values()} & set(sizes):
        write_phantom(name, folder / name, OmegaConf.to_container(sizes[name], resolve=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description="Films unlike those of a training.")
    parser.add_argument("--raw", type=Path, default=Path(os.environ.get("XRAYLAB_RAW", PUBLIC)))
    parser.add_argument("--phantoms", action="store_true", help="phantoms in place of films")
    parser.add_argument("--most", type=int, default=420, help="films of a set at most")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS), metavar="TASK")
    parser.add_argument("--out", type=Path, help="folder for the tables as Markdown and CSV")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) if options.phantoms else options.raw
        if options.phantoms:
            _phantoms(raw)
        sets = {
            name: _read_set(name, sorted(raw.glob(pattern)), options.most)
            for name, pattern in PATTERNS.items()
        }
        sets = {name: each for name, each in sets.items() if each.read} | _outsiders()
        rows: list[dict[str, object]] = []
        for task in options.tasks:
            rows += _measure(
                task, sets, _preparation(task, "base" if options.phantoms else "public")
            )
    table = pd.DataFrame(rows)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out / "unfamiliar_films_rows.csv", index=False)
    kind = "phantoms" if options.phantoms else "films"
    plain = table[(table["set"] != "asked") & (table["view"] == "")]
    own, others = _tabulate_own(plain, kind), _tabulate_others(plain, kind)
    publish([own, others, _tabulate_poses(table, kind), _time(sets)], options.out)


if __name__ == "__main__":
    main()
