"""The released model: any chest films → probability of tuberculosis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.segmentation import clean_mask
from xraylab.flow.release import (
    CALLED,
    CHEST,
    FILM,
    MaskNetworks,
    Release,
    call_films,
    called_graph,
    draw_mask,
    find_released,
    pack_release,
    stack_films,
    trained_films,
)
from xraylab.imaging.array_cache import ArrayCache, hold_arrays
from xraylab.models.bundle import Bundle, bundle_of
from xraylab.models.embeddings import Embeddings, hold_embeddings
from xraylab.models.frozen import GRADIENTS
from xraylab.models.networks import Weights
from xraylab.models.state import ModelState
from xraylab.prediction.engine import Finding, PredictParams, Sex
from xraylab.prediction.export import Graph
from xraylab.prediction.intake import LoadedFilm
from xraylab.prediction.result import Column
from xraylab.training.params import TrainingParams

from .classifiers import predict_classifier, restore
from .features import LungPrior, measure_radiomics
from .material import Material
from .params import CLASS_NAMES, EmbeddingParams, TbCohortParams, TbReleaseParams

if TYPE_CHECKING:
    from torch import nn

    from xraylab.training.embed import KnownEncoder

__all__ = ["RELEASE", "pack_bundle", "pack_encoders", "pack_lungs"]

Bytes = NDArray[np.uint8]

_LUNGS, _PRIOR, _ENCODER = "lungs", "lung_prior", "encoder-"
_NO_LUNGS = (
    "no lungs were found, so that it was predicted without the models that look at lungs alone"
)


def pack_bundle(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    lungs: dict[str, ModelState],
    encoders: dict[str, ModelState],
    params: TbReleaseParams,
) -> dict[str, ModelState]:
    """Pack the released model: its trainings of all folds, encoders and lungs.

    Parameters
    ----------
    arrays, cohort : ArrayCache, DataFrame
        Films of the honest protocol.
    models : dict of str to ModelState
        Of the honest protocol.
    lungs : dict of str to ModelState
        As `pack_lungs` gives it.
    encoders : dict of str to ModelState
        As `pack_encoders` gives it.
    params : TbReleaseParams
        Which model.

    Raises
    ------
    ValueError
        If there is no such model, or it was trained on films prepared in another way.
    """
    released, parts = _released(models, params.model, arrays)
    described = lungs[_LUNGS].card
    members = {**released, **parts, **encoders, **lungs}
    card: dict[str, Any] = {
        "model": params.model,
        "released": list(released),
        "parts": list(parts),
        "encoders": [name.removeprefix(_ENCODER) for name in encoders],
        "preparations": {_LUNGS: described["preprocess"]} if described["networks"] else {},
    }
    return pack_release(RELEASE, members, trained_films(arrays, cohort), params, card)


def _released(
    models: dict[str, ModelState], model: str, arrays: ArrayCache
) -> tuple[dict[str, ModelState], dict[str, ModelState]]:
    """Return the released model of each fold, and all stored models that it is the mean of, by their keys."""
    released = find_released(models, model, arrays)
    keys = [each for key, state in released.items() for each in state.card.get("members", [key])]
    return released, {key: models[key] for key in keys}


def pack_lungs(
    lung_prior: LungPrior, lung_bundle: dict[str, ModelState], cohort: TbCohortParams
) -> dict[str, ModelState]:
    """Put together how the lungs of new films are found: by released networks, or else by an estimate.

    Parameters
    ----------
    lung_prior : dict of str to ModelState
        The estimate.
    lung_bundle : dict of str to ModelState
        The bundle of lung_segmentation; empty where that has not run.
    cohort : TbCohortParams
        How lungs are cut out.
    """
    card: dict[str, Any] = {"margin": cohort.lung_margin, "networks": []}
    found = {_PRIOR: lung_prior[_LUNGS]}
    if lung_bundle:
        bundle = bundle_of(lung_bundle, "lung_segmentation", None)
        networks = {f"{_LUNGS}-{name}": state for name, state in bundle.members.items()}
        found |= networks
        card |= {name: bundle.card[name] for name in ("threshold", "clean")}
        card |= {"networks": list(networks), "preprocess": bundle.card["preparations"][FILM]}
    return {**found, _LUNGS: ModelState(card)}


def pack_encoders(
    arrays: ArrayCache,
    models: dict[str, ModelState],
    encoder_weights: Weights,
    embedding: EmbeddingParams,
    params: TbReleaseParams,
) -> dict[str, ModelState]:
    """Return the frozen encoders that the released model was fitted to, as stored models.

    Raises
    ------
    ValueError
        If an encoder has other weights than those of its training.
    """
    from xraylab.training.embed import KnownEncoder

    packed: dict[str, ModelState] = {}
    for state in _released(models, params.model, arrays)[1].values():
        name = state.card["spec"].get("encoder")
        if name is None or f"{_ENCODER}{name}" in packed:
            continue
        known = KnownEncoder(embedding.encoders[name], embedding.seed, encoder_weights)
        facts = state.card["embedding"]
        if known.digest != facts["weights_digest"]:
            raise ValueError(
                f"the encoder '{name}' now has other weights ({known.weights}, {known.digest}) than when "
                f"'{params.model}' was trained ({facts['weights']}, {facts['weights_digest']}); train it again"
            )
        packed[f"{_ENCODER}{name}"] = known.state(embedding.seed)
    return packed


@dataclass(frozen=True)
class TbReader:
    """Models of tuberculosis, for any chest films."""

    bundle: Bundle
    params: PredictParams
    columns = (*CALLED, Column("lungs", "Lungs"))
    segments = ()

    @cached_property
    def _parts(self) -> dict[str, tuple[ModelState, Any]]:
        members = self.bundle.members
        return {name: (members[name], restore(members[name])) for name in self.bundle.card["parts"]}

    @cached_property
    def _encoders(self) -> dict[str, KnownEncoder]:
        from xraylab.training.embed import restore_encoder

        return {
            name: restore_encoder(self.bundle.members[f"{_ENCODER}{name}"])
            for name in self.bundle.card["encoders"]
        }

    @cached_property
    def _lung_networks(self) -> MaskNetworks | None:
        states = [self.bundle.members[name] for name in self._lungs["networks"]]
        return MaskNetworks(states, self.params.accelerator) if states else None

    @property
    def _lungs(self) -> dict[str, Any]:
        return self.bundle.members[_LUNGS].card

    def read(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> list[Finding]:
        """Predict films by the mean of the released model's trainings on all folds.

        The lungs of a film in which the network draws none are estimated. Where there is no estimate either, it is
        predicted without those members that look at lungs alone.
        """
        material, drawn = self._collect(films)
        ids = material.arrays.index["image_id"]
        has_lungs = (material.radiomics["lung_area"] > 0).to_numpy()
        training = TrainingParams(accelerator=self.params.accelerator)
        found = np.full((len(self._parts), len(ids)), np.nan)
        for row, (state, restored) in enumerate(self._parts.values()):
            able = has_lungs | (not _needs_lungs(state))
            if able.any():
                found[row, able] = predict_classifier(
                    state, material, ids[able], training, restored
                )
        states = [self.bundle.members[name] for name in self.bundle.card["released"]]
        read = np.isfinite(found).any(axis=0)
        called = iter(call_films(found[:, read], states, CLASS_NAMES) if read.any() else [])
        findings = []
        for place in range(len(ids)):
            lungs = ("segmented" if drawn[place] else "estimated") if has_lungs[place] else "none"
            doubts = () if has_lungs[place] else (_NO_LUNGS,)
            values = next(called) if read[place] else {}
            findings.append(Finding({**values, "lungs": lungs}, doubts))
        return findings

    def _collect(self, films: Sequence[LoadedFilm]) -> tuple[Material, NDArray[np.bool_]]:
        """Put together all that the models may look at, and say of which films a network has drawn the lungs."""
        batch, masks = stack_films(films), self._draw_lungs(films)
        ids = pd.Series([str(row) for row in range(len(films))])
        preparation = self.bundle.preparations[FILM]
        arrays = hold_arrays(batch, masks, ids, preparation.model_dump(mode="json"))
        cohort = TbCohortParams(preprocess=preparation, lung_margin=self._lungs["margin"])
        prior = {"lungs": self.bundle.members[_PRIOR]}
        bare = Material(arrays, prior, {}, pd.DataFrame(), cohort)
        embeddings = {name: self._embed(name, bare, ids) for name in self._encoders}
        radiomics = measure_radiomics(arrays, prior)
        drawn = np.asarray(masks.any(axis=(1, 2)), bool)
        return Material(arrays, prior, embeddings, radiomics, cohort), drawn

    def _embed(self, name: str, material: Material, ids: pd.Series) -> Embeddings:
        from xraylab.training.embed import EncodeFilms

        encoder = self._encoders[name]
        films = material.films(encoder.params.inside_lungs)
        matrix = EncodeFilms(encoder, films)(np.arange(len(ids)))
        return hold_embeddings(matrix, ids, ids, {})

    def _draw_lungs(self, films: Sequence[LoadedFilm]) -> Bytes:
        """Return the lungs (B, S, S) of films by the packed networks; empty where there are none."""
        size = self.bundle.preparations[FILM].size_px
        if self._lung_networks is None:
            return np.zeros((len(films), size, size), np.uint8)
        lungs = self._lungs
        maps = self._lung_networks.maps(stack_films(films, _LUNGS))
        drawn = [draw_mask(seen, (size, size), lungs["threshold"]) for seen in maps]
        return np.stack([clean_mask(mask) for mask in drawn] if lungs["clean"] else drawn)

    def heat(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> NDArray[np.float32]:
        """Return what speaks for tuberculosis: the mean Grad-CAM map (B, S, S) of the networks.

        Raises
        ------
        ValueError
            If no member of the released model is a network that looks at films.
        """
        from xraylab.training.saliency import grad_cam

        networks = [each for each in self._parts.values() if each[0].card["spec"]["kind"] == "cnn"]
        if not networks:
            raise ValueError(
                f"'{self.bundle.card['model']}' has no network among its members, so that there is no map of where it "
                "looks: set tb_classification.release.model to a cnn and train again"
            )
        material, _ = self._collect(films)
        rows = np.arange(len(films))
        maps = [
            grad_cam(network, np.asarray(material.films(state.card["spec"]["inside_lungs"])[rows]))
            for state, network in networks
        ]
        return np.asarray(np.mean(maps, axis=0), np.float32)

    def graph(self) -> Graph:
        """Return the mean of its trainings for export.

        Raises
        ------
        ValueError
            If one of them looks at the lungs alone, or is made of trees.
        """
        members = [self._member(name, *each) for name, each in self._parts.items()]
        states = [self.bundle.members[name] for name in self.bundle.card["released"]]
        return called_graph(members, states, CLASS_NAMES)

    def _member(self, name: str, state: ModelState, restored: Any) -> nn.Module:
        """Return one training as a graph from films to probabilities."""
        from xraylab.prediction.graphs import (
            EncodedGraph,
            KernelClassifier,
            LinearClassifier,
            NetworkGraph,
        )

        spec = state.card["spec"]
        if (reason := _no_graph(state)) is not None:
            raise ValueError(
                f"tb_classification cannot export '{self.bundle.card['model']}' as ONNX: its part '{name}' {reason}. "
                "Release a model that looks at whole films, such as a cnn (tb_classification.release.model)"
            )
        if spec["kind"] == "cnn":
            return NetworkGraph(restored, spec["views"])
        classifiers: dict[str, Callable[[], nn.Module]] = {
            "mlp": lambda: restored,
            "logistic": lambda: LinearClassifier(state.tensors),
            "kernel": lambda: KernelClassifier(state.tensors, spec["width"]),
        }
        encoder = self._encoders[spec["encoder"]]
        return EncodedGraph(encoder.network, encoder.equalise, classifiers[spec["kind"]]())


def _no_graph(state: ModelState) -> str | None:
    """Return why a training is no graph that could be exported; None where it is one."""
    if _needs_lungs(state):
        return "looks at the lungs alone, which are drawn, cleaned and cut out by more than a graph"
    if state.card["spec"]["kind"] == "boosting":
        return "is made of boosted trees, which are no network"
    if state.card.get("embedding", {}).get("encoder", {}).get("encoder") == GRADIENTS:
        return "reads oriented gradients, of which ONNX lacks an operation"
    return None


def _needs_lungs(state: ModelState) -> bool:
    spec = state.card["spec"]
    embedding = state.card.get("embedding", {}).get("encoder", {})
    return bool(
        spec.get("inside_lungs") or spec.get("radiomics") or embedding.get("inside_lungs", False)
    )


RELEASE = Release(
    "tb_classification",
    "Probability of tuberculosis",
    "It was trained on films of two hospitals; at another one its figures are lower, and its threshold another.",
    CHEST,
    TbReader,
)
