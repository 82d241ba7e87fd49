"""Features of films by a frozen encoder."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.fingerprint import digest_pixels
from xraylab.models.card import digest_facts
from xraylab.models.frozen import FrozenEncoderParams, build_frozen_encoder
from xraylab.models.networks import Weights, describe_network, load_state
from xraylab.models.state import ModelState

__all__ = ["EncodeFilms", "KnownEncoder", "restore_encoder"]


class KnownEncoder:
    """An encoder with what it is known by.

    Parameters
    ----------
    params : FrozenEncoderParams
        The encoder.
    seed : int
        Seed of random weights.
    weights : mapping of str to callable
        Pretrained weights that are at hand.

    Attributes
    ----------
    params : FrozenEncoderParams
        What it is.
    network : torch.nn.Module
        The encoder.
    weights : str
        Where its weights come from.
    digest : str
        Of the weights.
    """

    def __init__(self, params: FrozenEncoderParams, seed: int, weights: Weights) -> None:
        self.params, self.equalise = params, params.equalise
        self.network, self.weights = build_frozen_encoder(params, seed, weights)
        parts = [digest_pixels(value.numpy()) for value in self.network.state_dict().values()]
        self.digest = digest_facts(parts)

    def state(self, seed: int) -> ModelState:
        """Return the encoder as a stored model, for `restore_encoder`."""
        params = self.params.model_dump(mode="json")
        return describe_network(
            self.network, {"network": params, "weights": self.weights, "seed": seed}
        )


def restore_encoder(state: ModelState) -> KnownEncoder:
    """Return a stored encoder with the weights that it was stored with.

    Raises
    ------
    ValueError
        If the tensors are not those of the encoder that the card names.
    """
    described = {**state.card["network"], "weights": None}
    known = KnownEncoder(FrozenEncoderParams.model_validate(described), state.card["seed"], {})
    load_state(known.network, state)
    known.weights = state.card["weights"]
    return known


class EncodeFilms:
    """The features (M, F) of some rows of films, when they are asked for.

    Parameters
    ----------
    encoder : KnownEncoder
        The encoder.
    films : (N, S, S) array of uint8
        All films, usually memory-mapped.
    """

    def __init__(self, encoder: KnownEncoder, films: Any) -> None:
        self.encoder, self.films = encoder, films

    def __call__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the features of these rows."""
        from xraylab.training.predict import predict_probabilities

        films = np.asarray(self.films[rows])
        if self.encoder.equalise:
            films = np.stack([cv2.equalizeHist(film) for film in films])
        # in full precision: what is stored is the same on every machine, within rounding
        found = predict_probabilities(
            self.encoder.network, films, kind="number", precision="32", accelerator="cpu"
        )
        return found.reshape(len(rows), -1)
