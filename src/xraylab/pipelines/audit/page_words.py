"""Numbers and names as the page of an audit writes them."""

from __future__ import annotations

import math
from typing import Any

from xraylab.pages import printable, shorten

__all__ = ["clean", "write_estimate", "write_share", "write_value"]

_MOST_OF_A_TEXT = 400  # characters
_SMALL, _TEN = 0.01, 10.0
_LEAST_SHARE, _MOST_SHARE = 0.001, 0.999


def clean(text: Any, length: int = _MOST_OF_A_TEXT) -> str:
    r"""Return words of others so that they can be shown: nothing invisible, and not too long; nothing for nan.

    Examples
    --------
    >>> clean("a\nb"), clean(float("nan")), clean("abcdefghijk", 9)
    ('a\\nb', '', 'ab…fghijk')
    """
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return ""
    return shorten(printable(str(text)), length)


def write_share(n: int, total: int) -> str:
    """Return a number of things, of how many, and the share; empty where there is nothing to count.

    Examples
    --------
    >>> write_share(12, 400), write_share(1, 90_000), write_share(3, 0)
    ('12 of 400 (3.0 %)', '1 of 90,000 (below 0.1 %)', '')
    """
    if not total:
        return ""
    share = n / total
    if 0 < share < _LEAST_SHARE:
        percent = "below 0.1 %"
    elif _MOST_SHARE < share < 1:
        percent = "above 99.9 %"
    else:
        percent = f"{100 * share:.{0 if share in (0, 1) else 1}f} %"
    return f"{n:,} of {total:,} ({percent})"


def write_value(value: float) -> str:
    """Return a figure with two or three significant digits.

    Examples
    --------
    >>> write_value(0.9149), write_value(-0.0123), write_value(0.0042), write_value(1234.5)
    ('0.91', '−0.01', '0.004', '1,234')
    """
    size = abs(value)
    if size >= _TEN:
        text = f"{value:,.0f}"
    elif size >= _SMALL or not size:
        text = f"{value:.2f}"
    else:
        text = f"{value:.3f}"
    return text.replace("-", "−")


def write_estimate(metric: str, value: float, low: float, high: float) -> str:
    """Return a figure in words, with its interval where it has one; empty where there is no figure.

    Examples
    --------
    >>> write_estimate("AUROC", 0.91, 0.883, 0.94)
    'AUROC 0.91 (95 % interval 0.88 to 0.94)'
    >>> write_estimate("R²", 0.5, float("nan"), float("nan")), write_estimate("", float("nan"), 0, 0)
    ('R² 0.50', '')
    """
    if not math.isfinite(value):
        return ""
    words = f"{clean(metric)} {write_value(value)}".strip()
    if not (math.isfinite(low) and math.isfinite(high)):
        return words
    return f"{words} (95 % interval {write_value(low)} to {write_value(high)})"
