"""The one interface of all models of feature tables, and what is recorded of every fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.models.card import NOTICE, package_versions
from xraylab.models.state import ModelState
from xraylab.tabular.design import Features, column_names, read_features, table_digest

__all__ = ["CARD_FORMAT", "FitOptions", "FitRecord", "TabularModel", "check_parts", "make_state"]

Floats = NDArray[np.float64]

CARD_FORMAT = "xraylab.tabular/1"
"""The format that the card of every stored model of this package names."""


class TabularModel(Protocol):
    """A fitted model: it predicts from what is stored of it, and from nothing else."""

    @property
    def record(self) -> FitRecord:
        """What is recorded of the fit."""
        ...

    def predict(self, features: Features) -> Floats:
        """Predict the target.

        Parameters
        ----------
        features : (N, …) DataFrame or (N, F) ndarray
            A table with the columns of the fit, in any order, for a model that was fitted to a table; other columns
            are ignored. An array of as many columns for a model that was fitted to an array.

        Returns
        -------
        (N,) ndarray of float64
            Predictions in units of the target, or probabilities of class 1.

        Raises
        ------
        ValueError
            If a column is missing, or holds values that the kind of model cannot use.
        """
        ...

    def state(self, facts: Mapping[str, Any] | None = None) -> ModelState:
        """Return the model as plain data, which `xraylab.tabular.kinds.restore_tabular_model` takes.

        Parameters
        ----------
        facts : mapping, optional
            JSON-ready facts for the card, such as ``metrics``. They replace what is recorded of the fit by the same
            name, but never what the model is restored from.
        """
        ...


@dataclass(frozen=True)
class FitOptions:
    """How a model is fitted, whatever its kind.

    Attributes
    ----------
    seed : int
        Seed of all that is drawn.
    n_threads : int
        Threads of a fit by trees.
    scale_target : bool
        Trees: standardise the target by the training rows, so that penalties such as ``gamma`` mean the same for a
        share of a thousandth and for an age.
    binary : bool
        The target is 0 or 1, and predictions are probabilities of 1. Boosting then minimises the log loss, and a
        forest the squared error, whose prediction is a probability too. Logistic models always do this.
    validation : (Features, Series), optional
        Regressors: rows whose loss is recorded after each epoch or tree. They do not change the fit.
    """

    seed: int = 0
    n_threads: int = 1
    scale_target: bool = False
    binary: bool = False
    validation: tuple[Features, pd.Series] | None = None


@dataclass(frozen=True, eq=False)
class FitRecord:
    """What is recorded of a fit; it becomes a part of the card.

    Attributes
    ----------
    feature_names : tuple of str
        Columns that the model reads, in the order of its weights; empty for a model that was fitted to an array.
    n_features, n_rows : int
        Number of features and of training rows.
    target_name : str
        Name of the target.
    seed : int
        Seed of the fit.
    data_digest : str
        BLAKE2b of the training features and target, as they were given.
    versions : dict of str to str
        Versions of this project, of Python, and of the libraries that fitted the model.
    history : DataFrame
        Columns ``epoch, train_loss, val_loss``, one row per epoch or tree; no rows for a kind that has no such losses.
        ``val_loss`` is nan without validation rows.
    """

    feature_names: tuple[str, ...]
    n_features: int
    n_rows: int
    target_name: str
    seed: int
    data_digest: str
    versions: dict[str, str] = field(default_factory=dict)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)

    @classmethod
    def of_fit(
        cls,
        features: Features,
        target: pd.Series,
        seed: int,
        library: str,
        names: Sequence[str] | None = None,
    ) -> FitRecord:
        """Return the record of a fit to features and a target that have been checked.

        Parameters
        ----------
        features : (N, …) DataFrame or (N, F) ndarray
            Training features.
        target : (N,) Series
            Training target.
        seed : int
            Seed of the fit.
        library : str
            Package that fits the model.
        names : sequence of str, optional
            Columns of a table that are used; None for all.
        """
        table = pd.DataFrame(features)
        feature_names = column_names(features, names)
        columns = feature_names or tuple(table.columns)
        return cls(
            feature_names=feature_names,
            n_features=len(columns),
            n_rows=len(target),
            target_name=str(target.name),
            seed=seed,
            data_digest=table_digest(table, target, columns),
            versions=package_versions(tuple(dict.fromkeys(("numpy", library)))),
        )

    @classmethod
    def restore(cls, card: Mapping[str, Any]) -> FitRecord:
        """Return the record of a stored model."""
        history = pd.DataFrame(card.get("history", {}))
        losses = {name: np.float64 for name in history.columns if name != "epoch"}
        return cls(
            feature_names=tuple(card["feature_names"]),
            n_features=card["n_features"],
            n_rows=card["n_rows"],
            target_name=card["target_name"],
            seed=card["seed"],
            data_digest=card["data_digest"],
            versions=dict(card["versions"]),
            history=history.astype(losses),
        )

    def card(self) -> dict[str, Any]:
        """Return the record as JSON-ready entries of a card."""
        entries = {
            "feature_names": list(self.feature_names),
            "n_features": self.n_features,
            "n_rows": self.n_rows,
            "target_name": self.target_name,
            "seed": self.seed,
            "data_digest": self.data_digest,
            "versions": dict(self.versions),
        }
        if len(self.history):
            losses = self.history.astype(object).where(self.history.notna(), None)
            entries["history"] = losses.to_dict("list")
        return entries

    def design(
        self,
        features: Features,
        where: str = "given",
        log_names: Sequence[str] = (),
        allow_missing: bool = False,
    ) -> Floats:
        """Return the features that the model uses as an array (N, F).

        Raises
        ------
        ValueError
            As `read_features` raises, and for another number of features than the model was fitted to.
        """
        design = read_features(features, self.feature_names, where, log_names, allow_missing)
        if design.shape[1] != self.n_features:
            raise ValueError(
                f"{where} features: the model was fitted to {self.n_features}, got {design.shape[1]}"
            )
        return design


def make_state(
    parameters: Mapping[str, Any],
    record: FitRecord,
    parts: ModelState,
    facts: Mapping[str, Any] | None = None,
) -> ModelState:
    """Return the stored form of a model.

    Parameters
    ----------
    parameters : mapping
        What was fitted, JSON-ready, with its ``kind``.
    record : FitRecord
        What is recorded of the fit.
    parts : ModelState
        Weights or booster text, and entries of the card that belong to the kind of model.
    facts : mapping, optional
        As `TabularModel.state` takes them.
    """
    card = {
        **record.card(),
        "notice": NOTICE,
        **(facts or {}),
        **parts.card,
        "format": CARD_FORMAT,
        "kind": parameters["kind"],
        "parameters": dict(parameters),
    }
    # safetensors writes the memory of an array as it lies, in C order or not
    tensors = {name: np.ascontiguousarray(value) for name, value in parts.tensors.items()}
    return ModelState(card, tensors, parts.booster)


def check_parts(state: ModelState, tensors: Sequence[str] = (), booster: bool = False) -> None:
    """Raise ValueError unless a stored model has all tensors of its kind, and a booster where it needs one."""
    lacking = [name for name in tensors if name not in state.tensors]
    if booster and not state.booster:
        lacking.append("its booster")
    if lacking:
        raise ValueError(f"a stored '{state.card['kind']}' needs {lacking[0]}: not there")
