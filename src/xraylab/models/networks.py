"""Networks by name, from new or pretrained weights to a stored model and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, model_validator

from xraylab.models.encoders import (
    IfMissing,
    Weights,
    check_architecture,
    check_encoder,
    load_encoder,
)
from xraylab.models.state import ModelState
from xraylab.parameters import Parameters

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "NetworkParams",
    "Weights",
    "build_network",
    "count_parameters",
    "describe_network",
    "load_state",
    "restore_network",
]

MEAN_MASK = "mean_mask"
"""A network that looks at no film: what any other must beat."""

OWN = ("unet", "resunet", MEAN_MASK)
"""Networks of this package, which take no encoder."""


class NetworkParams(Parameters):
    """A network by name.

    Attributes
    ----------
    architecture : str
        Without an encoder ``unet`` or ``resunet``, the published ones, or the baseline ``mean_mask``. With an encoder
        any architecture of segmentation_models_pytorch: ``unet, unetplusplus, fpn, deeplabv3plus`` …
    encoder : str or None
        Encoder by name, such as ``resnet34`` or ``tu-<timm name>``.
    encoder_weights : str or None
        Pretrained weights of the encoder by their name, such as ``imagenet``; None starts from random ones.
    if_missing : {"fail", "random"}
        What to do where those weights are neither at hand nor can be fetched. A network that starts from random ones
        says so in its card.
    widths : tuple of int or None
        Channels of each level of ``unet`` and ``resunet``; None takes the published ones.
    options : dict
        Further arguments of a segmentation_models_pytorch architecture, such as ``decoder_channels``.
    """

    architecture: str = Field("unet", min_length=1)
    encoder: str | None = None
    encoder_weights: str | None = None
    if_missing: IfMissing = "fail"
    widths: tuple[int, ...] | None = Field(None, min_length=2)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> NetworkParams:
        if self.encoder is not None:
            check_architecture(self.architecture)
            check_encoder(self.encoder, self.encoder_weights)
            if self.widths is not None:
                raise ValueError(
                    "widths belong to networks without an encoder; set options.decoder_channels"
                )
            return self
        if self.architecture not in OWN:
            raise ValueError(
                f"architecture '{self.architecture}' needs an encoder, such as 'resnet34'; without one there are "
                f"{', '.join(OWN)}"
            )
        if self.encoder_weights or self.options:
            raise ValueError(
                f"'{self.architecture}' without an encoder takes no encoder_weights and no options"
            )
        if self.widths is not None and self.architecture == MEAN_MASK:
            raise ValueError("'mean_mask' has no widths")
        if self.widths is not None and min(self.widths) < 1:
            raise ValueError(f"widths must be at least 1, got {self.widths}")
        return self


def build_network(
    params: NetworkParams,
    seed: int,
    weights: Weights | None = None,
    out_channels: int = 1,
    size_px: int | None = None,
) -> nn.Module:
    """Build a network for grey films, with new weights drawn by a seed or with a pretrained encoder.

    Parameters
    ----------
    params : NetworkParams
        The network.
    seed : int
        Seed of the new weights; the global generator is left as it was.
    weights : mapping of str to callable, optional
        Weight files that are at hand, by ``<encoder>.<weights>``; each callable gives tensors by name.
    out_channels : int
        Channels of the logits.
    size_px : int, optional
        Edge of the films; only ``mean_mask`` must know it.

    Returns
    -------
    torch.nn.Module
        Maps float films (B, 1, H, W) to logits (B, K, H, W).

    Raises
    ------
    ValueError
        If pretrained weights are neither at hand nor can be fetched: the message says which file to put where.
    """
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if params.architecture == MEAN_MASK:
            from xraylab.models.mean_mask import MeanMask

            if size_px is None:
                raise ValueError("the baseline 'mean_mask' needs size_px, the edge of the films")
            return MeanMask(size_px)
        return _build(params, {} if weights is None else weights, out_channels)


def _build(params: NetworkParams, weights: Weights, out_channels: int) -> nn.Module:
    if params.encoder is None:
        from xraylab.models.resunet import ResUNet
        from xraylab.models.unet import UNet

        kind = UNet if params.architecture == "unet" else ResUNet
        if params.widths is None:
            return kind(out_channels=out_channels)
        return kind(out_channels=out_channels, widths=params.widths)
    import segmentation_models_pytorch as smp

    network: nn.Module = smp.create_model(
        params.architecture,
        encoder_name=params.encoder,
        encoder_weights=None,
        in_channels=1,
        classes=out_channels,
        **params.options,
    )
    if params.encoder_weights is not None:
        depth = params.options.get("encoder_depth", 5)
        found = load_encoder(
            network.encoder, params.encoder, params.encoder_weights, weights, depth,
            if_missing=params.if_missing,
        )  # fmt: skip
        network.missing_weights = None if found else params.encoder_weights  # type: ignore[assignment]
    return network


def count_parameters(network: nn.Module) -> int:
    """Return the number of weights, counting the running statistics of batch normalisation as Keras does."""
    statistics = [value for name, value in network.named_buffers() if "running_" in name]
    return sum(value.numel() for value in [*network.parameters(), *statistics])


def describe_network(network: nn.Module, card: dict[str, Any]) -> ModelState:
    """Return a network as plain data, with its card.

    Parameters
    ----------
    network : torch.nn.Module
        The network, on any device.
    card : dict
        What is known of it; ``network`` must hold its `NetworkParams` as a dict.
    """
    tensors = {
        name: np.array(value.detach().cpu().numpy(), order="C")
        for name, value in network.state_dict().items()
    }
    missing = getattr(network, "missing_weights", None)
    known = {**card, **({"missing_weights": missing} if missing else {})}
    return ModelState({**known, "n_parameters": count_parameters(network)}, tensors)


def restore_network(state: ModelState, out_channels: int = 1) -> nn.Module:
    """Return the network of a stored model, in evaluation mode.

    Raises
    ------
    ValueError
        If the tensors are not those of the network that the card names.
    """
    described = {**state.card["network"], "encoder_weights": None}
    params = NetworkParams.model_validate(described)
    network = build_network(params, 0, None, out_channels, state.card.get("size_px"))
    return load_state(network, state)


def load_state(network: nn.Module, state: ModelState) -> nn.Module:
    """Return a network with the stored tensors, in evaluation mode; ValueError where they are not its own."""
    import torch

    try:
        network.load_state_dict(
            {k: torch.from_numpy(np.array(v)) for k, v in state.tensors.items()}
        )
    except RuntimeError as error:
        raise ValueError(
            f"the stored weights are not those of {state.card['network']}: {error}"
        ) from error
    return network.eval()
