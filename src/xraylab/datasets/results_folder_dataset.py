"""A Kedro dataset of a folder of results that a plan writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

__all__ = ["FolderPlan", "ResultsFolderDataset"]

_TABLE = "predictions.parquet"


class FolderPlan(Protocol):
    """What knows how to write a folder."""

    def write(self, folder: str) -> None:
        """Write the folder, or what is missing of it; one that may be empty has a place of its own for that."""


class ResultsFolderDataset(AbstractDataset[FolderPlan, pd.DataFrame]):
    """Let a plan write its folder of results; load the table of them.

    Examples
    --------
    .. code-block:: yaml

        bone_age_predict.results:
          type: xraylab.datasets.ResultsFolderDataset
          path: my_results
    """

    def __init__(self, *, path: str | None = None, metadata: dict[str, Any] | None = None) -> None:
        """Describe a folder.

        Parameters
        ----------
        path : str, optional
            The folder, on a local disk; without, the plan knows where its results belong.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        path = path or ""
        if "://" in path and not path.startswith("file://"):
            raise DatasetError(f"results are written to a local folder, not to {path!r}")
        self._path = path.removeprefix("file://")
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Return the table of predictions.

        Raises
        ------
        kedro.io.DatasetError
            If the folder holds none.
        """
        try:
            return pd.read_parquet(Path(self._path) / _TABLE)
        except OSError as error:
            raise DatasetError(f"'{self._path}' holds no {_TABLE}") from error

    def save(self, data: FolderPlan) -> None:
        """Write what the plan has not written yet."""
        data.write(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path}

    def _exists(self) -> bool:
        # never: the plan itself knows what has been done, and films may have changed
        return False
