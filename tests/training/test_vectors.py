import numpy as np
import pytest
import torch

from xraylab.models.mlp import build_mlp
from xraylab.training.vector_params import VectorRecipe
from xraylab.training.vectors import fit_vectors, predict_vectors


def made() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    target = np.tile([0.0, 1.0], 40)
    x = 100 + 5 * rng.standard_normal((80, 3))
    x[:, 0] += 20 * target
    x[:, 2] = 7.0
    return x, target


def test_a_network_learns_what_is_there_and_repeats_itself():
    x, target = made()
    found = []
    for _ in range(2):
        network = build_mlp(3, (8,), 0)
        before = torch.get_rng_state()
        history = fit_vectors(
            network, x, target, VectorRecipe(max_epochs=30, learning_rate=1e-2), 0
        )
        assert torch.equal(torch.get_rng_state(), before)
        found.append(predict_vectors(network, x))
    np.testing.assert_array_equal(*found)
    assert np.mean((found[0] > 0.5) == target) > 0.95
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0] / 2
    assert history["epoch"].tolist() == list(range(30))
    np.testing.assert_allclose(network[0].mean.numpy(), x.mean(axis=0), rtol=1e-5)
    assert network[0].scale[2] == 1  # a feature that never varies


def test_nothing_to_learn_from_and_a_loss_that_is_no_number_are_told():
    with pytest.raises(ValueError, match="the training part is empty"):
        fit_vectors(build_mlp(3, (2,), 0), np.zeros((0, 3)), np.zeros(0), VectorRecipe(), 0)
    x, target = made()
    with pytest.raises(ValueError, match="a lower learning_rate than 10 may help"):
        fit_vectors(
            build_mlp(3, (8, 8), 0), np.full_like(x, np.inf), target,
            VectorRecipe(learning_rate=10, standardise=False), 0,
        )  # fmt: skip
