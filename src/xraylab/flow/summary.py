"""What the report shows of a pipeline, put together as one data set."""

from __future__ import annotations

import pandas as pd

from xraylab.datasets.summary_dataset import Summary

__all__ = ["summarise"]


def summarise(metrics: pd.DataFrame | None = None, **figures: bytes | None) -> Summary:
    """Put metrics and figures of a pipeline together.

    Parameters
    ----------
    metrics : DataFrame, optional
        Tidy metrics.
    **figures : bytes or None
        PNG by the name of the figure; None where it has not been drawn.

    Examples
    --------
    >>> list(summarise(roc=b"png", confusion=None).figures)
    ['roc']
    """
    drawn = {name: png for name, png in figures.items() if png is not None}
    return Summary(pd.DataFrame() if metrics is None else metrics, drawn)
