"""Encoders of segmentation_models_pytorch and timm by name, with weights of a hub, package, file or our own models."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from xraylab.models.encoder_names import (
    declared_architectures,
    declared_encoders,
    declares_timm_model,
)
from xraylab.models.packaged import read_packaged

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "OWN_PREFIX",
    "IfMissing",
    "Weights",
    "check_architecture",
    "check_encoder",
    "load_encoder",
    "which_to_train",
]

Weights = Mapping[str, Callable[[], dict[str, NDArray[Any]]]]
"""Weight files at hand, by ``<encoder>.<weights>``; each callable gives tensors by name."""

IfMissing = Literal["fail", "random"]
"""What to do where weights are neither at hand nor can be fetched: refuse, or keep random ones and say so."""

OWN_PREFIX = "models/"
"""What the name of this project's own weights begins with: ``models/<pipeline>/<protocol>/<model>``."""

logger = logging.getLogger(__name__)

_SHOWN = 60
_FIRST_LAYER_AXES = 4


def check_architecture(name: str) -> None:
    """Raise ValueError unless segmentation_models_pytorch has the architecture, naming those that it has.

    The package is imported only where its source does not declare the name.
    """
    if name in declared_architectures():
        return
    import segmentation_models_pytorch as smp

    valid = list(smp.MODEL_ARCHITECTURES_MAPPING)
    if name not in valid:
        raise ValueError(_unknown("architecture with an encoder", name, valid))


def check_encoder(name: str, weights: str | None) -> None:
    """Raise ValueError unless there is such an encoder, and such weights of it.

    Weights of this project's own, which begin with `OWN_PREFIX`, are looked for when they are loaded. A package is
    imported only where its source does not declare the name.
    """
    if _is_declared(name, weights):
        return
    import segmentation_models_pytorch as smp

    if name.startswith("tu-"):
        import timm

        if not timm.is_model(_timm_name(name)):
            raise ValueError(
                _unknown("encoder", name, [f"tu-{each}" for each in timm.list_models()])
            )
        return
    encoders = smp.encoders.encoders
    if name not in encoders:
        raise ValueError(_unknown("encoder", name, [*encoders, "tu-<any timm model>"]))
    settings = encoders[name]["pretrained_settings"]
    if weights is not None and weights not in settings and not weights.startswith(OWN_PREFIX):
        valid = [*settings, f"{OWN_PREFIX}<pipeline>/<protocol>/<model>"]
        raise ValueError(_unknown(f"encoder_weights of '{name}'", weights, valid))


def _is_declared(name: str, weights: str | None) -> bool:
    if name.startswith("tu-"):
        return declares_timm_model(_timm_name(name))
    own = weights is None or weights.startswith(OWN_PREFIX)
    encoders = declared_encoders()
    return name in encoders and (own or weights in encoders[name])


def _timm_name(name: str) -> str:
    """Return the model that timm knows, as segmentation_models_pytorch does: with or without its pretrained tag."""
    return name.removeprefix("tu-").split(".")[0]


def _unknown(what: str, value: str, valid: list[str]) -> str:
    close = get_close_matches(value, valid, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    more = f" … ({len(valid)} in all)" if len(valid) > _SHOWN else ""
    return f"unknown {what} '{value}'.{hint} Valid: {', '.join(valid[:_SHOWN])}{more}"


def load_encoder(
    encoder: Any,
    name: str,
    weights: str,
    at_hand: Weights,
    depth: int = 5,
    if_missing: IfMissing = "fail",
) -> bool:
    """Give an encoder for grey films pretrained weights, its first layer summed over colours.

    Parameters
    ----------
    encoder : torch.nn.Module
        An encoder of segmentation_models_pytorch with one input channel.
    name, weights : str
        Which encoder it is, and which weights it shall have.
    at_hand : mapping of str to callable
        Weights that are at hand; others are those of an installed package, or fetched from the hub.
    depth : int
        Levels of the encoder.
    if_missing : {"fail", "random"}
        What to do where the weights are neither at hand nor can be fetched.

    Returns
    -------
    bool
        Whether the encoder has the weights; without them it is left as it was.

    Raises
    ------
    ValueError
        If the weights are missing under ``fail`` (the message says which file to put where), or are those of another
        network.
    """
    key = f"{name}.{weights}"
    stored = at_hand[key]() if key in at_hand else read_packaged(key, encoder.state_dict())
    if stored is not None:
        _load_tensors(encoder, name, key, stored, depth)
        return True
    own = weights.startswith(OWN_PREFIX)
    fetched = None if own else _fetch(name, weights, depth)
    if fetched is not None:
        encoder.load_state_dict(fetched)
        return True
    say = which_to_train if own else _where_to_put
    if if_missing == "fail":
        raise ValueError(say(name, weights, at_hand))
    logger.warning(
        "The encoder '%s' starts from random weights: %s", name, say(name, weights, at_hand)
    )
    return False


def _fetch(name: str, weights: str, depth: int) -> dict[str, Tensor] | None:
    """Return pretrained weights from the hub, or None where it cannot be reached."""
    import segmentation_models_pytorch as smp

    if not _is_fetched(name, weights):
        return None
    state: dict[str, Tensor] = smp.encoders.get_encoder(name, 1, depth, weights).state_dict()
    return state


@lru_cache
def _is_fetched(name: str, weights: str) -> bool:
    """Fetch weights to where the hub's own library keeps them; ask once, as it tries for half a minute."""
    import segmentation_models_pytorch as smp

    try:
        smp.encoders.get_encoder(name, 1, 5, weights)
    except Exception as error:  # no network, no such file, a proxy: each hub has errors of its own
        logger.debug("The weights '%s' of '%s' cannot be fetched: %s", weights, name, error)
        return False
    return True


def _load_tensors(
    encoder: Any, name: str, key: str, stored: Mapping[str, NDArray[Any]], depth: int
) -> None:
    """Load tensors of films of one or of three channels."""
    import segmentation_models_pytorch as smp
    import torch

    tensors = {each: torch.from_numpy(np.array(value)) for each, value in stored.items()}
    grey = _takes_grey(tensors, encoder)
    known: Any = encoder if grey else smp.encoders.get_encoder(name, 3, depth, None)
    _check_tensors(key, name, tensors, known.state_dict())
    known.load_state_dict(
        {k: v for k, v in tensors.items() if k in known.state_dict()}, strict=False
    )
    if not grey:
        known.set_in_channels(1, pretrained=True)
        encoder.load_state_dict(known.state_dict())


def _takes_grey(tensors: dict[str, Tensor], encoder: Any) -> bool:
    """Tell whether weights are for films of one channel, by the first layer of convolution."""
    for name, value in encoder.state_dict().items():
        if value.ndim == _FIRST_LAYER_AXES:
            return name in tensors and tensors[name].shape[1] == 1
    return False


def _check_tensors(
    key: str, name: str, tensors: dict[str, Tensor], known: dict[str, Tensor]
) -> None:
    missing = [k for k in known if k not in tensors and not k.endswith("num_batches_tracked")]
    wrong = [k for k in known if k in tensors and tensors[k].shape != known[k].shape]
    if missing or wrong:
        raise ValueError(
            f"the weights '{key}' are not those of the encoder '{name}': "
            + (f"'{missing[0]}' is missing" if missing else f"'{wrong[0]}' has another shape")
        )


def which_to_train(name: str, weights: str, at_hand: Weights) -> str:
    """Return what to say where weights of this project's own are asked for that no run has trained."""
    own = [key for key in at_hand if f".{OWN_PREFIX}" in key]
    return (
        f"there is no trained model '{weights.removeprefix(OWN_PREFIX)}' with the encoder '{name}'; run its "
        f"pipeline first. Trained are: {', '.join(own) or 'none'}"
    )


def _where_to_put(name: str, weights: str, at_hand: Weights) -> str:
    import segmentation_models_pytorch as smp

    settings = smp.encoders.encoders.get(name, {}).get("pretrained_settings", {})
    repository = settings.get(weights, {}).get("repo_id", name)
    folder = getattr(at_hand, "folder", "the folder of encoder weights")
    return (
        f"the pretrained weights '{weights}' of the encoder '{name}' cannot be fetched here. "
        f"Put the file 'model.safetensors' of the hub's repository '{repository}' at "
        f"'{folder}/{name}.{weights}.safetensors', or set encoder_weights to null to start from random weights"
    )
