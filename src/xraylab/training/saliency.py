"""Where a classifier looks: Grad-CAM by Captum, and the network whose weights are drawn anew to check it.

References
----------
Selvaraju R. R. et al. (2017), Grad-CAM, *ICCV*, 618-626. Adebayo J. et al. (2018), Sanity checks for saliency maps,
*NeurIPS* 31: a map that stays the same when the weights are random explains nothing.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import interpolate

from xraylab.training.data import scale_films

__all__ = ["draw_weights_anew", "grad_cam"]


def grad_cam(
    network: nn.Module,
    films: NDArray[np.uint8],
    covariates: NDArray[np.float32] | None = None,
    *,
    against: bool = False,
    batch_size: int = 16,
) -> NDArray[np.float32]:
    """Return what speaks for a network's output, film by film.

    Parameters
    ----------
    network : torch.nn.Module
        A network with one module named ``maps`` that passes on its last feature maps.
    films : (B, S, S) ndarray of uint8
        Prepared films.
    covariates : (B, C) ndarray of float32, optional
        For a network that takes them.
    against : bool
        What speaks against the output, not for it.
    batch_size : int
        Films at once.

    Returns
    -------
    (B, S, S) ndarray of float32
        Scaled to [0, 1] film by film; 0 all over where nothing speaks for the output.

    Raises
    ------
    ValueError
        If the network has no module named ``maps``, or more than one.
    """
    from captum.attr import LayerGradCam

    layers = [module for name, module in network.named_modules() if name.split(".")[-1] == "maps"]
    if len(layers) != 1:
        raise ValueError(f"Grad-CAM needs one module named 'maps', the network has {len(layers)}")
    network = network.cpu().eval()
    explain = LayerGradCam(network, layers[0])
    size = films.shape[-2:]
    found = []
    for start in range(0, len(films), batch_size):
        part = slice(start, start + batch_size)
        batch = scale_films(torch.from_numpy(np.array(films[part]))[:, None])
        known = None if covariates is None else (torch.from_numpy(np.array(covariates[part])),)
        maps = explain.attribute(batch, target=0, additional_forward_args=known).detach()
        maps = (-maps if against else maps).relu()
        found.append(interpolate(maps, size, mode="bilinear", align_corners=False)[:, 0])
    maps = torch.cat(found) if found else torch.zeros(0, *size)
    top = maps.amax(dim=(1, 2), keepdim=True)
    return np.asarray((maps / top.where(top > 0, torch.ones_like(top))).numpy(), np.float32)


def draw_weights_anew(network: nn.Module, seed: int) -> nn.Module:
    """Return a copy of a network with every weight as before any training, drawn by a seed."""
    copied = copy.deepcopy(network)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for module in copied.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return copied.eval()
