"""Images inside a page."""

from __future__ import annotations

import base64

__all__ = ["data_address"]

_KINDS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"RIFF": "webp"}


def data_address(image: bytes) -> str:
    """Return the address by which a page holds an image itself, instead of asking for a file.

    Parameters
    ----------
    image : bytes
        A JPEG, PNG or WebP file.

    Returns
    -------
    str
        For the attribute ``src`` of an ``img``.

    Raises
    ------
    ValueError
        If the bytes are of another kind.

    Examples
    --------
    >>> data_address(b"RIFF")
    'data:image/webp;base64,UklGRg=='
    """
    for magic, kind in _KINDS.items():
        if image.startswith(magic):
            return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
    raise ValueError(f"an image of a page is JPEG, PNG or WebP, this begins with {image[:4]!r}")
