"""What a model of a table must beat: predictions of each fold from the other folds, or from an identity."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.tabular.identities import find_identities

__all__ = ["predict_by_identity", "predict_by_line", "predict_mean_of_others"]

Folds = NDArray[np.int64]


def predict_mean_of_others(target: pd.Series, fold: Folds) -> pd.Series:
    """Predict each fold by the mean target of the other folds.

    Parameters
    ----------
    target : (N,) Series
        The target.
    fold : (N,) ndarray of int
        Fold of each row.

    Returns
    -------
    (N,) Series
        On the index of `target`.

    Examples
    --------
    >>> predict_mean_of_others(pd.Series([1.0, 3.0, 8.0]), np.array([0, 0, 1])).tolist()
    [8.0, 8.0, 2.0]
    """
    means = {held_out: float(target[fold != held_out].mean()) for held_out in np.unique(fold)}
    return pd.Series([means[each] for each in fold], target.index)


def predict_by_line(feature: pd.Series, target: pd.Series, fold: Folds) -> pd.Series:
    """Predict each fold by the least-squares line through one feature of the other folds.

    Parameters
    ----------
    feature, target : (N,) Series
        On one index.
    fold : (N,) ndarray of int
        Fold of each row.

    Returns
    -------
    (N,) Series
        On the index of `target`.

    Examples
    --------
    >>> x = pd.Series([0.0, 1.0, 2.0])
    >>> predict_by_line(x, 2 * x + 1, np.array([0, 0, 1])).tolist()[2]
    5.0
    """
    prediction = pd.Series(np.nan, target.index)
    for held_out in np.unique(fold):
        x, y = feature[fold != held_out].to_numpy(), target[fold != held_out].to_numpy()
        spread = float(((x - x.mean()) ** 2).sum())
        slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread else 0.0
        here = fold == held_out
        prediction[here] = y.mean() + slope * (feature[here] - x.mean())
    return prediction


def predict_by_identity(features: pd.DataFrame, target: pd.Series) -> dict[str, pd.Series]:
    """Predict by the expression of features that gives the target, without any model.

    Returns
    -------
    dict of str to (N,) Series
        ``identity``; empty where there is no such expression (`xraylab.tabular.identities.find_identities`).

    Examples
    --------
    >>> table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [2.0, 5.0, 4.0]})
    >>> predict_by_identity(table, 3 * table["a"] * table["b"])["identity"].tolist()
    [6.0, 30.0, 36.0]
    """
    found = find_identities(features, target)
    if not found:
        return {}
    # as `find_identities` writes it: a feature, or two with a sign between them
    first, *rest = found[0].split(" ")
    values = features[first]
    if rest:
        sign, second = rest
        values = values * features[second] if sign == "*" else values / features[second]
    known = values.notna() & np.isfinite(values)
    factor = float(target[known].sum() / values[known].sum())
    return {"identity": (factor * values).where(known, 0.0)}
