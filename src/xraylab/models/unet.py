"""The U-Net of Ronneberger, Fischer and Brox (2015), with "same" padding and half the published width.

References
----------
Ronneberger O., Fischer P., Brox T. (2015), U-Net: convolutional networks for biomedical image segmentation, *MICCAI*,
LNCS 9351, 234-241.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["UNet", "check_divisible"]


def check_divisible(images: Tensor, stride: int) -> None:
    """Raise ValueError unless height and width of (B, C, H, W) images are multiples of a stride."""
    height, width = images.shape[-2:]
    if height % stride or width % stride:
        raise ValueError(
            f"height and width must be multiples of {stride} for this network, got {height} x {width}"
        )


class UNet(nn.Module):
    """An encoder and decoder with skip connections; logits out.

    Two 3 × 3 convolutions with ReLU a level, 2 × 2 max pooling down, 2 × 2 transposed convolutions up, a 1 × 1
    convolution to the logits. The defaults have 7,759,521 parameters.

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
        widths: Sequence[int] = (32, 64, 128, 256, 512),
    ) -> None:
        super().__init__()
        inputs = [in_channels, *widths[:-1]]
        self.down = nn.ModuleList(
            _two_convolutions(a, b) for a, b in zip(inputs, widths, strict=True)
        )
        steps = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.lift = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in steps)
        self.up = nn.ModuleList(_two_convolutions(2 * b, b) for _, b in steps)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(widths[0], out_channels, 1)

    def encode(self, images: Tensor) -> list[Tensor]:
        """Return the maps of each level of the contracting path, the coarsest last."""
        check_divisible(images, 2 ** len(self.up))
        maps: list[Tensor] = []
        for block in self.down:
            maps.append(block(self.pool(maps[-1]) if maps else images))
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, K, H, W); H and W are multiples of 2 ** (levels - 1)."""
        *skips, x = self.encode(images)
        for lift, block, skip in zip(self.lift, self.up, skips[::-1], strict=True):
            x = block(torch.cat([skip, lift(x)], dim=1))
        logits: Tensor = self.head(x)
        return logits


def _two_convolutions(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
    )
