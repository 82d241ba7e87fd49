"""What a trained network says of films."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xraylab.training.data import scale_films
from xraylab.training.machine import choose_precision

__all__ = ["Batches", "Views", "average_views", "predict_films", "predict_probabilities"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

Views = Literal[1, 2, 8]
"""Views of a film that a prediction is averaged over: as it is, its mirror image too, or all quarter turns of both."""

_HALF = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def predict_probabilities(
    network: nn.Module,
    films: Bytes,
    *,
    covariates: Floats | None = None,
    kind: Literal["binary", "number"] = "binary",
    views: Views = 1,
    precision: str = "auto",
    accelerator: str = "auto",
) -> Floats:
    """Return what a network gives for one batch, averaged over views of each film.

    Parameters
    ----------
    network : torch.nn.Module
        As `xraylab.training.fit.fit` leaves it.
    films : (B, S, S) ndarray of uint8
        Prepared films.
    covariates : (B, C) ndarray of float32, optional
        For a network that takes them.
    kind : {"binary", "number"}
        Take the sigmoid of logits, or numbers as they are.
    views : {1, 2, 8}
        How many views are averaged; maps are turned back first.
    precision, accelerator : str
        As `xraylab.training.params.TrainingParams` names them.

    Returns
    -------
    (B, …) ndarray of float32
        (B, S, S) for a network of one map, (B,) for one of one number, (B, K) for K.
    """
    device = _device(accelerator)
    network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    half = _HALF.get(choose_precision(precision, accelerator))
    cast: Any = torch.autocast(device.type, half) if half is not None else nullcontext()
    batch = scale_films(torch.from_numpy(np.array(films))[:, None].to(device))
    known = [] if covariates is None else [torch.from_numpy(np.asarray(covariates)).to(device)]
    with torch.inference_mode(), cast:
        mean = average_views(network, batch, known, kind, views)
    return np.asarray(mean.cpu().numpy(), np.float32)


def average_views(
    network: nn.Module,
    batch: Tensor,
    known: Sequence[Tensor],
    kind: Literal["binary", "number"],
    views: Views,
) -> Tensor:
    """Return what a network gives for scaled films (B, 1, S, S), averaged over views, as a tensor of float32.

    Covariates, kind and views are those of `predict_probabilities`, which this is the inner part of; so is it of a
    network that is exported.
    """
    read = torch.sigmoid if kind == "binary" else lambda numbers: numbers
    found = [
        _turn_back(read(network(_turn(batch, view), *known).float()), view) for view in range(views)
    ]
    return torch.stack(found).mean(0).squeeze(1)


def _turn(batch: Tensor, view: int) -> Tensor:
    """Return a view of films: odd ones are mirrored, every second adds a quarter turn."""
    mirrored = batch.flip(-1) if view % 2 else batch
    return _quarter_turns(mirrored, view // 2).contiguous(memory_format=torch.channels_last)


def _turn_back(found: Tensor, view: int) -> Tensor:
    if found.ndim <= 2:  # noqa: PLR2004 - numbers know no direction
        return found
    turned = _quarter_turns(found, -(view // 2))
    return turned.flip(-1) if view % 2 else turned


def _quarter_turns(images: Tensor, turns: int) -> Tensor:
    """Return what ``torch.rot90`` does, by operations that ONNX has too."""
    match turns % 4:
        case 1:
            return images.transpose(-2, -1).flip(-2)
        case 2:
            return images.flip(-2, -1)
        case 3:
            return images.transpose(-2, -1).flip(-1)
    return images


def predict_films(
    network: nn.Module,
    films: Bytes,
    rows: NDArray[np.int64],
    batch_size: int,
    covariates: Floats | None = None,
    **options: Any,
) -> Floats:
    """Return what `predict_probabilities` gives for many films, a batch at a time.

    Parameters
    ----------
    network : torch.nn.Module
        A network that gives numbers, not maps.
    films : (N, S, S) ndarray of uint8
        Prepared films, usually memory-mapped.
    rows : (M,) ndarray of int
        The rows wanted, in their order.
    batch_size : int
        Films at once.
    covariates : (M, C) ndarray of float32, optional
        For a network that takes them.
    **options
        As `predict_probabilities` takes them.

    Returns
    -------
    (M,) or (M, K) ndarray of float32
    """
    parts = [
        predict_probabilities(
            network,
            films[rows[start : start + batch_size]],
            covariates=None if covariates is None else covariates[start : start + batch_size],
            **options,
        )
        for start in range(0, len(rows), batch_size)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


class Batches:
    """Maps of many films, predicted a batch at a time when the first of a batch is asked for.

    So that masks are saved one by one with the memory of a batch.

    Parameters
    ----------
    network : torch.nn.Module
        A network that gives a map a film.
    n_films : int
        How many films there are.
    read : callable
        ``(start, stop) -> (B, S, S)`` of uint8: some of them.
    batch_size : int
        Films at once.
    **options
        As `predict_probabilities` takes them.
    """

    def __init__(
        self,
        network: nn.Module,
        n_films: int,
        read: Callable[[int, int], Bytes],
        batch_size: int,
        **options: Any,
    ) -> None:
        self.network, self.n_films, self.read = network, n_films, read
        self.batch_size, self.options = batch_size, options
        self._start, self._found = -1, np.zeros((0, 0, 0), np.float32)

    def __call__(self, position: int) -> Floats:
        """Return the map (S, S) of one film, in [0, 1]."""
        start = position - position % self.batch_size
        if start != self._start:
            stop = min(start + self.batch_size, self.n_films)
            self._found = predict_probabilities(
                self.network, self.read(start, stop), **self.options
            )
            self._start = start
        return np.asarray(self._found[position - start])


def _device(accelerator: str) -> torch.device:
    if accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available()):
        return torch.device("cuda")
    if accelerator == "mps" or (accelerator == "auto" and torch.backends.mps.is_available()):
        return torch.device("mps")
    return torch.device("cpu")
