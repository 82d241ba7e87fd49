"""Histories of several trainings as one table."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

__all__ = ["join_histories"]

_FIRST = ("model", "epoch", "train_loss", "val_loss")


def join_histories(histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the histories of trainings below each other.

    Parameters
    ----------
    histories : mapping of str to DataFrame
        By the name of the model one row per epoch; none of a model that is fitted at once.

    Returns
    -------
    DataFrame
        ``model, epoch, train_loss, val_loss``, then what else was measured.
    """
    known = [each.assign(model=name) for name, each in histories.items() if len(each)]
    joined = pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=list(_FIRST))
    return joined.reindex(columns=[*_FIRST, *(name for name in joined if name not in _FIRST)])
