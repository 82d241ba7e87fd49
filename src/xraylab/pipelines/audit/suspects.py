"""Labels that those of similar films speak against.

A film of a rare class has neighbours of other classes by number alone, and the films of some classes look like those of
others. So a film is listed only where its neighbours disagree more than those of its class do: as in confident
learning, what the labels of a class look like is estimated from films that were not asked about themselves.

References
----------
Northcutt C., Jiang L., Chuang I. (2021), Confident learning: estimating uncertainty in dataset labels, *JAIR* 70,
1373-1411. Wilson D. L. (1972), Asymptotic properties of nearest neighbor rules using edited data, *IEEE Transactions on
Systems, Man, and Cybernetics* 2(3), 408-421.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .labelled import Labelled
from .neighbours import Neighbours
from .params import LabelsParams

__all__ = ["SUSPECT_COLUMNS", "suspect_classes", "suspect_numbers"]

Floats = NDArray[np.float64]

SUSPECT_COLUMNS = ("image_id", "label", "other", "share", "neighbours")
_NORMAL = 1.4826  # a deviation of a normal distribution over its median absolute deviation


def suspect_classes(
    labelled: Labelled, neighbours: Neighbours, params: LabelsParams
) -> tuple[pd.DataFrame, float]:
    """List the films whose neighbours have another class, more than is usual for their own class.

    Parameters
    ----------
    labelled : Labelled
        Films with a class. Those of classes with fewer than ten groups are neighbours, and are not judged.
    neighbours : Neighbours
        Their nearest films.
    params : LabelsParams
        Settings.

    Returns
    -------
    suspects : DataFrame
        Columns `SUSPECT_COLUMNS`, those first whose class would have such neighbours least often, of equals those with
        the nearest.
    expected : float
        Families with a film that would be listed if each neighbour disagreed by chance, as often as those of its class
        do, and the films of a family had the same neighbours.
    """
    labels = labelled.films["label"].astype(str).to_numpy()
    around = labels[neighbours.rows]
    disagree = around != labels[:, None]
    n, against = disagree.shape[1], disagree.sum(axis=1)
    judged = np.isin(labels, labelled.classes)
    share = against / n
    chances = _chances_of_classes(labels[judged], share[judged], n)
    by_chance = np.ones(len(labels))
    listable = np.zeros(len(labels))
    enough = np.arange(n + 1) / n >= params.least_disagreeing
    for name, chance in chances.items():
        own = labels == name
        by_chance[own] = chance[against[own]]
        listable[own] = chance[enough & (chance <= params.most_by_chance)].max(initial=0.0)
    listed = judged & (share >= params.least_disagreeing) & (by_chance <= params.most_by_chance)
    closeness = np.where(disagree, neighbours.similarity, 0).sum(axis=1) / np.maximum(against, 1)
    order = np.lexsort([-closeness, by_chance])
    order = order[listed[order]]
    others = [pd.Series(around[i][disagree[i]]).mode()[0] for i in order]
    suspects = _tabulate(labelled, neighbours, order, (labels[order], others, share[order]))
    return suspects, float(listable @ _family_weights(labelled))


def _chances_of_classes(labels: NDArray[Any], share: Floats, n: int) -> dict[str, Floats]:
    """Return for each class how often its films have 0, 1, … n neighbours of other classes or more."""
    from scipy.stats import binom

    usual = pd.Series(share).groupby(labels).mean()
    return {str(name): binom.sf(np.arange(n + 1) - 1, n, rate) for name, rate in usual.items()}


def _family_weights(labelled: Labelled) -> Floats:
    """Return 1 over the number of films of each film's family (N,)."""
    groups = labelled.films["group_id"]
    return np.asarray(1.0 / groups.groupby(groups).transform("size"), np.float64)


def suspect_numbers(
    labelled: Labelled, neighbours: Neighbours, params: LabelsParams
) -> tuple[pd.DataFrame, float]:
    """List the films whose label is far from the median of their neighbours'.

    Returns
    -------
    suspects : DataFrame
        As `suspect_classes` gives it; ``other`` is the median of the neighbours, ``share`` that of the neighbours whose
        label is farther off than half of the distance that is far.
    expected : float
        Families with a film that would be listed if these distances were normal.
    """
    from scipy.stats import norm

    targets = labelled.films["target"].to_numpy(np.float64)
    around = targets[neighbours.rows]
    medians = np.median(around, axis=1)
    off = targets - medians
    off -= np.median(off)
    far = params.deviations * _NORMAL * float(np.median(np.abs(off)))
    order = np.argsort(-np.abs(off), kind="stable")
    order = order[np.abs(off[order]) > far]
    share = (np.abs(around - targets[:, None]) > far / 2).mean(axis=1)
    labels, others = ([f"{each:g}" for each in some[order]] for some in (targets, medians))
    expected = 2 * float(norm.sf(params.deviations)) * labelled.films["group_id"].nunique()
    return _tabulate(labelled, neighbours, order, (labels, others, share[order])), expected


def _tabulate(
    labelled: Labelled,
    neighbours: Neighbours,
    order: NDArray[np.int64],
    columns: tuple[object, object, Floats],
) -> pd.DataFrame:
    ids = labelled.films["image_id"].astype(str).to_numpy()
    near = [
        json.dumps([str(ids[each]) for each in neighbours.rows[i]], ensure_ascii=False)
        for i in order
    ]
    values = (ids[order], *columns, near)
    table = pd.DataFrame(dict(zip(SUSPECT_COLUMNS, values, strict=True)))
    texts = [name for name in SUSPECT_COLUMNS if name != "share"]
    return table.astype({**dict.fromkeys(texts, "str"), "share": "float64"})
