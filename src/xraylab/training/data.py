"""Films and targets as a network takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from xraylab.training.params import Augmentation

__all__ = ["LabelledFilms", "MaskedFilms", "RandomAugmentation", "scale_films"]

Augment = Callable[[Tensor, Tensor | None], tuple[Tensor, Any]]
Edit = Callable[
    [NDArray[np.uint8], NDArray[np.uint8], int], tuple[NDArray[np.uint8], NDArray[np.uint8]]
]


_WHITE = 255
_KNOTS = 6  # of the elastic deformation, along each edge


def scale_films(films: Tensor) -> Tensor:
    """Scale films of uint8 to [-2, 2]: about zero mean and unit variance for an equalised film."""
    return films.float().div_(63.75).sub_(2.0)


class LabelledFilms(Dataset[tuple[Any, Tensor]]):
    """Films with a target each, read from a memory map one at a time: uint8 (1, H, W) and float32 (K,).

    Parameters
    ----------
    films : (N, H, W) ndarray of uint8
        The arrays, usually memory-mapped.
    rows : (M,) ndarray of int
        The rows that this part holds, in its order.
    targets : (M,) or (M, K) ndarray of float
        What is asked of each film of this part.
    augment : callable, optional
        A `RandomAugmentation`, drawn anew at every epoch.
    covariates : (M, C) ndarray of float, optional
        What is known of each film beside its pixels, such as sex; an example is then ``((film, covariates), target)``.
    """

    def __init__(
        self,
        films: NDArray[np.uint8],
        rows: NDArray[np.int64],
        targets: NDArray[np.floating[Any]],
        augment: Augment | None = None,
        covariates: NDArray[np.floating[Any]] | None = None,
    ) -> None:
        self.films, self.rows, self.augment = films, rows, augment
        self.targets = torch.as_tensor(np.asarray(targets, np.float32)).reshape(len(rows), -1)
        self.covariates = (
            None if covariates is None else torch.as_tensor(np.asarray(covariates, np.float32))
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> tuple[Any, Tensor]:
        film = torch.from_numpy(np.array(self.films[self.rows[position]]))[None]
        if self.augment is not None:
            film, _ = self.augment(film, None)
        target = self.targets[position]
        if self.covariates is None:
            return film, target
        return (film, self.covariates[position]), target


class MaskedFilms(Dataset[tuple[Tensor, Tensor]]):
    """Films with their masks, read from a memory map one at a time.

    Parameters
    ----------
    films, masks : (N, H, W) ndarray of uint8
        The arrays, usually memory-mapped: [0, 255], and 0 or 1.
    rows : (M,) ndarray of int
        The rows that this part holds, in its order; a row may stand more than once.
    edit : callable, optional
        ``(film, mask, position) -> (film, mask)``, the same at every epoch: one of the published variants.
    augment : callable, optional
        A `RandomAugmentation`, drawn anew at every epoch.
    """

    def __init__(
        self,
        films: NDArray[np.uint8],
        masks: NDArray[np.uint8],
        rows: NDArray[np.int64],
        edit: Edit | None = None,
        augment: Augment | None = None,
    ) -> None:
        self.films, self.masks, self.rows = films, masks, rows
        self.edit, self.augment = edit, augment

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        row = self.rows[position]
        film, mask = np.array(self.films[row]), np.array(self.masks[row])
        if self.edit is not None:
            film, mask = self.edit(film, mask, position)
        images = torch.from_numpy(film)[None], torch.from_numpy(mask)[None]
        return self.augment(*images) if self.augment is not None else images


class RandomAugmentation:
    """Change one film and its mask at random, together, by torchvision; draws from torch's generator.

    Parameters
    ----------
    params : Augmentation
        What is changed, and how far.
    """

    def __init__(self, params: Augmentation) -> None:
        from torchvision.transforms import InterpolationMode, v2

        self.params = params
        steps: list[Any] = [v2.RandomHorizontalFlip(params.flip)]
        if params.flip_vertical:
            steps.append(v2.RandomVerticalFlip(params.flip_vertical))
        if params.rotate_deg or params.shift or params.scale or params.shear_deg:
            steps.append(
                v2.RandomAffine(
                    degrees=params.rotate_deg,
                    translate=(params.shift, params.shift),
                    scale=(1 - params.scale, 1 + params.scale),
                    shear=params.shear_deg,
                    interpolation=InterpolationMode.BILINEAR,
                )
            )
        if params.brightness or params.contrast:
            steps.append(v2.ColorJitter(brightness=params.brightness, contrast=params.contrast))
        self._transform = v2.Compose(steps)

    def __call__(self, film: Tensor, mask: Tensor | None) -> tuple[Tensor, Any]:
        """Return a film (1, H, W) of uint8 and its mask (1, H, W), if any, changed; what comes in from outside is 0."""
        from torchvision import tv_tensors
        from torchvision.transforms import v2

        if self.params.quarter_turns:
            turns = int(torch.randint(4, ()))
            film = film.rot90(turns, (-2, -1))
            mask = None if mask is None else mask.rot90(turns, (-2, -1))
        images: list[Tensor] = [tv_tensors.Image(film)]
        if mask is not None:
            images.append(tv_tensors.Mask(mask))
        images = self._transform(images)
        if self.params.elastic_px:
            field = _draw_field(self.params.elastic_px, *film.shape[-2:])
            images = [v2.functional.elastic(each, field) for each in images]
        grey = images[0].as_subclass(Tensor).float().div_(_WHITE)
        exponent, deviation = torch.rand(2).tolist()
        if self.params.gamma:
            grey = grey.pow_(float(np.exp(self.params.gamma * (2 * exponent - 1))))
        if self.params.noise:
            grey = grey.add_(torch.randn_like(grey), alpha=self.params.noise * deviation)
        moved = None if mask is None else images[1].as_subclass(Tensor)
        return grey.mul_(_WHITE).round_().clamp_(0, _WHITE).byte(), moved


def _draw_field(size_px: float, height: int, width: int) -> Tensor:
    """Return a smooth random displacement (1, H, W, 2), in units of half an edge, as torchvision takes it.

    A cubic interpolation of a coarse normal field; torchvision's own blurs a full-size one, which takes a hundred times
    as long.
    """
    coarse = torch.randn(1, 2, _KNOTS, _KNOTS) * (2 * size_px / min(height, width))
    field = interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return field.permute(0, 2, 3, 1)
