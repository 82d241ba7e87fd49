"""Networks by name, from new or pretrained weights to a stored model and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from xraylab.models.state import ModelState
from xraylab.parameters import Parameters

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "NetworkParams",
    "build_network",
    "count_parameters",
    "describe_network",
    "restore_network",
]

Weights = Mapping[str, Callable[[], dict[str, NDArray[Any]]]]

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
    widths : tuple of int or None
        Channels of each level of ``unet`` and ``resunet``; None takes the published ones.
    options : dict
        Further arguments of a segmentation_models_pytorch architecture, such as ``decoder_channels``.
    """

    architecture: str = Field("unet", min_length=1)
    encoder: str | None = None
    encoder_weights: str | None = None
    widths: tuple[int, ...] | None = Field(None, min_length=2)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> NetworkParams:
        if self.encoder is not None:
            _check_smp_names(self)
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


def _check_smp_names(params: NetworkParams) -> None:
    """Raise ValueError unless segmentation_models_pytorch has the architecture, the encoder and the weights."""
    import segmentation_models_pytorch as smp

    architectures = list(smp.MODEL_ARCHITECTURES_MAPPING)
    if params.architecture not in architectures:
        raise ValueError(
            _unknown("architecture with an encoder", params.architecture, architectures)
        )
    if params.widths is not None:
        raise ValueError(
            "widths belong to networks without an encoder; set options.decoder_channels"
        )
    assert params.encoder is not None  # noqa: S101 - for the type checker
    encoders = smp.encoders.encoders
    if params.encoder.startswith("tu-"):
        import timm

        # as segmentation_models_pytorch does: a timm name with or without its pretrained tag
        if not timm.is_model(params.encoder.removeprefix("tu-").split(".")[0]):
            raise ValueError(
                _unknown("encoder", params.encoder, [f"tu-{name}" for name in timm.list_models()])
            )
        return
    if params.encoder not in encoders:
        raise ValueError(_unknown("encoder", params.encoder, [*encoders, "tu-<any timm model>"]))
    settings = encoders[params.encoder]["pretrained_settings"]
    if params.encoder_weights is not None and params.encoder_weights not in settings:
        raise ValueError(
            _unknown(
                f"encoder_weights of '{params.encoder}'", params.encoder_weights, list(settings)
            )
        )


def _unknown(what: str, value: str, valid: list[str]) -> str:
    close = get_close_matches(value, valid, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    shown = ", ".join(valid[:60]) + (f" … ({len(valid)} in all)" if len(valid) > 60 else "")  # noqa: PLR2004
    return f"unknown {what} '{value}'.{hint} Valid: {shown}"


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
        Weight files that lie at hand, by ``<encoder>.<weights>``; each callable gives tensors by name.
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
        _load_encoder(network, params, weights)
    return network


def _load_encoder(network: Any, params: NetworkParams, weights: Weights) -> None:
    """Give a network the pretrained encoder, its first layer summed over colours for grey films."""
    import segmentation_models_pytorch as smp
    import torch

    file = f"{params.encoder}.{params.encoder_weights}"
    depth = params.options.get("encoder_depth", 5)
    if file not in weights:
        try:
            encoder = smp.encoders.get_encoder(params.encoder, 1, depth, params.encoder_weights)
        except (
            Exception
        ) as error:  # no network, no such file, a proxy: each hub has errors of its own
            raise ValueError(_where_to_put(file, params, weights)) from error
        network.encoder.load_state_dict(encoder.state_dict())
        return
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in weights[file]().items()}
    encoder = smp.encoders.get_encoder(params.encoder, 3, depth, None)
    known = encoder.state_dict()
    missing = [
        name for name in known if name not in tensors and not name.endswith("num_batches_tracked")
    ]
    wrong = [name for name in known if name in tensors and tensors[name].shape != known[name].shape]
    if missing or wrong:
        raise ValueError(
            f"the weights '{file}' are not those of the encoder '{params.encoder}': "
            + (f"'{missing[0]}' is missing" if missing else f"'{wrong[0]}' has another shape")
        )
    encoder.load_state_dict({k: v for k, v in tensors.items() if k in known}, strict=False)
    encoder.set_in_channels(1, pretrained=True)
    network.encoder.load_state_dict(encoder.state_dict())


def _where_to_put(file: str, params: NetworkParams, weights: Weights) -> str:
    import segmentation_models_pytorch as smp

    settings = smp.encoders.encoders.get(params.encoder, {}).get("pretrained_settings", {})
    repository = settings.get(params.encoder_weights, {}).get("repo_id", params.encoder)
    folder = getattr(weights, "folder", "the folder of encoder weights")
    return (
        f"the pretrained weights '{params.encoder_weights}' of the encoder '{params.encoder}' cannot be fetched here. "
        f"Put the file 'model.safetensors' of the hub's repository '{repository}' at '{folder}/{file}.safetensors', "
        "or set encoder_weights to null to start from random weights"
    )


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
        name: np.ascontiguousarray(value.detach().cpu().numpy())
        for name, value in network.state_dict().items()
    }
    return ModelState({**card, "n_parameters": count_parameters(network)}, tensors)


def restore_network(state: ModelState, out_channels: int = 1) -> nn.Module:
    """Return the network of a stored model, in evaluation mode.

    Raises
    ------
    ValueError
        If the tensors are not those of the network that the card names.
    """
    import torch

    described = {**state.card["network"], "encoder_weights": None}
    params = NetworkParams.model_validate(described)
    network = build_network(params, 0, None, out_channels, state.card.get("size_px"))
    try:
        network.load_state_dict(
            {k: torch.from_numpy(np.array(v)) for k, v in state.tensors.items()}
        )
    except RuntimeError as error:
        raise ValueError(
            f"the stored weights are not those of {state.card['network']}: {error}"
        ) from error
    return network.eval()
