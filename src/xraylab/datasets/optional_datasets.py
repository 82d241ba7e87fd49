"""Tables and texts that need not be there: empty where no run has saved any."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pandas as pd
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.text import TextDataset

__all__ = ["OptionalCSVDataset", "OptionalParquetDataset", "OptionalTextDataset"]


def _empty_table(columns: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


class OptionalCSVDataset(CSVDataset):
    """Save a table as CSV; load the last saved one, or an empty table where no run has saved any.

    ``exists`` stays truthful, so that ``--only-missing-outputs`` makes what is missing.

    Examples
    --------
    .. code-block:: yaml

        lung_segmentation.lungs:
          type: xraylab.datasets.OptionalCSVDataset
          filepath: data/07_model_output/lung_segmentation/lungs.csv
          columns: {image_id: str, lung_fraction: float64}
    """

    OPTIONAL = True  # a reader does without it; see `xraylab.workspace`

    def __init__(
        self,
        *,
        columns: dict[str, str] | None = None,
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Describe a table.

        Parameters
        ----------
        columns : dict of str to str, optional
            Types of columns that every table has; text stays text, whatever it holds. Other columns are read as pandas
            infers them.
        load_args, save_args : dict, optional
            Arguments of ``pandas.read_csv`` and ``DataFrame.to_csv``; the index is not written.
        **kwargs
            As for `kedro_datasets.pandas.CSVDataset`.
        """
        self._columns = dict(columns or {})
        text = {name: kind for name, kind in self._columns.items() if kind == "str"}
        super().__init__(
            load_args={"dtype": text, **deepcopy(load_args or {})},
            save_args={"index": False, **deepcopy(save_args or {})},
            **kwargs,
        )

    def load(self) -> pd.DataFrame:
        """Return the table."""
        if not self.exists():
            return _empty_table(self._columns)
        table = super().load()
        kinds = {name: kind for name, kind in self._columns.items() if name in table}
        typed: pd.DataFrame = table.astype(kinds)
        return typed


class OptionalParquetDataset(ParquetDataset):
    """Save a table as Parquet; load the last saved one, or an empty table where no run has saved any.

    Examples
    --------
    .. code-block:: yaml

        "{pipeline}.{protocol}.predictions":
          type: xraylab.datasets.OptionalParquetDataset
          filepath: data/07_model_output/{pipeline}/{protocol}/predictions.parquet
          versioned: true
    """

    OPTIONAL = True  # a reader does without it; see `xraylab.workspace`

    def __init__(self, *, columns: dict[str, str] | None = None, **kwargs: Any) -> None:
        """Describe a table.

        Parameters
        ----------
        columns : dict of str to str, optional
            Types of the columns that an empty table has.
        **kwargs
            As for `kedro_datasets.pandas.ParquetDataset`.
        """
        super().__init__(**kwargs)
        self._columns = dict(columns or {})

    def load(self) -> pd.DataFrame:
        """Return the table."""
        return super().load() if self.exists() else _empty_table(self._columns)


class OptionalTextDataset(TextDataset):
    """Save a text as it is, with no other file beside it; an empty one is not written, and leaves an earlier one.

    Examples
    --------
    .. code-block:: yaml

        reporting.comparison:
          type: xraylab.datasets.OptionalTextDataset
          filepath: data/08_reporting/comparison.html
    """

    OPTIONAL = True  # a reader does without it; see `xraylab.workspace`
    CARRIES_SOURCE = True  # the text says where it comes from

    def load(self) -> str:
        """Return the text."""
        return str(super().load()) if self.exists() else ""

    def save(self, data: str) -> None:
        """Write the text, if there is any."""
        if data:
            super().save(data)
