"""What any classifier of films must beat: looking the answer up, and probes of what shows no disease.

Each baseline returns probabilities of test films from training films, to be measured as a model's are.

References
----------
Geirhos R. et al. (2020), Shortcut learning in deep neural networks, *Nature Machine Intelligence* 2, 665-673.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from xraylab.evaluation.binary import Weight, check_binary_rows, measure_ranks
from xraylab.evaluation.bootstrap import bootstrap_counts
from xraylab.evaluation.penalties import choose_penalty, count_inner_folds
from xraylab.evaluation.shortcut_features import border_pixels, intensity_features, outside_pixels
from xraylab.evaluation.splits import assign_stratified_folds

__all__ = [
    "border_pixels",
    "equals_probe",
    "intensity_features",
    "look_up_content",
    "look_up_nearest",
    "outside_pixels",
    "probe",
]

Floats = NDArray[np.float64]
Hashes = NDArray[np.uint64]

_AXES = 3
_PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # scikit-learn's C, the strongest penalty first


def look_up_content(
    train_keys: ArrayLike, train_targets: ArrayLike, test_keys: ArrayLike
) -> Floats:
    """Predict the label of the training file with the same content.

    Parameters
    ----------
    train_keys, test_keys : (N,), (M,) array-like of str
        Digest of each file or of its pixels; what is missing equals nothing.
    train_targets : (N,) array-like
        0 or 1.

    Returns
    -------
    (M,) ndarray of float64
        The mean target of the training films with that key; without any, the prevalence of the training films.

    Raises
    ------
    ValueError
        For no training films, keys and targets that differ in number, or a target that is not 0 or 1.

    Examples
    --------
    >>> look_up_content(["a", "a", "b"], [1, 0, 1], ["b", "a"]).tolist()
    [1.0, 0.5]
    """
    targets = _checked_targets(train_targets, len(np.asarray(train_keys)), "keys")
    means = pd.Series(targets).groupby(np.asarray(train_keys, object)).mean()
    keys = pd.Series(np.asarray(test_keys, object))
    found = keys.map(means).astype(np.float64)
    return np.asarray(found.fillna(targets.mean()), np.float64)


def look_up_nearest(
    train_hashes: Hashes, train_targets: ArrayLike, test_hashes: Hashes
) -> tuple[Floats, NDArray[np.int32]]:
    """Predict the label of the most similar training film, in any orientation.

    Parameters
    ----------
    train_hashes, test_hashes : (N, T, W), (M, T, W) ndarray of uint64
        As `xraylab.imaging.fingerprint.perceptual_hashes` gives them, the film as it is first.
    train_targets : (N,) array-like
        0 or 1.

    Returns
    -------
    probabilities : (M,) ndarray of float64
        Target of the nearest training film; the mean of those that are equally near.
    distances : (M,) ndarray of int32
        Bits in which the two differ.

    Raises
    ------
    ValueError
        For no training films, hashes of another shape or type, or a target that is not 0 or 1.

    Examples
    --------
    >>> train = np.array([0b0000, 0b1111], np.uint64).reshape(2, 1, 1)
    >>> found, distances = look_up_nearest(train, [0, 1], np.array([0b0111], np.uint64).reshape(1, 1, 1))
    >>> found.tolist(), distances.tolist()
    ([1.0], [1])
    """
    for name, hashes in (("train_hashes", train_hashes), ("test_hashes", test_hashes)):
        if hashes.ndim != _AXES or hashes.dtype != np.uint64:
            raise ValueError(
                f"{name} must be uint64 of (films, turns, words), got {hashes.dtype} of {hashes.shape}"
            )
    if train_hashes.shape[1:] != test_hashes.shape[1:]:
        raise ValueError(
            f"train_hashes are {train_hashes.shape[1:]} a film, test_hashes {test_hashes.shape[1:]}"
        )
    targets = _checked_targets(train_targets, len(train_hashes), "hashes")
    words = np.ascontiguousarray(train_hashes[:, 0].T)
    means, least = np.empty(len(test_hashes)), np.empty(len(test_hashes), np.int32)
    for row, film in enumerate(test_hashes):
        bits = np.bitwise_count(film.T[:, :, None] ^ words[:, None])  # (words, turns, films)
        distances = bits.sum(axis=0, dtype=np.int32).min(axis=0)
        least[row] = distances.min()
        means[row] = targets[distances == least[row]].mean()
    return means, least


def probe(
    features_train: NDArray[np.floating],
    targets: ArrayLike,
    features_test: NDArray[np.floating],
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> Floats:
    """Predict from features by logistic regression on standardised features.

    Parameters
    ----------
    features_train, features_test : (N, K), (M, K) ndarray
        Features of the training and test films.
    targets : (N,) array-like
        0 or 1.
    groups : (N,) array-like, optional
        Group of each training film; each group weighs as one. None: each film is its own.
    seed : int
        Seed of the folds.

    Returns
    -------
    (M,) ndarray of float64
        Probabilities. The strength of the L2 penalty is that with the least log loss over (up to) five grouped folds
        of the training films, of equals the strongest; with less than two groups of a class it is scikit-learn's own.

    Raises
    ------
    ValueError
        For features that are missing, infinite or of another number, targets that are not 0 or 1, or one class only.

    Examples
    --------
    >>> train = np.array([[0.0], [0.1], [0.9], [1.0]])
    >>> found = probe(train, [0, 0, 1, 1], np.array([[0.05], [0.95]]))
    >>> (found > 0.5).tolist()
    [False, True]
    """
    x, x_test = (np.asarray(each, np.float64) for each in (features_train, features_test))
    for name, values in (("features_train", x), ("features_test", x_test)):
        if values.ndim != 2 or values.shape[1] != x.shape[1]:  # noqa: PLR2004
            raise ValueError(f"{name} must be (films, features), got {values.shape} for {x.shape}")
        if not np.isfinite(values).all():
            n_bad = int((~np.isfinite(values)).sum())
            raise ValueError(f"{name}: {n_bad} of {values.size} values are missing or infinite")
    y = _checked_targets(targets, len(x), "features")
    if y.min() == y.max():
        raise ValueError(f"a probe needs both classes: all {len(y)} targets are {y[0]:g}")
    codes, _ = pd.factorize(np.arange(len(y)) if groups is None else np.asarray(groups))
    if len(codes) != len(y) or (codes < 0).any():
        raise ValueError(f"need a group for each of {len(y)} films, got {(codes >= 0).sum()}")
    weights = 1.0 / np.bincount(codes)[codes]
    penalty = _choose_penalty(x, y, weights, codes, seed)
    return np.asarray(_fit_and_predict(x, y, weights, [penalty], x_test)[0], np.float64)


def equals_probe(
    model_rows: pd.DataFrame,
    probe_rows: pd.DataFrame,
    n_resamples: int = 1000,
    seed: int = 0,
    weight: Weight = "row",
) -> pd.DataFrame:
    """Say whether a model ranks films no better than a probe, by a paired bootstrap over groups.

    Parameters
    ----------
    model_rows, probe_rows : (N, …) DataFrame
        Predictions of the same films, in any order, with columns ``image_id, group_id, target, prediction``.
    n_resamples, seed, weight
        As `classification_metrics` takes them.

    Returns
    -------
    DataFrame
        One row: ``auroc_model, auroc_probe, difference, ci_low, ci_high`` (95 % interval of the difference), ``n``
        (rows) and ``equals_probe``: True unless the whole interval lies above 0, so that too little data speaks
        against the model.

    Raises
    ------
    ValueError
        If an image is missing in one of the tables or there twice, or its group or target is another, and as
        `check_binary_rows` raises.

    Examples
    --------
    >>> rows = pd.DataFrame({"image_id": range(6), "group_id": range(6), "target": [0, 0, 0, 1, 1, 1]})
    >>> model, other = (rows.assign(prediction=each) for each in ([0, 0, 0, 1, 1, 1], [0.5] * 6))
    >>> equals_probe(model, other)[["auroc_model", "auroc_probe", "equals_probe"]]
       auroc_model  auroc_probe  equals_probe
    0          1.0          0.5         False
    """
    paired = _pair(model_rows, probe_rows)
    checked = check_binary_rows(paired, weight)
    other = check_binary_rows(paired.assign(prediction=paired["probe"]), weight)
    ranks = measure_ranks(checked), measure_ranks(other)

    def measure(times: Floats) -> Floats:
        model, probed = (each(times)[:, 0] for each in ranks)
        return np.stack([model, probed, model - probed], axis=1)

    value, low, high = bootstrap_counts(
        measure, checked.n_groups, n_resamples, seed, 8 * len(paired)
    )
    names = ("auroc_model", "auroc_probe", "difference")
    table = pd.DataFrame([dict(zip(names, value, strict=True))])
    better = bool(low[2] > 0)
    return table.assign(ci_low=low[2], ci_high=high[2], n=len(paired), equals_probe=not better)


def _pair(model_rows: pd.DataFrame, probe_rows: pd.DataFrame) -> pd.DataFrame:
    for name, rows in (("model", model_rows), ("probe", probe_rows)):
        for column in ("image_id", "group_id", "target", "prediction"):
            if column not in rows.columns:
                raise ValueError(f"rows of the {name} lack the column '{column}'")
        twice = rows["image_id"].duplicated()
        if twice.any():
            raise ValueError(
                f"rows of the {name} hold '{rows.loc[twice, 'image_id'].iloc[0]}' twice"
            )
    ids, known = pd.Index(model_rows["image_id"]), pd.Index(probe_rows["image_id"])
    places = known.get_indexer(ids)
    alone = [*ids[places < 0], *known.delete(places[places >= 0])]
    if alone:
        raise ValueError(
            f"image '{alone[0]}' is in one of the two tables only ({len(alone)} do so)"
        )
    probed = probe_rows.iloc[places]
    for column in ("target", "group_id"):
        other = model_rows[column].to_numpy() != probed[column].to_numpy()
        if other.any():
            raise ValueError(
                f"image '{ids[other][0]}' has another {column.removesuffix('_id')} in the probe's rows "
                f"({int(other.sum())} do so)"
            )
    return model_rows.assign(probe=probed["prediction"].to_numpy())


def _choose_penalty(
    x: Floats, y: Floats, weights: Floats, groups: NDArray[np.int64], seed: int
) -> float:
    n_folds = count_inner_folds(y, groups)
    if n_folds < 2:  # noqa: PLR2004
        return _PENALTIES[-1]
    folds = assign_stratified_folds(pd.Series(groups), pd.Series(y), n_folds, seed).to_numpy()

    def predict(train: NDArray[np.bool_], held_out: NDArray[np.bool_]) -> Floats:
        return _fit_and_predict(x[train], y[train], weights[train], _PENALTIES, x[held_out])

    return choose_penalty(y, folds, _PENALTIES, predict, weights)


def _fit_and_predict(
    x: Floats, y: Floats, weights: Floats, penalties: Sequence[float], x_test: Floats
) -> Floats:
    """Return probabilities (penalties, films): one scaling for all, and each fit starts where the last one ended."""
    from sklearn import config_context
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    if not len(x_test):
        return np.empty((len(penalties), 0))
    found = np.empty((len(penalties), len(x_test)))
    with config_context(assume_finite=True, skip_parameter_validation=True):
        scaler = StandardScaler().fit(x, sample_weight=weights)
        scaled, scaled_test = scaler.transform(x), scaler.transform(x_test)
        model = LogisticRegression(max_iter=1000, warm_start=True)
        for i, penalty in enumerate(penalties):
            model.set_params(C=penalty).fit(scaled, y, sample_weight=weights)
            found[i] = model.predict_proba(scaled_test)[:, 1]
    return found


def _checked_targets(targets: ArrayLike, n: int, what: str) -> Floats:
    values = np.asarray(targets, np.float64)
    if values.shape != (n,) or n == 0:
        raise ValueError(f"need a target for each training film, got {values.shape} for {n} {what}")
    bad = ~((values == 0) | (values == 1))
    if bad.any():
        raise ValueError(
            f"targets must be 0 or 1: {int(bad.sum())} of {n} are not, such as {values[bad][0]:g}"
        )
    return values
