"""The baseline of every segmentation: the same mask for every film."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["MeanMask"]

_LEAST = 1e-4  # a pixel that is always or never inside


class MeanMask(nn.Module):
    """Answers every film with the share of the training masks that hold a pixel, as a logit.

    Parameters
    ----------
    size_px : int
        Edge of the masks.
    """

    def __init__(self, size_px: int) -> None:
        super().__init__()
        self.register_buffer("share", torch.zeros(size_px, size_px))
        self.share: Tensor

    def forward(self, films: Tensor) -> Tensor:
        """Map films (B, 1, S, S), whatever they show, to logits (B, 1, S, S)."""
        logits = torch.logit(self.share.clamp(_LEAST, 1 - _LEAST))
        return logits.expand(len(films), 1, -1, -1)
