"""Histograms of oriented gradients as an encoder that needs no training.

References
----------
Dalal N., Triggs B. (2005), Histograms of oriented gradients for human detection, *CVPR*, 886-893.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, one_hot, unfold

from xraylab.models.unet import check_divisible

__all__ = ["OrientedGradients"]

_EPSILON = 1e-5
_CLIPPED = 0.2  # L2-Hys: norm, clip, norm


class OrientedGradients(nn.Module):
    """Histograms of unsigned gradients of the cells of a grid, normalised in blocks of 2 by 2 cells.

    As scikit-image's ``hog`` with ``block_norm="L2-Hys"``.

    Parameters
    ----------
    n_cells : int
        Cells along each edge.
    n_orientations : int
        Bins of the orientation over 180 degrees.
    """

    def __init__(self, n_cells: int = 8, n_orientations: int = 8) -> None:
        super().__init__()
        self.n_cells, self.n_orientations = n_cells, n_orientations

    def forward(self, films: Tensor) -> list[Tensor]:
        """Map films (B, 1, S, S), S a multiple of the cells, to one map (B, 4 · orientations, blocks, blocks)."""
        check_divisible(films, self.n_cells)
        down, right = torch.zeros_like(films), torch.zeros_like(films)
        down[..., 1:-1, :] = films[..., 2:, :] - films[..., :-2, :]
        right[..., 1:-1] = films[..., 2:] - films[..., :-2]
        angle = torch.atan2(down, right).remainder(math.pi) / math.pi
        bins = (angle * self.n_orientations).long().clamp_(0, self.n_orientations - 1)
        slope = torch.hypot(down, right)
        spread = one_hot(bins[:, 0], self.n_orientations).movedim(-1, 1) * slope
        cells = avg_pool2d(spread, films.shape[-1] // self.n_cells)
        blocks = unfold(cells, 2)
        for top in (_CLIPPED, math.inf):
            norm = torch.sqrt((blocks**2).sum(1, keepdim=True) + _EPSILON**2)
            blocks = (blocks / norm).clamp(max=top)
        edge = math.isqrt(blocks.shape[-1])
        return [blocks.reshape(*blocks.shape[:-1], edge, edge)]
