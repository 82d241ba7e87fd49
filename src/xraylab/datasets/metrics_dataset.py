"""Tidy metrics as CSV."""

from __future__ import annotations

from typing import Any

from xraylab.datasets.optional_datasets import OptionalCSVDataset

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
    "n_groups": "float64",  # missing where nothing was drawn by group
}


class MetricsDataset(OptionalCSVDataset):
    """Save tidy metrics as CSV; load the last saved ones, or an empty table where no run has saved any.

    Examples
    --------
    .. code-block:: yaml

        bone_age.metrics:
          type: xraylab.datasets.MetricsDataset
          filepath: data/08_reporting/bone_age/metrics.csv
          versioned: true
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(columns=METRICS_COLUMNS, **kwargs)
