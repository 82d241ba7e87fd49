"""Work in progress of a protocol: the folders that its trainings and searches resume from."""

from __future__ import annotations

import pandas as pd

__all__ = ["PLACES", "open_folder"]

PLACES = ("checkpoints", "studies")
"""Data sets that are such folders, as the nodes of a protocol call them."""


def open_folder(cohort: pd.DataFrame) -> dict[str, int]:
    """Say what the work in a folder is about, before it begins; see `xraylab.datasets.CheckpointsDataset`.

    Parameters
    ----------
    cohort : DataFrame
        The split films of the protocol, ``image_id, group_id``.

    Returns
    -------
    dict of str to int
        How many films and groups.

    Examples
    --------
    >>> open_folder(pd.DataFrame({"image_id": ["a", "b"], "group_id": ["p", "p"]}))
    {'films': 2, 'groups': 1}
    """
    return {"films": cohort["image_id"].nunique(), "groups": cohort["group_id"].nunique()}
