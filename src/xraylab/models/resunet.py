"""The deep residual U-Net of Zhang, Liu and Wang (2018).

References
----------
Zhang Z., Liu Q., Wang Y. (2018), Road extraction by deep residual U-Net, *IEEE Geoscience and Remote Sensing
Letters* 15(5), 749-753. He K. et al. (2016), Identity mappings in deep residual networks, *ECCV*: pre-activation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from xraylab.models.unet import check_divisible

__all__ = ["ResUNet"]


class ResUNet(nn.Module):
    """A U-Net of pre-activation residual blocks; logits out.

    Stride 2 takes the place of pooling, a bridge of two convolutions joins encoder and decoder, nearest-neighbour
    upsampling and concatenation lead back. The defaults have 4,722,737 parameters, counting the running statistics
    of batch normalisation, as Keras does.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of images and logits.
    widths : sequence of int
        Channels of each level, from the top.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        widths: Sequence[int] = (16, 32, 64, 128, 256),
    ) -> None:
        super().__init__()
        self.stem = _Residual(in_channels, widths[0], stem=True)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(_Residual(a, b, stride=2) for a, b in pairs)
        self.bridge = nn.Sequential(
            _activated(widths[-1], widths[-1]), _activated(widths[-1], widths[-1])
        )
        inputs = [widths[-1], *widths[:0:-1]]
        self.up = nn.ModuleList(
            _Residual(below + skip, outputs)
            for below, skip, outputs in zip(inputs[:-1], widths[-2::-1], widths[:0:-1], strict=True)
        )
        self.lift = nn.Upsample(scale_factor=2, mode="nearest")
        self.head = nn.Conv2d(widths[1], out_channels, 1)

    def encode(self, images: Tensor) -> list[Tensor]:
        """Return the maps of each level of the contracting path, the coarsest, behind the bridge, last."""
        check_divisible(images, 2 ** len(self.up))
        maps = [self.stem(images)]
        for block in self.down:
            maps.append(block(maps[-1]))
        return [*maps[:-1], self.bridge(maps[-1])]

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, K, H, W); H and W are multiples of 2 ** (levels - 1)."""
        *skips, x = self.encode(images)
        for block, skip in zip(self.up, skips[::-1], strict=True):
            x = block(torch.cat([self.lift(x), skip], dim=1))
        logits: Tensor = self.head(x)
        return logits


class _Residual(nn.Module):
    """Two pre-activated 3 × 3 convolutions beside a normalised 1 × 1 shortcut; a stem starts without activation."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, stem: bool = False) -> None:
        super().__init__()
        first = (
            nn.Conv2d(inputs, outputs, 3, padding=1)
            if stem
            else _activated(inputs, outputs, stride)
        )
        self.body = nn.Sequential(first, _activated(outputs, outputs))
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        # A strided 1 × 1 convolution is one of every other pixel. Written as the former, oneDNN (torch 2.15, AVX-512)
        # writes out of bounds in its backward pass for 8 channels in the layout of channels last.
        sampled = x[..., :: self.stride, :: self.stride] if self.stride > 1 else x
        total: Tensor = self.body(x) + self.shortcut(sampled)
        return total


def _activated(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    )
