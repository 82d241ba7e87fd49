"""What the report shows of a pipeline, put together as one data set."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from xraylab.datasets.summary_dataset import Summary
from xraylab.evaluation.splits import NO_FOLD
from xraylab.flow.compare import SEPARATOR

__all__ = ["COHORT_PART", "FIGURE_PART", "count_films", "summarise"]

COHORT_PART = "cohort"
"""What a cohort is called among the parts of a summary: by itself, or after a protocol as ``<protocol>__cohort``."""

FIGURE_PART = "_figure"
"""What the name of a figure ends with among the parts of a summary."""


def summarise(
    metrics: pd.DataFrame | None = None,
    rejected: pd.DataFrame | None = None,
    leakage: pd.DataFrame | None = None,
    trainings: pd.DataFrame | None = None,
    **parts: pd.DataFrame | bytes | None,
) -> Summary:
    """Put together what the report needs of a pipeline.

    Parameters
    ----------
    metrics : DataFrame, optional
        Tidy metrics.
    rejected, leakage, trainings : DataFrame, optional
        What was left out, what the leak gate found, one row per training; None where a pipeline has no such table.
    **parts : DataFrame, bytes or None
        Cohorts as ``cohort`` (of several protocols, with the column ``protocol``) or ``<protocol>__cohort``, of which
        films are counted; the pipeline's own tables by their names, and the PNG of each figure as ``<name>_figure``.
        None, or an empty table, where it has not been made.

    Examples
    --------
    >>> summary = summarise(rejected=pd.DataFrame({"image_id": ["a"], "reason": ["empty"]}), roc_figure=b"png")
    >>> list(summary.figures), list(summary.tables)
    (['roc'], ['rejected'])
    """
    cohorts: dict[str, pd.DataFrame] = {}
    figures: dict[str, bytes] = {}
    own: dict[str, pd.DataFrame] = {}
    for name, part in parts.items():
        protocol, _, last = f"{SEPARATOR}{name}".rpartition(SEPARATOR)
        if part is None:
            continue
        if not isinstance(part, pd.DataFrame):
            figures[name.removesuffix(FIGURE_PART)] = part
        elif part.columns.empty:
            continue
        elif last != COHORT_PART:
            own[name] = part
        elif "protocol" in part:
            cohorts |= {str(each): rows for each, rows in part.groupby("protocol", sort=False)}
        else:
            cohorts[protocol.removeprefix(SEPARATOR)] = part
    if metrics is not None:  # a protocol that ran on other films is in no table
        measured = {"", *metrics["protocol"]}
        cohorts = {name: cohort for name, cohort in cohorts.items() if name in measured}
    counts = count_films(cohorts)
    known = {
        "trainings": trainings, "rejected": rejected, "leakage": leakage, COHORT_PART: None if counts.empty else counts,
    }  # fmt: skip
    return Summary(
        pd.DataFrame() if metrics is None else metrics,
        figures,
        {name: table for name, table in known.items() if table is not None} | own,
    )


def count_films(cohorts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Count films and groups of each cohort, as a whole and by split.

    Parameters
    ----------
    cohorts : mapping of str to DataFrame
        By their protocol, ``image_id, group_id, split, fold``; an empty one is left out.

    Returns
    -------
    DataFrame
        ``protocol, split, n_films, n_groups, n_folds``. The split ``all`` comes first; films in no split are part of it
        alone. In folds a film is counted once in each split that it is in.

    Examples
    --------
    >>> cohort = pd.DataFrame({"image_id": ["a", "b"], "group_id": ["p", "p"], "split": ["train", "test"], "fold": -1})
    >>> count_films({"honest": cohort})
      protocol  split  n_films  n_groups  n_folds
    0   honest    all        2         1        0
    1   honest  train        1         1        0
    2   honest   test        1         1        0
    """
    rows = []
    for protocol, cohort in cohorts.items():
        parts = {split: cohort[cohort["split"] == split] for split in ("train", "val", "test")}
        for split, part in {"all": cohort, **parts}.items():
            if len(part):
                folds = part.loc[part["fold"] != NO_FOLD, "fold"]
                counts = (part["image_id"].nunique(), part["group_id"].nunique(), folds.nunique())
                rows.append((protocol, split, *counts))
    return pd.DataFrame(rows, columns=["protocol", "split", "n_films", "n_groups", "n_folds"])
