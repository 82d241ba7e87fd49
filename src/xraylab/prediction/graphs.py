"""Released networks as graphs from prepared films to what is reported of them, for export.

Each graph computes what the `Reader` of its task computes between prepared films and its columns: scaling, networks,
mirrored views, sigmoid, calibration, and the mean or median of several trainings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xraylab.training.data import scale_films
from xraylab.training.predict import Views, average_views

__all__ = [
    "AgeGraph",
    "CalledGraph",
    "EncodedGraph",
    "KernelClassifier",
    "LinearClassifier",
    "MaskGraph",
    "NetworkGraph",
    "equalise",
]

_LEVELS = 256
_NEAREST = 1e-7  # to 0 and 1, as `xraylab.evaluation.calibration.Calibration` has it


class NetworkGraph(nn.Module):
    """One network between prepared films and its numbers, averaged over views.

    Parameters
    ----------
    network : torch.nn.Module
        Takes scaled films, and covariates where there are any.
    views : {1, 2, 8}
        Views that are averaged.
    kind : {"binary", "number"}
        Take the sigmoid of logits, or numbers as they are.
    calibration : mapping or None
        As the card of a model stores it.
    """

    def __init__(
        self,
        network: nn.Module,
        views: Views = 1,
        kind: Literal["binary", "number"] = "binary",
        calibration: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.views, self.kind = network, views, kind
        self.calibration = calibration

    def forward(self, films: Tensor, *known: Tensor) -> Tensor:
        """Map films (B, S, S) of uint8 to numbers (B,) or maps (B, S, S)."""
        batch = scale_films(films[:, None])
        found = average_views(self.network, batch, known, self.kind, self.views)
        if self.calibration is None:
            return found
        # in float64, as Calibration computes: a saturated float32 sigmoid has no finite logit
        held = found.double().clamp(_NEAREST, 1 - _NEAREST)
        slope, intercept = self.calibration["slope"], self.calibration.get("intercept", 0.0)
        return torch.sigmoid(slope * torch.log(held / (1 - held)) + intercept)


class CalledGraph(nn.Module):
    """The mean probability of several trainings, and their spread, as `xraylab.flow.release.call_films` has them.

    Parameters
    ----------
    members : sequence of torch.nn.Module
        Each maps films (B, S, S) of uint8 to probabilities (B,).
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, films: Tensor) -> tuple[Tensor, Tensor]:
        """Map films (B, S, S) of uint8 to probability (B,) and spread (B,)."""
        found = torch.stack([member(films).double() for member in self.members])
        mean = found.mean(0)
        spread = (found - mean).square().mean(0).sqrt()
        return mean.float(), spread.float()


class MaskGraph(nn.Module):
    """The median map of several networks, as `xraylab.flow.release.MaskNetworks` has it.

    Parameters
    ----------
    members : sequence of torch.nn.Module
        Each maps films (B, S, S) of uint8 to maps (B, S, S).
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, films: Tensor) -> Tensor:
        """Map films (B, S, S) of uint8 to the probability (B, S, S) of each pixel."""
        found = torch.stack([member(films) for member in self.members])
        rising, middle = found.sort(0).values, len(self.members) // 2
        if len(self.members) % 2:
            return rising[middle]
        return (rising[middle - 1] + rising[middle]) / 2


class AgeGraph(nn.Module):
    """One network of numbers, brought back to months.

    Parameters
    ----------
    network : torch.nn.Module
        Takes scaled films and the sex (B, 1).
    views : {1, 2, 8}
        Views that are averaged.
    mean, deviation : float
        Of the target that it was trained on, in months.
    """

    def __init__(self, network: nn.Module, views: Views, mean: float, deviation: float) -> None:
        super().__init__()
        self.member = NetworkGraph(network, views, "number")
        self.mean, self.deviation = mean, deviation

    def forward(self, films: Tensor, sex: Tensor) -> Tensor:
        """Map films (B, S, S) of uint8 and sex (B,), 1 male and 0 female, to months (B,)."""
        found: Tensor = self.member(films, sex[:, None])
        return found * self.deviation + self.mean


class EncodedGraph(nn.Module):
    """A classifier of the features of a frozen encoder.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps scaled films (B, 1, S, S) to features (B, F).
    equalised : bool
        Whether it sees films whose histogram is equalised first.
    classifier : torch.nn.Module
        Maps features (B, F) to logits (B, 2), or to probabilities (B,).
    """

    def __init__(self, encoder: nn.Module, equalised: bool, classifier: nn.Module) -> None:
        super().__init__()
        self.encoder, self.equalised, self.classifier = encoder, equalised, classifier

    def forward(self, films: Tensor) -> Tensor:
        """Map films (B, S, S) of uint8 to probabilities (B,)."""
        seen = equalise(films) if self.equalised else films
        found: Tensor = self.classifier(self.encoder(scale_films(seen[:, None])))
        return found if found.ndim == 1 else found.softmax(1)[:, 1]


def equalise(films: Tensor) -> Tensor:
    """Return films (B, S, S) of uint8 with each histogram equalised, as ``cv2.equalizeHist`` does it.

    Examples
    --------
    >>> film = torch.arange(4, dtype=torch.uint8).reshape(1, 2, 2)
    >>> equalise(film).tolist()
    [[[0, 85], [170, 255]]]
    """
    levels = films.flatten(1).long()
    counts = torch.zeros(films.shape[0], _LEVELS, dtype=torch.float32)
    counts = counts.scatter_add(1, levels, torch.ones_like(levels, dtype=torch.float32))
    below = counts.cumsum(1)
    total = below[:, -1:]
    # pixels of the darkest level that there is
    first = torch.where(counts > 0, below, total).amin(1, keepdim=True)
    others = (total - first).clamp_min(1)
    scale = (
        torch.full_like(others, _LEVELS - 1) / others
    )  # not 255 * (1 / others), which rounds twice
    spread = ((below - first).clamp_min(0) * scale).round()
    # a film of one grey value stays as it is
    spread = torch.where(first == total, torch.arange(_LEVELS, dtype=torch.float32), spread)
    return spread.gather(1, levels).reshape(films.shape).to(torch.uint8)


class LinearClassifier(nn.Module):
    """A stored logistic regression (`xraylab.tabular.logistic`), in float64 as it is fitted.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``offset, scale, coefficient`` (F,) and ``intercept`` (1,).
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        super().__init__()
        _hold(self, tensors, ("offset", "scale", "coefficient", "intercept"))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, F) to probabilities (B,)."""
        held = self.get_buffer
        scaled = (features.double() - held("offset")) / held("scale")
        return torch.sigmoid(scaled @ held("coefficient") + held("intercept"))


class KernelClassifier(nn.Module):
    """A stored kernel logistic regression (`xraylab.tabular.kernel`), in float64 as it is fitted.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``offset, scale`` (F,), ``rows`` (N, F), ``coefficient`` (N,) and ``intercept`` (1,).
    width : float
        Width of the kernel.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]], width: float) -> None:
        super().__init__()
        self.width = width
        _hold(self, tensors, ("offset", "scale", "rows", "coefficient", "intercept"))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, F) to probabilities (B,)."""
        held = self.get_buffer
        scaled = (features.double() - held("offset")) / held("scale")
        rows = held("rows")
        inner = scaled @ rows.T
        squared = scaled.square().sum(1, keepdim=True) + rows.square().sum(1) - 2 * inner
        kernel = torch.exp(-self.width / rows.shape[1] * squared.clamp_min(0))
        return torch.sigmoid(kernel @ held("coefficient") + held("intercept"))


def _hold(module: nn.Module, tensors: Mapping[str, NDArray[Any]], names: Sequence[str]) -> None:
    for name in names:
        module.register_buffer(name, torch.from_numpy(np.array(tensors[name], np.float64)))
