"""Films per second of a released model: the engine of the pipelines beside a plain torch loop and onnxruntime.

``python -m benchmarks.prediction_speed [--films 300] [--rounds 3] [--out FOLDER]``

Films are phantoms, written as 8-bit PNG; networks have the sizes of ``conf/public`` and random weights, on which speed
does not depend. The engine starts its processes in every round, as a run does. How long that takes is measured on one
film, and counts once in what 10,000 films take.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.report import Table, interleave, machine, median_ratio, medians, publish
from xraylab.imaging.film_file import FilmFile
from xraylab.imaging.preprocess import PreprocessParams, prepare_film
from xraylab.models.bundle import Bundle, bundle_of, pack_bundle
from xraylab.models.classifiers import ClassifierParams, build_classifier, restore_classifier
from xraylab.models.networks import (
    NetworkParams,
    build_network,
    describe_network,
    restore_network,
)
from xraylab.models.state import ModelState
from xraylab.phantoms.draw import draw_phantom
from xraylab.pipelines import find_release
from xraylab.prediction.engine import Predictor, PredictParams
from xraylab.prediction.export import MODEL, export_bundle
from xraylab.prediction.familiarity import FamiliarityParams, fit_familiarity
from xraylab.prediction.intake import RADIOGRAPHY, LoadedFilm, load_films

__all__ = ["main"]

MANY = 10_000
START = "xraylab, one film"
ENGINE, STRANGER = "xraylab", "xraylab, unfamiliar films not looked for"
TORCH, TORCH_READING = "torch loop, films in memory", "torch loop, films read in one thread"
ONNX, ONNX_READING = "onnxruntime, films in memory", "onnxruntime, films read in one thread"
BASE = TORCH_READING


@dataclass(frozen=True)
class Case:
    """One task: its network, its films, and how they are prepared."""

    task: str
    data_set: str
    size_px: int
    describe: Callable[[int], ModelState]
    restore: Callable[[ModelState], torch.nn.Module]
    facts: dict[str, Any]


def describe_fracture(size_px: int) -> ModelState:
    """Return the network of fracture that conf/public releases, for one view."""
    params = ClassifierParams(widths=(16, 32, 64, 128), pool="max", dense=None, shrink=2)
    card = {"network": params.model_dump(mode="json"), "size_px": size_px, "views": 1}
    network = build_classifier(params, 0, size_px)
    return describe_network(network, {**card, "calibration": None, "threshold": 0.5})


def describe_lungs(size_px: int) -> ModelState:
    """Return the network of lung_segmentation that conf/public releases."""
    options = {"encoder_depth": 5, "decoder_channels": [96, 48, 24, 16, 8]}
    params = NetworkParams(encoder="timm-tf_efficientnet_lite0", options=options)
    card = {"network": params.model_dump(mode="json"), "size_px": size_px, "views": 1}
    return describe_network(build_network(params, 0), card)


CASES = [
    Case("fracture", "fracture_multi_region", 224, describe_fracture, restore_classifier, {}),
    Case(
        "lung_segmentation", "montgomery_shenzhen", 256, describe_lungs, restore_network,
        {"threshold": 0.5, "clean": True, "plausible_fraction": [0.0, 1.0]},
    ),
]  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks prediction_speed", description=__doc__
    )
    parser.add_argument("--films", type=int, default=300)
    parser.add_argument("--distinct", type=int, default=40, help="phantoms; others are copies")
    parser.add_argument("--edge", type=int, default=1024, help="of a film, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, default=-1, help="processes that read films")
    parser.add_argument("--accelerator", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    tables = []
    for case in CASES:
        with TemporaryDirectory() as folder:
            tables.append(compare(case, Path(folder), options))
    publish(tables, options.out)


def compare(case: Case, folder: Path, options: argparse.Namespace) -> Table:
    """Time all ways on one folder of films."""
    files = write_films(case, folder / "films", options)
    bundle = pack(case, files[: options.distinct])
    export_bundle(bundle, find_release(case.task).restore, folder)
    params = PredictParams(
        batch_size=options.batch, workers=options.workers, accelerator=options.accelerator
    )
    restore = find_release(case.task).restore
    predictor = Predictor(bundle, restore, params)
    bare = Predictor(replace(bundle, familiarity=None), restore, params)
    preparation = bundle.preparations["film"]
    arrays = np.stack([prepare_film(file(), preparation) for file in files])
    on_torch, on_onnx = torch_loop(case, options), onnx_loop(folder / MODEL)

    def read() -> Iterator[NDArray[np.uint8]]:
        films = (prepare_film(file(), preparation) for file in files)
        while batch := list(islice(films, options.batch)):
            yield np.stack(batch)

    def held() -> Iterator[NDArray[np.uint8]]:
        for start in range(0, len(arrays), options.batch):
            yield arrays[start : start + options.batch]

    ways: dict[str, Callable[[], object]] = {
        START: lambda: predict(predictor, files[:1]),
        ENGINE: lambda: predict(predictor, files),
        STRANGER: lambda: predict(bare, files),
        TORCH: lambda: [on_torch(batch) for batch in held()],
        TORCH_READING: lambda: [on_torch(batch) for batch in read()],
        ONNX: lambda: [on_onnx(batch) for batch in held()],
        ONNX_READING: lambda: [on_onnx(batch) for batch in read()],
    }
    seconds = interleave(ways, options.rounds)
    start = medians(seconds)[START]
    seconds.pop(START)
    middle = medians(seconds)
    rows: list[list[object]] = [
        [
            way,
            len(files) / middle[way],
            median_ratio(seconds[BASE], seconds[way]),
            minutes_of_many(middle[way], len(files), start if way in (ENGINE, STRANGER) else 0.0),
        ]
        for way in seconds
    ]
    columns = ["way", "films per second", f"times '{BASE}'", f"{MANY:,} films take (min)"]
    device = "GPU" if torch.cuda.is_available() and options.accelerator != "cpu" else "CPU"
    note = (
        f"{len(files)} films of {options.edge} px, network at {case.size_px} px, batches of {options.batch}, torch on "
        f"the {device} ({torch.__version__}, {torch.get_num_threads()} threads), onnxruntime on the CPU; "
        f"{params.n_workers} processes read films for xraylab, and start in "
        f"{start:.1f} s. Median of {options.rounds} rounds. {machine()}"
    )
    title = f"Films per second, {case.task}"
    return Table(f"prediction_speed_{case.task}", title, columns, rows, note)


def minutes_of_many(seconds: float, n_films: int, start: float) -> object:
    """Return the minutes that many films take, where a start that is made once does not count for each of them."""
    if seconds < 2 * start:
        return "too few films to say"
    return (start + (seconds - start) * MANY / n_films) / 60


def write_films(case: Case, folder: Path, options: argparse.Namespace) -> list[FilmFile]:
    """Write phantoms, each as often as it takes."""
    folder.mkdir(parents=True)
    drawn = []
    for seed in range(min(options.distinct, options.films)):
        film = draw_phantom(case.data_set, options.edge, seed)
        drawn.append(cv2.imencode(".png", np.rint(255 * film).astype(np.uint8))[1].tobytes())
    files = []
    for number in range(options.films):
        path = folder / f"{number:05d}.png"
        path.write_bytes(drawn[number % len(drawn)])
        files.append(FilmFile(str(path)))
    return files


def pack(case: Case, files: Sequence[FilmFile]) -> Bundle:
    """Return a bundle of one network, with the score of unfamiliar films fitted to some of the films."""
    preparation = PreprocessParams(size_px=case.size_px)
    films = np.stack([prepare_film(file(), preparation) for file in files])
    groups = pd.Series([str(number) for number in range(len(films))])
    card = {
        "title": case.task, "limits": "", "model": "network", "familiarity_of": "film",
        "modalities": list(RADIOGRAPHY), "body_parts": [],
        "preparations": {"film": preparation.model_dump(mode="json")}, **case.facts,
    }  # fmt: skip
    members = {"network": case.describe(case.size_px)}
    familiarity = fit_familiarity(films, groups, FamiliarityParams())
    states = pack_bundle(case.task, card, members, familiarity)
    return bundle_of(states, "", {"run": "", "data_sets": {case.data_set: ""}, "phantoms": True})


def predict(predictor: Predictor, files: Sequence[FilmFile]) -> int:
    """Do what a pipeline does but for writing: read films in processes, and predict them a batch at a time."""
    named = [(file.path, file) for file in files]
    loaded = load_films(named, predictor.intake, predictor.params.n_workers)
    done = 0
    while batch := list[LoadedFilm](islice(loaded, predictor.params.batch_size)):
        done += len(predictor.predict_loaded(batch, [("", "")] * len(batch)))
    return done


def torch_loop(
    case: Case, options: argparse.Namespace
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return the same network as one would write it by hand, in float32."""
    on_gpu = options.accelerator != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    network = case.restore(case.describe(case.size_px)).to(device)

    def run(films: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            batch = torch.from_numpy(films)[:, None].to(device).float() / 63.75 - 2
            return np.asarray(torch.sigmoid(network(batch)).cpu().numpy(), np.float32)

    return run


def onnx_loop(model: Path) -> Callable[[NDArray[np.uint8]], Any]:
    """Return the exported model on the processor."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(model), settings, ["CPUExecutionProvider"])
    return lambda films: session.run(None, {"films": films})


if __name__ == "__main__":
    main()
