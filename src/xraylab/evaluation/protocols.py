"""Tables of several protocols as one."""

from __future__ import annotations

import pandas as pd

__all__ = ["combine_protocols"]


def combine_protocols(**tables: pd.DataFrame) -> pd.DataFrame:
    """Put the tables of several protocols below each other, with the protocol's name in the first column.

    Examples
    --------
    >>> one, two = pd.DataFrame({"value": [0.9]}), pd.DataFrame({"value": [0.7]})
    >>> combine_protocols(published=one, honest=two)
        protocol  value
    0  published    0.9
    1     honest    0.7
    """
    named = []
    for protocol, table in tables.items():
        named.append(table.copy())
        named[-1].insert(0, "protocol", protocol)
    return pd.concat(named, ignore_index=True)
