import pytest
import torch
from torch import nn

from xraylab.models.resunet import ResUNet
from xraylab.models.unet import UNet


def keras_count(network: nn.Module) -> int:
    """Parameters as Keras counts them: with the running mean and variance of batch normalisation."""
    running = sum(buffer.numel() for name, buffer in network.named_buffers() if "running" in name)
    return sum(parameter.numel() for parameter in network.parameters()) + running


def test_published_numbers_of_parameters() -> None:
    assert sum(parameter.numel() for parameter in UNet().parameters()) == 7_759_521
    assert keras_count(ResUNet()) == 4_722_737


@pytest.mark.parametrize(
    "network", [UNet(3, 2, (4, 8, 16)), ResUNet(3, 2, (4, 8, 16))], ids=["unet", "resunet"]
)
def test_logits_have_the_size_of_the_image_and_every_weight_learns(network: nn.Module) -> None:
    images = torch.randn(2, 3, 24, 40, generator=torch.Generator().manual_seed(0))
    logits = network(images)
    assert logits.shape == (2, 2, 24, 40)
    (logits**2).mean().backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []


@pytest.mark.parametrize(
    "network", [UNet(widths=(2, 4, 8)), ResUNet(widths=(2, 4, 8))], ids=["unet", "resunet"]
)
def test_sizes_that_do_not_halve_are_refused(network: nn.Module) -> None:
    with pytest.raises(ValueError, match="multiples of 4 for this network, got 30 x 32"):
        network(torch.zeros(1, 1, 30, 32))


def test_residual_blocks_start_as_sums() -> None:
    """With its body at zero a residual network passes its input through the shortcuts."""
    network = ResUNet(widths=(2, 4)).eval()
    with torch.no_grad():
        for parameter in network.stem.body.parameters():
            parameter.zero_()
        image = torch.ones(1, 1, 4, 4)
        assert torch.allclose(network.stem(image), network.stem.shortcut(image))
