"""The network in NumPy takes the steps of scikit-learn's, to the last digit."""

from itertools import islice

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

from xraylab.tabular.network import draw_layers, forward_network, train_network

SIZES = (3, 16, 8, 1)


def made(n: int = 70) -> tuple[np.ndarray, np.ndarray]:
    design = np.random.default_rng(0).normal(size=(n, 3))
    return design, design[:, 0] * design[:, 1] + 0.3


def test_a_network_worked_out_by_hand() -> None:
    # hidden units max(0, x + y) and max(0, x - y - 1); output 2 a - b + 0.25
    layers = [
        (np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([0.0, -1.0])),
        (np.array([[2.0], [-1.0]]), np.array([0.25])),
    ]
    found = forward_network(np.array([[1.0, 2.0], [3.0, 1.0], [-1.0, -1.0]]), layers)
    assert found.tolist() == [6.25, 7.25, 0.25]


def test_the_first_step_of_adam_is_the_step_size() -> None:
    # one weight, one row: whatever the gradient, the first step is against its sign
    layers = [(np.array([[1.0]]), np.array([0.0]))]
    draw = np.random.RandomState(0)
    next(train_network(np.array([[2.0]]), np.array([10.0]), layers, 0.125, 1, draw))
    assert layers[0][0].item() == pytest.approx(1.125)
    assert layers[0][1].item() == pytest.approx(0.125)


@pytest.mark.parametrize("n_epochs", [1, 15])
@pytest.mark.parametrize("batch_size", [1, 32, 70])
def test_the_steps_are_those_of_scikit_learn(n_epochs: int, batch_size: int) -> None:
    design, target = made()
    network = MLPRegressor(
        hidden_layer_sizes=SIZES[1:-1],
        alpha=0.0,
        batch_size=batch_size,
        learning_rate_init=0.01,
        # a whole number would give every epoch of `partial_fit` the same order of rows
        random_state=np.random.RandomState(3),
    )
    for _ in range(n_epochs):
        network.partial_fit(design, target)
    draw = np.random.RandomState(3)
    layers = draw_layers(SIZES, "glorot", draw)
    list(islice(train_network(design, target, layers, 0.01, batch_size, draw), n_epochs))
    expected = zip(network.coefs_, network.intercepts_, strict=True)
    for (weight, bias), (wanted_weight, wanted_bias) in zip(layers, expected, strict=True):
        np.testing.assert_array_equal(weight, wanted_weight)
        np.testing.assert_array_equal(bias, wanted_bias)
    np.testing.assert_allclose(forward_network(design, layers), network.predict(design))


@pytest.mark.parametrize(
    ("init", "bounds"), [("glorot", (6 / 202, 6 / 201)), ("fan_in", (1 / 2, 1 / 200))]
)
def test_the_first_weights_fill_their_bounds(init, bounds) -> None:
    layers = draw_layers((2, 200, 1), init, np.random.RandomState(0))
    for (weight, bias), bound in zip(layers, np.sqrt(bounds), strict=True):
        assert 0.95 * bound < np.abs(weight).max() <= bound
        assert np.abs(bias).max() <= bound


def test_each_epoch_has_its_own_order_of_rows() -> None:
    design, target = made()
    draw = np.random.RandomState(0)
    again = np.random.RandomState(0)
    layers = [draw_layers(SIZES, "fan_in", each) for each in (draw, again)]
    order = again.get_state()
    list(islice(train_network(design, target, layers[0], 0.01, 16, draw), 2))
    for _ in range(2):
        again.set_state(order)  # the first order, again
        next(train_network(design, target, layers[1], 0.01, 16, again))
    assert not np.allclose(layers[0][0][0], layers[1][0][0], rtol=1e-6)
