"""Networks for bone age by name: the published one, or any encoder with the sex by FiLM or concatenated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from xraylab.models.encoders import Weights, check_encoder, load_encoder
from xraylab.models.networks import load_state
from xraylab.models.state import ModelState
from xraylab.parameters import Parameters

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BoneAgeNetworkParams", "build_bone_age_network", "restore_bone_age_network"]


class BoneAgeNetworkParams(Parameters):
    """A network that gives one number for a film and the child's sex.

    Attributes
    ----------
    encoder : str or None
        Encoder by name, such as ``resnet18`` or ``tu-<timm name>``. None takes the published network.
    encoder_weights : str or None
        Pretrained weights by their name, such as ``imagenet``, or of this project's own network,
        ``models/<pipeline>/<protocol>/<model>``; None starts from random ones.
    join : {"film", "concatenate"}
        How the sex is joined to an encoder: it scales and shifts the feature maps, or stands beside the pooled ones.
        The published network concatenates.
    hidden : int
        Units of the dense layer behind an encoder.
    blocks, filters, dense_layers : int
        The published network: L blocks of convolution, f filters in the first, D dense layers after the sex.
    dropout : float
        Share that is dropped in training: in the D dense layers, or behind an encoder.
    standardise : bool
        Shift and scale each film to zero mean and unit variance before an encoder. The published network takes the
        film in [0, 1] as it is.
    """

    encoder: str | None = None
    encoder_weights: str | None = None
    join: Literal["film", "concatenate"] = "film"
    hidden: int = Field(256, ge=1, le=65536)
    blocks: int = Field(4, ge=1, le=8)
    filters: int = Field(16, ge=1, le=1024)
    dense_layers: int = Field(2, ge=1, le=8)
    dropout: float = Field(0.2, ge=0, lt=1)
    standardise: bool = True

    @model_validator(mode="after")
    def _check(self) -> BoneAgeNetworkParams:
        if self.encoder is not None:
            check_encoder(self.encoder, self.encoder_weights)
        elif self.encoder_weights is not None:
            raise ValueError(
                f"encoder_weights '{self.encoder_weights}' need an encoder, such as 'resnet18'; the published "
                "network has none"
            )
        return self


def build_bone_age_network(
    params: BoneAgeNetworkParams,
    seed: int,
    size_px: int,
    weights: Weights | None = None,
    n_covariates: int = 1,
) -> nn.Module:
    """Build a network of grey films and covariates, with new weights drawn by a seed or with a pretrained encoder.

    Parameters
    ----------
    params : BoneAgeNetworkParams
        The network.
    seed : int
        Seed of the new weights; the global generator is left as it was.
    size_px : int
        Edge of the films.
    weights : mapping of str to callable, optional
        Weights that are at hand, as `xraylab.models.encoders.load_encoder` takes them.
    n_covariates : int
        Numbers known beside a film; for bone age the sex alone. Chronological age is never one.

    Returns
    -------
    torch.nn.Module
        Maps float films (B, 1, S, S) and covariates (B, C) to numbers (B, 1).

    Raises
    ------
    ValueError
        If pretrained weights are neither at hand nor can be fetched, or the films are too small for the network.
    """
    import torch

    from xraylab.models.age_networks import AgeCNN, EncoderRegressor

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if params.encoder is None:
            return AgeCNN(
                size_px,
                n_covariates,
                params.blocks,
                params.filters,
                params.dense_layers,
                params.dropout,
            )
        import segmentation_models_pytorch as smp

        encoder = smp.encoders.get_encoder(params.encoder, 1, 5, None)
        if params.encoder_weights is not None:
            at_hand = {} if weights is None else weights
            load_encoder(encoder, params.encoder, params.encoder_weights, at_hand)
        return EncoderRegressor(
            encoder, n_covariates, params.join, params.hidden, params.dropout, params.standardise
        )


def restore_bone_age_network(state: ModelState, n_covariates: int = 1) -> nn.Module:
    """Return the network of a stored model, in evaluation mode.

    Raises
    ------
    ValueError
        If the tensors are not those of the network that the card names.
    """
    described = {**state.card["network"], "encoder_weights": None}
    params = BoneAgeNetworkParams.model_validate(described)
    size_px = int(state.card["size_px"])
    return load_state(build_bone_age_network(params, 0, size_px, None, n_covariates), state)
