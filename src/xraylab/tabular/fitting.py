"""The fits behind the regressors: arrays in, weights or booster text and losses out.

Each ``fit_*`` takes standardised features (N, F), the target (N,) on the scale of the fit, and
optional held-out rows whose loss is recorded and nothing else. Each returns the weights by name,
the booster's text, and one (training, held-out) mean squared error for each epoch or tree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "fit_linear",
    "fit_mean",
    "fit_mlp",
    "fit_trees",
    "forward_mlp",
    "load_trees",
    "predict_trees",
]

Floats = NDArray[np.float64]
Rows = tuple[Floats, Floats]
Losses = list[tuple[float, float]]
Fit = tuple[dict[str, Floats], str, Losses]
Layers = Sequence[tuple[Floats, Floats]]


def fit_mlp(
    design: Floats,
    target: Floats,
    held_out: Rows | None,
    *,
    hidden_sizes: tuple[int, ...],
    init: str,
    learning_rate: float,
    batch_size: int,
    max_epochs: int,
    seed: int,
) -> Fit:
    """Fit a ReLU network with Adam on the squared error, for all epochs and without weight decay."""
    network = _network_class(init)(
        hidden_layer_sizes=hidden_sizes,
        activation="relu",
        solver="adam",
        alpha=0.0,
        batch_size=min(batch_size, len(target)),
        learning_rate_init=learning_rate,
        # An int would give every epoch of `partial_fit` one and the same order of batches.
        random_state=np.random.RandomState(seed),
    )
    losses: Losses = []
    layers: Layers = []
    for _ in range(max_epochs):
        network.partial_fit(design, target)
        layers = list(zip(network.coefs_, network.intercepts_, strict=True))
        losses.append(_losses(lambda rows: forward_mlp(rows, layers), design, target, held_out))  # noqa: B023
    weights = {}
    for i, (weight, bias) in enumerate(layers):
        weights[f"weight_{i}"] = np.array(weight, np.float64, order="C")
        weights[f"bias_{i}"] = np.array(bias, np.float64)
    return weights, "", losses


def _network_class(init: str) -> Any:
    """Return scikit-learn's network, with its own first weights or those of PyTorch's linear layers."""
    from sklearn.neural_network import MLPRegressor

    class FanInRegressor(MLPRegressor):
        def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Floats, Floats]:
            bound = 1 / np.sqrt(fan_in)
            weight = self._random_state.uniform(-bound, bound, (fan_in, fan_out))
            bias = self._random_state.uniform(-bound, bound, fan_out)
            return weight.astype(dtype), bias.astype(dtype)

    return {"glorot": MLPRegressor, "fan_in": FanInRegressor}[init]


def forward_mlp(design: Floats, layers: Layers) -> Floats:
    """Return the output (N,) of a ReLU network of (weight (in, out), bias (out,)) layers."""
    values = design
    for weight, bias in layers[:-1]:
        values = values @ weight
        values += bias
        np.maximum(values, 0.0, out=values)
    weight, bias = layers[-1]
    return np.asarray(values @ weight[:, 0] + bias[0])


def fit_linear(design: Floats, target: Floats, held_out: Rows | None) -> Fit:
    """Fit least squares with an intercept."""
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(design, target)
    weights = {"coefficient": np.array(model.coef_), "intercept": np.array([model.intercept_])}
    return weights, "", [_losses(model.predict, design, target, held_out)]


def fit_mean(design: Floats, target: Floats, held_out: Rows | None) -> Fit:
    """Fit a constant: the mean of the target."""
    mean = np.array([target.mean()])
    return (
        {"mean": mean},
        "",
        [_losses(lambda rows: np.full(len(rows), mean[0]), design, target, held_out)],
    )


def fit_trees(
    design: Floats,
    target: Floats,
    held_out: Rows | None,
    *,
    n_trees: int,
    max_depth: int,
    shrinkage: float,
    min_child_weight: float,
    n_threads: int,
    seed: int,
) -> Fit:
    """Fit boosted trees on the squared error by histograms, without subsampling."""
    from xgboost import XGBRegressor

    model = XGBRegressor(
        n_estimators=n_trees,
        max_depth=max_depth,
        learning_rate=shrinkage,
        min_child_weight=min_child_weight,
        n_jobs=n_threads,
        random_state=seed,
        tree_method="hist",
        objective="reg:squarederror",
        eval_metric="rmse",
    )
    watched = [(design, target), *([held_out] if held_out else [])]
    model.fit(design, target, eval_set=watched, verbose=False)
    curves = [np.square(curve["rmse"]) for curve in model.evals_result().values()]
    held_out_curve = curves[1] if held_out else np.full(n_trees, np.nan)
    text = model.get_booster().save_raw(raw_format="json").decode()
    return {}, text, [(float(a), float(b)) for a, b in zip(curves[0], held_out_curve, strict=True)]


def load_trees(text: str, n_threads: int) -> Any:
    """Return the XGBoost booster of a JSON text."""
    from xgboost import Booster
    from xgboost.core import XGBoostError

    trees = Booster({"nthread": n_threads})
    try:
        trees.load_model(bytearray(text, "utf-8"))
    except XGBoostError as error:
        raise ValueError(f"the booster is no XGBoost JSON: {str(error).splitlines()[0]}") from error
    return trees


def predict_trees(trees: Any, design: Floats) -> Floats:
    """Return the predictions (N,) of a booster."""
    return np.asarray(trees.inplace_predict(design), np.float64)


def _losses(
    predict: Callable[[Floats], Floats], design: Floats, target: Floats, held_out: Rows | None
) -> tuple[float, float]:
    """Return the mean squared errors on all training and all held-out rows; nan without the latter."""
    train = float(np.mean((predict(design) - target) ** 2))
    if held_out is None:
        return train, float("nan")
    return train, float(np.mean((predict(held_out[0]) - held_out[1]) ** 2))
