"""Studies of Optuna: stored, resumable, pruned, by one worker or by many.

A study lies in a database under its name. A search that is called again with the same name goes on from the trials that
lie there and returns at once if all are done; workers that share a database share the work.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import Field

from xraylab.models.card import CLOCK
from xraylab.parameters import Parameters
from xraylab.tabular.space import Choice, Real, Whole

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import Trial

__all__ = ["Found", "Objective", "Report", "StudyParams", "open_storage", "search"]

logger = logging.getLogger(__name__)

Report = Callable[[float, int], None]
"""``(value so far, step)``; raises Optuna's ``TrialPruned`` where the trial looks hopeless."""

Objective = Callable[[dict[str, Any], Report], float]
"""``(drawn hyper-parameters, report) -> value``, the less the better."""

_TRIALS_TO_COMPARE = 5  # whole trials that pruning needs for a median
_ATTEMPTS = 5  # to open a database whose tables another worker is making
_HEARTBEAT_S = 60  # a worker that is silent for two of these is taken for dead


class StudyParams(Parameters):
    """How long, where and how hyper-parameters are searched for.

    Attributes
    ----------
    n_trials : int
        Trials of each study, pruned ones included.
    storage : str or None
        Address of a database, such as ``postgresql://user:password@host/studies`` (with the extra ``postgresql``), for
        many workers on many machines; None is an SQLite file of the project.
    n_startup_trials : int
        Trials at random before the tree-structured Parzen estimator begins.
    prune : bool
        Stop a trial whose value so far is worse than the median of earlier trials at that step.
    seed : int
        Seed of the search.
    progress : bool
        Show a progress bar on a terminal.
    """

    n_trials: int = Field(50, ge=1, le=100_000)
    storage: str | None = Field(None, min_length=1)
    n_startup_trials: int = Field(10, ge=1, le=100_000)
    prune: bool = True
    seed: int = Field(42, ge=0, lt=2**32)
    progress: bool = True


@dataclass(frozen=True)
class Found:
    """What a study found.

    Attributes
    ----------
    best : dict
        The best hyper-parameters.
    value : float
        Their value.
    trials : DataFrame
        One row per trial that ended: ``trial, state`` (complete, pruned), ``value`` (the last one reported of a pruned
        trial), ``seconds`` and the hyper-parameters.
    stopped_by : {"trials", "minutes"}
        What ended the search.
    """

    best: dict[str, Any]
    value: float
    trials: pd.DataFrame
    stopped_by: str

    @property
    def n_pruned(self) -> int:
        """Trials that were pruned."""
        return int((self.trials["state"] == "pruned").sum())

    def facts(self) -> dict[str, Any]:
        """Return what a table says of the search: ``n_trials, n_pruned, stopped_by, cut_short``."""
        return {
            "n_trials": len(self.trials),
            "n_pruned": self.n_pruned,
            "stopped_by": self.stopped_by,
            "cut_short": CLOCK if self.stopped_by == "minutes" else "",
        }


def open_storage(address: str) -> RDBStorage:
    """Open the database of studies.

    Raises
    ------
    ValueError
        If the address is none, its driver is not installed or no database answers; the password is not shown.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    shown = "an address that cannot be read"
    try:
        shown = make_url(address).render_as_string(hide_password=True)
        with _quiet():
            storage = _connect(address)
    except ImportError as error:
        raise ValueError(
            f"tuning.storage: the driver of '{shown}' is not installed. That of "
            "'postgresql://user:password@host/studies' comes with pip install 'xraylab[postgresql]'"
        ) from error
    except (SQLAlchemyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"tuning.storage: no database of studies at '{shown}' ({reason}). Expected an address such as "
            "'postgresql://user:password@host/studies', or null for SQLite"
        ) from error
    if address.startswith("sqlite"):
        _write_ahead(storage)
    return storage


def _connect(address: str) -> RDBStorage:
    """Open a database, and make its tables where there are none: of workers that begin at once, one does."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    open_ = partial(
        RDBStorage, address, heartbeat_interval=_HEARTBEAT_S, grace_period=2 * _HEARTBEAT_S
    )
    for _ in range(_ATTEMPTS - 1):
        try:
            return open_()
        except (IntegrityError, ProgrammingError):
            time.sleep(1)
    return open_()


def _write_ahead(storage: RDBStorage) -> None:
    """Let SQLite append to a log in place of a sync of the disk at each of the many small writes of a trial."""
    from sqlalchemy import event

    @event.listens_for(storage.engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    storage.engine.dispose()  # connections that were opened before


def search(
    objective: Objective,
    space: Mapping[str, Whole | Real | Choice],
    params: StudyParams,
    storage: RDBStorage,
    study_name: str,
    minutes: float | None = None,
) -> Found:
    """Find the hyper-parameters of the least value, by a Parzen estimator of trees (TPE).

    Parameters
    ----------
    objective : callable
        ``(drawn, report) -> value``. It may call ``report(value so far, step)``, which ends the trial where it looks
        hopeless.
    space : mapping of str to Whole, Real or Choice
        Where each hyper-parameter is searched for.
    params : StudyParams
        Budget and pruning.
    storage : RDBStorage
        As `open_storage` gives it.
    study_name : str
        Name of the study; it should name the data too, so that another table begins another study.
    minutes : float, optional
        Wall-clock after which no trial begins; without it all trials are made.

    Returns
    -------
    Found
        The best of all trials of this name.
    """
    import optuna
    from optuna.trial import TrialState

    from xraylab.tabular.sampler import SamplerByNumber

    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    with _quiet():
        study = optuna.create_study(
            storage=storage, study_name=study_name, direction="minimize", load_if_exists=True
        )
        done = len(study.get_trials(deepcopy=False, states=ended))
        study.sampler = SamplerByNumber(params.seed, params.n_startup_trials)
        study.pruner = (
            optuna.pruners.MedianPruner(n_startup_trials=_TRIALS_TO_COMPARE)
            if params.prune
            else optuna.pruners.NopPruner()
        )
        if done:
            logger.info("The study '%s' goes on after %d trials", study_name, done)

        def run_trial(trial: Trial) -> float:
            def report(value: float, step: int) -> None:
                trial.report(value, step)
                if params.prune and trial.should_prune():
                    raise optuna.TrialPruned

            return objective(_draw(trial, space), report)

        if done < params.n_trials:
            study.optimize(
                run_trial,
                n_trials=params.n_trials - done,
                timeout=60 * minutes if minutes else None,
                # other workers may end trials of this study meanwhile
                callbacks=[optuna.study.MaxTrialsCallback(params.n_trials, states=ended)],
                show_progress_bar=params.progress and sys.stderr.isatty(),
            )
        trials = study.get_trials(deepcopy=False, states=ended)
    rows = [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "value": trial.value,
            "seconds": trial.duration.total_seconds() if trial.duration else None,
            **trial.params,
        }
        for trial in trials
    ]
    best = study.best_trial
    stopped_by = "trials" if len(trials) >= params.n_trials else "minutes"
    return Found(dict(best.params), float(best.value or 0.0), pd.DataFrame(rows), stopped_by)


def _draw(trial: Trial, space: Mapping[str, Whole | Real | Choice]) -> dict[str, Any]:
    """Ask the study for hyper-parameters."""
    drawn: dict[str, Any] = {}
    for name, dimension in space.items():
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
    return drawn


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
