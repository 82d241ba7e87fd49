"""The parameters of one run, as they are typed behind ``--params``."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["PATHS", "parse_run_parameters"]

PATHS = ("raw", "films", "workspace", "out", "model", "split")
"""Parameters that are paths: their commas are commas."""

_KEY = re.compile(r"\s*[A-Za-z_][\w.-]*\s*=")
_PAIRS = {"[": "]", "{": "}", "(": ")", '"': '"', "'": "'"}


def parse_run_parameters(text: str) -> dict[str, Any]:
    """Parse ``key=value,key=value`` into nested parameters.

    A comma ends a value only where another ``key=`` follows: ``dose_simulation.recipes=additive,quantum`` is a list of
    two. The value of a path (`PATHS`) is text with all its commas. Values are typed as YAML types them, so that ``[1,
    2]`` is a list, ``null`` is None, and quotes keep text as it is.

    Parameters
    ----------
    text : str
        What the user has typed.

    Returns
    -------
    dict
        Nested by the dots of the keys.

    Raises
    ------
    ValueError
        If a part has no key, a key is given twice, or a value cannot be read.

    Examples
    --------
    >>> parse_run_parameters("films=/a, b/c,dose_simulation.recipes=additive,quantum,dose_simulation.seed=3")
    {'films': '/a, b/c', 'dose_simulation': {'recipes': ['additive', 'quantum'], 'seed': 3}}
    """
    parameters: dict[str, Any] = {}
    for key, written in _pairs(text):
        value = written if key in PATHS else _value(written, key)
        if key in PATHS and len(written) > 1 and written[0] == written[-1] and written[0] in "'\"":
            value = written[1:-1]
        _put(parameters, key, value)
    return parameters


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for part in _split(text):
        if _KEY.match(part):
            key, _, value = part.partition("=")
            pairs.append((key.strip(), value.strip()))
        elif pairs:
            key, value = pairs[-1]
            pairs[-1] = key, f"{value},{part.rstrip()}"
        elif part.strip():
            raise ValueError(f"'{part.strip()}' must be a key and a value with '=' between them")
    return pairs


def _split(text: str) -> list[str]:
    """Split at commas outside of brackets and quotes; a bracket or quote that is never closed is a letter."""
    parts, start, position = [], 0, 0
    while position < len(text):
        letter = text[position]
        opens = letter in _PAIRS and (position == 0 or text[position - 1] in "=,[{( ")
        end = text.find(_PAIRS[letter], position + 1) if opens else -1
        if end >= 0:
            position = end
        elif letter == ",":
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def _value(written: str, key: str) -> Any:
    """Type a value as Kedro does."""
    from omegaconf import OmegaConf

    alone = "," not in written or written[0] in _PAIRS
    try:
        values = [
            OmegaConf.to_container(OmegaConf.from_dotlist([f"value={each}"]))
            for each in ([written] if alone else written.split(","))
        ]
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"the value of '{key}' cannot be read: {written!r} ({reason})") from error
    typed = [each["value"] for each in values if isinstance(each, dict)]
    return typed[0] if alone else typed


def _put(parameters: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    place = parameters
    for parent in parents:
        below = place.setdefault(parent, {})
        if not isinstance(below, dict):
            raise ValueError(f"'{key}' is given, and '{parent}' has a value already")  # noqa: TRY004 - of the user's text
        place = below
    if last in place:
        raise ValueError(f"'{key}' is given twice")
    place[last] = value
