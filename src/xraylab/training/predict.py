"""What a trained network says of films."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from xraylab.training.data import scale_films
from xraylab.training.machine import choose_precision, keep_freed_memory

__all__ = ["predict_batches", "predict_probabilities"]

_HALF = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def predict_probabilities(
    network: nn.Module,
    films: NDArray[np.uint8],
    *,
    precision: str = "auto",
    accelerator: str = "auto",
    flip: bool = False,
) -> NDArray[np.float32]:
    """Return the sigmoid of a network's logits for one batch.

    Parameters
    ----------
    network : torch.nn.Module
        As `xraylab.training.fit.fit` leaves it.
    films : (B, H, W) ndarray of uint8
        Prepared films.
    precision, accelerator : str
        As `xraylab.training.params.TrainingParams` names them.
    flip : bool
        Average with the prediction for the mirror image.

    Returns
    -------
    (B, …) ndarray of float32
        Probabilities: (B, H, W) for a network of one map, (B, K) for one of K logits.
    """
    keep_freed_memory()
    device = _device(accelerator)
    network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    half = _HALF.get(choose_precision(precision, accelerator))
    cast: Any = torch.autocast(device.type, half) if half is not None else nullcontext()
    batch = scale_films(torch.from_numpy(np.array(films))[:, None].to(device))
    batch = batch.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), cast:
        found = network(batch).float().sigmoid()
        if flip:
            mirrored = network(batch.flip(-1)).float().sigmoid()
            found = (found + (mirrored.flip(-1) if mirrored.ndim == batch.ndim else mirrored)) / 2
    return np.asarray(found.squeeze(1).cpu().numpy(), np.float32)


def predict_batches(
    network: nn.Module,
    films: NDArray[np.uint8],
    rows: NDArray[np.int64],
    batch_size: int,
    **options: Any,
) -> Iterator[NDArray[np.float32]]:
    """Give what `predict_probabilities` returns for each of the rows, a batch at a time.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    films : (N, H, W) ndarray of uint8
        Prepared films, usually memory-mapped.
    rows : (M,) ndarray of int
        The rows wanted, in their order.
    batch_size : int
        Films at once.
    **options
        As `predict_probabilities` takes them.
    """
    for start in range(0, len(rows), batch_size):
        yield from predict_probabilities(
            network, films[rows[start : start + batch_size]], **options
        )


def _device(accelerator: str) -> torch.device:
    if accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available()):
        return torch.device("cuda")
    if accelerator == "mps" or (accelerator == "auto" and torch.backends.mps.is_available()):
        return torch.device("mps")
    return torch.device("cpu")
