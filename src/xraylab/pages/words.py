"""Words of others on a page."""

from __future__ import annotations

import unicodedata

__all__ = ["printable"]


def printable(text: str) -> str:
    r"""Return words with what cannot be seen written out, as in Python.

    A file's name may hold line breaks, characters that turn the direction of the text, so that a name is read as
    another one, and bytes that are no text at all.

    Examples
    --------
    >>> printable("hand\u202egnp.exe\n"), printable("Röntgen – 手.png")
    ('hand\\u202egnp.exe\\n', 'Röntgen – 手.png')
    """
    return "".join(
        each.encode("unicode_escape").decode("ascii")
        if unicodedata.category(each).startswith("C")
        else each
        for each in text
    )
