"""Words of others on a page."""

from __future__ import annotations

import unicodedata

__all__ = ["printable", "shorten"]


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


def shorten(text: str, length: int) -> str:
    """Return words of at most so many characters: longer ones lose some in the middle, as the end tells names apart.

    Examples
    --------
    >>> shorten("a_long_folder/hand_01.png", 16)
    'a_lon…and_01.png'
    >>> shorten("hand_01.png", 16)
    'hand_01.png'
    """
    if len(text) <= length:
        return text
    end = length * 2 // 3
    return f"{text[: length - end - 1]}…{text[-end:]}"
