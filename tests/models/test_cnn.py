import pytest
import torch

from xraylab.models.cnn import CNN, Standardise
from xraylab.models.networks import count_parameters


def test_the_published_network_has_the_weights_of_its_layers():
    network = CNN(224)
    blocks = sum(9 * a * b + 4 * b for a, b in ((1, 64), (64, 128), (128, 256), (256, 512)))
    dense = (512 * 14 * 14) * 256 + 256
    assert count_parameters(network) == blocks + dense + 256 + 1
    with torch.inference_mode():
        assert network.eval()(torch.zeros(2, 1, 224, 224)).shape == (2, 1)


def test_the_mean_of_the_maps_needs_no_fixed_size():
    network = CNN(64, widths=(4, 8), dense=6, pool="mean").eval()
    assert network.head[2].in_features == 8
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 32, 48)).shape == (1, 1)


def test_films_must_fit_the_pooling():
    with pytest.raises(ValueError, match="size_px must be a multiple of 16, got 100"):
        CNN(100)
    with pytest.raises(ValueError, match="multiples of 4 for this network, got 16 x 18"):
        CNN(16, widths=(2, 2))(torch.zeros(1, 1, 16, 18))


def test_each_film_is_standardised_by_itself():
    films = torch.tensor([[0.0, 2.0, 4.0, 6.0], [5.0, 5.0, 5.0, 5.0]]).reshape(2, 1, 2, 2)
    found = Standardise()(films)
    assert found[0].flatten().tolist() == pytest.approx(
        [-1.3416, -0.4472, 0.4472, 1.3416], abs=1e-4
    )
    assert found[1].abs().max() == 0
