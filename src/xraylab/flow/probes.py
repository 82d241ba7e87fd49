"""Baselines beside the models of a protocol: predicted on the same films, with thresholds chosen in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.binary import Weight
from xraylab.evaluation.thresholds import ThresholdRule, choose_threshold
from xraylab.flow.train import Training, list_trainings

__all__ = ["MIDDLE", "predict_by_probes"]

MIDDLE = 0.5
"""Threshold where no validation part chooses one."""


def predict_by_probes(
    cohort: pd.DataFrame,
    columns: list[str],
    answer: Callable[[Training], Mapping[str, NDArray[np.float64]]],
    rule: ThresholdRule | None,
    weight: Weight = "row",
) -> list[pd.DataFrame]:
    """Predict the held-out films of every arm by baselines.

    Parameters
    ----------
    cohort : DataFrame
        As `xraylab.flow.split.split_films` gives it.
    columns : list of str
        Columns of the cohort that a row keeps.
    answer : callable
        Takes a training and returns, by baseline, the prediction (M,) of its held-out films.
    rule : str, optional
        How thresholds are chosen on the validation part; None takes 0.5.
    weight : {"row", "group"}
        Whether a threshold weighs films, or groups as one film each.

    Returns
    -------
    list of DataFrame
        For each arm and baseline one row per film: the columns, ``model, prediction, threshold``.
    """
    tables = []
    for training in list_trainings(cohort, {"": None}):
        for name, found in answer(training).items():
            table = training.held_out[columns].assign(prediction=found, model=name)
            threshold = MIDDLE
            if rule is not None:
                threshold = choose_threshold(table[table["split"] == "val"], rule, weight)
            tables.append(table.assign(threshold=threshold))
    return tables
