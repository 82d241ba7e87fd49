"""Cohort → hyper-parameters of the published network, searched for before each training."""

from __future__ import annotations

import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from xraylab.flow.train import Training, describe_training
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.card import digest_facts
from xraylab.tabular.studies import open_storage, search
from xraylab.training.params import Limits, TrainingParams

from .params import ProtocolParams, SearchParams
from .task import AgeTask, list_age_trainings, with_hyperparams

__all__ = ["tune_networks"]

logger = logging.getLogger(__name__)


def tune_networks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    studies: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Look for the hyper-parameters of each model that has a search, before each of its trainings.

    A trial trains on the training part and is judged by the validation part; where there is none, as published, by the
    test part that is reported.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    cohort : DataFrame
        As `split_cohort` gives it.
    studies : Path
        Folder of the SQLite database, unless ``search.storage`` names another, and of the trials' checkpoints.
    training : TrainingParams
        Machine.
    params : ProtocolParams
        The models, and the minutes of the protocol.

    Returns
    -------
    best_hyperparams : DataFrame
        One row per search: ``model, arm, val_loss, n_trials, n_pruned, stopped_by`` (trials, minutes), ``cut_short``
        (in words, or empty) and ``parameters`` (as JSON).
    trials : DataFrame
        One row per trial: ``model, arm, trial, state, value`` (validation loss), ``seconds`` and the hyper-parameters.
    """
    best, trials = [], []
    task = AgeTask(arrays, training)
    searches = [each for each in list_age_trainings(cohort, params) if each.spec.search is not None]
    counts = Counter(each.name for each in searches)
    shares = [each.spec.search.share / counts[each.name] for each in searches]
    budgets = params.budget.divide(shares, of=params.total_share)
    for one, minutes in zip(searches, budgets, strict=True):
        space: SearchParams = one.spec.search
        name, arm = one.name, one.arm
        address = space.storage or f"sqlite:///{(studies / 'studies.db').resolve()}"
        facts = [describe_training(one, arrays, training), one.spec.model_dump(mode="json")]
        facts.append(params.budget.minutes)
        study = f"{one.key}-{digest_facts(facts)}"
        objective = _make_objective(task, one, minutes, studies / study)
        found = search(objective, space.space(), space, open_storage(address), study, minutes)
        logger.info(
            "Tuned %s in %s: validation loss %.4g after %d trials, %d of them pruned; %s",
            name, arm, found.value, len(found.trials), found.n_pruned, found.best,
        )  # fmt: skip
        best.append(
            {
                "model": name, "arm": arm, "val_loss": found.value, **found.facts(),
                "parameters": json.dumps(found.best),
            }
        )  # fmt: skip
        trials.append(found.trials.assign(model=name, arm=arm))
    columns = ["model", "arm", "val_loss", "n_trials", "n_pruned", "stopped_by", "cut_short"]
    of_trials = ["model", "arm", "trial", "state", "value", "seconds"]
    table = pd.concat(trials, ignore_index=True) if trials else pd.DataFrame(columns=of_trials)
    others = [column for column in table if column not in of_trials]
    return pd.DataFrame(best, columns=[*columns, "parameters"]), table[of_trials + others]


def _make_objective(
    task: AgeTask, one: Training, minutes: float | None, folder: Path
) -> Callable[[dict[str, Any], Callable[[float, int], None]], float]:
    """Return what trains one trial and gives its validation loss."""
    space: SearchParams = one.spec.search
    machine = {"max_epochs": space.max_epochs, "progress": False}
    trial = replace(task, machine=task.machine.model_copy(update=machine))
    n_timed = min(space.n_startup_trials, space.n_trials)
    limits = Limits(None if minutes is None else minutes / n_timed)

    def objective(drawn: dict[str, Any], report: Callable[[float, int], None]) -> float:
        network = with_hyperparams(one.spec.network, drawn)
        spec = one.spec.model_copy(update={"network": network})
        tried = replace(one, spec=spec, limits=limits)
        place = folder / digest_facts(drawn)
        try:
            return trial.fit(trial.build(tried), tried, place, report).val_loss
        finally:
            shutil.rmtree(place, ignore_errors=True)

    return objective
