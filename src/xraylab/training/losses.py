"""Losses by name, on logits."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

__all__ = [
    "LOSSES",
    "Loss",
    "binary_cross_entropy",
    "dice_and_cross_entropy",
    "dice_loss",
    "mean_absolute_error",
    "mean_square_error",
]

Loss = Callable[[Tensor, Tensor], Tensor]


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    r"""Return the soft Dice loss over the whole batch.

    :math:`1 - (2 \sum p t + 1) / (\sum p + \sum t + 1)`, with p the sigmoid of the logits (Milletari et al. 2016; the 1
    is the public demo's smoothing).

    Parameters
    ----------
    logits : (B, 1, H, W) Tensor
        What the network gives.
    targets : (B, 1, H, W) Tensor
        Masks of 0 and 1.
    """
    from segmentation_models_pytorch.losses import DiceLoss

    # this library's `smooth` is added to both masks
    loss: Tensor = DiceLoss("binary", from_logits=True, smooth=0.5, eps=0.0)(logits, targets)
    return loss


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of logits and targets of one shape."""
    return functional.binary_cross_entropy_with_logits(logits, targets)


def dice_and_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of `dice_loss` and `binary_cross_entropy`."""
    return dice_loss(logits, targets) + binary_cross_entropy(logits, targets)


def mean_square_error(predicted: Tensor, targets: Tensor) -> Tensor:
    """Return the mean square error of numbers of one shape."""
    return functional.mse_loss(predicted, targets)


def mean_absolute_error(predicted: Tensor, targets: Tensor) -> Tensor:
    """Return the mean absolute error of numbers of one shape."""
    return functional.l1_loss(predicted, targets)


LOSSES: dict[str, Loss] = {
    "dice": dice_loss,
    "bce": binary_cross_entropy,
    "dice_bce": dice_and_cross_entropy,
    "mse": mean_square_error,
    "l1": mean_absolute_error,
}
