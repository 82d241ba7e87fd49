"""The fits behind the regressors, one entry of `REGRESSIONS` per kind.

Each fit takes standardised features (N, F), the target (N,) on the scale of the fit, and optional held-out rows whose
loss is recorded and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraylab.tabular.boosting import fit_xgboost, load_xgboost, predict_xgboost
from xraylab.tabular.network import Layers, draw_layers, forward_network, train_network
from xraylab.tabular.params import RegressorParams

__all__ = ["REGRESSIONS", "Fit", "Predict", "Regression", "Rows"]

Floats = NDArray[np.float64]
Tensors = Mapping[str, NDArray[Any]]
Rows = tuple[Floats, Floats]
Predict = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Fit:
    """What a fit gives.

    Attributes
    ----------
    losses : list of (float, float)
        Mean squared error on the training and on the held-out rows, for each epoch or tree; nan without the latter.
    tensors : dict of str to ndarray
        Weights by name.
    booster : str
        XGBoost's JSON; empty for another kind.
    """

    losses: list[tuple[float, float]]
    tensors: dict[str, Floats] = field(default_factory=dict)
    booster: str = ""


@dataclass(frozen=True)
class Regression:
    """What differs between the kinds of regressors.

    Attributes
    ----------
    library : str
        Package that fits it.
    fit : callable
        Parameters, training rows, held-out rows or None, and seed, to a `Fit`.
    predictor : callable
        Parameters, weights and booster text, to a function from features (N, F) to outputs (N,).
    tensor_names : callable
        Parameters to the names of the weights.
    """

    library: str
    fit: Callable[[RegressorParams, Rows, Rows | None, int], Fit]
    predictor: Callable[[RegressorParams, Tensors, str], Predict]
    tensor_names: Callable[[RegressorParams], tuple[str, ...]]


def _fit_mlp(spec: RegressorParams, train: Rows, held_out: Rows | None, seed: int) -> Fit:
    """Fit a ReLU network with Adam on the squared error, for all epochs and without weight decay."""
    draw = np.random.RandomState(seed)
    sizes = (train[0].shape[1], *spec.hidden_sizes, 1)
    layers = draw_layers(sizes, spec.init, draw)
    epochs = train_network(*train, layers, spec.learning_rate, spec.batch_size, draw)
    losses = [
        _losses(partial(forward_network, layers=trained), train, held_out)
        for trained in islice(epochs, spec.max_epochs)
    ]
    named = zip(_mlp_names(spec), [part for layer in layers for part in layer], strict=True)
    return Fit(losses, dict(named))


def _mlp_names(spec: RegressorParams) -> tuple[str, ...]:
    n_layers = len(spec.hidden_sizes) + 1
    return tuple(f"{part}_{i}" for i in range(n_layers) for part in ("weight", "bias"))


def _mlp_predictor(spec: RegressorParams, tensors: Tensors, _: str) -> Predict:
    layers: Layers = [
        (tensors[f"weight_{i}"], tensors[f"bias_{i}"]) for i in range(len(spec.hidden_sizes) + 1)
    ]
    return lambda design: forward_network(design, layers)


def _fit_linear(_: RegressorParams, train: Rows, held_out: Rows | None, __: int) -> Fit:
    """Fit least squares with an intercept."""
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(*train)
    weights = {"coefficient": np.array(model.coef_), "intercept": np.array([model.intercept_])}
    return Fit([_losses(model.predict, train, held_out)], weights)


def _linear_predictor(_: RegressorParams, tensors: Tensors, __: str) -> Predict:
    return lambda design: np.asarray(design @ tensors["coefficient"] + tensors["intercept"][0])


def _fit_boosting(spec: RegressorParams, train: Rows, held_out: Rows | None, seed: int) -> Fit:
    """Fit boosted trees on the squared error by histograms, without subsampling."""
    options = {
        "n_estimators": spec.n_trees,
        "max_depth": spec.max_depth,
        "learning_rate": spec.shrinkage,
        "min_child_weight": spec.min_child_weight,
        "n_jobs": spec.n_threads,
        "random_state": seed,
        "tree_method": "hist",
        "objective": "reg:squarederror",
        "eval_metric": "rmse",
    }
    text, curves = fit_xgboost(*train, options, [train, *([held_out] if held_out else [])])
    if not held_out:
        curves.append(np.full(spec.n_trees, np.nan))
    losses = [(float(a), float(b)) for a, b in zip(*map(np.square, curves), strict=True)]
    return Fit(losses, booster=text)


def _boosting_predictor(spec: RegressorParams, _: Tensors, booster: str) -> Predict:
    trees = load_xgboost(booster, spec.n_threads)
    return lambda design: predict_xgboost(trees, design)


def _fit_mean(_: RegressorParams, train: Rows, held_out: Rows | None, __: int) -> Fit:
    """Fit a constant: the mean of the target."""
    weights = {"mean": np.array([train[1].mean()])}
    return Fit([_losses(_mean_predictor(_, weights, ""), train, held_out)], weights)


def _mean_predictor(_: RegressorParams, tensors: Tensors, __: str) -> Predict:
    return lambda design: np.full(len(design), tensors["mean"][0])


def _losses(predict: Predict, train: Rows, held_out: Rows | None) -> tuple[float, float]:
    """Return the mean squared errors on all training and all held-out rows; nan without the latter."""
    error = float(np.mean((predict(train[0]) - train[1]) ** 2))
    if held_out is None:
        return error, float("nan")
    return error, float(np.mean((predict(held_out[0]) - held_out[1]) ** 2))


REGRESSIONS = {
    "mlp": Regression("numpy", _fit_mlp, _mlp_predictor, _mlp_names),
    "linear": Regression(
        "scikit-learn", _fit_linear, _linear_predictor, lambda _: ("coefficient", "intercept")
    ),
    "boosting": Regression("xgboost", _fit_boosting, _boosting_predictor, lambda _: ()),
    "mean": Regression("numpy", _fit_mean, _mean_predictor, lambda _: ("mean",)),
}
"""The kinds of regressors, by the ``kind`` of `RegressorParams`."""
