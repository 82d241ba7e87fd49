"""Counts in sentences."""

from __future__ import annotations

__all__ = ["count_films"]


def count_films(n: int, word: str = "film") -> str:
    """Return a count and its word.

    Examples
    --------
    >>> count_films(1), count_films(1200), count_films(2, "patient")
    ('1 film', '1,200 films', '2 patients')
    """
    return f"{n:,} {word}" + ("" if n == 1 else "s")
