"""Networks that give logits a film: the one of the public fracture demo, and any encoder with a head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from xraylab.models.unet import check_divisible

__all__ = ["CNN", "EncoderClassifier", "PooledEncoder", "ShiftAndScale", "Standardise"]

_LEAST_DEVIATION = 1e-3


_POOLS: dict[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "mean": lambda: nn.AdaptiveAvgPool2d(1),
    "max": lambda: nn.AdaptiveMaxPool2d(1),
}


class Standardise(nn.Module):
    """Shift and scale each film to zero mean and unit variance; a film of one grey value becomes 0."""

    def forward(self, films: Tensor) -> Tensor:
        """Map films (B, C, H, W) to films of the same shape."""
        deviation, mean = torch.std_mean(films, dim=(1, 2, 3), keepdim=True, correction=0)
        return (films - mean) / deviation.clamp_min(_LEAST_DEVIATION)


class ShiftAndScale(nn.Module):
    """Shift and scale each of F features by numbers that a training sets and that are stored with the weights."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, F) to features of the same shape."""
        return (features - self.mean) / self.scale


class CNN(nn.Module):
    """Blocks of a 3 × 3 convolution, batch normalisation, ReLU and 2 × 2 max pooling; dense, dropout; logits out.

    ``maps``, here and below, passes the last feature maps on unchanged: what Grad-CAM looks at.

    Parameters
    ----------
    size_px : int
        Edge of the films, a multiple of 2 ** blocks.
    in_channels, out_features : int
        Channels of the films and number of logits.
    widths : sequence of int
        Channels of each block.
    dense : int or None
        Units of the dense layer; None for none.
    dropout : float
        Share of them that is dropped in training.
    pool : {"none", "mean", "max"}
        The dense layer takes the last maps pixel by pixel, as published, or the mean or the largest value of each.
    """

    def __init__(
        self,
        size_px: int,
        in_channels: int = 1,
        out_features: int = 1,
        widths: Sequence[int] = (64, 128, 256, 512),
        dense: int | None = 256,
        dropout: float = 0.5,
        pool: Literal["none", "mean", "max"] = "none",
    ) -> None:
        super().__init__()
        inputs = [in_channels, *widths[:-1]]
        self.stride = 2 ** len(widths)
        if size_px % self.stride:
            raise ValueError(f"size_px must be a multiple of {self.stride}, got {size_px}")
        self.blocks = nn.Sequential(*(_block(a, b) for a, b in zip(inputs, widths, strict=True)))
        self.maps = nn.Identity()
        pixels = (size_px // self.stride) ** 2 if pool == "none" else 1
        self.head = nn.Sequential(
            _POOLS[pool](),
            nn.Flatten(),
            *_dense(widths[-1] * pixels, dense),
            nn.Dropout(dropout),
            nn.Linear(dense or widths[-1] * pixels, out_features),
        )

    def forward(self, films: Tensor) -> Tensor:
        """Map films (B, C, S, S) to logits (B, K)."""
        check_divisible(films, self.stride)
        logits: Tensor = self.head(self.maps(self.blocks(films)))
        return logits


class EncoderClassifier(nn.Module):
    """An encoder of segmentation_models_pytorch, global average pooling, dropout and one linear layer; logits out.

    Parameters
    ----------
    encoder : torch.nn.Module
        Gives a list of feature maps, the coarsest last.
    out_features : int
        Number of logits.
    dropout : float
        Share of the pooled features that is dropped in training.
    """

    def __init__(self, encoder: Any, out_features: int = 1, dropout: float = 0.5) -> None:
        super().__init__()
        self.encoder = encoder
        self.maps = nn.Identity()
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(int(encoder.out_channels[-1]), out_features),
        )

    def forward(self, films: Tensor) -> Tensor:
        """Map films (B, C, H, W) to logits (B, K)."""
        logits: Tensor = self.head(self.maps(self.encoder(films)[-1]))
        return logits


class PooledEncoder(nn.Module):
    """The coarsest maps of an encoder as one vector a film.

    Parameters
    ----------
    encoder : torch.nn.Module
        Gives a list of feature maps, the coarsest last: by ``encode`` where it has that method, else when called.
    grid : int or None
        Mean over so many by so many cells; None keeps every pixel.
    """

    def __init__(self, encoder: Any, grid: int | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.pool = nn.Identity() if grid is None else nn.AdaptiveAvgPool2d(grid)

    def forward(self, films: Tensor) -> Tensor:
        """Map films (B, C, H, W) to features (B, F)."""
        encode = getattr(self.encoder, "encode", self.encoder)
        return torch.flatten(self.pool(encode(films)[-1]).contiguous(), 1)


def _dense(inputs: int, units: int | None) -> list[nn.Module]:
    return [] if units is None else [nn.Linear(inputs, units), nn.ReLU(inplace=True)]


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),  # batch normalisation shifts
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    )
