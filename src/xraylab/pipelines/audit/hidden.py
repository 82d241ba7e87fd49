"""Ids of patients and studies as outputs show them."""

from __future__ import annotations

import hashlib

import pandas as pd

__all__ = ["hide_ids"]

_BYTES = 6


def hide_ids(series: pd.Series, salt: str) -> pd.Series:
    """Return digests that stand for ids: equal for equal ids, and of no use to whoever lacks the salt.

    Parameters
    ----------
    series : (N,) Series
        Ids; empty or missing where there is none.
    salt : str
        Mixed into each digest. Ids are few enough to try out, so that a digest without a salt hides nothing.

    Returns
    -------
    (N,) Series of str
        12 hexadecimal digits each, and ``""`` where there is no id; name and index as those of `series`.

    Examples
    --------
    >>> hidden = hide_ids(pd.Series(["patient 1", "patient 1", ""]), "salt")
    >>> hidden.str.len().tolist(), bool(hidden[0] == hidden[1])
    ([12, 12, 0], True)
    """
    ids = series.astype("str").where(series.notna(), "")
    digests = {each: _digest(each, salt) if each else "" for each in ids.unique()}
    return ids.map(digests).astype("str")


def _digest(text: str, salt: str) -> str:
    # the length of the salt keeps ("a", "bc") apart from ("ab", "c")
    return hashlib.blake2b(f"{len(salt)}:{salt}{text}".encode(), digest_size=_BYTES).hexdigest()
