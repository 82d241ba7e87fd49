"""What to fit: the typed parameters of regressors, logistic and kernel models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from xraylab.parameters import Parameters

__all__ = ["COMMON_KEYS", "KEYS_OF_KIND", "KernelSpec", "LogisticSpec", "RegressorParams"]

COMMON_KEYS = ("kind", "features", "log_features", "log_target", "scale")
KEYS_OF_KIND = {
    "mlp": ("hidden_sizes", "init", "learning_rate", "batch_size", "max_epochs"),
    "boosting": ("n_trees", "max_depth", "shrinkage", "min_child_weight", "n_threads"),
    "linear": (),
    "mean": (),
}


class RegressorParams(Parameters):
    """What to fit, and on which features.

    Attributes
    ----------
    kind : {"mlp", "linear", "boosting", "mean"}
        A ReLU network, least squares, boosted trees, or the mean of the training target.
    features : tuple of str or None
        Columns to use, in this order; None for all columns of the table.
    log_features : tuple of str
        Features to take the natural logarithm of; their values must be above 0.
    log_target : bool
        Fit the natural logarithm of the target (which must be above 0); predictions are in its own
        units.
    scale : bool
        Standardise the features by the mean and standard deviation of the training rows.
    hidden_sizes : tuple of int
        ``mlp``: units of each hidden layer.
    init : {"glorot", "fan_in"}
        ``mlp``: first weights and biases, uniform within ± sqrt(6 / (in + out)), as in
        scikit-learn, or within ± 1 / sqrt(in), as in PyTorch. On raw features the latter starts
        nearer to the target.
    learning_rate : float
        ``mlp``: step size of Adam.
    batch_size : int
        ``mlp``: rows a step.
    max_epochs : int
        ``mlp``: passes over the training rows; all are made (no early stopping, no weight decay).
    n_trees : int
        ``boosting``: number of trees.
    max_depth : int
        ``boosting``: greatest depth of a tree.
    shrinkage : float
        ``boosting``: factor on each tree, XGBoost's ``learning_rate``.
    min_child_weight : float
        ``boosting``: fewest rows in a leaf.
    n_threads : int
        ``boosting``: threads; trees may differ in the last digits for another number.
    """

    kind: Literal["mlp", "linear", "boosting", "mean"]
    features: tuple[str, ...] | None = Field(None, min_length=1)
    log_features: tuple[str, ...] = ()
    log_target: bool = False
    scale: bool = True
    hidden_sizes: tuple[int, ...] = Field((64, 32), min_length=1, max_length=8)
    init: Literal["glorot", "fan_in"] = "glorot"
    learning_rate: float = Field(1e-3, gt=0, le=1)
    batch_size: int = Field(64, ge=1, le=100_000)
    max_epochs: int = Field(100, ge=1, le=10_000)
    n_trees: int = Field(300, ge=1, le=10_000)
    max_depth: int = Field(4, ge=1, le=16)
    shrinkage: float = Field(0.05, gt=0, le=1)
    min_child_weight: float = Field(1.0, ge=0, le=1e6)
    n_threads: int = Field(1, ge=1, le=256)

    @model_validator(mode="after")
    def _check(self) -> RegressorParams:
        allowed = KEYS_OF_KIND[self.kind]
        for key in (key for keys in KEYS_OF_KIND.values() for key in keys if key not in allowed):
            if getattr(self, key) != type(self).model_fields[key].default:
                valid = ", ".join((*COMMON_KEYS, *allowed))
                raise ValueError(
                    f"'{key}' has no meaning for kind '{self.kind}'; valid keys: {valid}"
                )
        if any(not 1 <= size <= 4096 for size in self.hidden_sizes):  # noqa: PLR2004
            raise ValueError(f"hidden_sizes: each must lie in 1 … 4096, got {self.hidden_sizes}")
        for key, names in (("features", self.features or ()), ("log_features", self.log_features)):
            if len(set(names)) < len(names):
                raise ValueError(f"{key}: a name occurs twice in {list(names)}")
        unused = [name for name in self.log_features if self.features and name not in self.features]
        if unused:
            raise ValueError(
                f"log_features: '{unused[0]}' is not among features {list(self.features or ())}"
            )
        return self

    def of_kind(self) -> dict[str, Any]:
        """Return the parameters that have a meaning for this kind, JSON-ready."""
        return self.model_dump(mode="json", include={*COMMON_KEYS, *KEYS_OF_KIND[self.kind]})


class LogisticSpec(Parameters):
    """Logistic regression; its penalty is chosen by inner folds (`xraylab.tabular.logistic`)."""

    kind: Literal["logistic"] = "logistic"


class KernelSpec(Parameters):
    """Kernel logistic regression (`xraylab.tabular.kernel`).

    Attributes
    ----------
    penalty : float
        scikit-learn's ``C``: the smaller, the smoother.
    width : float
        Width of the kernel: the larger, the more local.
    """

    kind: Literal["kernel"] = "kernel"
    penalty: float = Field(30.0, gt=0)
    width: float = Field(0.3, gt=0)
