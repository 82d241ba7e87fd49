import numpy as np
import pytest
import torch

from xraylab.training.losses import LOSSES

HALF = torch.zeros(1, 1, 2, 2)  # probability 1/2 everywhere


ONE_OF_FOUR = torch.tensor([[[[1.0, 0], [0, 0]]]])


SURE = torch.tensor([[[[50.0, -50], [-50, -50]]]])


@pytest.mark.parametrize(
    ("loss", "logits", "expected"),
    [
        ("dice", HALF, 1 - (2 * 0.5 + 1) / (2 + 1 + 1)),
        ("dice", SURE, 0.0),
        ("dice", -SURE, 1 - 1 / (3 + 1 + 1)),
        ("bce", HALF, np.log(2)),
        ("dice_bce", HALF, np.log(2) + 0.5),
    ],
)
def test_losses_by_hand(loss, logits, expected):
    assert float(LOSSES[loss](logits, ONE_OF_FOUR)) == pytest.approx(expected, abs=1e-6)


def test_dice_is_over_the_whole_batch():
    # one film right, one film empty and right: 1 - (2 * 1 + 1) / (1 + 1 + 1)
    logits = torch.cat([SURE, torch.full((1, 1, 2, 2), -50.0)])
    targets = torch.cat([ONE_OF_FOUR, torch.zeros(1, 1, 2, 2)])
    assert float(LOSSES["dice"](logits, targets)) == pytest.approx(0, abs=1e-6)
