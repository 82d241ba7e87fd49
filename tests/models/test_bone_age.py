import pytest
import torch
from pydantic import ValidationError
from torch import nn

from xraylab.models.age_networks import AgeCNN
from xraylab.models.bone_age import (
    BoneAgeNetworkParams,
    build_bone_age_network,
    restore_bone_age_network,
)
from xraylab.models.networks import describe_network

SIZE = 64


CASES = {
    "published": BoneAgeNetworkParams(blocks=3, filters=4, dense_layers=2),
    "film": BoneAgeNetworkParams(encoder="resnet18", hidden=16),
    "concatenate": BoneAgeNetworkParams(encoder="resnet18", hidden=16, join="concatenate"),
}


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    films = torch.rand(4, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return films, torch.tensor([[0.0], [1.0], [0.0], [1.0]])


def test_published_network_by_hand() -> None:
    """One block of one filter on 4 x 4 pixels: 10, 2; 4 * 256 + 256, 512; 257 * 256 + 256; 257."""
    network = AgeCNN(4, blocks=1, filters=1, dense_layers=1)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 12 + 1280 + 512 + 66_048 + 257


def test_published_layers_stand_in_the_published_order() -> None:
    network = AgeCNN(64, blocks=3, filters=8, dense_layers=3, dropout=0.3)
    kinds = [type(layer) for layer in network.blocks[0]]
    assert kinds == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.MaxPool2d]
    assert [block[0].out_channels for block in network.blocks] == [8, 16, 24]
    assert network.features[1].in_features == 24 * 8 * 8
    assert [type(layer) for layer in network.features[2:]] == [nn.ReLU, nn.BatchNorm1d]
    dense = [layer for layer in network.head if isinstance(layer, nn.Linear)]
    assert [layer.in_features for layer in dense] == [257, 256, 128, 85]
    assert [layer.out_features for layer in dense] == [256, 128, 85, 1]
    assert [layer.p for layer in network.head if isinstance(layer, nn.Dropout)] == [0.3] * 3


@pytest.mark.parametrize("name", CASES)
def test_one_number_a_film_and_every_weight_learns(name, batch) -> None:
    network = build_bone_age_network(CASES[name], 1, SIZE)
    if name == "film":  # as the first step of a training makes it: FiLM starts as the identity
        nn.init.normal_(network.film.last.weight, std=0.1)
    numbers = network(*batch)
    assert numbers.shape == (4, 1)
    (numbers**2).mean().backward()
    without = [key for key, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []
    assert [key.split(".")[-1] for key, _ in network.named_modules()].count("maps") == 1


@pytest.mark.parametrize(
    ("name", "counts"), [("published", True), ("film", False), ("concatenate", True)]
)
def test_sex_counts_from_the_start_but_for_film(name, counts, batch) -> None:
    network = build_bone_age_network(CASES[name], 1, SIZE).eval()
    films = batch[0][:1]
    with torch.no_grad():
        girl, boy = (network(films, torch.tensor([[sex]])) for sex in (0.0, 1.0))
    assert bool((girl - boy).abs().max() > 1e-6) == counts


@pytest.mark.parametrize("name", CASES)
def test_a_stored_network_comes_back(name, batch) -> None:
    params = CASES[name]
    network = build_bone_age_network(params, 3, SIZE).eval()
    card = {"network": params.model_dump(mode="json"), "size_px": SIZE}
    restored = restore_bone_age_network(describe_network(network, card))
    with torch.no_grad():
        assert torch.equal(restored(*batch), network(*batch))


def test_a_seed_is_a_network_and_leaves_the_global_generator(batch) -> None:
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    a, b, c = (build_bone_age_network(CASES["published"], seed, SIZE) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(a.blocks[0][0].weight, b.blocks[0][0].weight)
    assert not torch.equal(a.blocks[0][0].weight, c.blocks[0][0].weight)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="size_px must be at least 32 for 5 blocks, got 16"):
        AgeCNN(16, blocks=5)
    with pytest.raises(ValueError, match="takes films of 64 x 64 pixels, got 32 x 32"):
        AgeCNN(64)(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1))
    network = build_bone_age_network(CASES["film"], 0, SIZE)
    with pytest.raises(ValueError, match="multiples of 32 for this network, got 40 x 40"):
        network(torch.zeros(1, 1, 40, 40), torch.zeros(1, 1))
    with pytest.raises(ValidationError, match=r"unknown encoder 'resnet19'.*Did you mean 'resnet1"):
        BoneAgeNetworkParams(encoder="resnet19")
    with pytest.raises(ValidationError, match="encoder_weights 'imagenet' need an encoder"):
        BoneAgeNetworkParams(encoder_weights="imagenet")
