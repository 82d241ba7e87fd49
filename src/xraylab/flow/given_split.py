"""The split that a table gives in place of an honest one: ``--params split=…``."""

from __future__ import annotations

import logging

import pandas as pd

from xraylab.evaluation.leakage import (
    LeakError,
    OnLeak,
    check_leakage,
    describe_leaks,
    merge_duplicates,
)
from xraylab.records.ids import match_films
from xraylab.records.split_table import SplitTable

__all__ = ["SPLIT_TABLE", "apply_table", "say_unused"]

SPLIT_TABLE = "split_table"
"""The data set of the table, which the node that splits reads in every protocol."""

logger = logging.getLogger(__name__)

_PARTS = ("train", "val", "test")
_SHOWN = 5


def apply_table(
    films: pd.DataFrame, table: SplitTable, on_leak: OnLeak
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put films in the parts that a table gives them, and pass the split through the leak gate.

    A film without a row is in no part, and neither is one whose copies lie in several classes (``conflict``). What is
    left out, and rows that are no film's, are named in the log with their number.

    Parameters
    ----------
    films : DataFrame
        One row per film, or several of one film, as `xraylab.evaluation.leakage.find_leaks` takes it but for
        ``split``.
    table : SplitTable
        The parts.
    on_leak : {"regroup", "fail", "report"}
        What is done about a leak. A table is never changed: ``regroup`` fails as ``fail`` does.

    Returns
    -------
    cohort : DataFrame
        The films with their ``split``; ``group_id`` is the family of copies.
    leaks : DataFrame
        As `xraylab.evaluation.leakage.find_leaks` gives it, with the ``action``.

    Raises
    ------
    ValueError
        If no film lies in one of the parts.
    LeakError
        If anything leaks, unless `on_leak` is ``report``.
    """
    split = films["image_id"].map(_match(films["image_id"].unique().tolist(), table)).fillna("")
    if "conflict" in films:
        left_out = films["conflict"] & (split != "")
        _warn(
            "%d films are in no part, as their copies lie in several classes: %s",
            films.loc[left_out, "image_id"].tolist(),
        )
        split = split.mask(left_out, "")
    counts = {part: films.loc[split == part, "image_id"].nunique() for part in _PARTS}
    empty = [part for part, n in counts.items() if not n]
    if empty:
        listed = ", ".join(f"{part} {n:,}" for part, n in counts.items())
        raise ValueError(
            f"the split '{table.path}' leaves the part '{empty[0]}' without a film: of "
            f"{films['image_id'].nunique():,} films here it puts {listed}, and a training needs all three"
        )
    logger.info(
        "The split is that of '%s': %s",
        table.path, ", ".join(f"{part} {n:,}" for part, n in counts.items()),
    )  # fmt: skip
    cohort = films.assign(split=split.astype("str"))
    leaks = check_leakage(cohort, "report")
    if len(leaks) and on_leak != "report":
        raise LeakError(
            f"the split '{table.path}' leaks. A table is taken as it is and not split again: correct it (kedro run "
            "--pipelines=audit proposes a split without leaks), or set on_leak to 'report'\n"
            f"{describe_leaks(leaks)}"
        )
    if len(leaks):
        logger.warning("The split '%s' leaks, %s; reported", table.path, describe_leaks(leaks))
    return cohort.assign(group_id=merge_duplicates(cohort)), leaks.assign(action="reported")


def say_unused(table: SplitTable, kind: str) -> None:
    """Say in the log that a protocol keeps its own split.

    Parameters
    ----------
    table : SplitTable
        What the user gives.
    kind : str
        Kind of the split of the protocol.
    """
    logger.info("This protocol keeps its own split ('%s'): that of '%s' is not for it", kind, table.path)  # fmt: skip


def _match(film_ids: list[str], table: SplitTable) -> dict[str, str]:
    """Return the part of each film that has a row, and say which films and rows are left over."""
    found = match_films(film_ids, table.films)
    for film, reason in list(found.reasons.items())[:_SHOWN]:
        logger.warning("'%s' is in no part: %s ('%s')", film, reason, table.path)
    without = [film for film in film_ids if film not in found.row_of]
    _warn(
        f"%d of {len(film_ids):,} films have no row of their own in the split '{table.path}' and are in no part: %s",
        without,
    )
    unmatched = [table.films[row] for row in found.unmatched]
    _warn(
        f"%d of {len(table.films):,} rows of the split '{table.path}' are no film's here: %s",
        unmatched,
    )
    return {film: table.parts[row] for film, row in found.row_of.items()}


def _warn(message: str, names: list[str]) -> None:
    if names:
        shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
        logger.warning(message, len(names), shown + (", …" if len(names) > _SHOWN else ""))
