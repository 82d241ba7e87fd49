"""Hyper-parameters of ensembles of trees, looked for fold by fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from xraylab.tabular.interface import FitOptions
from xraylab.tabular.kinds import TABULAR_KINDS, fit_tabular_model
from xraylab.tabular.space import Space
from xraylab.tabular.studies import Report, StudyParams, search
from xraylab.tabular.tree_params import (
    ForestSpace,
    LightgbmSpace,
    TreeKind,
    TreeSpec,
    XgboostSpace,
)

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

__all__ = ["FoldedRows", "Tuned", "TuningParams", "tune"]


class TuningParams(StudyParams):
    """How long, where and how hyper-parameters are searched for: as `StudyParams`, and of each kind where.

    A trial is pruned by its mean error over the folds so far; ``seed`` is that of the fits too.

    Attributes
    ----------
    n_threads : int
        Threads of each fit.
    xgboost, lightgbm, random_forest
        Search spaces; the defaults are those of the public demo.
    """

    n_threads: int = Field(1, ge=1, le=256)
    xgboost: XgboostSpace = XgboostSpace()
    lightgbm: LightgbmSpace = LightgbmSpace()
    random_forest: ForestSpace = ForestSpace()

    def space(self, kind: TreeKind) -> Space:
        """Return the search space of a kind of model."""
        found: Space = getattr(self, kind)
        return found


@dataclass(frozen=True, eq=False)
class FoldedRows:
    """Rows that hyper-parameters are compared on.

    Attributes
    ----------
    features : (N, F) DataFrame
        Features; values may be missing.
    target : (N,) Series
        Target, on the index of `features`.
    folds : (N,) ndarray of int
        Fold of each row: each fold in turn is predicted from all others.
    scale_target : bool
        As `FitOptions` has it.
    """

    features: pd.DataFrame
    target: pd.Series
    folds: NDArray[np.int64]
    scale_target: bool = False


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    Attributes
    ----------
    spec : XgboostSpec, LightgbmSpec or ForestSpec
        The best hyper-parameters.
    mse : float
        Their mean squared error, the mean over the folds.
    facts : dict
        As `xraylab.tabular.studies.Found.facts` gives them.
    """

    spec: TreeSpec
    mse: float
    facts: dict[str, Any]


def tune(
    kind: TreeKind,
    rows: FoldedRows,
    params: TuningParams,
    storage: RDBStorage,
    study_name: str,
    minutes: float | None = None,
) -> Tuned:
    """Find the hyper-parameters with the least mean squared error over folds, by a Parzen estimator of trees (TPE).

    Parameters
    ----------
    kind : {"xgboost", "lightgbm", "random_forest"}
        What is tuned.
    rows : FoldedRows
        The data.
    params : TuningParams
        Budget, pruning, search space.
    storage : RDBStorage
        As `open_storage` gives it.
    study_name : str
        Name of the study; it should name the data too, so that another table begins another study.
    minutes : float, optional
        Wall-clock after which no trial begins.

    Returns
    -------
    Tuned
        The best of all trials of this name.

    Raises
    ------
    ValueError
        If there are fewer than two folds.
    """
    n_folds = len(np.unique(rows.folds))
    if n_folds < 2:  # noqa: PLR2004
        raise ValueError(f"tuning needs at least 2 folds, got {n_folds}")
    spec_class: Any = TABULAR_KINDS[kind].spec

    def objective(drawn: dict[str, Any], report: Report) -> float:
        return _validate(report, rows, spec_class.model_validate(drawn), params)

    space = params.space(kind).dimensions()
    found = search(objective, space, params, storage, study_name, minutes)
    return Tuned(spec_class.model_validate(found.best), found.value, found.facts())


def _validate(report: Report, rows: FoldedRows, spec: TreeSpec, params: TuningParams) -> float:
    """Return the mean over folds of the mean squared error, or stop at a fold after which it looks hopeless."""
    options = FitOptions(params.seed, params.n_threads, rows.scale_target)
    features, target = rows.features, rows.target
    errors: list[float] = []
    for step, fold in enumerate(np.unique(rows.folds)):
        held_out = rows.folds == fold
        model = fit_tabular_model(spec, features[~held_out], target[~held_out], options)
        error = model.predict(features[held_out]) - target[held_out].to_numpy(np.float64)
        errors.append(float(np.mean(error**2)))
        report(float(np.mean(errors)), step)
    return float(np.mean(errors))
