"""What is said of one film: its status, the prediction, and what the prediction was made with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.models.card import NOTICE

__all__ = [
    "BEFORE",
    "Column",
    "Prediction",
    "Status",
    "StatusKind",
    "round_table",
    "status_kinds",
    "tabulate",
]

StatusKind = Literal["ok", "doubtful", "refused", "unreadable", "ignored"]
Value = float | int | str | bool | None

BEFORE: tuple[StatusKind, ...] = ("doubtful", "refused", "unreadable", "ok", "ignored")
"""Kinds of status in the order in which a reader should look at them."""


@dataclass(frozen=True)
class Column:
    """One column of a task's predictions.

    Attributes
    ----------
    name : str
        In the table.
    label : str
        As a reader sees it, such as ``Bone age``.
    unit : str
        Such as ``months``; empty where there is none.
    digits : int
        Decimal places that a person would write.
    """

    name: str
    label: str
    unit: str = ""
    digits: int = 2


@dataclass(frozen=True)
class Status:
    """Whether a film was predicted, and why one should look at it.

    Attributes
    ----------
    kind : {"ok", "doubtful", "refused", "unreadable", "ignored"}
        ``doubtful`` is predicted all the same, ``refused`` only where the caller insists.
    reason : str
        In words; empty for ``ok``.

    Examples
    --------
    >>> str(Status("refused", "is a CT image")), str(Status())
    ('refused: is a CT image', 'ok')
    """

    kind: StatusKind = "ok"
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind


@dataclass(frozen=True)
class Prediction:
    """The result of one film, as a row of the table has it.

    Attributes
    ----------
    path : str
        The film, as it was named or found.
    status : Status
        Whether it was predicted.
    outputs : dict
        The columns of the task at full precision; empty where nothing was predicted.
    unfamiliarity : float
        Distance from the training films, where 1 is the limit from which a film is refused; nan where the film could
        not be read or the bundle has no such score.
    scaled_by : str
        By what the film was scaled (`xraylab.imaging.Film`).
    model, model_version, trained_on : str
        What predicted it.
    mask : (H, W) ndarray of uint8 or None
        0 and 1 at the film's own size, where the task draws one.
    notice : str
        What this software is not.

    Examples
    --------
    >>> found = Prediction("a.png", Status(), {"probability": 0.25}, model="fracture")
    >>> found["probability"], found.row()["status"]
    (0.25, 'ok')
    """

    path: str
    status: Status
    outputs: dict[str, Value] = field(default_factory=dict)
    unfamiliarity: float = math.nan
    scaled_by: str = ""
    model: str = ""
    model_version: str = ""
    trained_on: str = ""
    mask: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)
    notice: str = NOTICE

    def __getitem__(self, name: str) -> Value:
        """Return a value of the task, or raise KeyError naming the ones that there are."""
        if name not in self.outputs:
            raise KeyError(f"no '{name}' for {self.path} ({self.status}); {list(self.outputs)}")
        return self.outputs[name]

    def row(self) -> dict[str, Any]:
        """Return the row of the table: path, status, the task's columns, then what they were made with."""
        return {
            "path": self.path,
            "status": str(self.status),
            **self.outputs,
            "unfamiliarity": self.unfamiliarity,
            "scaled_by": self.scaled_by,
            "model": self.model,
            "model_version": self.model_version,
            "trained_on": self.trained_on,
            "notice": self.notice,
        }


def tabulate(rows: Iterable[dict[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Return rows as a table in which every column of the task stands, whether any film was predicted or not.

    Examples
    --------
    >>> rows = [Prediction("a.png", Status("unreadable", "is empty")).row()]
    >>> list(tabulate(rows, [Column("months", "Bone age")]))[:4]
    ['path', 'status', 'months', 'unfamiliarity']
    """
    empty = Prediction("", Status(), {column.name: None for column in columns}).row()
    return pd.DataFrame(list(rows), columns=list(empty))


def round_table(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the table with numbers rounded as a person would write them.

    Examples
    --------
    >>> table = pd.DataFrame({"months": [123.456, None], "unfamiliarity": [0.1234, None]})
    >>> round_table(table, [Column("months", "Bone age", "months", 1)])["months"].tolist()
    [123.5, nan]
    """
    rounded = table.copy()
    digits = {"unfamiliarity": 2, **{column.name: column.digits for column in columns}}
    for name, places in digits.items():
        if name in rounded and pd.api.types.is_numeric_dtype(rounded[name]):
            rounded[name] = rounded[name].astype(float).round(places)
            if places == 0:
                rounded[name] = rounded[name].astype("Int64")
    return rounded


def status_kinds(table: pd.DataFrame) -> pd.Series:
    """Return the kind of each row's status.

    Examples
    --------
    >>> status_kinds(pd.DataFrame({"status": ["ok", "refused: is a CT image"]})).tolist()
    ['ok', 'refused']
    """
    return table["status"].astype(str).str.split(":").str[0]
