"""Whether an exported model says what the model says that it was made of."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.extras import require
from xraylab.imaging.preprocess import PreprocessParams, prepare_film
from xraylab.models.bundle import Bundle
from xraylab.prediction.engine import Reader, Sex
from xraylab.prediction.intake import LoadedFilm

if TYPE_CHECKING:
    from xraylab.prediction.export import Graph

__all__ = ["compare_outputs", "draw_noise", "run_onnx"]

logger = logging.getLogger(__name__)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
Outputs = dict[str, Floats]

_SEED = 0
_N_NOISE, _N_PHANTOMS, _PHANTOM_PX = 8, 4, 128
_HALF_BOUND = 0.02  # of a scale, where the processor predicts in bf16 and the graph does not


def draw_noise(n_films: int, size_px: int) -> Bytes:
    """Return seeded films (N, S, S): black, white, and noise from coarse to fine."""
    rng = np.random.default_rng(_SEED)
    films = []
    for number in range(n_films):
        edge = min(size_px, 2**number)
        coarse = rng.random((edge, edge), np.float32)
        film = cv2.resize(coarse, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
        films.append(np.rint(255 * film).astype(np.uint8))
    films[0][:], films[1][:] = 0, 255
    return np.stack(films)


def _draw_phantoms(bundle: Bundle, preparation: PreprocessParams) -> Bytes:
    """Return seeded phantoms (M, S, S) of what the bundle was trained on; none where that is not known."""
    from xraylab.phantoms.draw import DRAWN, draw_phantom

    known = sorted(set((bundle.source or {}).get("data_sets") or ()) & DRAWN.keys())
    size = preparation.size_px
    films = [
        prepare_film(draw_phantom(name, max(2 * size, _PHANTOM_PX), seed), preparation)
        for name in known[:1]
        for seed in range(_N_PHANTOMS)
    ]
    return np.stack(films) if films else np.zeros((0, size, size), np.uint8)


def compare_outputs(model: bytes, reader: Reader, graph: Graph, bundle: Bundle) -> dict[str, Any]:
    """Predict one batch with onnxruntime, with torch, and as the bundle itself does, and return how far they differ.

    Raises
    ------
    ValueError
        If an output differs by more than its bound.
    """
    import torch

    from xraylab.training.machine import choose_precision

    drawn = {
        name: np.concatenate([draw_noise(_N_NOISE, each.size_px), _draw_phantoms(bundle, each)])
        for name, each in bundle.preparations.items()
    }
    films = drawn[graph.preparation]
    n_films = len(films)
    sex = np.arange(n_films, dtype=np.float32) % 2
    found = run_onnx(model, graph, films, sex)
    alone = run_onnx(model, graph, films[-1:], sex[-1:])
    given = (torch.from_numpy(films), torch.from_numpy(sex))[: len(graph.inputs)]
    with torch.inference_mode():
        said = graph.network(*given)
    tensors = (said,) if isinstance(said, torch.Tensor) else said
    expected = {name: t.numpy() for name, t in zip(graph.outputs, tensors, strict=True)}
    own = _ask_reader(reader, graph, drawn, sex)
    exact = choose_precision("auto", "cpu") == "32-true"
    worst: dict[str, dict[str, float]] = {}
    for name, output in graph.outputs.items():
        bound = output.bound if exact else _HALF_BOUND * output.scale
        worst[name] = {
            "torch": _largest(found[name], expected[name], name, output.bound),
            "one_film": _largest(alone[name], found[name][-1:], name, output.bound),
            "pipeline": _largest(found[name], own[name], name, bound),
        }
        logger.info(
            "%s of %d films: ONNX differs from torch by at most %.2g, from the pipeline by %.2g (%.0e allowed)",
            name, n_films, worst[name]["torch"], worst[name]["pipeline"], bound,
        )  # fmt: skip
    return {
        "max_difference": worst,
        "n_checked": {"noise": _N_NOISE, "phantoms": n_films - _N_NOISE},
    }


def run_onnx(model: bytes, graph: Graph, films: Bytes, sex: Floats) -> Outputs:
    """Return what onnxruntime makes of an ONNX file, by the name of the output."""
    onnxruntime = require("onnxruntime")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = dict(zip(graph.inputs, (films, np.asarray(sex, np.float32)), strict=False))
    names = list(graph.outputs)
    return dict(zip(names, session.run(names, given), strict=True))


def _ask_reader(reader: Reader, graph: Graph, drawn: Mapping[str, Bytes], sex: Floats) -> Outputs:
    """Return the same outputs as the pipeline that predicts has them."""
    size = drawn[graph.preparation].shape[1:]
    shape = int(size[0]), int(size[1])
    loaded = [
        LoadedFilm(str(row), films={name: films[row] for name, films in drawn.items()}, shape=shape)
        for row in range(len(sex))
    ]
    sexes: list[Sex] = [("M" if each else "F", "") for each in sex]
    columns = [each.outputs for each in reader.read(loaded, sexes)]
    return {
        name: np.array([row[name] for row in columns], np.float64)
        if name in columns[0]
        else reader.heat(loaded, sexes)
        for name in graph.outputs
    }


def _largest(found: Floats, expected: Floats, name: str, bound: float) -> float:
    if found.shape != expected.shape:
        raise ValueError(f"{name}: ONNX gives the shape {found.shape}, torch {expected.shape}")
    largest = float(np.abs(found - expected).max())
    if not largest <= bound:  # nan too
        raise ValueError(
            f"{name}: ONNX differs from torch by {largest:.3g}, {bound:.3g} is allowed; nothing was written"
        )
    return largest
