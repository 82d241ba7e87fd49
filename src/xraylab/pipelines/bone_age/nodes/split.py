"""Cohort → trainings: which film learns, validates and tests in each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from xraylab.evaluation.leakage import check_leakage, pass_gate
from xraylab.evaluation.splits import NO_FOLD, assign_folds, assign_splits
from xraylab.pipelines.bone_age.params import ProtocolParams

__all__ = ["SINGLE", "split_cohort"]

SINGLE = "single"
"""The training of the single split, beside ``fold_0`` …"""


def split_cohort(
    all_films: pd.DataFrame, params: ProtocolParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split films under one protocol, and pass the split through the leak gate.

    Parameters
    ----------
    all_films : DataFrame
        As `index_cohort` gives it.
    params : ProtocolParams
        The protocol.

    Returns
    -------
    cohort : DataFrame
        One row a film and training (``arm``): with ``folds`` ``fold_0`` …, whose test films validate too; with
        ``parts`` ``single``, and the folds of its training and validation films.
    leakage : DataFrame
        What the gate found, with the ``arm`` and the ``action`` that was taken.

    Raises
    ------
    ValueError
        If a part of the split would be empty.
    LeakError
        With ``on_leak: fail``, if anything leaks.
    """
    if params.split == "folds":
        return _split_as_published(all_films, params)
    single, leaks = pass_gate(all_films, params.on_leak, _list_parts(all_films, params))
    arms = [single.assign(arm=SINGLE, fold=NO_FOLD)]
    if params.n_folds:
        arms += _fold(single[single["split"] != "test"], params)
    return pd.concat(arms, ignore_index=True), leaks.assign(arm=SINGLE)


def _split_as_published(
    films: pd.DataFrame, params: ProtocolParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    from sklearn.model_selection import KFold

    if len(films) < params.n_folds:
        raise ValueError(f"{params.n_folds} folds need as many films, got {len(films)}")
    folds = KFold(params.n_folds, shuffle=True, random_state=params.seed)
    arms, found = [], []
    for fold, (_, test) in enumerate(folds.split(films)):
        split = np.full(len(films), "train", object)
        split[test] = "test"
        arm = f"fold_{fold}"
        arms.append(
            films.assign(split=pd.Series(split, films.index, dtype="str"), arm=arm, fold=fold)
        )
        leaks = check_leakage(arms[-1], params.on_leak)
        found.append(leaks.assign(action="reported", arm=arm))
    return pd.concat(arms, ignore_index=True), pd.concat(found, ignore_index=True)


def _list_parts(films: pd.DataFrame, params: ProtocolParams) -> Callable[[pd.Series], pd.Series]:
    """Return how groups become parts: the official ones where there are all three, else by a hash."""
    ranks = {"train": 0, "val": 1, "test": 2}
    official = films["official_split"].map(ranks)
    if params.use_official and set(official) == set(ranks.values()):
        names = {rank: name for name, rank in ranks.items()}
        # a family with a test film tests whole: the test part keeps its size, and learns nothing
        return lambda groups: official.groupby(groups).transform("max").map(names)
    val, test = params.val_fraction, params.test_fraction
    fractions = {"train": 1 - val - test, "val": val, "test": test}
    return lambda groups: assign_splits(groups, fractions, params.seed)


def _fold(films: pd.DataFrame, params: ProtocolParams) -> list[pd.DataFrame]:
    """Test each fold once; of the others a hash takes the validation's share."""
    folds = assign_folds(films["group_id"], params.n_folds, params.seed)
    arms = []
    for fold in range(params.n_folds):
        rest = films.loc[folds != fold, "group_id"]
        fractions = {"train": 1 - params.val_fraction, "val": params.val_fraction}
        split = assign_splits(rest, fractions, params.seed + 1 + fold).reindex(films.index)
        arms.append(films.assign(split=split.fillna("test"), arm=f"fold_{fold}", fold=fold))
    return arms
