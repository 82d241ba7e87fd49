"""A small ReLU network for a number, fitted and evaluated in NumPy.

The steps are those of scikit-learn's ``MLPRegressor``, one ``partial_fit`` per epoch, to the last digit. scikit-learn
offers no public way to choose the first weights, on which the outcome depends for features that are not scaled.

References
----------
Kingma D. P., Ba J. (2015), Adam: a method for stochastic optimization, *ICLR*. Glorot X., Bengio Y. (2010),
Understanding the difficulty of training deep feedforward neural networks, *AISTATS*, 249-256.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layers", "draw_layers", "forward_network", "train_network"]

Floats = NDArray[np.float64]
Layers = Sequence[tuple[Floats, Floats]]
"""Weight (in, out) and bias (out,) of each layer."""

_DECAYS = (0.9, 0.999)  # of the mean gradient and of the mean squared gradient
_EPSILON = 1e-8


def forward_network(design: Floats, layers: Layers) -> Floats:
    """Return the output (N,) of a network for features (N, F).

    Examples
    --------
    >>> hidden = np.array([[1.0, -1.0]]), np.zeros(2)
    >>> output = np.array([[1.0], [2.0]]), np.array([0.5])
    >>> forward_network(np.array([[3.0], [-4.0]]), [hidden, output]).tolist()
    [3.5, 8.5]
    """
    values = design
    for weight, bias in layers[:-1]:
        values = _hidden(values, weight, bias)
    weight, bias = layers[-1]
    return np.asarray(values @ weight[:, 0] + bias[0])


def train_network(
    design: Floats,
    target: Floats,
    layers: Layers,
    learning_rate: float,
    batch_size: int,
    draw: np.random.RandomState,
) -> Iterator[Layers]:
    """Train a network by Adam on the squared error, without end; give its layers after each epoch.

    Parameters
    ----------
    design : (N, F) ndarray of float64
        Training features.
    target : (N,) ndarray of float64
        Training target.
    layers : sequence of (weight, bias)
        First weights; they are changed in place.
    learning_rate : float
        Step size.
    batch_size : int
        Rows per step.
    draw : RandomState
        Source of the order of the rows, a new one in each epoch.
    """
    values = [weight for weight, _ in layers] + [bias for _, bias in layers]
    means = [np.zeros_like(value) for value in values]
    squares = [np.zeros_like(value) for value in values]
    n_steps = 0
    while True:
        order = np.arange(len(target))
        draw.shuffle(order)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            n_steps += 1
            step = learning_rate * np.sqrt(1 - _DECAYS[1] ** n_steps) / (1 - _DECAYS[0] ** n_steps)
            gradients = _gradients(design[rows], target[rows, None], layers)
            for i, gradient in enumerate(gradients):
                means[i] = _DECAYS[0] * means[i] + (1 - _DECAYS[0]) * gradient
                squares[i] = _DECAYS[1] * squares[i] + (1 - _DECAYS[1]) * gradient**2
                values[i] += -step * means[i] / (np.sqrt(squares[i]) + _EPSILON)
        yield layers


def draw_layers(
    sizes: Sequence[int], init: Literal["glorot", "fan_in"], draw: np.random.RandomState
) -> Layers:
    """Draw first weights and biases, uniform within a bound.

    Parameters
    ----------
    sizes : sequence of int
        Number of features, units of each hidden layer, number of outputs.
    init : {"glorot", "fan_in"}
        The bound: sqrt(6 / (in + out)), or 1 / sqrt(in).
    draw : RandomState
        Source of the weights.

    Examples
    --------
    >>> [(w.shape, b.shape) for w, b in draw_layers((2, 3, 1), "fan_in", np.random.RandomState(0))]
    [((2, 3), (3,)), ((3, 1), (1,))]
    """
    layers = []
    for n_in, n_out in pairwise(sizes):
        bound = np.sqrt(6 / (n_in + n_out)) if init == "glorot" else 1 / np.sqrt(n_in)
        weight = draw.uniform(-bound, bound, (n_in, n_out))
        layers.append((weight, draw.uniform(-bound, bound, n_out)))
    return layers


def _hidden(values: Floats, weight: Floats, bias: Floats) -> Floats:
    values = values @ weight
    values += bias
    return np.maximum(values, 0.0, out=values)


def _gradients(design: Floats, target: Floats, layers: Layers) -> list[Floats]:
    """Return the gradients of half the mean squared error: of all weights, then of all biases."""
    inputs = [design]
    for weight, bias in layers[:-1]:
        inputs.append(_hidden(inputs[-1], weight, bias))
    weight, bias = layers[-1]
    error = inputs[-1] @ weight
    error += bias
    error -= target
    of_weights: list[Floats] = []
    of_biases: list[Floats] = []
    for i in reversed(range(len(layers))):
        of_weights.insert(0, inputs[i].T @ error / len(design))
        of_biases.insert(0, np.sum(error, axis=0) / len(design))
        if i:
            error = error @ layers[i][0].T
            error[inputs[i] == 0] = 0
    return of_weights + of_biases
