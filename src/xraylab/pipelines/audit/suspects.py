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
_FEW = 0.5  # of the neighbours wanted: with fewer a film is not judged


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
        Films that would be listed if each neighbour disagreed by chance, as often as those of its class do.
    """
    from scipy.stats import binom

    labels = labelled.films["label"].astype(str).to_numpy()
    there = neighbours.rows >= 0
    around = labels[neighbours.rows]
    disagree = (around != labels[:, None]) & there
    counts, against = neighbours.counts, disagree.sum(axis=1)
    judged = np.isin(labels, labelled.classes) & (counts >= _FEW * params.neighbours) & (counts > 0)
    share = against / np.maximum(counts, 1)
    usual = pd.Series(share[judged]).groupby(labels[judged]).mean()
    rate = pd.Series(labels).map(usual).fillna(1.0).to_numpy(np.float64)
    by_chance = binom.sf(against - 1, counts, rate)
    listed = judged & (share >= params.least_disagreeing) & (by_chance <= params.most_by_chance)
    closeness = np.where(disagree, neighbours.similarity, 0).sum(axis=1) / np.maximum(against, 1)
    order = np.lexsort([-closeness, by_chance])
    order = order[listed[order]]
    others = [pd.Series(around[i][disagree[i]]).mode()[0] for i in order]
    suspects = _tabulate(labelled, neighbours, order, (labels[order], others, share[order]))
    return suspects, _expect(counts[judged], rate[judged], params)


def _expect(counts: NDArray[np.int64], rates: Floats, params: LabelsParams) -> float:
    """Return how many films chance would list."""
    from scipy.stats import binom

    pairs, times = np.unique(np.stack([counts, rates], axis=1), axis=0, return_counts=True)
    expected = 0.0
    for (n, rate), films in zip(pairs, times, strict=True):
        against = np.arange(int(n) + 1)
        chance = binom.sf(against - 1, int(n), rate)
        listed = (against / n >= params.least_disagreeing) & (chance <= params.most_by_chance)
        expected += float(chance[listed].max(initial=0.0)) * int(films)
    return expected


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
        Films that would be listed if these distances were normal.
    """
    from scipy.stats import norm

    targets = labelled.films["target"].to_numpy(np.float64)
    there = neighbours.rows >= 0
    around = np.where(there, targets[neighbours.rows], np.nan)
    judged = (neighbours.counts >= _FEW * params.neighbours) & (neighbours.counts > 0)
    medians = np.full(len(targets), np.nan)
    medians[judged] = np.nanmedian(around[judged], axis=1)
    off = targets - medians
    if not judged.any():
        return _tabulate(labelled, neighbours, np.zeros(0, np.int64), ([], [], np.zeros(0))), 0.0
    off -= np.nanmedian(off)
    scale = _NORMAL * float(np.nanmedian(np.abs(off)))
    far = params.deviations * scale
    listed = judged & (np.abs(np.nan_to_num(off)) > far)
    order = np.argsort(-np.abs(np.nan_to_num(off)), kind="stable")
    order = order[listed[order]]
    apart = np.abs(around - targets[:, None]) > far / 2
    share = apart.sum(axis=1) / np.maximum(neighbours.counts, 1)
    labels, others = ([f"{each:g}" for each in some[order]] for some in (targets, medians))
    expected = 2 * float(norm.sf(params.deviations)) * int(judged.sum())
    return _tabulate(labelled, neighbours, order, (labels, others, share[order])), expected


def _tabulate(
    labelled: Labelled,
    neighbours: Neighbours,
    order: NDArray[np.int64],
    columns: tuple[object, object, Floats],
) -> pd.DataFrame:
    ids = labelled.films["image_id"].astype(str).to_numpy()
    near = [
        json.dumps([str(ids[each]) for each in neighbours.rows[i] if each >= 0], ensure_ascii=False)
        for i in order
    ]
    values = (ids[order], *columns, near)
    table = pd.DataFrame(dict(zip(SUSPECT_COLUMNS, values, strict=True)))
    texts = [name for name in SUSPECT_COLUMNS if name != "share"]
    return table.astype({**dict.fromkeys(texts, "str"), "share": "float64"})
