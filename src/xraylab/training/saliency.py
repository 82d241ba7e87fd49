"""Where a classifier looks: Grad-CAM by Captum, and the network whose weights are drawn anew to check it.

References
----------
Selvaraju R. R. et al. (2017), Grad-CAM, *ICCV*, 618-626. Adebayo J. et al. (2018), Sanity checks for saliency maps,
*NeurIPS* 31: a map that stays the same when the weights are random explains nothing. Draelos R. L., Carin L. (2020),
Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks, arXiv:2011.08891.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from xraylab.training.data import scale_films

__all__ = ["draw_weights_anew", "grad_cam"]

_LEAST_CELLS = (
    7  # of the last maps of an encoder with stride 32 at the 224 px that it is published for
)
_MAP_AXES = 4


def grad_cam(
    network: nn.Module,
    films: NDArray[np.uint8],
    covariates: NDArray[np.float32] | None = None,
    *,
    against: bool = False,
    batch_size: int = 16,
) -> NDArray[np.float32]:
    """Return what speaks for a network's output, film by film.

    Where films are so small that the last feature maps have fewer than 7 cells on a side, such maps show no place. The
    coarsest ones that have so many stand in, and each of their cells is weighed by its own gradient (HiResCAM): the
    mean gradient of a map that is not the last one says little.

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
    from captum.attr import LayerGradCam, LayerGradientXActivation

    layers = [module for name, module in network.named_modules() if name.split(".")[-1] == "maps"]
    if len(layers) != 1:
        raise ValueError(f"Grad-CAM needs one module named 'maps', the network has {len(layers)}")
    network = network.cpu().eval()
    size = films.shape[-2:]
    explain, found = None, []
    for start in range(0, len(films), batch_size):
        part = slice(start, start + batch_size)
        batch = scale_films(torch.from_numpy(np.array(films[part]))[:, None])
        known = None if covariates is None else (torch.from_numpy(np.array(covariates[part])),)
        if explain is None:
            finer = _finer_layer(
                network, layers[0], (batch[:1], *(each[:1] for each in known or ()))
            )
            explain = (
                LayerGradCam(network, layers[0])
                if finer is None
                else LayerGradientXActivation(network, finer)
            )
        maps = explain.attribute(batch, target=0, additional_forward_args=known).detach()
        maps = maps.sum(dim=1, keepdim=True)
        maps = (-maps if against else maps).relu()
        found.append(interpolate(maps, size, mode="bilinear", align_corners=False)[:, 0])
    maps = torch.cat(found) if found else torch.zeros(0, *size)
    top = maps.amax(dim=(1, 2), keepdim=True)
    return np.asarray((maps / top.where(top > 0, torch.ones_like(top))).numpy(), np.float32)


def _finer_layer(
    network: nn.Module, last: nn.Module, inputs: tuple[Tensor, ...]
) -> nn.Module | None:
    """Return the module with the coarsest maps of `_LEAST_CELLS` or more on a side, if the last maps have fewer.

    Of several with maps of that size it is the outermost one, and the last of those: a whole stage of an encoder.
    """
    seen: list[tuple[int, int, nn.Module]] = []

    def note(depth: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _: Any, maps: Any) -> None:
            if isinstance(maps, Tensor) and maps.ndim == _MAP_AXES:
                seen.append((min(maps.shape[-2:]), depth, module))

        return hook

    handles = [
        module.register_forward_hook(note(name.count(".")))
        for name, module in network.named_modules()
        if name
    ]
    with torch.inference_mode():
        network(*inputs)
    for handle in handles:
        handle.remove()
    cells = next(cells for cells, _, module in seen if module is last)
    enough = [(each, depth) for each, depth, _ in seen if each >= _LEAST_CELLS]
    if cells >= _LEAST_CELLS or not enough:
        return None
    return [module for each, depth, module in seen if (each, depth) == min(enough)][-1]


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
