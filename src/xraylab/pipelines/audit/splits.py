"""Whether the parts of a split can train and test a model: what is in them, how large they are, how they differ.

References
----------
Hanley J. A., McNeil B. J. (1982), The meaning and use of the area under a receiver operating characteristic (ROC)
curve, *Radiology* 143(1), 29-36. Fisher R. A. (1921), On the "probable error" of a coefficient of correlation deduced
from a small sample, *Metron* 1, 3-32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from .drift import measure_drift
from .findings import Finding, tabulate_findings
from .labelled import Labelled, count_groups, find_labelled, usable_films
from .params import AuditParams

__all__ = ["auroc_half_width", "check_splits", "correlation_half_width", "order_parts"]

_USUAL = ("train", "val", "test")
_ASSUMED = 0.9  # AUROC or correlation that widths are given for
_Z = 1.959964  # of a 95 % interval
_LEAST_OF_FISHER = 4  # his standard error is 1 / sqrt(n - 3)
_MOST_GROUPS = 10_000_000
_SHOWN = 10
_SPLIT_AGAIN = "Use the split that is proposed in split.csv."


def check_splits(
    records: pd.DataFrame, statistics: pd.DataFrame, params: AuditParams
) -> pd.DataFrame:
    """Check the parts of a split.

    Parameters
    ----------
    records : DataFrame
        One row per file.
    statistics : DataFrame
        As `film_statistics` of shortcuts gives it: ``image_id, brightness`` of each film.
    params : AuditParams
        Settings.

    Returns
    -------
    DataFrame
        Findings: parts without films, of one class or without a class, too small for the interval that is wanted, and
        what differs between them.
    """
    films = usable_films(records)
    in_part = films[films["split"] != ""].reset_index(drop=True)
    if in_part.empty:
        title = "The set has no parts: nothing says which films train and which test."
        advice = "A split by patient is proposed in split.csv."
        n = len(films)
        return tabulate_findings([Finding("splits", "no_parts", "info", title, n, n, advice)])
    parts = order_parts(in_part["split"])
    labelled = find_labelled(in_part)
    return tabulate_findings(
        [
            *_check_parts(records, films, parts),
            *_check_classes(labelled, parts),
            *_check_size(labelled, params.splits.wanted_half_width),
            *measure_drift(in_part, statistics, parts, params),
        ]
    )


def order_parts(splits: pd.Series) -> list[str]:
    """Return the names of parts: train, val, test, then others.

    Examples
    --------
    >>> order_parts(pd.Series(["test", "extra", "train", ""]))
    ['train', 'test', 'extra']
    """
    found = {str(each) for each in splits.unique()} - {""}
    return [each for each in _USUAL if each in found] + sorted(found - set(_USUAL))


def _check_parts(records: pd.DataFrame, films: pd.DataFrame, parts: list[str]) -> Iterator[Finding]:
    named = records["split"].fillna("").astype(str)
    files = named[~records["status"].isin(["mask", "ignored"])]
    for part in order_parts(files):
        if part not in parts:
            n = int((files == part).sum())
            title = f"The part '{part}' has {n:,} files and no film that can be read."
            yield Finding(
                "splits", "empty_part", "error", title, n, n, "Look at the files of this part."
            )
    for part, words in (("train", "to train on"), ("test", "to test on")):
        if part not in parts and part not in set(files):
            title = f"There is no part {words}: the parts are {', '.join(parts)}."
            yield Finding(
                "splits", f"no_{part}_part", "warning", title, 0, len(films), _SPLIT_AGAIN
            )
    alone = films.loc[films["split"] == "", "image_id"].astype(str).tolist()
    if alone:
        title = f"{len(alone):,} of {len(films):,} films are in no part."
        yield Finding(
            *("splits", "films_in_no_part", "warning", title, len(alone), len(films), _SPLIT_AGAIN),
            examples=[[each] for each in alone],
            affected=alone,
        )


def _check_classes(labelled: Labelled, parts: list[str]) -> Iterator[Finding]:
    films = labelled.films
    texts = films["label"] if labelled.kind == "classes" else films["target"].map("{:g}".format)
    classes = sorted(map(str, texts.unique()))
    if len(classes) < 2:  # noqa: PLR2004 - then no part can have more
        return
    for part in parts:
        own = films["split"] == part
        n = int(own.sum())
        found = set(map(str, texts[own].unique()))
        if not n:
            title = f"No film of the part '{part}' has a label."
            yield Finding("splits", "unlabelled_part", "info", title, 0, 0)
        elif len(found) == 1:
            title = f"All {n:,} films of the part '{part}' have one label, '{next(iter(found))}'."
            ids = films.loc[own, "image_id"].astype(str).tolist()
            yield Finding(
                *("splits", "one_class_part", "error", title, n, len(films), _SPLIT_AGAIN),
                affected=ids,
            )
        elif labelled.kind == "classes" and len(found) < len(classes):
            yield _name_missing(part, [each for each in classes if each not in found], len(classes))


def _name_missing(part: str, missing: list[str], n_classes: int) -> Finding:
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    names = ", ".join(f"'{each}'" for each in missing[:_SHOWN])
    title = (
        f"The part '{part}' has no film of {len(missing)} of {n_classes} classes: {names}{more}."
    )
    advice = f"{_SPLIT_AGAIN} A class cannot be predicted unless it trains, nor measured unless it tests."
    return Finding("splits", "class_missing", "warning", title, len(missing), n_classes, advice)


def auroc_half_width(auroc: float, n_positive: float, n_negative: float) -> float:
    """Return half of the width of the 95 % interval of an AUROC, from the standard error of Hanley and McNeil.

    Parameters
    ----------
    auroc : float
        In (0, 1).
    n_positive, n_negative : float
        Groups of either class; nan is returned where there is none.

    Examples
    --------
    >>> round(auroc_half_width(0.9, 50, 50), 3)
    0.063
    """
    if min(n_positive, n_negative) < 1:
        return float("nan")
    one, two = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    spread = (n_positive - 1) * (one - auroc**2) + (n_negative - 1) * (two - auroc**2)
    variance = (auroc * (1 - auroc) + spread) / (n_positive * n_negative)
    return float(_Z * np.sqrt(variance))


def correlation_half_width(correlation: float, n: float) -> float:
    """Return half of the width of Fisher's 95 % interval of a correlation of n groups; nan for fewer than 4.

    Examples
    --------
    >>> round(correlation_half_width(0.9, 103), 3)
    0.038
    """
    if n < _LEAST_OF_FISHER:
        return float("nan")
    low, high = np.tanh(np.arctanh(correlation) + np.array([-_Z, _Z]) / np.sqrt(n - 3))
    return float(high - low) / 2


def _check_size(labelled: Labelled, wanted: float) -> Iterator[Finding]:
    test = labelled.films[labelled.films["split"] == "test"]
    if test.empty:
        return
    if labelled.kind == "numbers":
        n = int(test["group_id"].nunique())
        width = correlation_half_width(_ASSUMED, n)
        needed = _find_least(lambda groups: correlation_half_width(_ASSUMED, groups), wanted)
        yield _name_size("a correlation", f"{n:,} patients or families", width, (wanted, n, needed))
        return
    counts = count_groups(test)
    everyone = int(test["group_id"].nunique())
    if len(counts) < 2:  # noqa: PLR2004 - said elsewhere
        return
    name = str(counts.index[int(np.argmin(counts))])
    positive = int(counts.min())
    negative = int(test.loc[test["label"] != name, "group_id"].nunique())
    # of the groups; a group may have films of both
    ratios = positive / everyone, negative / everyone
    width = auroc_half_width(_ASSUMED, positive, negative)
    needed = _find_least(
        lambda n: auroc_half_width(_ASSUMED, *(n * ratio for ratio in ratios)), wanted
    )
    who = f"{positive:,} patients or families with '{name}' and {negative:,} with another label"
    yield _name_size("an AUROC", who, width, (wanted, everyone, needed))


def _find_least(width: Callable[[float], float], wanted: float) -> int:
    """Return the least number of groups that gives an interval so narrow."""
    low, high = 0, 1
    while not width(high) <= wanted and high < _MOST_GROUPS:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if width(middle) <= wanted else (middle, high)
    return high


def _name_size(what: str, who: str, width: float, sizes: tuple[float, int, int]) -> Finding:
    wanted, n, needed = sizes
    half = f"± {width:.3f}" if np.isfinite(width) else "of no known width"
    title = f"With {who} in the test part, {what} of {_ASSUMED} has a 95 % interval {half}"
    small = not width <= wanted
    if small:
        title += f"; for ± {wanted:g} the part needs about {needed:,} patients or families"
    return Finding(
        check="splits",
        finding="test_part_too_small" if small else "test_part_size",
        severity="warning" if small else "info",
        title=f"{title}.",
        n=n,
        total=max(n, needed) if small else n,
        advice="Test on more patients, or by cross-validation over the whole set; give every result its interval."
        if small
        else "",
        value=width,
        metric=f"half width of the interval of {what} of {_ASSUMED}",
    )
