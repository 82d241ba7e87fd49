"""How well a label is predicted from features: out of fold, by group, with intervals.

One model for all probes: gradient boosting on histograms, which takes features in any unit, missing values and
relations that are no straight lines, and is fast on many films.

References
----------
Ke G. et al. (2017), LightGBM: a highly efficient gradient boosting decision tree, *NeurIPS*. Hanley J. A., McNeil B. J.
(1982), *Radiology* 143(1), 29-36 (the area as a share of pairs in order, ties by half).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.bootstrap import bootstrap_counts
from xraylab.evaluation.metrics import regression_metrics
from xraylab.evaluation.splits import assign_stratified_folds, fold_groups_evenly

from .labelled import Labelled

__all__ = ["Targets", "measure_auroc", "measure_r2", "predict_held_out"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_LEVELS = 512  # levels that predictions are ranked by: an area changes by less than 0.001
_MOST_CLASSES = 10
_MOST_OF_FAMILY = (
    3  # films of one in a fit; weights would do the same, and make the fits ten times slower
)
_LEAF = (3, 20)  # fewest films of a leaf, in small and large sets
_LEAVES_PER_SET = 40


class Targets:
    """What a probe predicts, and who is held out together.

    Parameters
    ----------
    labelled : Labelled
        Films whose labels can be compared.
    n_folds : int
        Folds of groups; fewer where a class has fewer groups.
    seed : int
        Seed of the folds.

    Attributes
    ----------
    classes : tuple of str
        Classes that are measured, each against the rest: the rarer one of two, else the ten most frequent. Empty for
        numbers.
    labels : (N,) ndarray
        Number of the class of each film, with ``len(names)`` for a class that is too rare; or the label itself.
    groups, folds : (N,) ndarray of int64
        Group and fold of each film.
    fitted : (N,) ndarray of bool
        Films that may be in a fit: three of each family at most, so that a film with many copies does not decide.
    """

    def __init__(self, labelled: Labelled, n_folds: int, seed: int) -> None:
        films = labelled.films
        self.groups: Codes = np.asarray(pd.factorize(films["group_id"])[0], np.int64)
        self.n_groups = int(self.groups.max()) + 1
        self.seed = seed
        order = np.random.default_rng(seed).permutation(len(films))
        rank = pd.Series(self.groups[order]).groupby(self.groups[order]).cumcount().to_numpy()
        self.fitted = np.zeros(len(films), np.bool_)
        self.fitted[order] = rank < _MOST_OF_FAMILY
        if labelled.kind == "numbers":
            self.names: tuple[str, ...] = ()
            self.classes: tuple[str, ...] = ()
            self.labels: NDArray[Any] = films["target"].to_numpy(np.float64)
            self.folds = fold_groups_evenly(films["group_id"], min(n_folds, self.n_groups))
            return
        self.names = labelled.classes[:_MOST_CLASSES]
        places = {name: i for i, name in enumerate(self.names)}
        self.labels = films["label"].map(places).fillna(len(places)).to_numpy(np.int64)
        alone = len(self.names) == 2 and not (self.labels == 2).any()  # noqa: PLR2004
        self.classes = self.names[1:] if alone else self.names
        self.folds = self._fold(films["group_id"], n_folds)

    def _fold(self, group_ids: pd.Series, n_folds: int) -> Codes:
        # films of rare classes are too few to be spread over folds: they go with the most frequent class
        strata = pd.Series(np.where(self.labels < len(self.names), self.labels, 0))
        fewest = int(pd.Series(self.groups).groupby(strata).nunique().min())
        folds = assign_stratified_folds(group_ids, strata, min(n_folds, fewest), self.seed)
        return np.asarray(folds.to_numpy(), np.int64)


def predict_held_out(features: NDArray[np.floating], targets: Targets) -> Floats:
    """Predict each film by a model that was fitted to the films of other folds.

    Parameters
    ----------
    features : (N, F) ndarray
        What the probe may use; nan where unknown.
    targets : Targets
        Labels and folds.

    Returns
    -------
    (N, K) or (N, 1) ndarray of float64
        Probability of each class of ``targets.classes``, or the predicted number.
    """
    numbers = not targets.classes
    found = np.zeros((len(features), 1 if numbers else len(targets.classes)))
    for fold in np.unique(targets.folds):
        held = targets.folds == fold
        rows = targets.fitted & ~held
        # what no training film has cannot be used
        known = np.isfinite(features[rows]).any(axis=0)
        seen = np.where(known, features, 0.0)
        model = _build(numbers, int(rows.sum()), targets.seed).fit(seen[rows], targets.labels[rows])
        if numbers:
            found[held, 0] = model.predict(seen[held])
            continue
        chances = model.predict_proba(seen[held])
        columns = {int(each): i for i, each in enumerate(model.classes_)}
        for column, name in enumerate(targets.classes):
            place = columns.get(targets.names.index(name))
            if place is not None:
                found[held, column] = chances[:, place]
    return found


def _build(numbers: bool, n_films: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
    return kind(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=int(np.clip(n_films // _LEAVES_PER_SET, *_LEAF)),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def measure_auroc(
    predictions: Floats, targets: Targets, n_resamples: int
) -> tuple[Floats, Floats, Floats]:
    """Measure the AUROC of each class against the rest, with 95 % intervals by bootstrap over groups.

    Parameters
    ----------
    predictions : (N, K) ndarray of float64
        As `predict_held_out` gives them.
    targets : Targets
        Labels and groups.
    n_resamples : int
        Resamples; 0 for no interval.

    Returns
    -------
    value, low, high : (K + 1,) ndarray
        Of each class, and last the mean over classes. Predictions are ranked by 512 levels at most.
    """
    from scipy.sparse import coo_array

    tables = []
    for column, name in enumerate(targets.classes):
        positive = targets.labels == targets.names.index(name)
        cells = 2 * _levels_of(predictions[:, column]) + positive
        shape = (2 * _LEVELS, targets.n_groups)
        tables.append(coo_array((np.ones(len(cells)), (cells, targets.groups)), shape).tocsr())

    def measure(times: Floats) -> Floats:
        areas = np.stack([_areas(table @ times.T) for table in tables], axis=1)
        return np.concatenate([areas, areas.mean(axis=1, keepdims=True)], axis=1)

    n_cells = max(targets.n_groups, 8 * _LEVELS)
    return bootstrap_counts(measure, targets.n_groups, n_resamples, targets.seed, n_cells)


def _levels_of(values: Floats) -> Codes:
    """Return the rank (N,) of each value among at most 512 levels; equal values are on one level."""
    distinct, levels = np.unique(values, return_inverse=True)
    if len(distinct) > _LEVELS:
        edges = np.quantile(values, np.linspace(0, 1, _LEVELS + 1)[1:-1])
        levels = np.searchsorted(edges, values, side="left")
    return np.asarray(levels, np.int64)


def _areas(counts: Floats) -> Floats:
    """Return the areas (B,) of how many negative and positive films are on each level (2 · 512, B)."""
    negative, positive = counts[::2], counts[1::2]
    below = np.cumsum(negative, axis=0) - negative / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = positive.sum(axis=0) * negative.sum(axis=0)
        return np.asarray((positive * below).sum(axis=0) / pairs, np.float64)


def measure_r2(predictions: Floats, targets: Targets, n_resamples: int) -> tuple[Floats, ...]:
    """Measure R² with its 95 % interval by bootstrap over groups, each as an array (1,)."""
    rows = pd.DataFrame({"group_id": targets.groups, "target": targets.labels})
    rows["prediction"] = predictions[:, 0]
    table = regression_metrics(rows, ["r2"], n_resamples, targets.seed)
    return tuple(table[name].to_numpy(np.float64) for name in ("value", "ci_low", "ci_high"))
