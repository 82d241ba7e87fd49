"""Hyper-parameters looked for by Optuna: fold by fold, stored, resumable, by one worker or by many.

A study lies in a database under its name. A tuning that is called again with the same name goes on from the trials that
lie there and returns at once if all are done; workers that share a database share the work.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from xraylab.parameters import Parameters
from xraylab.tabular.tree_params import (
    SPECS,
    Choice,
    ForestSpace,
    LightgbmSpace,
    Real,
    Space,
    TreeKind,
    TreeSpec,
    XgboostSpace,
)
from xraylab.tabular.trees import fit_tree_model

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import Trial

__all__ = ["Tuned", "TuningParams", "open_storage", "tune"]

logger = logging.getLogger(__name__)

_TRIALS_TO_COMPARE = 5  # whole trials that pruning needs for a median
_HEARTBEAT_S = 60  # a worker that is silent for two of these is taken for dead


class TuningParams(Parameters):
    """How long, where and how hyper-parameters are looked for.

    Attributes
    ----------
    n_trials : int
        Trials of each study, pruned ones included.
    max_minutes : float or None
        Wall-clock budget of each study.
    storage : str or None
        Address of a database, such as ``postgresql+psycopg2://user:password@host/studies``, for many workers on many
        machines; None is an SQLite file of the project.
    n_startup_trials : int
        Trials at random before the tree-structured Parzen estimator begins.
    prune : bool
        Stop a trial whose mean error over the folds so far is worse than the median of earlier trials.
    n_threads : int
        Threads of each fit.
    seed : int
        Seed of the search and of the fits.
    progress : bool
        Show a progress bar on a terminal.
    xgboost, lightgbm, random_forest
        Search spaces; the defaults are those of the public demo.
    """

    n_trials: int = Field(50, ge=1, le=100_000)
    max_minutes: float | None = Field(None, gt=0)
    storage: str | None = Field(None, min_length=1)
    n_startup_trials: int = Field(10, ge=1, le=100_000)
    prune: bool = True
    n_threads: int = Field(1, ge=1, le=256)
    seed: int = Field(42, ge=0, lt=2**32)
    progress: bool = True
    xgboost: XgboostSpace = XgboostSpace()
    lightgbm: LightgbmSpace = LightgbmSpace()
    random_forest: ForestSpace = ForestSpace()

    def space(self, kind: TreeKind) -> Space:
        """Return the search space of a kind of model."""
        found: Space = getattr(self, kind)
        return found


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    Attributes
    ----------
    spec : XgboostSpec, LightgbmSpec or ForestSpec
        The best hyper-parameters.
    mse : float
        Their mean squared error, the mean over the folds.
    n_trials, n_pruned : int
        Trials that ended, and those of them that were pruned.
    """

    spec: TreeSpec
    mse: float
    n_trials: int
    n_pruned: int


def open_storage(address: str) -> RDBStorage:
    """Open the database of studies.

    Raises
    ------
    ValueError
        If the address is none, its driver is not installed or no database answers; the password is not shown.
    """
    from optuna.storages import RDBStorage
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    shown = "an address that cannot be read"
    try:
        shown = make_url(address).render_as_string(hide_password=True)
        with _quiet():
            storage = RDBStorage(
                address, heartbeat_interval=_HEARTBEAT_S, grace_period=2 * _HEARTBEAT_S
            )
    except (SQLAlchemyError, ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"tuning.storage: no database of studies at '{shown}' ({reason}). Expected an address such as "
            "'postgresql+psycopg2://user:password@host/studies', with its driver installed, or null for SQLite"
        ) from error
    if address.startswith("sqlite"):
        _write_ahead(storage)
    return storage


def _write_ahead(storage: RDBStorage) -> None:
    """Let SQLite append to a log in place of a sync of the disk at each of the many small writes of a trial."""
    from sqlalchemy import event

    @event.listens_for(storage.engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    storage.engine.dispose()  # connections that were opened before


def tune(
    kind: TreeKind,
    features: pd.DataFrame,
    target: pd.Series,
    folds: NDArray[np.int64],
    params: TuningParams,
    storage: RDBStorage,
    study_name: str,
    *,
    scale_target: bool = False,
) -> Tuned:
    """Find the hyper-parameters with the least mean squared error over folds, by a Parzen estimator of trees (TPE).

    Parameters
    ----------
    kind : {"xgboost", "lightgbm", "random_forest"}
        What is tuned.
    features : (N, F) DataFrame
        Features; values may be missing.
    target : (N,) Series
        Target, on the index of `features`.
    folds : (N,) ndarray of int
        Fold of each row: each fold in turn is predicted from all others.
    params : TuningParams
        Budget, pruning, search space.
    storage : RDBStorage
        As `open_storage` gives it.
    study_name : str
        Name of the study; it should name the data too, so that another table begins another study.
    scale_target : bool
        As `xraylab.tabular.trees.fit_tree_model` takes it.

    Returns
    -------
    Tuned
        The best of all trials of this name.

    Raises
    ------
    ValueError
        If there are fewer than two folds.
    """
    import optuna
    from optuna.trial import TrialState

    if len(np.unique(folds)) < 2:  # noqa: PLR2004
        raise ValueError(f"tuning needs at least 2 folds, got {len(np.unique(folds))}")
    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    with _quiet():
        study = optuna.create_study(
            storage=storage, study_name=study_name, direction="minimize", load_if_exists=True
        )
        done = len(study.get_trials(deepcopy=False, states=ended))
        # a resumed search must not draw its first trials again
        study.sampler = optuna.samplers.TPESampler(
            seed=params.seed + done, n_startup_trials=params.n_startup_trials
        )
        study.pruner = (
            optuna.pruners.MedianPruner(n_startup_trials=_TRIALS_TO_COMPARE)
            if params.prune
            else optuna.pruners.NopPruner()
        )
        if done:
            logger.info("The study '%s' goes on after %d trials", study_name, done)

        def objective(trial: Trial) -> float:
            spec = _draw(trial, kind, params.space(kind))
            return _validate(trial, features, target, folds, spec, params, scale_target)

        if done < params.n_trials:
            study.optimize(
                objective,
                n_trials=params.n_trials - done,
                timeout=60 * params.max_minutes if params.max_minutes else None,
                # other workers may end trials of this study meanwhile
                callbacks=[optuna.study.MaxTrialsCallback(params.n_trials, states=ended)],
                show_progress_bar=params.progress and sys.stderr.isatty(),
            )
        trials = study.get_trials(deepcopy=False, states=ended)
    best = study.best_trial
    return Tuned(
        spec=SPECS[kind].model_validate(best.params),
        mse=float(best.value or 0.0),
        n_trials=len(trials),
        n_pruned=sum(trial.state == TrialState.PRUNED for trial in trials),
    )


def _draw(trial: Trial, kind: TreeKind, space: Space) -> TreeSpec:
    """Ask the study for hyper-parameters."""
    drawn: dict[str, Any] = {}
    for name, dimension in space.dimensions().items():
        if isinstance(dimension, Choice):
            drawn[name] = trial.suggest_categorical(name, list(dimension.choices))
        elif isinstance(dimension, Real):
            drawn[name] = trial.suggest_float(
                name, dimension.low, dimension.high, log=dimension.log
            )
        else:
            drawn[name] = trial.suggest_int(
                name, dimension.low, dimension.high, step=dimension.step
            )
    spec: TreeSpec = SPECS[kind].model_validate(drawn)
    return spec


def _validate(
    trial: Trial,
    features: pd.DataFrame,
    target: pd.Series,
    folds: NDArray[np.int64],
    spec: TreeSpec,
    params: TuningParams,
    scale_target: bool,
) -> float:
    """Return the mean over folds of the mean squared error, or stop at a fold after which it looks hopeless."""
    import optuna

    errors: list[float] = []
    for step, fold in enumerate(np.unique(folds)):
        held_out = folds == fold
        model = fit_tree_model(
            features[~held_out], target[~held_out], spec, params.seed,
            scale_target=scale_target, n_threads=params.n_threads,
        )  # fmt: skip
        error = model.predict(features[held_out]) - target[held_out].to_numpy(np.float64)
        errors.append(float(np.mean(error**2)))
        trial.report(float(np.mean(errors)), step)
        if params.prune and trial.should_prune():
            raise optuna.TrialPruned
    return float(np.mean(errors))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from a line a trial, and from its warnings of settings that are in use here on purpose."""
    import warnings

    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            # dead workers are found by heartbeats, which Optuna calls experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # a step that does not divide its range ends below the upper bound, as in the public demo
            warnings.filterwarnings("ignore", message=".*not divisible by `step`.*")
            yield
    finally:
        optuna.logging.set_verbosity(level)
