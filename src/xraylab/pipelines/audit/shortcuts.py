"""How well the label is predicted by what shows no disease: each probe alone, named where it beats chance.

References
----------
Geirhos R. et al. (2020), Shortcut learning in deep neural networks, *Nature Machine Intelligence* 2, 665-673. Zech J.
R. et al. (2018), Variable generalization performance of a deep learning model to detect pneumonia in chest radiographs,
*PLOS Medicine* 15(11), e1002683 (site, scanner and marker as shortcuts).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.imaging.array_cache import ArrayCache

from .findings import Example, Finding, Severity, tabulate_findings
from .labelled import draw_films, find_labelled, usable_films
from .params import AuditParams
from .probe_features import (
    FILE_PROBES,
    PIXEL_PROBES,
    file_features,
    film_statistics,
    pixel_features,
)
from .probing import Targets, measure_auroc, measure_r2, predict_held_out

__all__ = ["ALL_CLASSES", "PROBE_COLUMNS", "film_statistics", "measure_shortcuts"]

PROBE_COLUMNS = ("probe", "target", "metric", "value", "ci_low", "ci_high", "n", "above_chance")

ALL_CLASSES = "all classes"
"""Target of the mean over classes, and of a label that is a number."""

_AUROC, _R2 = "AUROC", "R²"
_ERROR_AUROC = 0.9
# two normal distributions in equal numbers with that AUROC: the label's R² on what tells them apart
_ERROR_R2 = 0.45
_PAIRS = 3

_WORDS = {
    "metadata": "the metadata of its file",
    "part": "its part of the split",
    "markers": "its burned-in markers",
    "film of 8 × 8": "8 × 8 pixels",
    "sex": "the patient's sex",
    "age": "the patient's age",
}

_KNOWN_CAUSES = ("sex", "age")
"""Probes that a disease may really depend on."""

_OF_ANATOMY = ("grey values", "film of 8 × 8")
"""Probes that may see disease."""

_INSTEAD = "A network may learn this instead of the disease."
_SAME_SOURCES = "Take films of all classes from the same sources, prepared the same way."
_ADVICE = {
    "file size": f"{_INSTEAD} It shows in sharpness, noise and compression. {_SAME_SOURCES}",
    "image size": f"{_INSTEAD} It shows in the shape and sharpness of resized films. {_SAME_SOURCES}",
    "format": f"{_INSTEAD} It shows in traces of compression. {_SAME_SOURCES}",
    "bit depth": f"{_INSTEAD} {_SAME_SOURCES}",
    "JPEG quality": f"{_INSTEAD} It shows in traces of compression. {_SAME_SOURCES}",
    "colour": f"{_INSTEAD} Read all films as grey, and look for drawings on those with colour.",
    "metadata": f"{_INSTEAD} Compare within one device and view, and test on another site.",
    "site": f"{_INSTEAD} Train on sites that have all classes, and measure within each site.",
    "part": "The classes are not spread alike over the parts. Use the split that is proposed in split.csv.",
    "border": f"{_INSTEAD} Crop the films, and compare any model with this probe.",
    "markers": f"{_INSTEAD} Black out the markers, and compare a model with and without.",
    "grey values": "This may be exposure or disease. Compare any model with this probe.",
    "film of 8 × 8": "This may be position, exposure or coarse disease. Compare any model with this probe.",
    "sex": "No shortcut by itself, but report results by sex.",
    "age": "No shortcut by itself, but report results by age, and see that the classes overlap.",
}


@dataclass(frozen=True)
class _Measured:
    """A probe with its predictions (N, K), and its rows of the table."""

    probe: str
    rows: pd.DataFrame
    predictions: NDArray[np.float64]


def measure_shortcuts(
    records: pd.DataFrame, arrays: ArrayCache, params: AuditParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure how well each probe alone predicts the label, out of fold, with grouped folds.

    A class counts as told better than chance where the lower end of its interval is above 0.5; with K classes the
    interval is widened as Bonferroni's correction has it, so that one of many classes is not named by luck.

    Parameters
    ----------
    records : DataFrame
        One row per file.
    arrays : ArrayCache
        The films.
    params : AuditParams
        Settings.

    Returns
    -------
    findings : DataFrame
        One finding for each probe that is above chance: an error from an AUROC of 0.9 (R² of 0.45) where it sees
        nothing of a disease, else a warning from ``shortcuts.strong``, else info.
    probes : DataFrame
        Columns `PROBE_COLUMNS`, a row for each probe and class, and with several classes one for their mean. A probe
        that has one value only has no figure.
    """
    labelled = find_labelled(
        draw_films(usable_films(records), params.shortcuts.max_films, params.seed)
    )
    if labelled.problem:
        title = f"Shortcuts are not measured: {labelled.problem}."
        n = len(labelled.films)
        none = Finding("shortcuts", "shortcuts_not_measured", "info", title, n, n)
        return tabulate_findings([none]), _tabulate([])
    films, settings = labelled.films, params.shortcuts
    targets = Targets(labelled, settings.n_folds, params.seed)
    features = file_features(films, arrays)
    features |= pixel_features(films, arrays, settings.border_fraction, params.workers)
    measured = _measure_all(features, targets, params)
    ids = films["image_id"].astype(str).to_numpy()
    found = [
        finding for each in measured for finding in _judge(each, targets, ids, settings.strong)
    ]
    return tabulate_findings(found), _tabulate([each.rows for each in measured])


def _measure_all(
    features: dict[str, NDArray[np.float32]], targets: Targets, params: AuditParams
) -> list[_Measured]:
    from joblib import Parallel, delayed
    from threadpoolctl import threadpool_limits

    jobs = (
        delayed(_measure)(name, features[name], targets, params.n_resamples) for name in _order()
    )
    # scikit-learn's boosting shares out each tree among threads that wait for each other: on few films, or beside
    # other work, that takes many times as long as one thread for each probe
    with threadpool_limits(1, user_api="openmp"):
        return list(Parallel(params.workers, prefer="threads")(jobs))


def _order() -> list[str]:
    last = ("part", *_KNOWN_CAUSES)
    return [*(name for name in FILE_PROBES if name not in last), *PIXEL_PROBES, *last]


def _tabulate(tables: list[pd.DataFrame]) -> pd.DataFrame:
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=PROBE_COLUMNS)
    texts = dict.fromkeys(("probe", "target", "metric"), "str")
    floats = dict.fromkeys(("value", "ci_low", "ci_high"), "float64")
    return rows.loc[:, list(PROBE_COLUMNS)].astype(
        {**texts, **floats, "n": "int64", "above_chance": "bool"}
    )


def _measure(
    name: str, features: NDArray[np.float32], targets: Targets, n_resamples: int
) -> _Measured:
    numbers = not targets.classes
    n_classes = len(targets.classes)
    names = [ALL_CLASSES] if numbers else list(targets.classes)
    names += [ALL_CLASSES] if n_classes > 1 else []
    rows = pd.DataFrame({"probe": name, "target": names, "metric": _R2 if numbers else _AUROC})
    rows = rows.assign(value=np.nan, ci_low=np.nan, ci_high=np.nan, n=len(features))
    predictions = np.zeros((len(features), max(1, n_classes)))
    if _varies(features):
        predictions = predict_held_out(features, targets)
        measure = measure_r2 if numbers else measure_auroc
        value, low, high = (
            each[: len(names)] for each in measure(predictions, targets, n_resamples)
        )
        rows = rows.assign(value=value, ci_low=low, ci_high=high)
    chance = 0.0 if numbers else 0.5
    least = chance + (rows["value"] - rows["ci_low"]) * (_widen(max(1, n_classes)) - 1)
    return _Measured(name, rows.assign(above_chance=rows["ci_low"] > least), predictions)


def _widen(n_classes: int) -> float:
    """Return by how much a 95 % interval is wider when it is one of so many."""
    from scipy.stats import norm

    return float(norm.ppf(1 - 0.025 / n_classes) / norm.ppf(0.975))


def _varies(features: NDArray[np.float32]) -> bool:
    same = (features == features[:1]) | (np.isnan(features) & np.isnan(features[:1]))
    return not bool(same.all())


def _judge(
    measured: _Measured, targets: Targets, ids: NDArray[Any], strong: float
) -> Iterator[Finding]:
    """Yield the finding of a probe, about the class that it tells best."""
    rows = measured.rows
    one_by_one = rows if len(rows) == 1 else rows[rows["target"] != ALL_CLASSES]
    named = one_by_one[one_by_one["above_chance"]]
    if named.empty:
        return
    best = int(named.index[int(named["value"].argmax())])
    row = named.loc[best].to_dict()
    others = [str(each) for each in named["target"] if each != row["target"]]
    yield Finding(
        check="shortcuts",
        finding=f"shortcut_{_slug(measured.probe)}",
        severity=_grade(measured.probe, row, strong),
        title=_describe(measured.probe, row, targets, others),
        n=int(row["n"]),
        total=int(row["n"]),
        advice=_ADVICE[measured.probe],
        examples=_extremes(measured.predictions[:, best], ids),
        value=float(row["value"]),
        ci_low=float(row["ci_low"]),
        ci_high=float(row["ci_high"]),
        metric=str(row["metric"]),
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower().replace("×", "x"))


def _grade(probe: str, row: dict[Any, Any], strong: float) -> Severity:
    auroc = row["metric"] == _AUROC
    warning, error = (strong, _ERROR_AUROC) if auroc else ((strong - 0.5) / 2, _ERROR_R2)
    if probe in _KNOWN_CAUSES or row["value"] < warning:
        return "info"
    return "error" if probe not in _OF_ANATOMY and row["value"] >= error else "warning"


def _describe(probe: str, row: dict[Any, Any], targets: Targets, others: list[str]) -> str:
    by = f"by {_WORDS.get(probe, f'its {probe}')} alone"
    interval = f"{row['value']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"
    if row["metric"] == _R2:
        return f"The label of a film is predicted {by}: R² {interval}."
    rest = [name for name in targets.names if name != row["target"]]
    against = f"'{rest[0]}'" if len(targets.classes) == 1 else "the other classes"
    more = (
        f", and {len(others)} more {'class' if len(others) == 1 else 'classes'}" if others else ""
    )
    return f"A film of '{row['target']}' is told from {against} {by}: AUROC {interval}{more}."


def _extremes(predictions: NDArray[np.float64], ids: NDArray[Any]) -> list[Example]:
    """Return pairs of films: one that the probe puts highest, and one that it puts lowest."""
    order = np.argsort(predictions, kind="stable")
    pairs = zip(ids[order[::-1][:_PAIRS]], ids[order[:_PAIRS]], strict=True)
    return [[str(high), str(low)] for high, low in pairs]
