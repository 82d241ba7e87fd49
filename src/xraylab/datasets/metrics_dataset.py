"""Tidy metrics as CSV."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pandas as pd
from kedro_datasets.pandas import CSVDataset

__all__ = ["METRICS_COLUMNS", "MetricsDataset"]

METRICS_COLUMNS = {
    "protocol": "str",
    "model": "str",
    "split": "str",
    "metric": "str",
    "value": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "n": "int64",
}


class MetricsDataset(CSVDataset):
    """Save tidy metrics as CSV; load the last saved ones, or an empty table where no run has saved any.

    ``exists`` stays truthful, so that ``--only-missing-outputs`` measures what is missing.

    Examples
    --------
    .. code-block:: yaml

        bone_age.metrics:
          type: xraylab.datasets.MetricsDataset
          filepath: data/08_reporting/bone_age/metrics.csv
          versioned: true
    """

    OPTIONAL = True  # a reader does without it; see `xraylab.hooks.add_prerequisites`

    def __init__(self, *, save_args: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(save_args={"index": False, **deepcopy(save_args or {})}, **kwargs)

    def load(self) -> pd.DataFrame:
        """Return the metrics; text columns stay text, whatever they hold."""
        if not self.exists():
            return pd.DataFrame(
                {name: pd.Series(dtype=kind) for name, kind in METRICS_COLUMNS.items()}
            )
        table = super().load()
        typed: pd.DataFrame = table.astype(
            {name: kind for name, kind in METRICS_COLUMNS.items() if name in table}
        )
        return typed
