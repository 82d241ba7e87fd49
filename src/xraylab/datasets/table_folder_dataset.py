"""A Kedro dataset of the tables that lie in a folder, of which there may be none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro_datasets.partitions import PartitionedDataset

__all__ = ["TableFolderDataset"]


class TableFolderDataset(PartitionedDataset):
    """A `PartitionedDataset` that gives an empty dict where there is no partition.

    For tables beside films that a user may give or not, such as one of ages or sexes.

    Examples
    --------
    .. code-block:: yaml

        bone_age.new_tables:
          type: xraylab.datasets.TableFolderDataset
          path: data/01_raw/new_hands
          filename_suffix: .csv
          dataset: pandas.CSVDataset
    """

    def load(self) -> dict[str, Callable[[], Any]]:
        """Return lazy tables by their path under the folder, without suffix."""
        self._invalidate_caches()
        return super().load() if self._list_partitions() else {}

    def _exists(self) -> bool:
        return True  # no table is an answer
