"""Networks that give one number for a film and what is known of the child: the published one, and an encoder with FiLM.

References
----------
Perez E. et al. (2018), FiLM: visual reasoning with a general conditioning layer, *AAAI* 32, 3942-3951.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from xraylab.models.cnn import Standardise
from xraylab.models.unet import check_divisible

__all__ = ["AgeCNN", "EncoderRegressor", "FiLM"]

_DENSE = 256


class AgeCNN(nn.Module):
    """The published network: blocks of convolution, a dense layer, the covariates joined in, and more dense layers.

    Block i = 0 … has a 3 × 3 convolution ("same" padding) with ``filters * (i + 1)`` filters, ReLU, batch normalisation
    and 2 × 2 max pooling. Then flatten, dense 256 with ReLU and batch normalisation; the covariates are appended; dense
    layer i = 0 … has ``256 // (i + 1)`` units, ReLU and dropout; one linear output. ``maps`` passes the last feature
    maps on unchanged: what Grad-CAM looks at.

    Parameters
    ----------
    size_px : int
        Edge of the films, at least 2 ** blocks.
    n_covariates : int
        Numbers known beside a film.
    blocks, filters, dense_layers : int
        Blocks of convolution, filters of the first, dense layers after the covariates.
    dropout : float
        Share of the units of those that is dropped in training.
    """

    def __init__(
        self,
        size_px: int,
        n_covariates: int = 1,
        blocks: int = 4,
        filters: int = 16,
        dense_layers: int = 2,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        side = size_px // 2**blocks
        if side < 1:
            raise ValueError(
                f"size_px must be at least {2**blocks} for {blocks} blocks, got {size_px}"
            )
        widths = [filters * (i + 1) for i in range(blocks)]
        inputs = [1, *widths[:-1]]
        self.size_px = size_px
        self.blocks = nn.Sequential(*(_block(a, b) for a, b in zip(inputs, widths, strict=True)))
        self.maps = nn.Identity()
        self.features = nn.Sequential(
            nn.Flatten(),
            nn.Linear(widths[-1] * side**2, _DENSE),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(_DENSE),
        )
        units = [_DENSE // (i + 1) for i in range(dense_layers)]
        layers: list[nn.Module] = []
        for a, b in zip([_DENSE + n_covariates, *units[:-1]], units, strict=True):
            layers += [nn.Linear(a, b), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        self.head = nn.Sequential(*layers, nn.Linear(units[-1], 1))

    def forward(self, films: Tensor, covariates: Tensor) -> Tensor:
        """Map films (B, 1, S, S) and covariates (B, C) to numbers (B, 1)."""
        if films.shape[-2:] != (self.size_px, self.size_px):
            raise ValueError(
                f"this network takes films of {self.size_px} x {self.size_px} pixels, got "
                f"{films.shape[-2]} x {films.shape[-1]}"
            )
        features = self.features(self.maps(self.blocks(films)))
        number: Tensor = self.head(torch.cat([features, covariates], dim=1))
        return number


class FiLM(nn.Module):
    """Scale and shift each channel of feature maps by what covariates say; at first by nothing.

    Parameters
    ----------
    n_covariates, channels : int
        Covariates, and channels of the maps.
    hidden : int
        Units between them.
    """

    def __init__(self, n_covariates: int, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.first = nn.Linear(n_covariates, hidden)
        self.last = nn.Linear(hidden, 2 * channels)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, maps: Tensor, covariates: Tensor) -> Tensor:
        """Map feature maps (B, K, H, W) and covariates (B, C) to (1 + scale) * maps + shift, (B, K, H, W)."""
        scale, shift = self.last(torch.relu(self.first(covariates)))[..., None, None].chunk(
            2, dim=1
        )
        modulated: Tensor = (1 + scale) * maps + shift
        return modulated


class EncoderRegressor(nn.Module):
    """An encoder of segmentation_models_pytorch, covariates, global average pooling and a dense layer; one number out.

    With ``film`` the last feature maps are scaled and shifted by the covariates and pass a ReLU; with ``concatenate``
    the covariates are appended to the pooled features. ``maps`` passes the last feature maps of the encoder on
    unchanged: what Grad-CAM looks at.

    Parameters
    ----------
    encoder : torch.nn.Module
        Gives a list of feature maps, the coarsest last.
    n_covariates : int
        Numbers known beside a film.
    join : {"film", "concatenate"}
        How they are joined in.
    hidden : int
        Units of the dense layer.
    dropout : float
        Share of the pooled features and of those units that is dropped in training.
    standardise : bool
        Shift and scale each film to zero mean and unit variance first.
    """

    def __init__(
        self,
        encoder: Any,
        n_covariates: int = 1,
        join: Literal["film", "concatenate"] = "film",
        hidden: int = 256,
        dropout: float = 0.2,
        standardise: bool = True,
    ) -> None:
        super().__init__()
        channels = int(encoder.out_channels[-1])
        self.prepare = Standardise() if standardise else nn.Identity()
        self.encoder = encoder
        self.stride = int(getattr(encoder, "output_stride", 32))
        self.maps = nn.Identity()
        self.film = FiLM(n_covariates, channels) if join == "film" else None
        appended = 0 if join == "film" else n_covariates
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        self.head = nn.Sequential(
            nn.Linear(channels + appended, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1),
        )

    def forward(self, films: Tensor, covariates: Tensor) -> Tensor:
        """Map films (B, 1, H, W) and covariates (B, C) to numbers (B, 1)."""
        check_divisible(films, self.stride)
        maps = self.maps(self.encoder(self.prepare(films))[-1])
        if self.film is not None:
            number: Tensor = self.head(self.pool(torch.relu(self.film(maps, covariates))))
            return number
        joined: Tensor = self.head(torch.cat([self.pool(maps), covariates], dim=1))
        return joined


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(outputs),
        nn.MaxPool2d(2),
    )
