"""Classifiers of a whole film by name: the published network, or any encoder with a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from xraylab.models.encoders import Weights, check_encoder, load_encoder
from xraylab.models.networks import load_state
from xraylab.models.state import ModelState
from xraylab.parameters import Parameters

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ClassifierParams", "build_classifier", "restore_classifier"]


class ClassifierParams(Parameters):
    """A network that gives one logit a film.

    Attributes
    ----------
    encoder : str or None
        Encoder by name, such as ``resnet18`` or ``tu-<timm name>``, followed by global average pooling, dropout and one
        linear layer. None takes the published network, four blocks of convolution.
    encoder_weights : str or None
        Pretrained weights by their name, such as ``imagenet``, or of this project's own network,
        ``models/<pipeline>/<protocol>/<model>``; None starts from random ones.
    widths : tuple of int
        Channels of each block of the published network.
    dense : int or None
        Units of its dense layer; None for none.
    pool : {"none", "mean", "max"}
        What follows its blocks takes the last maps pixel by pixel, as published, or the mean or largest value of each.
    dropout : float
        Share of the features before the last layer that is dropped in training.
    standardise : bool
        Shift and scale each film to zero mean and unit variance first.
    shrink : int
        Then take the mean over squares of so many pixels: a network sees films at a fraction of the cached size.
    """

    encoder: str | None = None
    encoder_weights: str | None = None
    widths: tuple[int, ...] = Field((64, 128, 256, 512), min_length=1)
    dense: int | None = Field(256, ge=1, le=65536)
    pool: Literal["none", "mean", "max"] = "none"
    dropout: float = Field(0.5, ge=0, lt=1)
    standardise: bool = True
    shrink: int = Field(1, ge=1, le=16)

    @model_validator(mode="after")
    def _check(self) -> ClassifierParams:
        if self.encoder is not None:
            check_encoder(self.encoder, self.encoder_weights)
        elif self.encoder_weights is not None:
            raise ValueError(
                f"encoder_weights '{self.encoder_weights}' need an encoder, such as 'resnet18'; the published "
                "network has none"
            )
        if min(self.widths) < 1:
            raise ValueError(f"widths must be at least 1, got {self.widths}")
        return self


def build_classifier(
    params: ClassifierParams, seed: int, size_px: int, weights: Weights | None = None
) -> nn.Module:
    """Build a classifier of grey films, with new weights drawn by a seed or with a pretrained encoder.

    Parameters
    ----------
    params : ClassifierParams
        The network.
    seed : int
        Seed of the new weights; the global generator is left as it was.
    size_px : int
        Edge of the films.
    weights : mapping of str to callable, optional
        Weights that are at hand, as `xraylab.models.encoders.load_encoder` takes them.

    Returns
    -------
    torch.nn.Module
        Maps float films (B, 1, S, S) to logits (B, 1).

    Raises
    ------
    ValueError
        If pretrained weights are neither at hand nor can be fetched, or the published network does not fit the films.
    """
    import torch
    from torch import nn

    from xraylab.models.cnn import CNN, EncoderClassifier, Standardise

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network: nn.Module
        if params.encoder is None:
            edge = size_px // params.shrink
            network = CNN(
                edge,
                widths=params.widths,
                dense=params.dense,
                dropout=params.dropout,
                pool=params.pool,
            )
        else:
            import segmentation_models_pytorch as smp

            encoder = smp.encoders.get_encoder(params.encoder, 1, 5, None)
            if params.encoder_weights is not None:
                at_hand = {} if weights is None else weights
                load_encoder(encoder, params.encoder, params.encoder_weights, at_hand)
            network = EncoderClassifier(encoder, dropout=params.dropout)
    first = [Standardise()] if params.standardise else []
    small = [nn.AvgPool2d(params.shrink)] if params.shrink > 1 else []
    return nn.Sequential(*first, *small, network)


def restore_classifier(state: ModelState) -> nn.Module:
    """Return the classifier of a stored model, in evaluation mode.

    Raises
    ------
    ValueError
        If the tensors are not those of the network that the card names.
    """
    described = {**state.card["network"], "encoder_weights": None}
    params = ClassifierParams.model_validate(described)
    return load_state(build_classifier(params, 0, int(state.card["size_px"])), state)
