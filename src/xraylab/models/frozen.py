"""Frozen encoders: a film in, a vector of features out, nothing trained."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, model_validator

from xraylab.models.encoders import (
    OWN_PREFIX,
    IfMissing,
    Weights,
    check_encoder,
    load_encoder,
    which_to_train,
)
from xraylab.parameters import Parameters

if TYPE_CHECKING:
    from torch import nn

__all__ = ["GRADIENTS", "FrozenEncoderParams", "build_frozen_encoder"]

logger = logging.getLogger(__name__)

OWN = ("unet", "resunet")
"""Networks of this package whose contracting path can be an encoder."""

_DEPTH = 5

GRADIENTS = "hog"
"""An encoder without weights: histograms of oriented gradients (`xraylab.models.hog`)."""


class FrozenEncoderParams(Parameters):
    """An encoder by name, and what is taken of its coarsest maps.

    Attributes
    ----------
    encoder : str
        Of segmentation_models_pytorch (``vgg16, resnet50, inceptionresnetv2`` …), ``tu-<timm name>``, the contracting
        path of this package's ``unet`` or ``resunet``, or ``hog``, histograms of oriented gradients, which has no
        weights.
    weights : str or None
        By their name: ``imagenet`` (from the hub, or a local file), ``models/<pipeline>/<protocol>/<model>`` of this
        project's own, or None for random ones.
    if_missing : {"fail", "random"}
        What to do where weights are neither at hand nor can be fetched. An encoder of random weights says so.
    widths : tuple of int or None
        Channels of each level of ``unet`` and ``resunet``; None takes the published ones.
    depth : int
        Halvings of the film that are kept of an encoder of segmentation_models_pytorch: the features are those of the
        last. Others have a depth of their own.
    grid : int or None
        Mean of the maps over so many by so many cells; None takes every pixel: vgg16 at 224 px has 7 · 7 · 512 = 25,088
        features.
    inside_lungs : bool
        Black out what lies outside of the lungs first.
    equalise : bool
        Then equalise the histogram of each film, for an encoder that was trained on such films.
    """

    encoder: str = Field(min_length=1)
    weights: str | None = None
    if_missing: IfMissing = "fail"
    widths: tuple[int, ...] | None = Field(None, min_length=2)
    depth: int = Field(_DEPTH, ge=3, le=_DEPTH)
    grid: int | None = Field(None, ge=1, le=64)
    inside_lungs: bool = False
    equalise: bool = False

    @model_validator(mode="after")
    def _check(self) -> FrozenEncoderParams:
        if self.depth != _DEPTH and self.encoder in (*OWN, GRADIENTS):
            raise ValueError(f"'{self.encoder}' has a depth of its own, got depth {self.depth}")
        if self.encoder == GRADIENTS:
            if self.weights is not None or self.widths is not None:
                raise ValueError(f"'{GRADIENTS}' has no weights and no widths")
        elif self.encoder not in OWN:
            if self.widths is not None:
                raise ValueError(f"widths belong to {' and '.join(OWN)}, not to '{self.encoder}'")
            check_encoder(self.encoder, self.weights)
        elif self.weights is not None and not self.weights.startswith(OWN_PREFIX):
            raise ValueError(
                f"weights of '{self.encoder}' must begin with '{OWN_PREFIX}', got '{self.weights}'"
            )
        return self


def build_frozen_encoder(
    params: FrozenEncoderParams, seed: int, weights: Weights
) -> tuple[nn.Module, str]:
    """Build an encoder of grey films.

    Parameters
    ----------
    params : FrozenEncoderParams
        The encoder.
    seed : int
        Seed of random weights; the global generator is left as it was.
    weights : mapping of str to callable
        Weights that are at hand, as `xraylab.models.encoders.load_encoder` takes them.

    Returns
    -------
    encoder : torch.nn.Module
        Maps scaled films (B, 1, S, S) to features (B, F), in evaluation mode.
    weights : str
        Those that it has: as asked for, ``random``, or ``none`` where it has none.

    Raises
    ------
    ValueError
        If pretrained weights are neither at hand nor can be fetched (the message says which file to put where), or are
        those of another network.
    """
    import torch

    from xraylab.models.cnn import PooledEncoder

    found = params.weights
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = _build(params)
        if found is not None:
            if params.encoder in OWN:
                loaded = _load_own(encoder, params.encoder, found, weights, params.if_missing)
            else:
                loaded = load_encoder(
                    encoder, params.encoder, found, weights, params.depth, params.if_missing
                )
            found = found if loaded else None
    none = "none" if params.encoder == GRADIENTS else "random"
    return PooledEncoder(encoder, params.grid).eval(), found or none


def _build(params: FrozenEncoderParams) -> Any:
    if params.encoder == GRADIENTS:
        from xraylab.models.hog import OrientedGradients

        return OrientedGradients()
    if params.encoder not in OWN:
        import segmentation_models_pytorch as smp

        return smp.encoders.get_encoder(params.encoder, 1, params.depth, None)
    from xraylab.models.resunet import ResUNet
    from xraylab.models.unet import UNet

    kind = UNet if params.encoder == "unet" else ResUNet
    return kind() if params.widths is None else kind(widths=params.widths)


def _load_own(network: Any, name: str, found: str, weights: Weights, if_missing: IfMissing) -> bool:
    import torch

    key = f"{name}.{found}"
    if key not in weights:
        missing = which_to_train(name, found, weights)
        if if_missing == "fail":
            raise ValueError(missing)
        logger.warning("The encoder '%s' keeps random weights: %s", name, missing)
        return False
    tensors = {k: torch.from_numpy(np.array(v)) for k, v in weights[key]().items()}
    try:
        network.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise ValueError(
            f"the weights '{key}' are not those of a '{name}' of such widths: {error}"
        ) from error
    return True
