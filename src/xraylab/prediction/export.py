"""A bundle as ONNX: one graph from prepared films to what is reported, its card, and a script that predicts with them.

The script needs neither torch nor this package.

The graph is traced by torch's TorchScript exporter, which needs no further package and takes a second for a network;
what it computes is held against the bundle's own predictions in the same run.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xraylab import __version__
from xraylab.extras import require
from xraylab.imaging.files import write_bytes
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.bundle import Bundle
from xraylab.models.card import NOTICE
from xraylab.prediction.engine import PredictParams, Restore
from xraylab.prediction.parity import compare_outputs, draw_noise

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CARD", "MODEL", "SCRIPT", "ExportPlan", "Graph", "Output", "export_bundle"]

logger = logging.getLogger(__name__)


MODEL, CARD, SCRIPT = "model.onnx", "onnx.json", "predict_onnx.py"
"""Files of an export; the card is written last."""

FOLDER = "onnx"
"""Where an export lies in the folder of its bundle."""

_FORMAT = "xraylab.onnx/1"
_OPSET = 17


@dataclass(frozen=True)
class Output:
    """A number or a map that a graph gives.

    Attributes
    ----------
    label : str
        What it is, with its unit.
    scale : float
        Of its values: 1 for a probability, 100 for months.
    """

    label: str
    scale: float = 1.0

    @property
    def bound(self) -> float:
        """By how much ONNX may differ from torch: 1e-4 of the scale."""
        return 1e-4 * self.scale


@dataclass(frozen=True)
class Graph:
    """What of a released model is exported.

    Attributes
    ----------
    network : torch.nn.Module
        Maps films (B, S, S) of uint8, and where ``inputs`` names it the sex (B,), to the outputs in their order.
    outputs : dict of str to Output
        What it gives, by name. One that is no column of the task is the map that `Reader.heat` gives.
    card : dict
        What the script makes a row of: ``kind`` (``called``, ``age`` or ``mask``), thresholds, classes.
    inputs : tuple of str
        ``films``, and ``sex`` (1 male, 0 female) where it is read.
    without : str
        In one sentence what of the predictions stays behind; empty for nothing.
    preparation : str
        Which preparation of the bundle its films have.
    """

    network: nn.Module
    outputs: Mapping[str, Output]
    card: Mapping[str, Any]
    inputs: tuple[str, ...] = ("films",)
    without: str = ""
    preparation: str = "film"


@dataclass(frozen=True)
class ExportPlan:
    """What shall be exported; nothing is computed until it is written.

    Attributes
    ----------
    bundle : Bundle
        The released model.
    restore : callable
        Takes the bundle and the parameters and returns the `Reader` of its task.
    """

    bundle: Bundle
    restore: Restore

    def write(self, folder: str) -> None:
        """Write the export to a folder; empty for ``onnx`` in the folder of the bundle (`export_bundle`)."""
        export_bundle(self.bundle, self.restore, Path(folder) if folder else _beside(self.bundle))


def export_bundle(bundle: Bundle, restore: Restore, folder: Path) -> dict[str, Any]:
    """Write a bundle as ``model.onnx``, its card ``onnx.json``, and the script ``predict_onnx.py``.

    Parameters
    ----------
    bundle : Bundle
        The released model.
    restore : callable
        Takes the bundle and the parameters and returns the `Reader` of its task.
    folder : Path
        Made where it is missing; an earlier export there is replaced.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    ValueError
        If the task cannot be exported, the folder holds a model of other software, or ONNX does not give what torch
        gives: then nothing is written.
    ModuleNotFoundError
        If onnxruntime is missing, naming the extra that brings it.
    """
    require("onnxruntime")  # what is exported is checked with it
    if (folder / MODEL).exists() and not (folder / CARD).exists():
        raise ValueError(
            f"'{folder}' holds a {MODEL} that this software did not write; name another: out=FOLDER"
        )
    reader = restore(bundle, PredictParams(accelerator="cpu"))
    graph = reader.graph()
    preparation = bundle.preparations[graph.preparation]
    model = _add_facts(_trace(graph, preparation.size_px), bundle)
    differences = compare_outputs(model, reader, graph, bundle)
    script = Path(__file__).with_name(SCRIPT).read_bytes()
    files = {MODEL: model, SCRIPT: script}
    card = {
        **_describe(bundle, graph, preparation),
        **differences,
        "files": {name: _digest(content) for name, content in files.items()},
    }
    for name, content in {**files, CARD: json.dumps(card, indent=2).encode()}.items():
        write_bytes(str(folder / name), content)
    for sentence in filter(None, (card["without"], card["cannot_prepare"])):
        logger.warning("%s", sentence)
    logger.info("%s: %s and %s", folder, MODEL, SCRIPT)
    return card


def _beside(bundle: Bundle) -> Path:
    place = bundle.place.removeprefix("file://")
    if "://" in place or place.lower().endswith(".zip"):
        raise ValueError(
            f"'{place}' is no local folder that an export could lie in: name one with out=FOLDER"
        )
    return Path(place) / FOLDER


def _trace(graph: Graph, size_px: int) -> bytes:
    """Return the graph as an ONNX file, for any number of films."""
    import torch

    films = torch.from_numpy(draw_noise(2, size_px))
    example: tuple[Any, ...] = (films, torch.tensor([0.0, 1.0]))[: len(graph.inputs)]
    file = io.BytesIO()
    names = [*graph.inputs, *graph.outputs]
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter(
            "ignore"
        )  # of tracing: sizes are constants, and the exporter is an old one
        try:
            torch.onnx.export(
                graph.network.eval(), example, file,  # type: ignore[arg-type]
                input_names=list(graph.inputs), output_names=list(graph.outputs),
                dynamic_axes={name: {0: "batch"} for name in names},
                opset_version=_OPSET, dynamo=False,
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            first = str(error).strip().splitlines()[0]
            raise ValueError(f"a part of this model is not known to ONNX: {first}") from error
    return file.getvalue()


def _add_facts(model: bytes, bundle: Bundle) -> bytes:
    """Return an ONNX file that says of itself what it is, wherever it is copied to."""
    onnx = require("onnx")
    known = onnx.load_from_string(model)
    facts = {"task": bundle.task, "version": bundle.version, "trained_on": bundle.trained_on}
    onnx.helper.set_model_props(known, {**facts, "notice": NOTICE})
    for value in (*known.graph.input, *known.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(known)
    return bytes(known.SerializeToString())


def _describe(bundle: Bundle, graph: Graph, preparation: PreprocessParams) -> dict[str, Any]:
    names = ("size_px", "equalise", "window_percentiles", "crop", "aspect")
    prepared = {name: getattr(preparation, name) for name in names}
    return {
        "format": _FORMAT,
        "task": bundle.task,
        "title": bundle.card["title"],
        "limits": bundle.card["limits"],
        "cut_short": bundle.card.get("cut_short", ""),
        "notice": NOTICE,
        "model": bundle.card.get("model", bundle.task),
        "model_version": bundle.version,
        "trained_on": bundle.trained_on,
        "bundle_digest": bundle.digest,
        "preparation": json.loads(json.dumps(prepared)),
        "cannot_prepare": _cannot_prepare(preparation),
        "without": graph.without,
        "inputs": list(graph.inputs),
        "outputs": {name: output.label for name, output in graph.outputs.items()},
        **graph.card,
        "made_with": {"xraylab": __version__}
        | {name: version(name) for name in ("torch", "onnx", "onnxruntime")},
    }


def _cannot_prepare(preparation: PreprocessParams) -> str:
    if preparation.crop != "component":
        return ""
    return (
        f"{SCRIPT} cannot crop a film to the hand as this model's films were: give it films that xraylab has prepared, "
        "with --prepared."
    )


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
