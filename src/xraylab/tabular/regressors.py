"""Regressors of a number from a table of features, as plain weights.

A fitted regressor is its weights and its card: it predicts from them alone, so that what is stored
is what was measured. The network is fitted by scikit-learn and evaluated here in NumPy; boosted
trees are evaluated from their JSON text. No object of a library is ever pickled.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import __version__
from xraylab.models.state import ModelState
from xraylab.tabular import fitting
from xraylab.tabular.design import design_matrix, table_digest, target_vector
from xraylab.tabular.params import COMMON_KEYS, KEYS_OF_KIND, RegressorParams

__all__ = ["FittedRegressor", "RegressorParams", "fit_regressor", "restore_regressor"]

Floats = NDArray[np.float64]
Table: TypeAlias = "tuple[pd.DataFrame, pd.Series]"

_CARD_FORMAT = "xraylab.regressor/1"
_LIBRARY = {"mlp": "scikit-learn", "linear": "scikit-learn", "boosting": "xgboost", "mean": "numpy"}


@dataclass(frozen=True, eq=False)
class FittedRegressor:
    """A fitted regressor.

    Attributes
    ----------
    spec : RegressorParams
        What was fitted.
    feature_names : tuple of str
        Columns that `predict` needs, in the order of the weights.
    tensors : dict of str to ndarray
        ``offset`` and ``scale`` (F,) of the standardised features, and the weights: ``weight_i``
        (in, out) and ``bias_i`` (out,) of layer i, ``coefficient`` (F,) and ``intercept`` (1,), or
        ``mean`` (1,).
    booster : str
        XGBoost's JSON; empty for another kind.
    history : DataFrame
        Columns ``epoch, train_loss, val_loss``: the mean squared error (of the logarithm, for
        ``log_target``) on all rows after each epoch, or after each tree; one row for a fit in one
        step. ``val_loss`` is nan without validation rows.
    seed, n_rows : int
        Seed and number of rows of the fit.
    target_name : str
        Name of the target.
    data_digest : str
        BLAKE2b of the training features and target, as they were given.
    versions : dict of str to str
        Versions of Python and of the libraries that fitted it.
    """

    spec: RegressorParams
    feature_names: tuple[str, ...]
    tensors: dict[str, NDArray[Any]]
    booster: str
    history: pd.DataFrame
    seed: int
    n_rows: int
    target_name: str
    data_digest: str
    versions: dict[str, str] = field(default_factory=dict)

    def predict(self, features: pd.DataFrame) -> Floats:
        """Predict the target.

        Parameters
        ----------
        features : (N, …) DataFrame
            With the columns `feature_names`; others are ignored.

        Returns
        -------
        (N,) ndarray of float64
            Predictions, in units of the target.

        Raises
        ------
        ValueError
            If a column is missing, holds values that are no finite numbers, or is to be logged and
            not above 0.
        """
        design = design_matrix(features, self.feature_names, self.spec.log_features, "given")
        output = self._forward((design - self.tensors["offset"]) / self.tensors["scale"])
        return np.exp(output) if self.spec.log_target else output

    def state(self, metrics: dict[str, Any] | None = None) -> ModelState:
        """Return the regressor as plain data.

        Parameters
        ----------
        metrics : dict, optional
            JSON-ready measurements for the card.

        Returns
        -------
        ModelState
            What `restore_regressor` takes.
        """
        losses = self.history.astype(object).where(self.history.notna(), None)
        card = {
            "format": _CARD_FORMAT,
            "kind": self.spec.kind,
            "parameters": self.spec.model_dump(
                mode="json", include={*COMMON_KEYS, *KEYS_OF_KIND[self.spec.kind]}
            ),
            "feature_names": list(self.feature_names),
            "target_name": self.target_name,
            "n_rows": self.n_rows,
            "seed": self.seed,
            "data_digest": self.data_digest,
            "versions": dict(self.versions),
            "metrics": dict(metrics or {}),
            "history": losses.to_dict("list"),
        }
        return ModelState(card=card, tensors=dict(self.tensors), booster=self.booster)

    def _forward(self, design: Floats) -> Floats:
        if self.spec.kind == "mean":
            return np.full(len(design), self.tensors["mean"][0])
        if self.spec.kind == "linear":
            return np.asarray(design @ self.tensors["coefficient"] + self.tensors["intercept"][0])
        if self.spec.kind == "boosting":
            return fitting.predict_trees(self._trees, design)
        n_layers = len(self.spec.hidden_sizes) + 1
        return fitting.forward_mlp(
            design,
            [(self.tensors[f"weight_{i}"], self.tensors[f"bias_{i}"]) for i in range(n_layers)],
        )

    @cached_property
    def _trees(self) -> Any:
        return fitting.load_trees(self.booster, self.spec.n_threads)


def fit_regressor(
    features: pd.DataFrame,
    target: pd.Series,
    spec: RegressorParams,
    seed: int,
    validation: Table | None = None,
) -> FittedRegressor:
    """Fit a regressor.

    Parameters
    ----------
    features : (N, …) DataFrame
        Training features; columns that `spec` does not name are ignored.
    target : (N,) Series
        Training target, on the index of `features`.
    spec : RegressorParams
        What to fit.
    seed : int
        Seed of the first weights and of the order of the batches.
    validation : (DataFrame, Series), optional
        Rows whose loss is recorded. They change nothing in the fit.

    Returns
    -------
    FittedRegressor
        Predicts from its weights.

    Raises
    ------
    ValueError
        If a column is missing, a value is missing, infinite or, where it is to be logged, not
        above 0, rows of features and target do not match, there are fewer rows than the features
        and one more, or the fit diverges.
    """
    names = tuple(spec.features or map(str, features.columns))
    unknown = [name for name in spec.log_features if name not in names]
    if unknown:
        raise ValueError(
            f"log_features: there is no feature '{unknown[0]}'; there are {', '.join(names)}"
        )
    design = design_matrix(features, names, spec.log_features, "training")
    goal = target_vector(features, target, spec.log_target, "training")
    least = 1 if spec.kind == "mean" else len(names) + 1
    if len(goal) < least:
        raise ValueError(
            f"a '{spec.kind}' of {len(names)} features needs at least {least} rows, got {len(goal)}"
        )
    offset, scale = np.zeros(len(names)), np.ones(len(names))
    if spec.scale:
        offset, scale = design.mean(axis=0), design.std(axis=0)
        scale[scale == 0] = 1.0  # a constant feature becomes 0
    scaled = (design - offset) / scale
    held_out = None
    if validation is not None:
        val_design = design_matrix(validation[0], names, spec.log_features, "validation")
        val_goal = target_vector(*validation, spec.log_target, "validation")
        held_out = ((val_design - offset) / scale, val_goal)
    weights, booster, losses = _fit(spec, seed, scaled, goal, held_out)
    history = pd.DataFrame(losses, columns=["train_loss", "val_loss"], dtype=np.float64)
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    if not np.isfinite(history["train_loss"]).all():
        raise ValueError(
            f"the '{spec.kind}' diverged: its training loss is not finite; scale the features"
        )
    return FittedRegressor(
        spec=spec,
        feature_names=names,
        tensors={"offset": offset, "scale": scale, **weights},
        booster=booster,
        history=history,
        seed=seed,
        n_rows=len(goal),
        target_name=str(target.name),
        data_digest=table_digest(features, target, names),
        versions=_versions(spec.kind),
    )


def _fit(
    spec: RegressorParams, seed: int, design: Floats, goal: Floats, held_out: fitting.Rows | None
) -> fitting.Fit:
    options = {name: getattr(spec, name) for name in KEYS_OF_KIND[spec.kind]}
    if spec.kind == "mlp":
        return fitting.fit_mlp(design, goal, held_out, seed=seed, **options)
    if spec.kind == "boosting":
        return fitting.fit_trees(design, goal, held_out, seed=seed, **options)
    if spec.kind == "linear":
        return fitting.fit_linear(design, goal, held_out)
    return fitting.fit_mean(design, goal, held_out)


def _versions(kind: str) -> dict[str, str]:
    names = dict.fromkeys(("numpy", _LIBRARY[kind]))
    return {
        "python": platform.python_version(),
        "xraylab": __version__,
        **{name: version(name) for name in names},
    }


def restore_regressor(state: ModelState) -> FittedRegressor:
    """Make the regressor of `FittedRegressor.state` again; its predictions are the same to the last bit.

    Parameters
    ----------
    state : ModelState
        A stored regressor.

    Returns
    -------
    FittedRegressor
        Predicts from its weights.

    Raises
    ------
    ValueError
        If the card is not a regressor's, or the weights that its kind needs are missing.
    """
    card = state.card
    if card.get("format") != _CARD_FORMAT:
        raise ValueError(f"the card's format must be '{_CARD_FORMAT}', got {card.get('format')!r}")
    spec = RegressorParams.model_validate(card["parameters"])
    needed = {
        "mlp": [
            f"{part}_{i}" for i in range(len(spec.hidden_sizes) + 1) for part in ("weight", "bias")
        ],
        "linear": ["coefficient", "intercept"],
        "boosting": [],
        "mean": ["mean"],
    }
    lacking = [
        name for name in ("offset", "scale", *needed[spec.kind]) if name not in state.tensors
    ]
    if lacking or (spec.kind == "boosting" and not state.booster):
        raise ValueError(
            f"a stored '{spec.kind}' needs {lacking[0] if lacking else 'its booster'}: not there"
        )
    return FittedRegressor(
        spec=spec,
        feature_names=tuple(card["feature_names"]),
        tensors=dict(state.tensors),
        booster=state.booster,
        history=pd.DataFrame(card["history"]).astype(
            {"train_loss": np.float64, "val_loss": np.float64}
        ),
        seed=card["seed"],
        n_rows=card["n_rows"],
        target_name=card["target_name"],
        data_digest=card["data_digest"],
        versions=dict(card["versions"]),
    )
