import torch

from xraylab.models.mlp import PUBLISHED_SIZES, build_mlp, restore_mlp
from xraylab.models.networks import count_parameters, describe_network


def test_the_published_network_has_its_sizes():
    network = build_mlp(25_088, PUBLISHED_SIZES, 0)
    sizes = [(m.in_features, m.out_features) for m in network if isinstance(m, torch.nn.Linear)]
    assert sizes == [(25_088, 200), (200, 120), (120, 80), (80, 50), (50, 20), (20, 5), (5, 2)]
    assert sum(isinstance(m, torch.nn.ReLU) for m in network) == 6
    # weights and biases of each layer
    assert count_parameters(network) == sum(a * b + b for a, b in sizes)


def test_a_stored_dense_network_comes_back():
    network = build_mlp(4, (3,), 1)
    network[0].mean.fill_(2.0)
    state = describe_network(network, {"network": {"n_features": 4, "hidden_sizes": [3]}})
    x = torch.rand(5, 4)
    assert torch.equal(restore_mlp(state)(x), network(x))
