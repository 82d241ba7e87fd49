"""Cohort → hyper-parameters of the published network, looked for before each training."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bone_age import build_bone_age_network
from xraylab.models.card import digest_facts
from xraylab.pipelines.bone_age.params import AgeModel, ProtocolParams, SearchParams
from xraylab.tabular.studies import open_storage, search
from xraylab.training.params import TrainingParams

from .fitting import describe_training, fit_network, list_trainings, with_hyperparams

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
        The models.

    Returns
    -------
    best_hyperparams : DataFrame
        One row a training: ``model, arm, val_loss, n_trials, n_pruned, parameters`` (as JSON).
    trials : DataFrame
        One row a trial: ``model, arm, trial, state, value`` (validation loss), ``seconds`` and the hyper-parameters.
    """
    best, trials = [], []
    for name, spec, arm, rows in list_trainings(cohort, params):
        if spec.search is None:
            continue
        address = spec.search.storage or f"sqlite:///{(studies / 'studies.db').resolve()}"
        facts = describe_training(arrays, rows, spec, training)
        chosen = spec.search.model_dump(
            mode="json", include={"seed", "max_epochs", *spec.search.space()}
        )
        study = f"{name}-{arm}-{digest_facts([facts, chosen])}"
        folder = studies / study
        objective = _make_objective(arrays, rows, spec, spec.search, training, folder)
        found = search(objective, spec.search.space(), spec.search, open_storage(address), study)
        logger.info(
            "Tuned %s in %s: validation loss %.4g after %d trials, %d of them pruned; %s",
            name, arm, found.value, len(found.trials), found.n_pruned, found.best,
        )  # fmt: skip
        best.append(
            {
                "model": name, "arm": arm, "val_loss": found.value, "n_trials": len(found.trials),
                "n_pruned": found.n_pruned, "parameters": json.dumps(found.best),
            }
        )  # fmt: skip
        trials.append(found.trials.assign(model=name, arm=arm))
    columns = ["model", "arm", "val_loss", "n_trials", "n_pruned", "parameters"]
    of_trials = ["model", "arm", "trial", "state", "value", "seconds"]
    table = pd.concat(trials, ignore_index=True) if trials else pd.DataFrame(columns=of_trials)
    others = [column for column in table if column not in of_trials]
    return pd.DataFrame(best, columns=columns), table[of_trials + others]


def _make_objective(
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: AgeModel,
    space: SearchParams,
    training: TrainingParams,
    folder: Path,
) -> Callable[[dict[str, Any], Callable[[float, int], None]], float]:
    budget = training.model_copy(
        update={
            "max_epochs": space.max_epochs,
            "max_minutes": space.trial_minutes,
            "progress": False,
        }
    )

    def objective(drawn: dict[str, Any], report: Callable[[float, int], None]) -> float:
        network = build_bone_age_network(
            with_hyperparams(spec.network, drawn), training.seed, arrays.size_px
        )
        place = folder / digest_facts(drawn)
        try:
            fitted = fit_network(network, arrays, rows, spec, budget, place, report)
            return fitted.val_loss
        finally:
            shutil.rmtree(place, ignore_errors=True)

    return objective
