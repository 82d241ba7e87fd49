"""Tables of several protocols as one."""

from __future__ import annotations

import pandas as pd

__all__ = ["combine_protocols"]


def combine_protocols(**tables: pd.DataFrame) -> pd.DataFrame:
    """Put the tables of several protocols below each other, with the protocol's name in the first column."""
    named = []
    for protocol, table in tables.items():
        named.append(table.copy())
        named[-1].insert(0, "protocol", protocol)
    return pd.concat(named, ignore_index=True)
