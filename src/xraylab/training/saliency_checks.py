"""Whether Grad-CAM maps mean anything: film by film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.saliency import border_mask, map_similarity, share_inside
from xraylab.training.saliency import draw_weights_anew, grad_cam

if TYPE_CHECKING:
    from torch import nn

__all__ = ["check_maps"]

Mask = NDArray[Any]


def check_maps(
    network: nn.Module,
    films: NDArray[np.uint8],
    regions: Mapping[str, Sequence[Mask | None]],
    border_fraction: float,
    seed: int,
) -> pd.DataFrame:
    """Hold the map of each film against the same network with weights drawn anew, and against regions of the film.

    Parameters
    ----------
    network : torch.nn.Module
        As `grad_cam` takes it.
    films : (B, S, S) ndarray of uint8
        Prepared films.
    regions : mapping of str to sequence of (S, S) masks or None
        By their name, such as ``markers`` or ``lungs``, one mask a film; None where a film has none.
    border_fraction : float
        Width of the border, as a fraction of the edge.
    seed : int
        Of the new weights.

    Returns
    -------
    DataFrame
        One row per film for which the network's map is not empty: ``ssim_after_randomisation,
        spearman_after_randomisation`` (far below 1 for a map that shows what was learnt), ``share_on_border,
        area_of_border`` and the same of each region: shares of the map, to be held against shares of the film.
    """
    size = int(films.shape[-1])
    border = border_mask((size, size), border_fraction)
    maps = grad_cam(network, films)
    anew = grad_cam(draw_weights_anew(network, seed), films)
    rows = []
    for place, (seen, random) in enumerate(zip(maps, anew, strict=True)):
        if not seen.any():  # nothing speaks for class 1: there is no map to check
            continue
        values = {
            f"{name}_after_randomisation": value
            for name, value in map_similarity(seen, random).items()
        }
        for name, mask in {"border": border, **{k: v[place] for k, v in regions.items()}}.items():
            if mask is not None:
                values[f"share_on_{name}"] = share_inside(seen, mask)
                values[f"area_of_{name}"] = float((mask > 0).mean())
        rows.append(values)
    return pd.DataFrame(rows)
