"""Ids of patients and studies as outputs show them."""

from __future__ import annotations

import hashlib

import pandas as pd

__all__ = ["hide_ids"]


def hide_ids(ids: pd.Series, salt: str) -> pd.Series:
    """Return digests that stand for ids.

    Parameters
    ----------
    ids : (N,) Series of str
        Ids; empty ones stay empty.
    salt : str
        Mixed into each, so that nobody can try out ids.

    Returns
    -------
    (N,) Series of str
        12 hexadecimal digits, equal for equal ids.

    Examples
    --------
    >>> found = hide_ids(pd.Series(["P1", "P2", "P1", ""]), salt="s")
    >>> found[0] == found[2], found[0] == found[1], found[3], len(found[0])
    (True, False, '', 12)
    """
    digests = {
        written: hashlib.blake2b(f"{salt}:{written}".encode(), digest_size=6).hexdigest()
        for written in ids.unique()
        if written
    }
    return ids.map(digests).fillna("").astype("str")
