"""Which films have a label, and which of them are asked: shared by the checks that compare films with labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from xraylab.evaluation.bootstrap import FEW_GROUPS

__all__ = ["Kind", "Labelled", "count_groups", "draw_films", "find_labelled", "usable_films"]

Kind = Literal["classes", "numbers", "none"]


@dataclass(frozen=True)
class Labelled:
    """Films with a label.

    Attributes
    ----------
    films : DataFrame
        Rows of the records, with a new index; ``group_id`` is never empty.
    kind : {"classes", "numbers", "none"}
        What their labels are: those of most films.
    classes : tuple of str
        Classes with at least ten groups, the most frequent first; none for numbers.
    problem : str
        Why nothing can be said of these labels, as half of a sentence; empty where something can.
    """

    films: pd.DataFrame
    kind: Kind
    classes: tuple[str, ...]
    problem: str


def usable_films(records: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are films, with a new index; a film without a group is a group of its own.

    Examples
    --------
    >>> records = pd.DataFrame({"image_id": ["a", "b"], "status": ["ok", "mask"], "group_id": ["", ""]})
    >>> records = records.assign(split="", label="", target=np.nan)
    >>> usable_films(records)[["image_id", "group_id"]].to_numpy().tolist()
    [['a', 'a']]
    """
    films = records[records["status"] == "ok"].reset_index(drop=True)
    texts = {name: films[name].fillna("").astype(str) for name in ("group_id", "label", "split")}
    texts["group_id"] = texts["group_id"].where(texts["group_id"] != "", films["image_id"])
    return films.assign(**texts)


def draw_films(films: pd.DataFrame, max_films: int, seed: int) -> pd.DataFrame:
    """Return at most so many films, drawn group by group, in their order.

    A group is never cut, unless it is the first and larger than that by itself.

    Examples
    --------
    >>> films = pd.DataFrame({"image_id": list("abcd"), "group_id": list("ppqq")})
    >>> len(draw_films(films, 3, seed=0)), len(draw_films(films, 4, seed=0))
    (2, 4)
    """
    if len(films) <= max_films:
        return films
    codes, groups = pd.factorize(films["group_id"])
    order = np.random.default_rng(seed).permutation(len(groups))
    sizes = np.bincount(codes)[order]
    fits = np.cumsum(sizes) <= max_films
    fits[0] = True
    kept = np.isin(codes, order[fits])
    return films[kept].iloc[:max_films].reset_index(drop=True)


def count_groups(films: pd.DataFrame) -> pd.Series:
    """Return the number of groups of each class, by class; films without a class are left out.

    Examples
    --------
    >>> films = pd.DataFrame({"label": ["a", "a", "b", ""], "group_id": list("pprr")})
    >>> count_groups(films).to_dict()
    {'a': 1, 'b': 1}
    """
    named = films[films["label"] != ""]
    return named.groupby("label")["group_id"].nunique()


def find_labelled(films: pd.DataFrame) -> Labelled:
    """Return the films with a label, and whether their labels can be compared with anything.

    Parameters
    ----------
    films : DataFrame
        As `usable_films` gives them.

    Returns
    -------
    Labelled
        Films whose label is of the more frequent kind.

    Examples
    --------
    >>> films = pd.DataFrame({"image_id": list("abc"), "group_id": list("abc"), "label": ["x", "x", ""]})
    >>> found = find_labelled(films.assign(target=np.nan))
    >>> len(found.films), found.kind, found.problem
    (2, 'classes', 'all 2 labels are the same')
    """
    named = films["label"] != ""
    numbered = np.isfinite(films["target"].to_numpy(np.float64)) & ~named
    if not len(films) or not (named.any() or numbered.any()):
        problem = "no film has a label" if len(films) else "there is no film"
        return Labelled(films.iloc[:0], "none", (), problem)
    if numbered.sum() > named.sum():
        return _numbers(films[numbered].reset_index(drop=True))
    return _classes(films[named].reset_index(drop=True))


def _numbers(films: pd.DataFrame) -> Labelled:
    problem = ""
    n_groups = films["group_id"].nunique()
    if films["target"].nunique() < 2:  # noqa: PLR2004
        problem = f"all {len(films):,} labels are the same"
    elif n_groups < FEW_GROUPS:
        problem = (
            f"films with a label are of {n_groups} patients or families, fewer than {FEW_GROUPS}"
        )
    return Labelled(films, "numbers", (), problem)


def _classes(films: pd.DataFrame) -> Labelled:
    counts = count_groups(films).sort_index().sort_values(ascending=False, kind="stable")
    classes = tuple(map(str, counts.index[counts >= FEW_GROUPS]))
    problem = ""
    if len(counts) < 2:  # noqa: PLR2004
        problem = f"all {len(films):,} labels are the same"
    elif len(classes) < 2:  # noqa: PLR2004
        which = f"only '{classes[0]}' has" if classes else "no class has"
        problem = f"{which} {FEW_GROUPS} patients or families or more"
    return Labelled(films, "classes", classes, problem)
